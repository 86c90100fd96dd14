"""Parquet files, read in pieces (needs pyarrow)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC
from pathlib import Path
from typing import Any

from cellwright.data.rows import Chunk, check_names
from cellwright.errors import CellwrightError, as_clause, shown

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
        check_names(path, self.names)

    def chunks(self, columns: Sequence[int]) -> Iterator[Chunk]:
        """The rows in pieces, counted from 1."""
        wanted, seen = [self.names[index] for index in columns], 0
        with _Reading(self.path), self._open() as file:
            for batch in file.iter_batches(batch_size=ROWS, columns=list(dict.fromkeys(wanted))):
                cells = [self._cells(name, batch.column(name)) for name in wanted]
                yield Chunk(cells, range(seen + 1, seen + batch.num_rows + 1))
                seen += batch.num_rows

    def _open(self) -> Any:
        try:
            from pyarrow import parquet
        except ImportError as error:
            raise CellwrightError("Parquet needs the package pyarrow: pip install 'cellwright[parquet]'") from error
        return parquet.ParquetFile(self.path)

    def _cells(self, name: str, column: Any) -> Any:
        """Numbers as an array where that is quick, text as Python's; times as ISO text, those with a zone in UTC."""
        import pyarrow as pa

        kind = column.type
        if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
            return [None if value is None else _written(value) for value in column.to_pylist()]
        if pa.types.is_nested(kind) or pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
            raise CellwrightError(
                f"{self.path}: column {shown(name)} holds {kind}: expected numbers, or times as text or dates; choose "
                "another column, or write this one anew"
            )
        if column.null_count == 0 and (pa.types.is_integer(kind) or pa.types.is_floating(kind)):
            return column.to_numpy(zero_copy_only=False)
        return column.to_pylist()


class _Reading:
    """Turns what pyarrow raises over a file into our error."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if kind is None or (not kind.__module__.startswith("pyarrow") and not issubclass(kind, OSError)):
            return
        reason = as_clause(str(error).strip().partition("\n")[0])
        raise CellwrightError(
            f"{self._path} cannot be read as Parquet ({reason}): write it anew, or give CSV with that ending"
        ) from error


def _written(time: Any) -> str:
    zone = getattr(time, "tzinfo", None)
    return str((time if zone is None else time.astimezone(UTC).replace(tzinfo=None)).isoformat())
