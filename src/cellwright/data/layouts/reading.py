"""Small tables of numbers, read whole from the files of a form."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cellwright.data.layouts.content import lines, opened
from cellwright.errors import CellwrightError


def first_of(folder: Path, *names: str) -> Path:
    """The first of these files that is there, as it is or compressed with gzip; names may have ``*``.

    Raises:
        CellwrightError: none is.
    """
    for name in names:
        for path in sorted([*folder.glob(name), *folder.glob(f"{name}.gz")]):
            return path
    raise CellwrightError(
        f"there is no {' or '.join(names)} in {folder}: cellwright data check says what belongs there"
    )


def read_rows(path: Path, separator: str | None = ",", skipped: int = 0, comment: str = "") -> list[list[str]]:
    """The values of each row as text, quotes and blanks around them removed."""
    with opened(path) as stream:
        text = [line for number, line in enumerate(lines(stream), start=1) if number > skipped and line.strip()]
    kept = (line for line in text if not (comment and line.startswith(comment)))
    return [[value.strip().strip('"') for value in line.split(separator)] for line in kept]


def read_numbers(path: Path, separator: str | None = ",", skipped: int = 0) -> NDArray[np.float64]:
    """A file of numbers alone, rows × columns."""
    with opened(path) as stream:
        return np.loadtxt(lines(stream), delimiter=separator, skiprows=skipped, ndmin=2)


def as_numbers(values: Iterable[str]) -> NDArray[np.float64]:
    """Texts as float64."""
    return np.array([float(value) for value in values], dtype=np.float64)
