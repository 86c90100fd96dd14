"""What is wrong with the numbers of a file, collected over the whole of it and told in one line."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cellwright.data.sequences import LARGEST
from cellwright.errors import CellwrightError, shown

SHOWN = 5
"""How many places are named."""

GAPS = frozenset({"", "na", "n/a", "nan", "null", "none", "-", "?", "missing"})
"""How files write that a value is missing."""


class Places:
    """Where something was found: the first few places, and how many there are."""

    def __init__(self) -> None:
        self.first: list[int] = []
        self.count = 0

    def add(self, place: int) -> None:
        self.count += 1
        if len(self.first) < SHOWN:
            self.first.append(place)

    def join(self, others: Places) -> None:
        """Take in ``others``, which lie further on."""
        self.first = (self.first + others.first)[:SHOWN]
        self.count += others.count

    def told(self, kind: str) -> str:
        """``line 7``; ``lines 7, 9 and 12``; ``lines 7, 9, 12, 13, 20 and 31 more``."""
        shown = [str(place) for place in self.first]
        if self.count == 1:
            return f"{kind} {shown[0]}"
        more = self.count - len(shown)
        last = f"{more:,} more" if more else shown.pop()
        return f"{kind}s {', '.join(shown)} and {last}"


class NumberProblems:
    """Turns cells into numbers and remembers those that are none.

    Args:
        columns: their names.
        place: what rows are counted by: "line".
        unfinished: columns that may end before the others: gaps in their last rows are none.
    """

    def __init__(self, columns: Sequence[str], place: str, unfinished: Collection[str] = ()) -> None:
        self._columns, self._place = columns, place
        self._found: dict[tuple[str, str], Places] = {}
        self._example: dict[str, str] = {}
        self._last_gaps: dict[str, Places] = {name: Places() for name in unfinished}

    @property
    def ahead(self) -> int:
        """The rows at the end in which an unfinished column has no value."""
        return max((places.count for places in self._last_gaps.values()), default=0)

    def read(self, cells: Sequence[Sequence[object]], places: Sequence[int]) -> NDArray[np.float64]:
        """(rows, columns); NaN where there is a problem."""
        return np.stack(
            [self._column(name, column, places) for name, column in zip(self._columns, cells, strict=True)], axis=1
        )

    def _column(self, name: str, cells: Sequence[object], places: Sequence[int]) -> NDArray[np.float64]:
        try:
            values = np.array(cells, dtype=np.float64)
        except (ValueError, TypeError):
            values = np.array([_number(cell) for cell in cells])
        if _has_underlines(cells):
            values = np.array([np.nan if "_" in str(cell) else _number(cell) for cell in cells])
        finite = np.abs(values) <= LARGEST  # false for NaN, too
        if finite.any() and (open_gaps := self._last_gaps.get(name)) and open_gaps.count:
            self._found.setdefault((name, "gaps"), Places()).join(open_gaps)
            self._last_gaps[name] = Places()
        last = np.flatnonzero(finite)[-1] if finite.any() else -1
        for index in np.flatnonzero(~finite).tolist():
            self._note(name, cells[index], places[index], at_end=index > last)
        return values

    def _note(self, name: str, cell: object, place: int, at_end: bool) -> None:
        text = "" if cell is None else str(cell).strip()
        if text.lower() in GAPS:
            kind = "gaps"
            if at_end and name in self._last_gaps:
                self._last_gaps[name].add(place)
                return
        elif "_" not in text and np.isinf(_number(cell)):
            kind = "infinities"
        elif "_" not in text and abs(_number(cell)) > LARGEST:
            kind = f"numbers beyond {LARGEST:g}"
        else:
            kind = "text"
            self._example.setdefault(name, text)
        self._found.setdefault((name, kind), Places()).add(place)

    def raise_if_any(self, path: Path) -> None:
        """
        Raises:
            CellwrightError: there were problems; the first column that has some is told.
        """
        if not self._found:
            return
        (name, kind), places = next(iter(self._found.items()))
        others = len({column for column, _ in self._found} - {name})
        also = f" ({others} more column{'s' * (others > 1)} likewise)" if others else ""
        where = places.told(self._place)
        raise CellwrightError(
            f"{path}: column {shown(name)} has {self._what(name, kind)} in {where}{also}: {_REMEDY[kind]}"
        )

    def _what(self, name: str, kind: str) -> str:
        if kind != "text":
            return kind
        return f"text, such as {shown(self._example[name])},"


_REMEDY = {
    "gaps": "expected a number in every row; fill the gaps, or leave those rows out",
    "infinities": "expected finite numbers; replace them, or leave those rows out",
    f"numbers beyond {LARGEST:g}": "their squares would be infinite; replace them, or give them in another unit",
    "text": "expected numbers like 3.14, with a point and no unit; choose another column, or clean this one",
}


def _has_underlines(cells: Sequence[object]) -> bool:
    """Python reads 1_000 as a number, no other program does."""
    try:
        return "_" in "".join(cells)  # type: ignore[arg-type]  # numbers raise
    except TypeError:
        return any("_" in cell for cell in cells if isinstance(cell, str))


def _number(cell: object) -> float:
    try:
        return float(cell)  # type: ignore[arg-type]  # anything that is no number raises
    except (ValueError, TypeError):
        return float("nan")
