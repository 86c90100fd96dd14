"""Columns of numbers from a file, checked as they stream in, and windows of their rows.

What has been read is kept in a temporary file that stays in memory while it is small: a file of any length takes a
bounded amount of memory.
"""

from __future__ import annotations

import hashlib
import weakref
from collections.abc import Collection, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import IO

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cellwright.data.csv_files import CsvFile
from cellwright.data.kinds import check_file
from cellwright.data.parquet_files import ParquetFile
from cellwright.data.problems import NumberProblems
from cellwright.data.rows import TableFile
from cellwright.data.times import Clock, TimeProblems
from cellwright.errors import CellwrightError, shown

Floats = NDArray[np.float64]

IN_MEMORY = 2**26
"""The bytes of values that are kept in memory before they go to the disk."""

PARQUET = (".parquet", ".pq")

_NAMED = 12
"""The most columns that a message names."""


@dataclass(eq=False)
class Table:
    """Columns of finite numbers, row by row.

    Attributes:
        path: of the file.
        names: of the columns, in order.
        rows: how many there are with a number in every column.
        ahead: rows after those, in which columns that may end earlier have no number (NaN).
        lowest, highest: values of each column.
        clock: the times of the rows; None without a time column.
        digest: SHA-256 of the values and times: equal digests mean equal tables.
    """

    path: Path
    names: tuple[str, ...]
    rows: int
    ahead: int
    lowest: tuple[float, ...]
    highest: tuple[float, ...]
    clock: Clock | None
    digest: str
    _store: IO[bytes] = field(repr=False)

    def __post_init__(self) -> None:
        weakref.finalize(self, self._store.close)

    def block(self, start: int, stop: int) -> Floats:
        """Rows ``start`` to ``stop``, (rows, columns)."""
        width = len(self.names) + 1
        self._store.seek(8 * width * start)
        data = self._store.read(8 * width * (stop - start))
        return np.frombuffer(data).reshape(-1, width)[:, 1:]

    def windows(self, starts: ArrayLike, length: int) -> Floats:
        """The ``length`` rows from each of ``starts`` on, (windows, length, columns)."""
        first = np.asarray(starts, dtype=np.int64)
        found = np.empty((len(first), length, len(self.names)))
        for index, start in enumerate(first.tolist()):
            found[index] = self.block(start, start + length)
        return found

    def labels(self, rows: ArrayLike) -> list[str]:
        """The times of ``rows`` as text, or their numbers from 1; rows beyond the end go on in the same step."""
        wanted = np.asarray(rows, dtype=np.int64)
        if self.clock is None:
            return [str(row + 1) for row in wanted.tolist()]
        inside = wanted < self.rows + self.ahead
        seconds = np.empty(len(wanted))
        seconds[inside] = [self._time(row) for row in wanted[inside].tolist()]
        end = self.rows + self.ahead
        seconds[~inside] = self.clock.beyond(self._times(max(0, end - 1000), end), wanted[~inside] - end)
        return self.clock.labels(seconds)

    @property
    def is_even(self) -> bool:
        """Whether the last 1,000 rows are as far apart in time; True without a time column."""
        return self.clock is None or self.clock.is_even(self._times(max(0, self.rows - 1000), self.rows))

    @property
    def period(self) -> str:
        """What a row stands for: "month", "day", "hour", or "row"."""
        if self.clock is None:
            return "row"
        return self.clock.period(self._times(max(0, self.rows - 1000), self.rows))

    def _time(self, row: int) -> float:
        return float(self._times(row, row + 1)[0])

    def _times(self, start: int, stop: int) -> Floats:
        width = len(self.names) + 1
        self._store.seek(8 * width * start)
        return np.frombuffer(self._store.read(8 * width * (stop - start))).reshape(-1, width)[:, 0]


def open_table(path: str | Path, delimiter: str = "") -> TableFile:
    """A file of columns, by the ending of its name: Parquet, or text with a delimiter (.gz too).

    Args:
        delimiter: of a text file; by default a tab for .tsv, else a comma.

    Raises:
        CellwrightError: no such file, or one that is empty or no table.
    """
    path = Path(path)
    check_file(path, "name a file with columns, such as CSV or Parquet")
    if path.suffix.lower() in PARQUET:
        if delimiter:
            raise CellwrightError(f"--delimiter is for text files, and {path} is Parquet: leave it out")
        return ParquetFile(path)
    return CsvFile(path, delimiter)


