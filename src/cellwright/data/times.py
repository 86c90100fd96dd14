"""Times of rows: read from text or numbers, checked for order, continued beyond the end."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cellwright.data.problems import Places
from cellwright.data.sequences import LARGEST
from cellwright.errors import CellwrightError, shown

Floats = NDArray[np.float64]

_ISO = re.compile(r"(\d{4})[-/](\d{2})(?:[-/](\d{2})(?:[T ](\d{2})(?::?(\d{2})(?::?(\d{2})(\.\d{1,6})?)?)?)?)?Z?")

_FINER = ("D", "m", "s", "us")

_PERIODS = {1: "second", 60: "minute", 3600: "hour", 86_400: "day", 7 * 86_400: "week"}


@dataclass(frozen=True)
class Clock:
    """How times are written: numbers, or dates to a unit of numpy ("M", "D", "h", "m", "s", "us").

    between: what stands between the date and the time of the day; after: what stands at the end, "Z" or nothing.
    """

    unit: str | None
    between: str = " "
    after: str = ""

    @classmethod
    def of(cls, text: str) -> Clock:
        """As a first time is written."""
        return cls(_unit(text), "T" if "T" in text else " ", "Z" if text.endswith("Z") else "")

    def labels(self, times: Floats) -> list[str]:
        """Times (numbers, or seconds since 1970) as text."""
        if self.unit is None:
            return [f"{value:.12g}" for value in times.tolist()]
        dates = np.round(times * 1e6).astype("datetime64[us]")
        unit: Any = self.unit
        written = np.datetime_as_string(dates, unit=unit)
        return [str(text).replace("T", self.between) + self.after for text in written]

    def period(self, times: Floats) -> str:
        """What a row stands for, where all are as far apart: "month", "week", "day", "hour", or else "row"."""
        if self.unit is None or len(times) < 2:
            return "row"
        if (monthly := _Monthly.of(times)) is not None:
            apart = np.unique(monthly.steps)
            return {1: "month", 3: "quarter", 12: "year"}.get(int(apart[0]), "row") if len(apart) == 1 else "row"
        steps = np.unique(np.diff(times))
        return _PERIODS.get(round(float(steps[0])), "row") if len(steps) == 1 else "row"

    def is_even(self, times: Floats) -> bool:
        """Whether times are as far apart from each other, in time or in months."""
        steps = np.diff(times)
        if len(steps) < 2 or np.allclose(steps, steps[0], rtol=1e-6, atol=0):
            return True
        monthly = None if self.unit is None else _Monthly.of(times)
        return monthly is not None and len(np.unique(monthly.steps)) == 1

    def beyond(self, last: Floats, steps: NDArray[np.int64]) -> Floats:
        """Times after the last of ``last``, by their usual step: ``steps`` from 0 is the next one."""
        ahead = steps + 1
        if len(last) < 2:
            return last[-1] + ahead
        monthly = None if self.unit is None else _Monthly.of(last)
        if monthly is not None:
            return monthly.later(int(np.median(monthly.steps)) * ahead)
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
            self._begun, self.clock = True, Clock.of(next(filter(None, written), ""))
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
            # numpy warns of the Z for UTC, which is what it takes all times for.
            written = [str(cell).removesuffix("Z") for cell in cells]
            by_length = {len(text): text for text in written}
            for text in by_length.values():
                self._refine(text)
            if len(by_length) > 1:
                return None
            return np.array(written, dtype="datetime64[us]").astype(np.int64) / 1e6
        except (ValueError, TypeError):
            return None

    def _refine(self, text: str) -> None:
        """Labels show what any of the times has: minutes, though the first be midnight and written as a day."""
        unit, before = _unit(text.strip()), self.clock.unit
        if unit in _FINER and before in _FINER and _FINER.index(unit) > _FINER.index(before):
            self.clock = replace(self.clock, unit=unit, between="T" if "T" in text else " ")

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


@dataclass(frozen=True, eq=False)
class _Monthly:
    """Times of one day of their months, counted from the first or from the last, at one time of the day.

    months: of each time, or those after them, since 1970. within: from there to the time, less than 0 before the end.
    """

    months: NDArray[np.int64]
    within: np.timedelta64

    @classmethod
    def of(cls, times: Floats) -> _Monthly | None:
        """None for other times."""
        dates = np.round(times * 1e6).astype("datetime64[us]")
        for months in (dates.astype("datetime64[M]"), dates.astype("datetime64[M]") + 1):
            within = np.unique(dates - months.astype("datetime64[us]"))
            if len(within) == 1:
                return cls(months.astype(np.int64), within[0])
        return None

    @property
    def steps(self) -> NDArray[np.int64]:
        """Months from each time to the next."""
        return np.diff(self.months)

    def later(self, months: NDArray[np.int64]) -> Floats:
        """The times so many months after the last."""
        dates = (self.months[-1] + months).astype("datetime64[M]").astype("datetime64[us]") + self.within
        return np.asarray(dates.astype(np.int64) / 1e6)
