"""A person's own file on the command line: whether it is one, and what is asked of it."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

from cellwright.errors import CellwrightError
from cellwright.tasks import ForecastFile, catalogue

ENDINGS = (".csv", ".tsv", ".txt", ".parquet", ".pq", ".gz", ".ts")


def is_file(name: str) -> bool:
    """Whether a task is named by a file: by its ending, its folder, or because there is such a file."""
    path = Path(name)
    return name not in catalogue() and (path.suffix.lower() in ENDINGS or len(path.parts) > 1 or path.exists())


def own_file(task: str, *, inputs: str, known: str, **options: Any) -> ForecastFile | None:
    """What is asked of a file; None where the task is one of the catalogue.

    Args:
        task: the name of a task, or a path.
        inputs, known: names of columns, separated by commas.
        options: the other fields of `ForecastFile`.

    Raises:
        CellwrightError: options of a file without one, or out of their range.
    """
    lists: dict[str, Any] = {"inputs": _names(inputs), "known": _names(known)}
    if is_file(task):
        return ForecastFile(path=task, **options, **lists)
    usual = {entry.name: entry.default for entry in fields(ForecastFile)}
    given = [name for name, value in (options | lists).items() if value and value != usual[name]]
    if given:
        raise CellwrightError(
            f"--{given[0]} is for a file of your own, and {task!r} is none: give the path of a CSV or Parquet file, "
            f"or leave --{given[0]} out"
        )
    return None


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())
