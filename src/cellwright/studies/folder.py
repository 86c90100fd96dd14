"""A folder of results: made by one set of settings, resumed by the same, never overwritten by others.

One run at a time has it; what is not ours in there stays.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from cellwright.errors import CellwrightError, in_words
from cellwright.files import drafted, write_atomically
from cellwright.studies.lock import LOCK, FolderLock

SETTINGS = "settings.json"

OURS = (
    SETTINGS, "result.json", "forecast.csv", "test.csv", "report.html", "model.safetensors",
    "networks.json", "networks/*.safetensors", "predictions/*.csv",
    "sweeps.json", "sweep.html", "sweep.csv", "sweep.parquet", "sweep-chips.csv", "sweep-chips.parquet",
    "cell.cir", "circuit.html", "waveforms.csv", "steps.csv",
    "checkpoints/*.checkpoint", "networks/*/*.checkpoint", "chips/*.npz", "points/*.json",
    "figures/*.svg", "figures/*.png",
)  # fmt: skip
"""All files that runs, sweeps and circuits write. ``--overwrite`` deletes these and no others."""


class ResultsFolder:
    """A folder whose ``settings.json`` says what made it, held against other runs until it is left or closed.

    Args:
        path: created if it does not exist.
        settings: plain values by name.
        overwrite: delete what other settings left there, but nothing that is not ours.

    Raises:
        CellwrightError: the folder holds results of other settings, or files that are not ours, or cannot be written;
            another run has it.
    """

    def __init__(self, path: Path, settings: Mapping[str, Any], *, overwrite: bool = False) -> None:
        self.path = path
        if path.exists() and not path.is_dir():
            raise CellwrightError(f"{path} is a file: name a folder for the results with --out")
        self._check_ours()
        try:
            path.mkdir(parents=True, exist_ok=True)
            self._lock = FolderLock(path)
            try:
                self._begin(dict(settings), overwrite)
            except BaseException:
                self.close()
                raise
        except OSError as error:
            raise CellwrightError(
                f"cannot write to {path}: {error.strerror}; make room there, or name another folder with --out"
            ) from error

    def __enter__(self) -> ResultsFolder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let other runs have the folder."""
        self._lock.release()

    def _check_ours(self) -> None:
        """Refuse a folder with files and no settings. A log may lie there, and what a killed run left behind."""
        if not self.path.is_dir() or self._made_with() is not None:
            return
        if any(
            entry.suffix != ".log" and entry.name != LOCK and not drafted(entry.name) for entry in _entries(self.path)
        ):
            raise CellwrightError(
                f"{self.path} holds files that are no results of cellwright: name another folder with --out"
            )

    def _begin(self, settings: dict[str, Any], overwrite: bool) -> None:
        made_with = self._made_with()
        if made_with is not None and made_with != settings:
            if not overwrite:
                raise CellwrightError(
                    f"{self.path} holds results made with other settings ({_changes(made_with, settings)}): "
                    "name another folder with --out, or replace them with --overwrite"
                )
            self._delete_results()
        for draft in self._files("."):
            draft.unlink()
        self.write(SETTINGS, json.dumps(settings, indent=2) + "\n")

    def _delete_results(self) -> None:
        """All but the settings, which are replaced: until then the folder counts as what it was."""
        folders: set[Path] = set()
        for file in self._files():
            if file.name != SETTINGS:
                file.unlink()
                folders.update(parent for parent in file.parents if self.path in parent.parents)
        for folder in sorted(folders, reverse=True):
            with suppress(OSError):  # something else lies there
                folder.rmdir()

    def _files(self, prefix: str = "") -> Iterator[Path]:
        """Our files; with the prefix "." the drafts of such files that a killed run left behind."""
        for pattern in OURS:
            head, _, name = pattern.rpartition("/")
            for file in list(self.path.glob(f"{head}/{prefix}*" if head else f"{prefix}*")):
                own = drafted(file.name) if prefix else file.name
                if file.is_file() and own and Path(own).match(name):
                    yield file

    def _made_with(self) -> dict[str, Any] | None:
        """The settings in the folder; None where there are none that can be read."""
        try:
            made_with = json.loads((self.path / SETTINGS).read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            return None
        return made_with if isinstance(made_with, dict) else None

    def write(self, name: str, content: str | bytes) -> Path:
        """Write a file whole or not at all; ``name`` may lie in a folder below."""
        target = self.path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(target, content)
        return target


def _entries(path: Path) -> list[Path]:
    try:
        return list(path.iterdir())
    except OSError as error:
        raise CellwrightError(f"cannot read {in_words(error)}") from error


def _changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    different = [name for name in now if before.get(name) != now[name]]
    # What is taken from a file differs too where another file, or another part of it, is asked for.
    different = [name for name in different if not name.endswith("_source")] or different
    return ", ".join(_change(name, before.get(name), now[name]) for name in different) or "another version"


def _change(name: str, before: Any, now: Any) -> str:
    if name.endswith("_source"):
        return f"the file of the {name.removesuffix('_source')} has changed"
    return f"{name} was {before!r}, now {now!r}"
