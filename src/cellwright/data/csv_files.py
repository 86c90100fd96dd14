"""Text files with a header and a delimiter, read in pieces."""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, TextIO, cast

from cellwright.data.kinds import HEAD, line_that_is_no_text, opened
from cellwright.data.problems import Places
from cellwright.data.rows import Chunk, check_names
from cellwright.errors import CellwrightError

ROWS = 20_000
"""Rows a piece."""


class CsvFile:
    """A text file whose first line names the columns: CSV of RFC 4180, UTF-8, other delimiters too, .gz too.

    Args:
        path: of the file.
        delimiter: one character; by default a tab for .tsv, else a comma.

    Raises:
        CellwrightError: empty, no text, or no header; a delimiter of more than one character.
    """

    place = "line"

    def __init__(self, path: Path, delimiter: str = "") -> None:
        self.path = path
        self.delimiter = _delimiter(path, delimiter)
        with self._rows() as rows:
            header = next((row for row in rows if row), None)
        if header is None:
            raise CellwrightError(f"{path} is empty: expected a line of column names, then rows of numbers")
        self.names = tuple(name.strip() for name in header)
        self._check_header()

    def _check_header(self) -> None:
        if not any(self.names):
            raise CellwrightError(f"{self.path} has no names in its header: expected a line of column names first")
        unnamed = [index + 1 for index, name in enumerate(self.names) if not name]
        # One column without a name is how tables are written with their row numbers.
        if len(unnamed) > 1:
            raise CellwrightError(
                f"{self.path} has columns without a name ({unnamed[0]} and others): name each of them"
            )
        check_names(self.path, self.names)

    def chunks(self, columns: Sequence[int]) -> Iterator[Chunk]:
        """The rows in pieces; blank lines are passed over."""
        uneven = Places()
        with self._rows() as rows:
            next(row for row in rows if row)
            while piece := list(islice(_numbered(rows), ROWS)):
                lines, cells = zip(*piece, strict=True)
                if set(map(len, cells)) != {len(self.names)}:
                    for line, row in piece:
                        if len(row) != len(self.names):
                            uneven.add(line)
                    continue
                by_column = list(zip(*cells, strict=True))
                yield Chunk([by_column[index] for index in columns], lines)
        if uneven.count:
            have = "has" if uneven.count == 1 else "have"
            raise CellwrightError(
                f"{self.path}: {uneven.told(self.place)} {have} not the {len(self.names)} fields of the header: "
                f"expected as many, separated by {self.delimiter!r}; quote text that holds one, write decimals with a "
                "point, or give --delimiter"
            )

    @contextmanager
    def _rows(self) -> Iterator[_Rows]:
        rows: _Rows | None = None
        try:
            with self._open() as file, self._as_text():
                yield (rows := _Rows(csv.reader(file, delimiter=self.delimiter, strict=True)))
        except csv.Error as error:
            begun = rows.last + 1 if rows else 1
            raise CellwrightError(
                f"{self.path} is no CSV file from line {begun} on ({error}): check its quotes and its delimiter"
            ) from error
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise CellwrightError(f"{self.path} is no whole gzip file ({error}): fetch or pack it anew") from error
        except OSError as error:
            raise CellwrightError(f"{self.path} cannot be read: {error.strerror}; check its permissions") from error

    @contextmanager
    def _as_text(self) -> Iterator[None]:
        try:
            yield
        except UnicodeDecodeError as error:
            # Reading on for the line may meet other damage, which is then what is told.
            line = line_that_is_no_text(self.path)
            raise CellwrightError(
                f"{self.path} is no text in UTF-8 (line {line}): expected CSV or Parquet; "
                "save a text of another encoding as UTF-8"
            ) from error

    @contextmanager
    def _open(self) -> Iterator[TextIO]:
        with opened(self.path) as raw:
            if b"\0" in raw.read(HEAD):
                raise CellwrightError(f"{self.path} is a binary file: expected text with columns (CSV), or .parquet")
            raw.seek(0)
            with io.TextIOWrapper(cast(BinaryIO, raw), encoding="utf-8-sig", newline="") as file:
                yield file


class _Rows:
    """Rows that know their line; the ``csv`` reader alone counts lines."""

    def __init__(self, reader: Any) -> None:
        self._reader, self.last = reader, 0

    def __iter__(self) -> _Rows:
        return self

    def __next__(self) -> list[str]:
        self.last = self.line
        row = list(next(self._reader))
        self.last = self.line
        return row

    @property
    def line(self) -> int:
        return int(self._reader.line_num)


def _numbered(rows: _Rows) -> Iterator[tuple[int, list[str]]]:
    for row in rows:
        if row:
            yield rows.line, row


def _delimiter(path: Path, given: str) -> str:
    given = {"\\t": "\t", "tab": "\t"}.get(given, given)
    if len(given) > 1 or given in ('"', "\n", "\r"):
        raise CellwrightError(f"--delimiter {given!r}: expected one character, such as , or ; or tab")
    if given:
        return given
    return "\t" if ".tsv" in [suffix.lower() for suffix in path.suffixes] else ","
