"""Numbers as people read them."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cellwright.report import Score, wording


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.1059, "W", "106 mW"),
        (225.67e-3, "W", "226 mW"),
        (2.468e-9, "J", "2.47 nJ"),
        (1.6e-14, "J", "16 fJ"),
        (0.9999e-3, "J", "1 mJ"),
        (999.6e-12, "J", "1 nJ"),
        (1.0, "s", "1 s"),
        (1234.0, "s", "1.23 ks"),
        (-3e-6, "s", "-3 µs"),
        (0.0, "J", "0 J"),
        (None, "J", "–"),
        (math.nan, "J", "–"),
        (math.inf, "J", "–"),
    ],
)
def test_quantities_have_a_prefix(value, unit, text):
    assert wording.quantity(value, unit) == text.replace(" ", wording.THIN)


def test_quantities_as_printed_keep_their_digits():
    assert wording.quantity(105.9e-3, "W", 5) == f"105.9{wording.THIN}mW"
    assert wording.quantity(225.67e-3, "W", 5) == f"225.67{wording.THIN}mW"
    assert wording.area(108.60e-12, 5) == f"108.6{wording.THIN}µm²"


@given(st.floats(1e-17, 1e14))
def test_a_quantity_can_be_read_back(value):
    number, unit = wording.quantity(value, "J", 6).split(wording.THIN)
    power = {prefix: exponent for exponent, prefix in wording.PREFIXES.items()}[unit.removesuffix("J")]
    assert float(number.replace(",", "")) * 10.0**power == pytest.approx(value, rel=1e-5)
    assert 1 <= abs(float(number)) < 1000


@pytest.mark.parametrize(
    ("value", "text"),
    [(77.33e-12, "77.3 µm²"), (5.1e-9, "5,100 µm²"), (2.76e-8, "0.0276 mm²"), (None, "–"), (math.nan, "–")],
)
def test_areas(value, text):
    assert wording.area(value) == text.replace(" ", wording.THIN)


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [(518.0, 6, "518"), (0.6645, 3, "0.664"), (12345.6, 3, "12,300"), (3e-7, 3, "3.00e-07"), (0.0, 3, "0")],
)
def test_significant_digits(value, digits, text):
    assert wording.significant(value, digits) == text


@pytest.mark.parametrize("show", [wording.error, wording.percent, wording.fraction, wording.integer])
@pytest.mark.parametrize("value", [None, math.nan, math.inf, -math.inf])
def test_what_is_not_known_is_a_dash(show, value):
    assert show(value) == wording.MISSING
    assert not wording.known(value)


def test_errors_shares_and_counts():
    assert wording.error(15.361) == "15.36"
    assert wording.error(1234.5) == "1,234.50"
    assert wording.percent(2.6767) == f"2.68{wording.THIN}%"
    assert wording.fraction(0.9834) == f"98.3{wording.THIN}%"
    assert wording.integer(12345.0) == "12,345"


def test_a_spread_is_shown_only_where_there_is_one():
    many, single = Score.of([14.0, 15.0, 16.0]), Score.of([15.0])
    assert wording.with_std(many) == f"15.00{wording.THIN}±{wording.THIN}1.00"
    assert wording.with_std(single) == "15.00"
    assert wording.spread(many.percentiles) == "14.10–15.90"
    assert wording.spread(single.percentiles) == wording.MISSING


def test_formulas_are_set_with_the_signs_of_print():
    assert wording.formula("y[t-12] + y[t-1] - y[t-13]") == "y[t−12] + y[t−1] − y[t−13]"
    assert wording.formula("y[t-12] * y[t-1] / y[t-13]") == "y[t−12] · y[t−1] / y[t−13]"
    assert wording.formula("last month, one-step") == "last month, one-step"
