"""Any series as a task: what a window sees, what is trained, how outputs become forecasts."""

from dataclasses import replace

import pytest
import torch

from cellwright.errors import CellwrightError
from cellwright.learning import FitSettings
from cellwright.tasks import Recipe, SeriesRecipe, SeriesTask, Window
from cellwright.tasks.transforms import Affine, Difference, Step


class AsIs(Step):
    """Leaves the series alone, so that inputs can be read off."""

    def fit(self, training):
        return Affine(1.0, 0.0)


class Counting(SeriesTask):
    """The series 1, 2, ... 20: each value tells its month."""

    name = "counting"
    series = tuple(float(k) for k in range(1, 21))
    labels = tuple(str(k) for k in range(1, 21))
    training = 14
    default_recipe = "window"

    @property
    def recipes(self):
        return {recipe.name: recipe for recipe in (WINDOW, WHOLE)}

    def baselines(self):
        return {"persistence": self.baseline("persistence", "as last", "y[t-1]", lambda y: y(1))}

    def published(self):
        return ()


WINDOW = SeriesRecipe(
    name="window",
    title="",
    cell="lstm",
    hidden_size=2,
    window=Window(steps=3),
    transform=(AsIs(),),
    training=FitSettings(epochs=2),
    source="",
)
WHOLE = replace(WINDOW, name="whole", window=None)


def with_window(**window):
    return replace(WINDOW, window=Window(**window))


def test_a_window_holds_the_months_before():
    data = Counting().training_data(WINDOW)
    assert data.train.inputs[..., 0].tolist() == [[k, k + 1, k + 2] for k in range(1, 12)]
    assert data.train.targets[:, 0].tolist() == list(range(4, 15))
    assert data.validation is None
    assert Counting().test_inputs(WINDOW)[..., 0].tolist() == [[k, k + 1, k + 2] for k in range(12, 18)]


def test_lags_and_strides():
    inputs = Counting().test_inputs(with_window(steps=2, lags=(4, 1), stride=3))
    # Month 15 (the first of the test): the last step sees 15 - 4 and 15 - 1, the step before 3 months earlier.
    assert inputs[0].tolist() == [[8.0, 11.0], [11.0, 14.0]]
    data = Counting().training_data(with_window(steps=2, lags=(4, 1), stride=3))
    assert data.train.targets[0].item() == 8  # the first month that has a value 7 months before it


def test_incomplete_windows_begin_with_zeros():
    data = Counting().training_data(with_window(steps=3, lags=(1,), stride=2, complete=1))
    assert data.train.inputs[..., 0].tolist()[:5] == [[0, 0, 1], [0, 0, 2], [0, 1, 3], [0, 2, 4], [1, 3, 5]]
    assert data.train.targets[0].item() == 2


def test_values_that_the_transform_leaves_unknown_are_never_seen():
    differenced = replace(with_window(steps=3), transform=(Difference(2),))
    data = Counting().training_data(differenced)
    assert data.train.inputs.eq(2.0).all()
    assert len(data.train) == 14 - 2 - 3
    padded = replace(differenced, window=Window(steps=3, complete=1))
    data = Counting().training_data(padded)
    assert data.train.inputs[..., 0].tolist()[:3] == [[0, 0, 2], [0, 2, 2], [2, 2, 2]]


def test_validation_takes_the_end_of_the_training_part():
    data = Counting().training_data(replace(WINDOW, validation=4))
    assert data.train.targets[:, 0].tolist() == list(range(4, 11))
    assert data.validation.targets[:, 0].tolist() == [11, 12, 13, 14]
    assert data.everything.targets[:, 0].tolist() == list(range(4, 15))


def test_the_whole_series_is_pairs_of_neighbours():
    data = Counting().training_data(WHOLE)
    assert data.train.inputs[0, :, 0].tolist() == list(range(1, 14))
    assert data.train.targets[0, :, 0].tolist() == list(range(2, 15))
    assert Counting().test_inputs(WHOLE)[0, :, 0].tolist() == list(range(1, 20))


def test_validation_on_the_whole_series_counts_its_end_alone():
    data = Counting().training_data(replace(WHOLE, validation=4))
    assert data.train.targets[0, :, 0].tolist() == list(range(2, 11))
    assert data.validation.inputs[0, :, 0].tolist() == list(range(1, 14))
    assert data.validation.targets[data.validation.mask][:, 0].tolist() == [11, 12, 13, 14]


