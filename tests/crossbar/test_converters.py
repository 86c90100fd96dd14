"""Quantisers and the affine correction."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from cellwright.crossbar.converters import fit_affine, full_scale_of, levels_of, to_codes
from cellwright.errors import CellwrightError


def quantise(values, full_scale, bits):
    step = full_scale / levels_of(bits)
    return to_codes(values / step, levels_of(bits)) * step


@given(st.integers(2, 12), st.floats(1e-6, 1e6), st.lists(st.floats(-2, 2), min_size=1, max_size=20))
def test_values_in_range_move_by_half_a_step_at_most(bits, full_scale, fractions):
    values = torch.tensor(fractions, dtype=torch.float64).clamp(-1, 1) * full_scale
    error = (quantise(values, full_scale, bits) - values).abs().max().item()
    assert error <= full_scale / levels_of(bits) / 2 * (1 + 1e-9)


@pytest.mark.parametrize("bits", [2, 5, 8])
def test_zero_and_full_scale_are_exact_and_the_rest_saturates(bits):
    values = torch.tensor([0.0, 0.3, -0.3, 7.0, -7.0, math.inf, -math.inf], dtype=torch.float64)
    expected = torch.tensor([0.0, 0.3, -0.3, 0.3, -0.3, 0.3, -0.3], dtype=torch.float64)
    torch.testing.assert_close(quantise(values, 0.3, bits), expected, rtol=1e-15, atol=0)


def test_the_levels_are_uniform_and_two_to_the_bits_less_one():
    levels = quantise(torch.linspace(-1, 1, 10001, dtype=torch.float64), 1.0, 4).unique()
    assert len(levels) == 2**4 - 1
    torch.testing.assert_close(levels.diff(), torch.full((14,), 1 / 7, dtype=torch.float64))


def test_nan_passes():
    assert quantise(torch.tensor([math.nan, 1.0]), 1.0, 8).isnan().tolist() == [True, False]


def test_rounding_error_has_a_standard_deviation_of_a_step_over_root_twelve():
    values = 2 * torch.rand(100_000, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) - 1
    error = quantise(values, 1.0, 8) - values
    assert error.std().item() == pytest.approx(1 / levels_of(8) / math.sqrt(12), rel=0.01)


@pytest.mark.parametrize("bits", [1, 25, 7.5])
def test_senseless_resolutions_are_refused(bits):
    with pytest.raises(CellwrightError, match="2 to 24 bits"):
        quantise(torch.ones(1), 1.0, bits)


def test_full_scales_hold_all_values():
    values = torch.tensor([[1.0, -3.0], [0.5, 2.0]])
    assert full_scale_of(values, (-2,)).tolist() == [[1.0, 3.0]]
    assert full_scale_of(values, (-2, -1)).tolist() == [[3.0]]
    assert full_scale_of(torch.zeros(3, 1), (-2,)).tolist() == [[1.0]]


def test_affine_fit_undoes_gain_and_offset():
    wanted = torch.randn(50, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    gain = torch.tensor([0.5, 2.0, -1.0, 1.0], dtype=torch.float64)
    measured = torch.stack([wanted * gain + 3.0, wanted / gain - 1.0])
    found, offset = fit_affine(measured, wanted)
    torch.testing.assert_close(found * measured + offset, wanted.expand(2, -1, -1))


def test_a_column_that_does_not_move_is_only_shifted():
    measured = torch.full((10, 1), 2.0, dtype=torch.float64)
    gain, offset = fit_affine(measured, torch.full((10, 1), 5.0, dtype=torch.float64))
    assert gain.item() == 1.0
    assert offset.item() == pytest.approx(3.0)
