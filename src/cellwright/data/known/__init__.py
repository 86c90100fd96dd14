"""Known data sets: one file each, found by name.

A file in this folder assigns to ``SET``; adding a set is adding a file. None of the data is here: a set says where to
get it and how to tell that it is whole.
"""

from __future__ import annotations

import importlib
import os
import pkgutil
from difflib import get_close_matches
from functools import cache
from pathlib import Path

from cellwright.data.layouts.checking import located, paths_of
from cellwright.data.layouts.known_set import KnownSet
from cellwright.data.series import Series
from cellwright.errors import CellwrightError, named

__all__ = ["catalogue", "data_folder", "find", "labelled_files", "read_series", "select"]


@cache
def _entries() -> dict[str, KnownSet]:
    found: dict[str, KnownSet] = {}
    for module in pkgutil.iter_modules(__path__):
        known = getattr(importlib.import_module(f"{__name__}.{module.name}"), "SET", None)
        if not isinstance(known, KnownSet):
            continue
        if known.name in found:
            raise CellwrightError(
                f"known/{module.name}.py describes {known.name}, which another file describes already"
            )
        found[known.name] = known
    return dict(sorted(found.items(), key=lambda entry: entry[0].lower()))


def catalogue() -> dict[str, KnownSet]:
    """Every known set by name."""
    return dict(_entries())


def find(name: str) -> KnownSet:
    """A known set by its name; capitals do not matter.

    Raises:
        CellwrightError: no set has that name, naming the nearest.
    """
    entries = _entries()
    return named("data set", {entry.lower(): entry for entry in entries}.get(name.lower(), name), entries)


def select(name: str) -> tuple[KnownSet, ...]:
    """The set of that name; else all sets that are found in a folder of that name, such as ``ucr_small``.

    Raises:
        CellwrightError: neither is known.
    """
    entries = _entries()
    together = tuple(known for known in entries.values() if any(name in form.folders for form in known.forms))
    if name.lower() in {entry.lower() for entry in entries} or not together:
        return (find(name),)
    return together


def data_folder() -> Path:
    """The folder of data sets: CELLWRIGHT_DATA where that is set, else ``data`` in the working folder."""
    return Path(os.environ.get("CELLWRIGHT_DATA") or "data")


def read_series(name: str, folder: Path | None = None, part: str = "") -> Series:
    """A series of a known set. Gaps are NaN; `Series.filled` fills them.

    Args:
        name: of the set.
        folder: with the data sets, or of this one; by default `data_folder`.
        part: of a set with several series, which; the first by default.

    Raises:
        CellwrightError: the set is unknown, no series, or not there; it has no such part; a file of it is damaged.
    """
    known = find(name)
    if known.series is None:
        raise CellwrightError(f"{known.name} is no set of series: {known.title}")
    _, place = located(known, folder or data_folder())
    if part and part not in (there := _parts(known, place)):
        near = get_close_matches(part, there, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        listed = f"it has {', '.join(there[:20])}{', ...' * (len(there) > 20)}" if there else "it is a single one"
        raise CellwrightError(f"{known.name} has no series {part!r}: {hint}{listed}")
    try:
        return known.series(place, part or (known.parts[0] if known.parts else ""))
    except CellwrightError:
        raise
    except Exception as error:  # damaged files break every assumption of a reader
        reason = " ".join(str(error).split())
        raise CellwrightError(
            f"{known.name} in {place} cannot be read ({reason}): cellwright data check {known.name} says what is wrong"
        ) from error


def _parts(known: KnownSet, place: Path) -> tuple[str, ...]:
    """Names of the series of a set: those of the copies, and those that are there beside them."""
    there = known.parts_in(place) if known.parts_in else ()
    return tuple(dict.fromkeys((*known.parts, *there)))


def labelled_files(name: str, folder: Path | None = None) -> tuple[Path, Path | None]:
    """The training file of a set of labelled sequences and its test file; None where that half is not there.

    Args:
        name: of the set.
        folder: with the data sets, or of this one; by default `data_folder`.

    Raises:
        CellwrightError: the set is unknown, not one of labelled sequences, or not there in the archive's format.
    """
    known = find(name)
    if known.halves is None:
        raise CellwrightError(f"{known.name} is no set of labelled sequences: {known.title}")
    form, place = located(known, folder or data_folder())
    paths = {file.path: paths_of(file, place) for file in form.files}
    train, test = (next(iter(paths.get(half, [])), None) for half in known.halves)
    if train is None:
        raise CellwrightError(
            f"{known.name} in {place} has no {known.halves[0]} (there is: {form.title}): get it from {known.source}"
        )
    return train, test
