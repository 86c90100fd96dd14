"""A person's own file on the command line: whether it is one, and what is asked of it."""

from __future__ import annotations

import csv
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

from cellwright.errors import CellwrightError, named
from cellwright.tasks import ForecastFile, LabelledFile, catalogue

ENDINGS = (".csv", ".tsv", ".txt", ".parquet", ".pq", ".gz", ".ts")
_KINDS: dict[str, type[ForecastFile] | type[LabelledFile]] = {"forecast": ForecastFile, "classify": LabelledFile}


def is_file(name: str) -> bool:
    """Whether a task is named by a file: by its ending, its folder, or because there is such a file."""
    path = Path(name)
    return (
        bool(name.strip())
        and name not in catalogue()
        and (path.suffix.lower() in ENDINGS or len(path.parts) > 1 or path.exists())
    )


def own_file(
    task: str, kind: str = "forecast", *, inputs: str = "", known: str = "", **options: Any
) -> ForecastFile | LabelledFile | None:
    """What is asked of a file; None where the task is one of the catalogue.

    Args:
        task: the name of a task, or a path.
        kind: "forecast" a column, or "classify" sequences.
        inputs, known: names of columns, separated by commas.
        options: the other fields of `ForecastFile` and `LabelledFile`; None stands for what is usual.

    Raises:
        CellwrightError: options of a file without one or of the other kind, or out of their range.
    """
    asked = named("kind of task", kind, _KINDS)
    given = {name: value for name, value in options.items() if value is not None}
    given |= {"inputs": _names(inputs), "known": _names(known)}
    if not is_file(task):
        _refuse(given, task, kind)
        return None
    if kind == "forecast" and task.lower().removesuffix(".gz").endswith(".ts"):
        raise CellwrightError(f"{task} is a file of labelled sequences: classify them with --task classify")
    takes = {entry.name for entry in fields(asked)}
    for other in set(_KINDS.values()) - {asked}:
        for name in _changed(other, given) - takes:
            raise CellwrightError(f"{flag(name)} is not for --task {kind}: leave it out")
    return asked(path=task, **{name: value for name, value in given.items() if name in takes})


def _refuse(given: dict[str, Any], task: str, kind: str) -> None:
    """
    Raises:
        CellwrightError: options of a file.
    """
    changed = [name for asked in _KINDS.values() for name in _changed(asked, given)]
    if kind != "forecast":
        changed.append("task")
    if changed:
        raise CellwrightError(
            f"{flag(changed[0])} is for a file of your own, and {task!r} is none: give the path of a file, "
            f"or leave {flag(changed[0])} out"
        )


def _changed(asked: type[ForecastFile] | type[LabelledFile], given: dict[str, Any]) -> set[str]:
    """The options of a kind that are not what is usual."""
    usual = usual_options(asked)
    return {name for name, value in given.items() if name in usual and value != usual[name]}


def usual_options(asked: type[Any]) -> dict[str, Any]:
    """The options that a dataclass stands for, as they are where nobody says otherwise; empty where somebody must."""
    return {entry.name: "" if entry.default is MISSING else entry.default for entry in fields(asked)}


def flag(name: str) -> str:
    """An option as it is written on the command line."""
    return f"--{name.replace('_', '-')}"


def _names(text: str) -> tuple[str, ...]:
    """Names separated by commas; one that has a comma itself stands in double quotes, as in CSV."""
    return tuple(name.strip() for name in next(csv.reader([text], skipinitialspace=True), []) if name.strip())


def listed(names: tuple[str, ...]) -> str:
    """Names as ``--inputs`` takes them: the inverse of how they are read."""
    return ",".join(f'"{name}"' if "," in name else name for name in names)
