"""Tables of numbers that somebody else wrote: CSV cells with the place where they stand."""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from pathlib import Path

from cellwright.data.kinds import check_file
from cellwright.errors import CellwrightError, in_words


@dataclass(frozen=True)
class Row:
    """The cells of one line of a file, without blanks around them."""

    file: str
    line: int
    cells: tuple[str, ...]

    def number(self, index: int, what: str) -> float:
        """The number in a cell.

        Args:
            index: of the cell, from 0.
            what: named in the message: ``conductance``.

        Raises:
            CellwrightError: the cell is empty or holds no finite number.
        """
        text = self.cells[index] if index < len(self.cells) else ""
        where = f"{self.file}, line {self.line}, column {index + 1}: {what}"
        if not text:
            raise CellwrightError(f"{where} is empty: fill the gap, or take its row out")
        try:
            value = float(text)
        except ValueError:
            raise CellwrightError(f"{where} is {text!r}: expected a number such as 1.5e-6") from None
        if not math.isfinite(value):
            raise CellwrightError(f"{where} is {text}: expected a finite number; fill the gap, or take its row out")
        return value


def read_rows(path: Path) -> list[Row]:
    """The lines of a CSV file that are neither empty nor comments (#); cells are parted by commas, semicolons or tabs.

    Raises:
        CellwrightError: the file cannot be read, is no text, or has no such line; a quote is not closed in its line.
    """
    text = read_text(path)
    lines = [(number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip(" \t,;")]
    kept = [(number, line) for number, line in lines if not line.lstrip().startswith("#")]
    if not kept:
        raise CellwrightError(f"{path.name} has no rows: expected a CSV file with numbers")
    delimiter = max(",;\t", key=kept[0][1].count)
    return [Row(path.name, number, _cells(path.name, number, line, delimiter)) for number, line in kept]


def _cells(file: str, number: int, line: str, delimiter: str) -> tuple[str, ...]:
    try:
        (row,) = csv.reader([line], delimiter=delimiter, strict=True)
    except csv.Error as error:
        raise CellwrightError(
            f"{file}, line {number} is no CSV: {error}; expected quotes, if any, around whole cells"
        ) from error
    return tuple(cell.strip() for cell in row)


def read_text(path: Path) -> str:
    """The text of a file.

    Raises:
        CellwrightError: the file cannot be read or is no text.
    """
    check_file(path, "name a text file in it")
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise CellwrightError(in_words(error)) from error
    except UnicodeDecodeError as error:
        raise CellwrightError(f"{path.name} is no text file: expected UTF-8") from error
