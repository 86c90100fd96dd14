"""Numbers as people read them: units with prefixes, spreads, and a dash for what is not known."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

from cellwright.report.record import Score

MISSING = "–"
PREFIXES = {-18: "a", -15: "f", -12: "p", -9: "n", -6: "µ", -3: "m", 0: "", 3: "k", 6: "M", 9: "G", 12: "T"}
THIN = "\u202f"
"""A narrow space that does not break: a number stays with its unit."""


def known(value: float | None) -> bool:
    """Whether there is a finite number to show."""
    return value is not None and math.isfinite(value)


def quantity(value: float | None, unit: str, digits: int = 3) -> str:
    """A value with the prefix that leaves one to three digits before the point: 0.1059 W is 106 mW."""
    if value is None or not math.isfinite(value):
        return MISSING
    if value == 0:
        return f"0{THIN}{unit}"
    rounded = float(f"{value:.{digits - 1}e}")
    exponent = min(max(3 * math.floor(math.log10(abs(rounded)) / 3 + 1e-12), min(PREFIXES)), max(PREFIXES))
    return f"{significant(rounded / 10.0**exponent, digits)}{THIN}{PREFIXES[exponent]}{unit}"


def area(value: float | None, digits: int = 3) -> str:
    """Square metres as µm² up to 10,000 of them, then as mm²."""
    if value is None or not math.isfinite(value):
        return MISSING
    if abs(value) < 1e-8:
        return f"{significant(value * 1e12, digits)}{THIN}µm²"
    return f"{significant(value * 1e6, digits)}{THIN}mm²"


def significant(value: float, digits: int = 3) -> str:
    """A number to so many digits, without an exponent where it can be read without one."""
    if value != 0 and not 1e-4 <= abs(value) < 1e6:
        return f"{value:.{digits - 1}e}"
    return f"{float(f'{value:.{digits}g}'):,.{_decimals(value, digits)}f}"


def _decimals(value: float, digits: int) -> int:
    text = f"{value:.{digits}g}"
    if "e" in text:
        return 0
    return len(text.partition(".")[2])


def error(value: float | None) -> str:
    """A root mean square error: two decimals, as the literature of the series gives it."""
    return MISSING if value is None or not math.isfinite(value) else f"{value:,.2f}"


def percent(value: float | None) -> str:
    """Per cent with two decimals."""
    return MISSING if value is None or not math.isfinite(value) else f"{value:.2f}{THIN}%"


def fraction(value: float | None) -> str:
    """A fraction between 0 and 1 as per cent with one decimal."""
    return MISSING if value is None or not math.isfinite(value) else f"{100 * value:.1f}{THIN}%"


def with_std(score: Score) -> str:
    """15.43 ± 0.21, or the number alone where there is one value."""
    return error(score.rmse) if score.std is None else f"{error(score.rmse)}{THIN}±{THIN}{error(score.std)}"


def spread(percentiles: Mapping[int, float]) -> str:
    """The middle 90 %: 14.90–16.02."""
    if 5 not in percentiles or 95 not in percentiles:
        return MISSING
    return f"{error(percentiles[5])}–{error(percentiles[95])}"


def integer(value: float | None) -> str:
    """A count with thousands marked."""
    return MISSING if value is None or not math.isfinite(value) else f"{value:,.0f}"


def counted(number: int, noun: str) -> str:
    """A number of things: 1 network, 1,250 chips."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def short(text: str, longest: int = 28) -> str:
    """A name for a figure, cut where it would leave no room for the figure."""
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def formula(text: str) -> str:
    """A formula with the signs of print, at which no line is broken: y[t−12] · y[t−1]."""
    return re.sub(r"(?<=\w)-(?=\d)| - ", lambda found: found.group(0).replace("-", "−"), text).replace(" * ", " · ")
