"""A folder of results: made by one set of settings, resumed by the same, never overwritten by others."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cellwright.errors import CellwrightError
from cellwright.files import write_atomically

SETTINGS = "settings.json"


class ResultsFolder:
    """A folder whose ``settings.json`` says what made it.

    Args:
        path: created if it does not exist.
        settings: plain values by name.
        overwrite: delete what other settings left there.

    Raises:
        CellwrightError: the folder holds results of other settings, or files that are not ours, or cannot be written.
    """

    def __init__(self, path: Path, settings: Mapping[str, Any], *, overwrite: bool = False) -> None:
        self.path = path
        if path.exists() and not path.is_dir():
            raise CellwrightError(f"{path} is a file: name a folder for the results with --out")
        if path.exists() and any(path.iterdir()):
            self._check(dict(settings), overwrite)
        try:
            path.mkdir(parents=True, exist_ok=True)
            self.write(SETTINGS, json.dumps(dict(settings), indent=2) + "\n")
        except OSError as error:
            raise CellwrightError(
                f"cannot write to {path}: {error.strerror}; name another folder with --out"
            ) from error

    def _check(self, settings: dict[str, Any], overwrite: bool) -> None:
        made_with = self._made_with()
        if made_with == settings:
            return
        if made_with is None:
            raise CellwrightError(
                f"{self.path} holds files that are no results of cellwright: name another folder with --out"
            )
        different = [name for name in settings if made_with.get(name) != settings[name]]
        if not overwrite:
            changes = ", ".join(_change(name, made_with.get(name), settings[name]) for name in different)
            raise CellwrightError(
                f"{self.path} holds results made with other settings ({changes or 'another version'}): "
                "name another folder with --out, or replace them with --overwrite"
            )
        shutil.rmtree(self.path)

    def _made_with(self) -> dict[str, Any] | None:
        """The settings in the folder; None where there are none that can be read."""
        try:
            made_with = json.loads((self.path / SETTINGS).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return made_with if isinstance(made_with, dict) else None

    def write(self, name: str, content: str | bytes) -> Path:
        """Write a file whole or not at all; ``name`` may lie in a folder below."""
        target = self.path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(target, content)
        return target


def _change(name: str, before: Any, now: Any) -> str:
    if name.endswith("_source"):
        return f"the file of the {name.removesuffix('_source')} has changed"
    return f"{name} was {before!r}, now {now!r}"
