"""Transforms: undone exactly, blind to the future, fitted on the training part alone."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cellwright.errors import CellwrightError
from cellwright.tasks.transforms import Difference, Log, MinMax, Standardise, transformed

TRANSFORMS = {
    "min-max": (MinMax(0.0, 1.0),),
    "min-max of the logarithm": (Log(), MinMax(-1.0, 1.0)),
    "difference": (Difference(1), Standardise()),
    "seasonal": (Log(), Difference(1), Difference(12), Standardise()),
    "seasonal without its mean": (Log(), Difference(12), Difference(1), Standardise(centre=False)),
}
series = st.builds(
    lambda seed, length, scale: scale * (0.1 + torch.rand(length, generator=seed, dtype=torch.float64)),
    st.integers(0, 2**32).map(lambda seed: torch.Generator().manual_seed(seed)),
    st.integers(40, 60),
    st.floats(1e-3, 1e6),
)


@pytest.mark.parametrize("steps", TRANSFORMS.values(), ids=TRANSFORMS)
@settings(max_examples=25, deadline=None)
@given(values=series)
def test_the_inverse_undoes_the_transform(steps, values):
    made = transformed(values, steps, training=30)
    months = torch.arange(len(values))[~made.values.isnan()]
    back = made.inverse(made.values[months], months)
    torch.testing.assert_close(back, values[months], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("steps", TRANSFORMS.values(), ids=TRANSFORMS)
@settings(max_examples=25, deadline=None)
@given(values=series, month=st.integers(30, 39))
def test_a_forecast_uses_nothing_of_its_own_month_or_later(steps, values, month):
    forecast, months = torch.tensor([[0.3], [-0.1]], dtype=torch.float64), torch.tensor([month])
    before = transformed(values, steps, training=30)
    other = values.clone()
    other[month:] = values[month:].flip(0) * 1.5 + 3
    after = transformed(other, steps, training=30)
    assert torch.equal(before.inverse(forecast, months), after.inverse(forecast, months))
    assert torch.equal(before.values[:month].nan_to_num(), after.values[:month].nan_to_num())


def test_seasonal_difference_of_the_logarithm_by_hand():
    y = torch.exp(torch.arange(20, dtype=torch.float64) ** 2 / 50)
    made = transformed(y, (Log(), Difference(1), Difference(12)), training=16)
    z = y.log()
    assert made.values[:13].isnan().all()
    torch.testing.assert_close(made.values[15], z[15] - z[14] - z[3] + z[2])
    # A forecast of no change in the seasonal growth is the ratio of the airline baselines.
    torch.testing.assert_close(made.inverse(torch.zeros(1).double(), torch.tensor([17])), (y[16] * y[5] / y[4])[None])


def test_scaling_by_hand():
    y = torch.tensor([2.0, 4.0, 6.0, 12.0], dtype=torch.float64)
    assert transformed(y, (MinMax(0.0, 1.0),), training=3).values.tolist() == [0.0, 0.5, 1.0, 2.5]
    spread = (8 / 3) ** 0.5
    torch.testing.assert_close(transformed(y, (Standardise(),), training=3).values, (y - 4) / spread)
    torch.testing.assert_close(transformed(y, (Standardise(centre=False),), training=3).values, y / spread)


@pytest.mark.parametrize(
    ("steps", "says"),
    [
        ((Log(),), "values above 0"),
        ((Difference(9),), "needs more than 9 values, not 5"),
        ((Difference(2), Difference(3)), "needs more than 3 values, not 3"),
    ],
)
def test_a_series_that_a_step_cannot_take(steps, says):
    with pytest.raises(CellwrightError, match=says):
        transformed(torch.tensor([1.0, 0.0, 2.0, 5.0, 3.0, 4.0]), steps, training=5)


@pytest.mark.parametrize("step", [MinMax(), Standardise()])
def test_a_constant_series_cannot_be_scaled(step):
    with pytest.raises(CellwrightError, match="constant"):
        transformed(torch.ones(6), (step,), training=5)


@pytest.mark.parametrize("make", [lambda: Difference(0), lambda: Difference(1.5), lambda: MinMax(1.0, 1.0)])
def test_a_step_that_makes_no_sense(make):
    with pytest.raises(CellwrightError, match="expected"):
        make()
