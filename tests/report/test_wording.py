import math

import pytest

from cellwright import units
from cellwright.report import Score, wording

NUMBERS = wording.Numbers()


def test_errors_have_two_decimals_and_their_spread():
    score = Score(mean=15.4321, std=0.2149, percentiles={5: 15.1, 50: 15.4, 95: 15.8})
    assert NUMBERS.with_std(score).replace(units.THIN, " ") == "15.43 ± 0.21"
    assert NUMBERS.spread(score.percentiles) == "15.10–15.80"
    assert NUMBERS.with_std(Score(mean=15.4321)) == "15.43"
    assert NUMBERS.spread({}) == units.MISSING
    assert wording.percent(2.675) == f"2.67{units.THIN}%"
    assert wording.fraction(0.9834) == f"98.3{units.THIN}%"
    assert wording.integer(12345.0) == "12,345"


@pytest.mark.parametrize("write", [NUMBERS.error, wording.percent, wording.fraction, wording.integer])
@pytest.mark.parametrize("value", [None, math.nan, math.inf])
def test_what_is_not_known_is_a_dash(write, value):
    assert write(value) == units.MISSING


def test_a_departure_is_a_median_and_a_range():
    score = Score(mean=1.49, std=10.66, percentiles={5: 0.43, 50: 0.55, 95: 3.1}, count=250)
    assert (NUMBERS.median(score), NUMBERS.with_range(score)) == ("0.55", "0.55 (0.43–3.10)")
    assert NUMBERS.median(Score(mean=1.49)) == NUMBERS.with_range(Score(mean=1.49)) == "1.49"


def test_units_are_set_as_in_print():
    assert wording.symbols("10 um x 10 um a cell, 1 to 100 uS") == "10 µm × 10 µm a cell, 1 to 100 µS"
    assert wording.symbols("100 units x, 5 us") == "100 units x, 5 µs"


def test_things_are_counted():
    assert [wording.counted(n, "chip") for n in (0, 1, 2, 1250)] == ["0 chips", "1 chip", "2 chips", "1,250 chips"]


def test_formulas_are_set_as_in_print():
    assert wording.formula("y[t-12] * y[t-1] / y[t-13]") == "y[t−12] · y[t−1] / y[t−13]"
    assert wording.formula("y[t-12] + y[t-1] - y[t-13]") == "y[t−12] + y[t−1] − y[t−13]"
    assert wording.formula("y[t-12] + y[t-h] - y[t-12-h]") == "y[t−12] + y[t−h] − y[t−12−h]"
    assert wording.formula("last-month value") == "last-month value"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("two\nlines\tand\ra tab", "two lines and a tab"),
        ("\x1b[31mred\x00\x7f", "�[31mred��"),
        ("\u202eturned\u2066", "�turned�"),
        ("עברית، العربية, 日本語 😀 é", "עברית، العربية, 日本語 😀 é"),
        ("\ud800", "�"),
    ],
)
def test_what_takes_effect_where_it_is_shown_is_replaced(text, shown):
    assert wording.printable(text) == shown


@pytest.mark.parametrize(
    ("decimals", "value", "text"),
    [
        (0, 12345.6, "12,346"),
        (5, 0.00123, "0.00123"),
        (9, 1.2346e-7, "1.235e-07"),
        (2, 3.5e12, "3.500e+12"),
        (9, 0, "0"),
    ],
)
def test_numbers_are_as_fine_as_the_run_bears(decimals, value, text):
    assert wording.Numbers(decimals).error(value) == text


def test_a_dash_is_no_minus():
    assert NUMBERS.between(1, 2) == "1.00–2.00"
    assert NUMBERS.between(-3, -2) == "-3.00 to -2.00"


def test_a_unit_may_be_missing_and_is_never_long():
    assert wording.with_unit("2.50", "") == "2.50"
    assert wording.with_unit("2.50", "°C") == "2.50 °C"
    assert len(wording.with_unit("2.50", "x" * 500)) == 45
