import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cellwright import units

PREFIXES = {"a": -18, "f": -15, "p": -12, "n": -9, "µ": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12}


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [
        (105.9e-3, 4, "105.9 mW"),
        (225.67e-3, 5, "225.67 mW"),
        (225.67e-3, 3, "226 mW"),
        (999.96e-6, 3, "1 mW"),
        (2.468e-9, 3, "2.47 nW"),
        (0.0, 3, "0 W"),
        (-3e-6, 3, "-3 µW"),
        (1234.0, 3, "1.23 kW"),
        (None, 3, "–"),
        (math.nan, 3, "–"),
        (math.inf, 3, "–"),
    ],
)
def test_quantities_take_a_prefix(value, digits, text):
    assert units.quantity(value, "W", digits).replace(units.THIN, " ") == text


@given(st.floats(min_value=1e-17, max_value=1e14))
def test_a_quantity_says_its_value(value):
    number, unit = units.quantity(value, "J", 4).split(units.THIN)
    exponent = PREFIXES[unit.removesuffix("J")]
    assert 1 <= float(number) < 1000
    assert float(number) * 10.0**exponent == pytest.approx(value, rel=6e-4)


def test_areas_are_told_in_square_micrometres_or_millimetres():
    assert units.area(77.33e-12, 5) == f"77.33{units.THIN}µm²"
    assert units.area(5.1e-9) == f"5,100{units.THIN}µm²"
    assert units.area(5.432e-8) == f"0.0543{units.THIN}mm²"
    assert units.area(None) == units.MISSING


@pytest.mark.parametrize("value", [None, math.nan, math.inf])
def test_what_is_not_known_is_a_dash(value):
    assert units.area(value) == units.quantity(value, "J") == units.MISSING
