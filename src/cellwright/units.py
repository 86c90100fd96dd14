"""Numbers with their units as people read them: prefixes, and a dash for what is not known."""

from __future__ import annotations

import math

MISSING = "–"
PREFIXES = {-18: "a", -15: "f", -12: "p", -9: "n", -6: "µ", -3: "m", 0: "", 3: "k", 6: "M", 9: "G", 12: "T"}
THIN = "\u202f"
"""A narrow space that does not break: a number stays with its unit."""


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


def clock(seconds: float) -> str:
    """A duration as 0:07, 12:34 or 1:02:03; a dash for what is not known."""
    if not math.isfinite(seconds):
        return MISSING
    minutes, rest = divmod(max(round(seconds), 0), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def _decimals(value: float, digits: int) -> int:
    text = f"{value:.{digits}g}"
    if "e" in text:
        return 0
    return len(text.partition(".")[2])