@pytest.mark.parametrize("recipe", [WINDOW, WHOLE], ids=lambda r: r.name)
def test_training_data_holds_nothing_of_the_test(recipe):
    class Changed(Counting):
        series = (*Counting.series[:14], *(1e6 * k for k in range(6)))

    for made, changed in zip(
        vars(Counting().training_data(replace(recipe, validation=3))).values(),
        vars(Changed().training_data(replace(recipe, validation=3))).values(),
        strict=True,
    ):
        assert made.digest() == changed.digest()


@pytest.mark.parametrize("recipe", [WINDOW, WHOLE], ids=lambda r: r.name)
def test_outputs_of_many_networks_become_forecasts(recipe):
    task = Counting()
    inputs = task.test_inputs(recipe)
    # A stand-in that answers 1000 * network + the last value that it saw + 1.
    answers = [1000 * k + (inputs[:, -1] if recipe.window else inputs) + 1 for k in range(3)]
    forecasts = task.forecast(torch.cat(answers), recipe)
    expected = torch.arange(15.0, 21.0).double()
    assert torch.equal(forecasts, torch.stack([expected, expected + 1000, expected + 2000]))
    metrics = task.metrics(forecasts)
    torch.testing.assert_close(metrics["rmse"], torch.tensor([0.0, 1000.0, 2000.0]).double())
    torch.testing.assert_close(metrics["rmse_percent_of_range"], metrics["rmse"] / 19 * 100)


@pytest.mark.parametrize(
    ("recipe", "shape"),
    [
        (WINDOW, (6,)),
        (WINDOW, (7, 1)),
        (WINDOW, (6, 2)),
        (WINDOW, (0, 1)),
        (WHOLE, (19, 1)),
        (WHOLE, (1, 18, 1)),
        (WHOLE, (0, 19, 1)),
    ],
)
def test_outputs_of_another_shape_are_refused(recipe, shape):
    with pytest.raises(CellwrightError, match=r"outputs of shape .*gives \(networks"):
        Counting().forecast(torch.zeros(shape), recipe)


@pytest.mark.parametrize("shape", [(), (5,), (2, 7), (0,)])
def test_forecasts_must_be_one_a_test_month(shape):
    with pytest.raises(CellwrightError, match="each of the 6 test months"):
        Counting().metrics(torch.zeros(shape))


def test_a_baseline_sees_earlier_months():
    task = Counting()
    forecasts = task.baselines()["persistence"].forecasts
    assert forecasts.tolist() == [14, 15, 16, 17, 18, 19]
    assert task.metrics(forecasts)["rmse"].item() == 1.0


@pytest.mark.parametrize(
    ("window", "says"),
    [
        ({"steps": 0}, "steps=0"),
        ({"steps": 2, "stride": 0}, "stride=0"),
        ({"steps": 2, "lags": ()}, "lags="),
        ({"steps": 2, "lags": (1, 0)}, "lags of at least 1"),
        ({"steps": 2, "complete": 3}, "complete=3"),
        ({"steps": 2, "complete": 0}, "complete=0"),
    ],
)
def test_a_window_that_makes_no_sense(window, says):
    with pytest.raises(CellwrightError, match=says):
        Window(**window)


@pytest.mark.parametrize("change", [{"validation": 11}, {"validation": -1}, {"window": Window(steps=14)}])
def test_a_recipe_must_leave_something_to_train_on(change):
    with pytest.raises(CellwrightError, match="months to train on and holds out"):
        Counting().training_data(replace(WINDOW, **change))


def test_a_recipe_for_something_else_is_refused():
    other = Recipe(name="other", title="", cell="lstm", hidden_size=2, training=FitSettings(epochs=1), source="")
    for use in (
        lambda: Counting().training_data(other),
        lambda: Counting().test_inputs(other),
        lambda: Counting().build(other, 0),
        lambda: Counting().forecast(torch.zeros(6, 1), other),
    ):
        with pytest.raises(CellwrightError, match="'other' is no recipe for a series"):
            use()


def test_a_recipe_needs_seeds():
    with pytest.raises(CellwrightError, match="has no seeds"):
        replace(WINDOW, seeds=())


def test_a_recipe_is_found_by_name():
    assert Counting().recipe() is WINDOW
    assert Counting().recipe("whole") is WHOLE
    with pytest.raises(CellwrightError, match="no recipe of counting is called 'hole': did you mean 'whole'"):
        Counting().recipe("hole")
