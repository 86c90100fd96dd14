"""Numbers of the report as people read them: errors, shares, spreads, and a dash for what is not known."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

from cellwright.report.record import Score
from cellwright.units import MISSING, THIN


def known(value: float | None) -> bool:
    """Whether there is a finite number to show."""
    return value is not None and math.isfinite(value)


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
    return error(score.mean) if score.std is None else f"{error(score.mean)}{THIN}±{THIN}{error(score.std)}"


def median(score: Score) -> str:
    """The median, or the number alone where there is one value."""
    return error(score.median)


def with_range(score: Score) -> str:
    """0.55 (0.43–0.74), the median and the middle 90 %; or the number alone where there is one value."""
    return f"{median(score)} ({spread(score.percentiles)})" if score.percentiles else median(score)


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


def symbols(text: str) -> str:
    """Units as in print where a source file spells them in ASCII: 10 um x 10 um is 10 µm × 10 µm."""
    text = re.sub(r"(?<=\d )u(?=[A-Za-z]\b)", "µ", text)
    return re.sub(r"(?<=\w) x (?=\d)", " × ", text)


def short(text: str, longest: int = 28) -> str:
    """A name for a figure, cut where it would leave no room for the figure."""
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def formula(text: str) -> str:
    """A formula with the signs of print, at which no line is broken: y[t−12] · y[t−1]."""
    return re.sub(r"(?<=\w)-(?=\d)| - ", lambda found: found.group(0).replace("-", "−"), text).replace(" * ", " · ")
