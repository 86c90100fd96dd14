"""What every reader of a table hands over: rows in pieces, each row with its place in the file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from cellwright.errors import CellwrightError, shown


@dataclass(frozen=True)
class Chunk:
    """Some rows: the cells of the wanted columns, text or numbers, and the line or row that each came from."""

    cells: Sequence[Sequence[object]]
    places: Sequence[int]


def check_names(path: Path, names: Sequence[str]) -> None:
    """
    Raises:
        CellwrightError: two columns have the same name.
    """
    twice = next((name for name, count in Counter(names).items() if count > 1), None)
    if twice is not None:
        raise CellwrightError(f"{path} has two columns called {shown(twice)}: give each its own name")


class TableFile(Protocol):
    """A file with named columns.

    names: of all columns. place: what its rows are counted by ("line", "row").
    """

    names: tuple[str, ...]
    place: str

    def chunks(self, columns: Sequence[int]) -> Iterator[Chunk]:
        """The rows in pieces, those columns alone.

        Raises:
            CellwrightError: what cannot be read as rows of columns.
        """
        ...
