"""Numbers of the report as people read them: errors, shares, spreads, and a dash for what is not known."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass

from cellwright.report.record import Score
from cellwright.units import MISSING, THIN, significant

TURNING = frozenset("LRE RLE LRO RLO PDF LRI RLI FSI PDI".split())
"""Classes of characters that turn the direction of what follows, until another ends it (Unicode, annex 9)."""


def known(value: float | None) -> bool:
    """Whether there is a finite number to show."""
    return value is not None and math.isfinite(value)


@dataclass(frozen=True)
class Numbers:
    """Errors and departures of one run, all with as many decimals."""

    decimals: int = 2

    def error(self, value: float | None) -> str:
        """One number; a dash where there is none."""
        if value is None or not math.isfinite(value):
            return MISSING
        if self.decimals > 6 or abs(value) >= 1e9:
            return significant(value, 4)
        return f"{value:,.{self.decimals}f}"

    def with_std(self, score: Score) -> str:
        """15.43 ± 0.21, or the number alone where there is one value."""
        alone = self.error(score.mean)
        return alone if score.std is None else f"{alone}{THIN}±{THIN}{self.error(score.std)}"

    def mean(self, score: Score) -> str:
        """The mean alone."""
        return self.error(score.mean)

    def median(self, score: Score) -> str:
        """The median, or the number alone where there is one value."""
        return self.error(score.median)

    def with_range(self, score: Score) -> str:
        """0.55 (0.43–0.74), the median and the middle 90 %; or the number alone where there is one value."""
        return f"{self.median(score)} ({self.spread(score.percentiles)})" if score.percentiles else self.median(score)

    def spread(self, percentiles: Mapping[int, float]) -> str:
        """The middle 90 %: 14.90–16.02."""
        if 5 not in percentiles or 95 not in percentiles:
            return MISSING
        return self.between(percentiles[5], percentiles[95])

    def between(self, low: float, high: float) -> str:
        """From one number to another: 14.90–16.02, or −3.10 to 2.00 where a dash could be a minus."""
        return f"{self.error(low)}{' to ' if low < 0 else '–'}{self.error(high)}"


def printable(text: str) -> str:
    """A text as one line without what would take effect where it is shown, as a terminal's escape sequences.

    Names in people's files hold anything: line breaks become spaces, control characters and those that turn the
    direction of the text around them become a replacement character.
    """
    return "".join(" " if sign in "\n\r\t" else "\ufffd" if _takes_effect(sign) else sign for sign in text)


def _takes_effect(sign: str) -> bool:
    return unicodedata.category(sign) in ("Cc", "Cs", "Zl", "Zp") or unicodedata.bidirectional(sign) in TURNING


def percent(value: float | None) -> str:
    """Per cent with two decimals."""
    return MISSING if value is None or not math.isfinite(value) else f"{value:.2f}{THIN}%"


def fraction(value: float | None) -> str:
    """A fraction between 0 and 1 as per cent with one decimal."""
    return MISSING if value is None or not math.isfinite(value) else f"{100 * value:.1f}{THIN}%"


def integer(value: float | None) -> str:
    """A count with thousands marked."""
    return MISSING if value is None or not math.isfinite(value) else f"{value:,.0f}"


def counted(number: int, noun: str) -> str:
    """A number of things: 1 network, 1,250 chips."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def with_unit(number: str, unit: str) -> str:
    """A number with its unit, where there is one."""
    return f"{number} {short(unit, 40)}" if unit else number


def symbols(text: str) -> str:
    """Units as in print where a source file spells them in ASCII: 10 um x 10 um is 10 µm × 10 µm."""
    text = re.sub(r"(?<=\d )u(?=[A-Za-z]\b)", "µ", text)
    return re.sub(r"(?<=\w) x (?=\d)", " × ", text)


def short(text: str, longest: int = 28) -> str:
    """A name as it stands in a figure: one line, cut where it would leave no room for the rest."""
    text = printable(text)
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def formula(text: str) -> str:
    """A formula with the signs of print, at which no line is broken: y[t−12] · y[t−1]."""
    return re.sub(r"(?<=\w)-(?=\d|h\b)| - ", lambda found: found.group(0).replace("-", "−"), text).replace(" * ", " · ")
