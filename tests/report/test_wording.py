import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cellwright.report import Score, wording

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
    assert wording.quantity(value, "W", digits).replace(wording.THIN, " ") == text


@given(st.floats(min_value=1e-17, max_value=1e14))
def test_a_quantity_says_its_value(value):
    number, unit = wording.quantity(value, "J", 4).split(wording.THIN)
    exponent = PREFIXES[unit.removesuffix("J")]
    assert 1 <= float(number) < 1000
    assert float(number) * 10.0**exponent == pytest.approx(value, rel=6e-4)


def test_areas_are_told_in_square_micrometres_or_millimetres():
    assert wording.area(77.33e-12, 5) == f"77.33{wording.THIN}µm²"
    assert wording.area(5.1e-9) == f"5,100{wording.THIN}µm²"
    assert wording.area(5.432e-8) == f"0.0543{wording.THIN}mm²"
    assert wording.area(None) == wording.MISSING


def test_errors_have_two_decimals_and_their_spread():
    score = Score(rmse=15.4321, std=0.2149, percentiles={5: 15.1, 50: 15.4, 95: 15.8})
    assert wording.with_std(score).replace(wording.THIN, " ") == "15.43 ± 0.21"
    assert wording.spread(score.percentiles) == "15.10–15.80"
    assert wording.with_std(Score(rmse=15.4321)) == "15.43"
    assert wording.spread({}) == wording.MISSING
    assert wording.percent(2.675) == f"2.67{wording.THIN}%"
    assert wording.fraction(0.9834) == f"98.3{wording.THIN}%"
    assert wording.integer(12345.0) == "12,345"


@pytest.mark.parametrize("write", [wording.error, wording.percent, wording.fraction, wording.integer, wording.area])
@pytest.mark.parametrize("value", [None, math.nan, math.inf])
def test_what_is_not_known_is_a_dash(write, value):
    assert write(value) == wording.MISSING


def test_things_are_counted():
    assert [wording.counted(n, "chip") for n in (0, 1, 2, 1250)] == ["0 chips", "1 chip", "2 chips", "1,250 chips"]


def test_formulas_are_set_as_in_print():
    assert wording.formula("y[t-12] * y[t-1] / y[t-13]") == "y[t−12] · y[t−1] / y[t−13]"
    assert wording.formula("y[t-12] + y[t-1] - y[t-13]") == "y[t−12] + y[t−1] − y[t−13]"
    assert wording.formula("last-month value") == "last-month value"
