"""Times of rows: read from text or numbers, checked for order, continued beyond the end."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cellwright.data.problems import Places
from cellwright.data.sequences import LARGEST
from cellwright.errors import CellwrightError, shown

Floats = NDArray[np.float64]

_ISO = re.compile(r"(\d{4})[-/](\d{2})(?:[-/](\d{2})(?:[T ](\d{2})(?::?(\d{2})(?::?(\d{2})(\.\d{1,6})?)?)?)?)?Z?")

_PERIODS = {1: "second", 60: "minute", 3600: "hour", 86_400: "day", 7 * 86_400: "week"}


@dataclass(frozen=True)
class Clock:
    """How times are written: numbers, or dates to a unit of numpy ("M", "D", "h", "m", "s", "us")."""

    unit: str | None

    def labels(self, times: Floats) -> list[str]:
        """Times (numbers, or seconds since 1970) as text."""
        if self.unit is None:
            return [f"{value:.12g}" for value in times.tolist()]
        dates = np.round(times * 1e6).astype("datetime64[us]")
        unit: Any = self.unit
        return [str(text).replace("T", " ") for text in np.datetime_as_string(dates, unit=unit)]

    def period(self, times: Floats) -> str:
        """What a row stands for, where all are as far apart: "month", "week", "day", "hour", or else "row"."""
        if self.unit is None or len(times) < 2:
            return "row"
        if (months := _months_apart(times)) is not None:
            return {1: "month", 3: "quarter", 12: "year"}.get(months, "row")
        steps = np.unique(np.diff(times))
        return _PERIODS.get(round(float(steps[0])), "row") if len(steps) == 1 else "row"

    def beyond(self, last: Floats, steps: NDArray[np.int64]) -> Floats:
        """Times after the last of ``last``, by their usual step: ``steps`` from 0 is the next one."""
        ahead = steps + 1
        if len(last) < 2:
            return last[-1] + ahead
        months = None if self.unit is None else _months_apart(last)
        if months is not None:
            return _later_by_months(last[-1], months * ahead)
        return last[-1] + float(np.median(np.diff(last))) * ahead


class TimeProblems:
    """Turns cells into times and remembers those that are none, or are not later than the one before."""

    def __init__(self, name: str, place: str) -> None:
        self.clock = Clock(None)
        self._name, self._place, self._begun = name, place, False
        self._last = -np.inf
        self._none, self._same, self._earlier = Places(), Places(), Places()
        self._example = ""

    def read(self, cells: Sequence[object], places: Sequence[int]) -> Floats:
        """Numbers, or seconds since 1970, (rows,)."""
        if not self._begun and len(cells):
            written = (str(cell).strip() for cell in cells)
            self._begun, self.clock = True, Clock(_unit(next(filter(None, written), "")))
        times = self._at_once(cells)
        if times is None:
            times = np.array([self._time(str(cell).strip()) for cell in cells], dtype=np.float64)
        times = np.where(np.abs(times) <= LARGEST, times, np.nan)
        for index in np.flatnonzero(np.isnan(times)).tolist():
            self._example = self._example or str(cells[index])
            self._none.add(places[index])
        steps = np.diff(times, prepend=self._last)
        for index in np.flatnonzero(steps <= 0).tolist():
            (self._same if steps[index] == 0 else self._earlier).add(places[index])
        if len(times):
            self._last = times[-1]
        return times

    def _at_once(self, cells: Sequence[object]) -> Floats | None:
        """All cells by numpy, which is quick; None where they are not all written alike."""
        try:
            if self.clock.unit is None:
                return np.array(cells, dtype=np.float64)
            if len({len(str(cell)) for cell in cells}) > 1:
                return None
            return np.array(cells, dtype="datetime64[us]").astype(np.int64) / 1e6
        except (ValueError, TypeError):
            return None

    def _time(self, text: str) -> float:
        if self.clock.unit is None:
            try:
                return float(text)
            except ValueError:
                return np.nan
        # Months among days: the first of the month may or may not be meant.
        return _seconds(text) if (_unit(text) == "M") == (self.clock.unit == "M") else np.nan

    def raise_if_any(self, path: Path) -> None:
        """
        Raises:
            CellwrightError: cells that are no times, times that repeat or go back.
        """
        where = f"{path}: time column {shown(self._name)}"
        if self._none.count:
            raise CellwrightError(
                f"{where} has {shown(self._example)} in {self._none.told(self._place)}: expected ISO 8601 as "
                "2024-01-31 or 2024-01-31 12:00 (without an offset from UTC), or numbers, in one manner in every row"
            )
        if self._same.count:
            raise CellwrightError(
                f"{where} has the time of the row before in {self._same.told(self._place)}: "
                "expected each time once; leave duplicates out, or put one series in each file"
            )
        if self._earlier.count:
            raise CellwrightError(
                f"{where} goes back in {self._earlier.told(self._place)}: expected rows in order of time; sort them"
            )


def _unit(text: str) -> str | None:
    found = _ISO.fullmatch(text)
    if found is None:
        return None
    _, _, day, hour, minute, second, fraction = found.groups()
    if fraction:
        return "us"
    return "s" if second else "m" if minute or hour else "D" if day else "M"


def _seconds(text: str) -> float:
    found = _ISO.fullmatch(text)
    if found is None:
        return np.nan
    year, month, day, hour, minute, second, fraction = found.groups()
    written = f"{year}-{month}-{day or '01'}T{hour or '00'}:{minute or '00'}:{second or '00'}{fraction or ''}"
    try:
        return float(np.datetime64(written, "us").astype(np.int64)) / 1e6
    except ValueError:
        return np.nan


def _months_apart(times: Floats) -> int | None:
    """The number of months from each time to the next, where it is always the same and nothing else changes."""
    dates = np.round(times * 1e6).astype("datetime64[us]")
    months = dates.astype("datetime64[M]")
    within = dates - months.astype("datetime64[us]")
    steps = np.unique(np.diff(months.astype(np.int64)))
    return int(steps[0]) if len(steps) == 1 and steps[0] > 0 and len(np.unique(within)) == 1 else None


def _later_by_months(last: float, months: NDArray[np.int64]) -> Floats:
    date = np.datetime64(round(last * 1e6), "us")
    month = date.astype("datetime64[M]")
    later = (month + months.astype("timedelta64[M]")).astype("datetime64[us]") + (date - month.astype("datetime64[us]"))
    return np.asarray(later.astype(np.int64) / 1e6)
