"""Parquet files, read in pieces (needs pyarrow)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from cellwright.data.rows import Chunk
from cellwright.errors import CellwrightError

ROWS = 20_000
"""Rows a piece."""


class ParquetFile:
    """A Parquet file with columns of numbers or times.

    Raises:
        CellwrightError: damaged, or pyarrow is not installed.
    """

    place = "row"

    def __init__(self, path: Path) -> None:
        self.path = path
        with _Reading(path):
            file = self._open()
            self.names = tuple(str(name) for name in file.schema_arrow.names)
            file.close()

    def chunks(self, columns: Sequence[int]) -> Iterator[Chunk]:
        """The rows in pieces, counted from 1."""
        wanted, seen = [self.names[index] for index in columns], 0
        with _Reading(self.path), self._open() as file:
            for batch in file.iter_batches(batch_size=ROWS, columns=list(dict.fromkeys(wanted))):
                cells = [_cells(batch.column(name)) for name in wanted]
                yield Chunk(cells, range(seen + 1, seen + batch.num_rows + 1))
                seen += batch.num_rows

    def _open(self) -> Any:
        try:
            from pyarrow import parquet
        except ImportError as error:
            raise CellwrightError("Parquet needs the package pyarrow: pip install 'cellwright[parquet]'") from error
        return parquet.ParquetFile(self.path)


class _Reading:
    """Turns what pyarrow raises over a file into our error."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if kind is None or (not kind.__module__.startswith("pyarrow") and not issubclass(kind, OSError)):
            return
        reason = str(error).strip().partition("\n")[0]
        raise CellwrightError(
            f"{self._path} cannot be read as Parquet ({reason}): write it anew, or give CSV"
        ) from error


def _cells(column: Any) -> Any:
    """Numbers as an array where that is quick, all else as Python's values; times as ISO text."""
    import pyarrow as pa

    if pa.types.is_timestamp(column.type) or pa.types.is_date(column.type):
        return [None if value is None else value.isoformat() for value in column.to_pylist()]
    if column.null_count == 0 and (pa.types.is_integer(column.type) or pa.types.is_floating(column.type)):
        return column.to_numpy(zero_copy_only=False)
    return column.to_pylist()