def read_table(
    path: str | Path, columns: Sequence[str], *, time: str = "", delimiter: str = "", unfinished: Collection[str] = ()
) -> Table:
    """Read columns of numbers.

    Args:
        path: CSV, gzipped CSV or Parquet.
        columns: names of the columns to read.
        time: name of the column of times, ISO 8601 or numbers, each later than the one before.
        delimiter: as in ``open_table``.
        unfinished: columns that may end before the others do; the rows after them are counted as ``ahead``.

    Raises:
        CellwrightError: a file that is missing, empty or of another kind; a column that it does not have; text, gaps or
            infinities among the numbers; times that are no times, or do not increase. The message names the lines.
    """
    source = open_table(path, delimiter)
    wanted = [find_column(source, Path(path), name) for name in columns]
    timed = [find_column(source, Path(path), time)] if time else []
    numbers = NumberProblems(columns, source.place, unfinished)
    clock = TimeProblems(time, source.place) if time else None
    with ExitStack() as unless_done:
        kept = _Kept(unless_done.enter_context(SpooledTemporaryFile(max_size=IN_MEMORY)), tuple(columns), time)
        for chunk in source.chunks([*timed, *wanted]):
            values = np.zeros((len(chunk.places), 1 + len(wanted)))
            if clock is not None:
                values[:, 0] = clock.read(chunk.cells[0], chunk.places)
            values[:, 1:] = numbers.read(chunk.cells[len(timed) :], chunk.places)
            kept.add(values)
        numbers.raise_if_any(Path(path))
        if clock is not None:
            clock.raise_if_any(Path(path))
        if kept.rows == numbers.ahead:
            raise CellwrightError(f"{path} has a header and no rows: expected rows of numbers below it")
        unless_done.pop_all()
    return Table(
        path=Path(path),
        names=tuple(columns),
        rows=kept.rows - numbers.ahead,
        ahead=numbers.ahead,
        lowest=tuple(kept.lowest.tolist()),
        highest=tuple(kept.highest.tolist()),
        clock=clock.clock if clock else None,
        digest=kept.digest.hexdigest(),
        _store=kept.store,
    )


class _Kept:
    """The rows so far, time first, and what is to be known of all of them."""

    def __init__(self, store: IO[bytes], columns: tuple[str, ...], time: str) -> None:
        self.store, self.rows = store, 0
        self.digest = hashlib.sha256(repr((columns, time)).encode())
        self.lowest, self.highest = np.full(len(columns), np.inf), np.full(len(columns), -np.inf)

    def add(self, rows: Floats) -> None:
        data = rows.tobytes()
        self.store.write(data)
        self.digest.update(data)
        self.lowest = np.fmin(self.lowest, np.fmin.reduce(rows[:, 1:]))
        self.highest = np.fmax(self.highest, np.fmax.reduce(rows[:, 1:]))
        self.rows += len(rows)


def find_column(source: TableFile, path: Path, name: str) -> int:
    """The index of the column called ``name``.

    Raises:
        CellwrightError: no such column; the message has those that there are, and the nearest.
    """
    if name in source.names:
        return source.names.index(name)
    if all(map(_is_number, source.names)):
        raise CellwrightError(
            f"{path} has no column {shown(name)} and begins with numbers: expected a first line that names the "
            "columns; put one above them"
        )
    separated = _delimiter_hint(source.names, name) if source.place == "line" else ""
    near = [] if separated else get_close_matches(name, source.names, n=1, cutoff=0.5)
    hint = f"did you mean {shown(near[0])}? " if near else ""
    more = f" and {len(source.names) - _NAMED} more" if len(source.names) > _NAMED else ""
    names = ", ".join(map(shown, source.names[:_NAMED]))
    raise CellwrightError(f"{path} has no column {shown(name)}: {hint}it has {names}{more}{separated}")


def _delimiter_hint(names: tuple[str, ...], wanted: str) -> str:
    """What may separate the columns, or why there seems to be a single one."""
    if len(names) > 1:
        return ""
    found = next((mark for mark in (";", "\t", "|", ",") if mark in names[0]), None)
    if found is None and wanted in names[0].split():
        found = " "
    if found is None:
        return "; expected the names of the columns in the first line, separated by commas"
    return f"; it looks separated by {found!r}: give --delimiter {found!r}"


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
