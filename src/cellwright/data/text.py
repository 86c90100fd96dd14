"""Text files of numbers, read line by line: what is wrong in them is told with file and line."""

from __future__ import annotations

import codecs
import gzip
import zlib
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from cellwright.data.kinds import check_file, opened
from cellwright.data.problems import GAPS
from cellwright.data.sequences import LARGEST
from cellwright.errors import CellwrightError, shown

UNLABELLED = frozenset({"", "?", "nan"})
"""What stands for no label; other words that mean a gap among numbers may well be the name of a class."""

_EXPANSION, _ALWAYS = 200, 10_000_000  # bytes of text a byte of a packed file; what any packed file may hold


@dataclass(frozen=True)
class Line:
    """A line of a file: its number from 1, and its text without blanks and line ends around it."""

    path: Path
    number: int
    text: str

    def wrong(self, what: str) -> CellwrightError:
        """The error that says ``what`` is wrong in this line."""
        return CellwrightError(f"{self.path}, line {self.number}: {what}")


def read_lines(path: Path, comment: bytes | None = None) -> Iterator[Line]:
    """The lines of a text file that are not blank, unpacked where the name ends in ``.gz``.

    Lines that begin with ``comment`` are left out, whatever bytes they hold.

    Raises:
        CellwrightError: no such file; one that is empty or not text (UTF-8), damaged, or packed beyond all measure.
    """
    empty = True
    try:
        with _opened(path) as handle:
            for number, raw in enumerate(_bounded(handle, path), 1):
                raw = raw.removeprefix(codecs.BOM_UTF8) if number == 1 else raw
                empty = empty and not raw.strip()
                if not (comment and raw.lstrip().startswith(comment)):
                    # A tab at the beginning stands behind a label that is missing.
                    line = Line(path, number, _decoded(raw.strip(b" \r\n"), path, number))
                    if line.text.strip():
                        yield line
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise CellwrightError(f"{path} is no complete gzip file ({error}): fetch it again") from error
    except OSError as error:
        raise CellwrightError(f"cannot read {path}: {error.strerror or error}") from error
    if empty:
        raise CellwrightError(f"{path} is empty: expected labelled sequences, one a line")


def _opened(path: Path) -> AbstractContextManager[IO[bytes]]:
    check_file(path, "name a file of labelled sequences in it")
    return opened(path)


def _bounded(handle: IO[bytes], path: Path) -> Iterator[bytes]:
    """The lines of an open file, as long as they are in proportion to its size on the disk."""
    most = path.stat().st_size * _EXPANSION + _ALWAYS
    seen = 0
    while raw := handle.readline(most - seen + 1):
        seen += len(raw)
        if seen > most:
            raise CellwrightError(
                f"{path} unpacks to more than {_EXPANSION} times its size: that is no file of measurements; "
                "unpack it yourself if you trust it"
            )
        yield raw


def _decoded(raw: bytes, path: Path, number: int) -> str:
    try:
        decoded = raw.decode()
    except UnicodeDecodeError:
        decoded = "\0"
    if "\0" in decoded:
        raise CellwrightError(
            f"{path}, line {number}: this is no text in UTF-8 but binary data: expected numbers as text; "
            "see docs/classification.md for the formats"
        )
    return decoded


def numbers(cells: Sequence[str], line: Line, what: str = "value") -> NDArray[np.float64]:
    """``cells`` as float64 (count,), gaps as NaN.

    Raises:
        CellwrightError: a cell that is neither a number nor a gap, an infinite or immoderate one; it is named as
            ``what`` and its place from 1.
    """
    try:
        if any("_" in cell for cell in cells):  # Python reads 1_000 as a number, no other program does
            raise ValueError
        found = np.fromiter(map(float, cells), np.float64, len(cells))
    except ValueError:
        found = np.array([_number(cell, place, line, what) for place, cell in enumerate(cells, 1)])
    beyond = np.abs(found) > LARGEST
    if beyond.any():
        place = int(beyond.argmax())
        raise line.wrong(
            f"{what} {place + 1} is {shown(cells[place])}, expected a finite number (up to {LARGEST:g}): "
            "correct it or leave the line out"
        )
    return found


def _number(cell: str, place: int, line: Line, what: str) -> float:
    if cell.strip().lower() in GAPS:
        return np.nan
    try:
        if "_" not in cell:
            return float(cell)
    except ValueError:
        pass
    hint = "; a decimal comma must be a point" if "," in cell else ""
    raise line.wrong(f"{what} {place} is {shown(cell)}, expected a number: correct it or leave the line out{hint}")


def without_padding(values: NDArray[np.float64], line: Line) -> NDArray[np.float64]:
    """``values`` (time, channels) without the steps at the end that are gaps throughout.

    Raises:
        CellwrightError: gaps before that, or nothing left.
    """
    known = ~np.isnan(values)
    steps = np.flatnonzero(known.any(1))
    if not len(steps):
        raise line.wrong("the sequence has no value at all: leave the line out")
    values = values[: steps[-1] + 1]
    if np.isnan(values).any():
        step, channel = (int(place) + 1 for place in np.argwhere(np.isnan(values))[0])
        where = f"time step {step}" + (f" of dimension {channel}" if values.shape[1] > 1 else "")
        raise line.wrong(
            f"the value at {where} is missing, with values after it: fill it (by interpolation, say) or leave the "
            "line out; only gaps at the end are taken, as a shorter sequence"
        )
    return values
