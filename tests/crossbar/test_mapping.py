"""Weights to target conductances."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from cellwright.crossbar.mapping import best_clip, bit_slices, conductances
from cellwright.errors import CellwrightError

WINDOW = (2e-6, 10e-6)


def random(rows, columns, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(rows, columns, dtype=torch.float64, generator=generator)


@pytest.mark.parametrize("encoding", ["balanced", "one-sided", "reference"])
@pytest.mark.parametrize("per", ["array", "column"])
def test_differences_stand_for_the_weights_inside_the_window(encoding, per):
    weights = random(6, 4)
    found = conductances(weights, WINDOW, encoding, per)
    torch.testing.assert_close((found.positive - found.negative) / found.scale, weights)
    for part in (found.positive, found.negative):
        assert part.min() >= WINDOW[0] * (1 - 1e-12)
        assert part.max() <= WINDOW[1] * (1 + 1e-12)
    largest = weights.abs().amax(0) if per == "column" else weights.abs().max().expand(4)
    span = 4e-6 if encoding == "reference" else 8e-6
    torch.testing.assert_close(found.scale, span / largest)


def test_a_reference_is_the_same_for_all_weights():
    assert conductances(random(3, 5), WINDOW, "reference").negative.unique().tolist() == [6e-6]


def test_clipping_cuts_off_and_spreads_the_rest():
    weights = torch.tensor([[1.0, -0.2], [0.5, 0.1]], dtype=torch.float64)
    found = conductances(weights, WINDOW, clip=0.5)
    kept = (found.positive - found.negative) / found.scale
    torch.testing.assert_close(kept, weights.clamp(-0.5, 0.5))
    torch.testing.assert_close(found.scale, torch.full((2,), 8e-6 / 0.5, dtype=torch.float64))


@given(st.integers(1, 4), st.integers(1, 5), st.integers(0, 1000))
def test_slices_add_up_and_each_but_the_last_is_digital(count, bits, seed):
    weights = random(5, 3, seed)
    found = bit_slices(weights, count, bits)
    assert len(found) == count
    torch.testing.assert_close(sum(found), weights, rtol=1e-15, atol=1e-15)
    unit = weights.abs().max() / (2**bits - 1)
    for part in found[:-1]:
        digits = part / unit
        torch.testing.assert_close(digits, digits.round(), rtol=0, atol=1e-9)
        assert digits.abs().max() <= 2**bits - 1 + 1e-9
        assert bool((part * weights >= 0).all())
        unit = unit / 2**bits
    assert found[-1].abs().max() <= unit * 2**bits * (1 + 1e-9)


def test_weights_of_zero_are_slices_of_zero():
    assert [part.abs().max().item() for part in bit_slices(torch.zeros(2, 2), 3, 2)] == [0.0, 0.0, 0.0]


def test_the_search_clips_an_outlier_and_nothing_else():
    """One weight of 10 beside many of 0.1: the more the devices err, the more it pays to cut it off."""
    weights = 0.1 * random(20, 3)
    weights[0, 0] = 10.0
    moment = torch.eye(20, dtype=torch.float64)
    exact = best_clip(weights, moment, 1e-12, WINDOW, "balanced", "array")
    noisy = best_clip(weights, moment, 2e-6, WINDOW, "balanced", "array")
    assert exact.tolist() == [1.0] * 3
    assert noisy.max() < 1.0
    assert noisy.unique().numel() == 1


def test_the_search_finds_the_least_error_that_devices_really_make():
    """Against devices that are drawn: no clip of the grid errs clearly less than the one that was found."""
    weights, error = random(30, 4, 3), 1e-6
    weights[0] *= 3
    inputs = random(2000, 30, 4)
    moment = inputs.T @ inputs / len(inputs)
    noise = error * torch.stack([random(30, 4, seed) for seed in range(400)])

    def measured(clip):
        found = conductances(weights, WINDOW, clip=clip)
        made = (found.positive - found.negative + noise - noise.flip(0)) / found.scale
        return ((made - weights).transpose(-1, -2) @ moment @ (made - weights)).diagonal(dim1=-2, dim2=-1).mean().item()

    chosen = best_clip(weights, moment, error, WINDOW, "balanced", "array")[0].item()
    losses = {step / 20: measured(step / 20) for step in range(6, 21)}
    assert losses[chosen] < 1.03 * min(losses.values())
    assert losses[chosen] < 0.9 * losses[1.0]


def test_senseless_requests_are_refused():
    with pytest.raises(CellwrightError, match="'balanced', 'one-sided' or 'reference'"):
        conductances(torch.ones(1, 1), WINDOW, "lopsided")
    with pytest.raises(CellwrightError, match="'array' or one a 'column'"):
        conductances(torch.ones(1, 1), WINDOW, per="row")
    with pytest.raises(CellwrightError, match="at least 1"):
        bit_slices(torch.ones(1, 1), 0, 4)
    with pytest.raises(CellwrightError, match="NaN"):
        conductances(torch.tensor([[float("nan")]]), WINDOW)
