"""A bad input: what it is called, how it is made, the command that gets it, and the line that is expected."""

from __future__ import annotations

import json
import shlex
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

GONE = "<gone>"
"""Stands in ``edit`` for a value that is taken out."""


@dataclass(frozen=True, kw_only=True)
class BadInput:
    """An entry of a file of this folder.

    Attributes:
        topic: the name of that file.
        name: what is wrong, for people.
        command: what is typed after ``cellwright``.
        says: the line on stderr, without ``cellwright: ``.
        prints: whether something is also printed on stdout, as tables of what was found.
        files: texts by the name of their file.
        hex: bytes by the name of their file; in the order of the file, blanks do not matter.
        made: names of makers (``makers.py``) by the name of the file that they make.
        edit: [file, value to change as a.b.0, new value] of a JSON file.
        as_root: whether it makes sense where nothing is forbidden.
        environment: variables that are set.
    """

    topic: str
    name: str
    command: str
    says: str
    prints: bool = False
    files: Mapping[str, str] = field(default_factory=dict)
    hex: Mapping[str, str] = field(default_factory=dict)
    made: Mapping[str, str] = field(default_factory=dict)
    edit: tuple[tuple[str, str, Any], ...] = ()
    as_root: bool = True
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def arguments(self) -> list[str]:
        return shlex.split(self.command)

    def make(self, folder: Path, makers: Mapping[str, Callable[[Path], None]]) -> None:
        """Put the input into a folder."""
        for name, text in self.files.items():
            _placed(folder / name).write_bytes(text.encode())
        for name, digits in self.hex.items():
            _placed(folder / name).write_bytes(bytes.fromhex(digits))
        for name, maker in self.made.items():
            makers[maker](_placed(folder / name))
        for name, place, value in self.edit:
            _edit(folder / name, place.split("."), value)


def read_corpus(folder: Path) -> Iterator[BadInput]:
    """The entries of all files of a folder."""
    for path in sorted(folder.glob("*.toml")):
        for entry in tomllib.loads(path.read_text(encoding="utf-8"))["bad"]:
            yield BadInput(topic=path.stem, **entry)


def _placed(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def _edit(path: Path, place: list[str], value: Any) -> None:
    tree = inner = json.loads(path.read_text(encoding="utf-8"))
    *way, last = [int(part) if part.isdigit() else part for part in place]
    for part in way:
        inner = inner[part]
    if value == GONE:
        del inner[last]
    else:
        inner[last] = value
    path.write_text(json.dumps(tree), encoding="utf-8")
