"""What every reader of a table hands over: rows in pieces, each row with its place in the file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Chunk:
    """Some rows: the cells of the wanted columns, text or numbers, and the line or row that each came from."""

    cells: Sequence[Sequence[object]]
    places: Sequence[int]


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
