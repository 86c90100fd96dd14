"""Numbers on a grid, beside integers of Python."""

import math
from fractions import Fraction

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from cellwright.digital import Format
from cellwright.errors import CellwrightError

formats = st.builds(Format, st.integers(2, 32), st.integers(-8, 40))
numbers = st.floats(-1e6, 1e6, allow_nan=False)


def rounded(value, bits, fraction, rounding, overflow):
    """In exact rational numbers: the integer k, and then what overflow makes of it."""
    scaled = Fraction(value) * Fraction(2) ** fraction
    integer = math.floor(scaled + Fraction(1, 2)) if rounding == "nearest" else math.floor(scaled)
    if overflow == "saturate":
        return max(-(2 ** (bits - 1)), min(integer, 2 ** (bits - 1) - 1))
    return (integer + 2 ** (bits - 1)) % 2**bits - 2 ** (bits - 1)


@given(formats, numbers, st.sampled_from(["nearest", "floor"]), st.sampled_from(["saturate", "wrap"]))
def test_rounding_is_that_of_exact_arithmetic(format, value, rounding, overflow):
    if overflow == "wrap" and abs(value) * 2.0**format.fraction >= 2**52:
        return  # integers that float64 does not hold one by one
    result = format.round(torch.tensor(value, dtype=torch.float64), rounding, overflow)
    assert format.integers(result).item() == rounded(value, format.bits, format.fraction, rounding, overflow)


def test_just_below_half_a_step_is_rounded_down():
    """0.49999999999999994 + 0.5 is 1 in float64."""
    values = torch.tensor([0.5, math.nextafter(0.5, 0.0), -0.5, math.nextafter(-0.5, -1.0)], dtype=torch.float64)
    assert Format(8, 0).round(values).tolist() == [1.0, 0.0, 0.0, -1.0]


@given(st.just(0.0) | st.floats(1e-30, 1e30), st.integers(2, 32))
def test_a_format_is_the_finest_that_holds_a_magnitude(magnitude, bits):
    found = Format.holding(magnitude, bits)
    for sign in (1, -1):
        value = torch.tensor(sign * magnitude, dtype=torch.float64)
        assert found.round(value, overflow="wrap") == found.round(value, overflow="saturate")
    if magnitude:
        finer = Format(bits, found.fraction + 1)
        assert magnitude / finer.step >= finer.largest + 0.5


def test_names_are_those_of_q_numbers():
    assert [str(Format(8, fraction)) for fraction in (7, 4, 10, -1)] == ["Q0.7", "Q3.4", "Q-3.10", "Q8.-1"]
    assert (Format(8, 7).smallest, Format(8, 7).largest, Format(8, 7).step) == (-128, 127, 1 / 128)


@pytest.mark.parametrize("overflow", ["saturate", "wrap"])
def test_infinity_saturates_and_nan_passes(overflow):
    values = torch.tensor([math.inf, -math.inf, math.nan], dtype=torch.float64)
    result = Format(8, 0).round(values, overflow=overflow)
    assert result[:2].tolist() == [127, -128]
    assert result[2].isnan()


def test_products_of_16_bits_are_exact_in_float64():
    """And so are sums of 2^20 of them, in any order: 31 + 20 bits of 53."""
    generator = torch.Generator().manual_seed(0)
    left, right = (torch.randint(-(2**15), 2**15, (2**20,), generator=generator) for _ in range(2))
    assert int(left.double() @ right.double()) == int((left * right).sum())
    ends = torch.full((2**20,), -(2**15), dtype=torch.float64)
    assert int(ends @ ends) == 2**50


@pytest.mark.parametrize("bits", [1, 54, 8.0, True])
def test_bits_that_make_no_format(bits):
    with pytest.raises(CellwrightError, match="2 to 53 bits"):
        Format(bits, 0)


def test_what_is_not_on_the_grid_has_no_integers():
    with pytest.raises(CellwrightError, match=r"not all values are numbers of Q3\.4"):
        Format(8, 4).integers(torch.tensor([0.03]))
    with pytest.raises(CellwrightError, match="round them first"):
        Format(8, 4).integers(torch.tensor([8.0]))


@pytest.mark.parametrize("magnitude", [-1.0, 1e70, math.inf, math.nan])
def test_a_magnitude_that_no_format_holds(magnitude):
    with pytest.raises(CellwrightError, match="finite magnitude"):
        Format.holding(magnitude, 8)


def test_a_fraction_is_whole():
    for fraction in (0.5, True, 257):
        with pytest.raises(CellwrightError, match="whole number of bits"):
            Format(8, fraction)


def test_the_least_magnitudes_have_a_format_too():
    assert Format.holding(5e-324, 8) == Format(8, 256)
