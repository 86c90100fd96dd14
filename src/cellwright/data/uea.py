"""The ``.ts`` format of the UEA archive, of sktime and aeon: a header, then a sequence a line with its label last.

In a line ``:`` stands between dimensions, ``,`` between values, and ``?`` is a missing value. Described at
aeon-toolkit.org, API reference, ".ts File Format".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cellwright.data.sequences import LabelledSequences
from cellwright.data.text import UNLABELLED, Line, numbers, read_lines, without_padding
from cellwright.errors import CellwrightError, shown

_SWITCHES = ("timestamps", "missing", "univariate", "equallength")
_COUNTS = ("dimensions", "serieslength")


def read_uea(path: Path, name: str) -> LabelledSequences:
    """The sequences of a file.

    Raises:
        CellwrightError: what is wrong in which line.
    """
    header, sequences, labels = _Header(path), [], []
    for line in read_lines(path, comment=b"#"):
        if not header.complete:
            header.read(line)
            continue
        *dimensions, label = line.text.split(":")
        sequence = _sequence(dimensions, line)
        labels.append(header.checked_label(label, line))
        sequences.append(header.checked(sequence, line))
    header.check_complete()
    if not sequences:
        raise CellwrightError(f"{path} has no sequences after @data: expected at least one a line")
    return LabelledSequences(
        name=header.name or name,
        sequences=tuple(sequences),
        labels=tuple(labels),
        classes=tuple(header.classes),
        channels=_channel_names(sequences[0].shape[1]),
    )


def _channel_names(count: int) -> tuple[str, ...]:
    return ("value",) if count == 1 else tuple(f"dimension {number}" for number in range(1, count + 1))


def _sequence(dimensions: list[str], line: Line) -> NDArray[np.float64]:
    """(time, channels)."""
    if not dimensions:
        raise line.wrong(f"{shown(line.text)} has no ':': expected values, then ':' and the label")
    columns = [
        numbers(cells.split(","), line, f"dimension {number}, value") for number, cells in enumerate(dimensions, 1)
    ]
    for number, column in enumerate(columns, 1):
        if len(column) != len(columns[0]):
            raise line.wrong(
                f"dimension {number} has {len(column)} values, dimension 1 has {len(columns[0])}: expected as many in "
                "every dimension"
            )
    return without_padding(np.stack(columns, 1), line)


@dataclass
class _Header:
    """What the lines before ``@data`` say, and whether the lines after it keep to it."""

    path: Path
    name: str = ""
    switches: dict[str, bool] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    classes: dict[str, None] = field(default_factory=dict)
    complete: bool = False
    length: int | None = None

    def read(self, line: Line) -> None:
        tag, *values = line.text.split()
        key = tag.lower()
        if not key.startswith("@"):
            raise line.wrong(
                f"{shown(line.text)} stands before @data: expected lines of @NAME VALUE, or # for a comment; "
                "is this a .ts file?"
            )
        key = {"dimension": "dimensions"}.get(key[1:], key[1:])
        if key == "problemname":
            self.name = " ".join(values)
        elif key in _SWITCHES:
            self.switches[key] = _switch(tag, values[:1], line)
        elif key in _COUNTS:
            self.counts[key] = _count(tag, values, line)
        elif key == "classlabel":
            self._read_classes(tag, values, line)
        elif key == "targetlabel" and _switch(tag, values[:1], line):
            raise line.wrong("@targetLabel true means numbers to predict, not classes: expected @classLabel true ...")
        elif key == "data":
            self.check_classes(line)
            self.complete = True

    def _read_classes(self, tag: str, values: list[str], line: Line) -> None:
        if not _switch(tag, values[:1], line):
            raise line.wrong("@classLabel false means sequences without labels: expected @classLabel true and classes")
        self.classes = dict.fromkeys(values[1:])
        if not self.classes:
            raise line.wrong("@classLabel true names no class: expected @classLabel true CLASS CLASS ...")
        if len(self.classes) < len(values) - 1:
            raise line.wrong("@classLabel names a class twice: expected each once")

    def check_classes(self, line: Line) -> None:
        if not self.classes:
            raise line.wrong("@data comes without @classLabel before it: expected @classLabel true CLASS CLASS ...")
        if self.switches.get("timestamps"):
            raise line.wrong(
                "@timeStamps true is not supported: write the values alone, at equal steps of time, with "
                "@timeStamps false"
            )

    def check_complete(self) -> None:
        if not self.complete:
            raise CellwrightError(
                f"{self.path} has no line @data: expected a header, @data, and then a sequence a line; is this a .ts "
                "file?"
            )

    def checked_label(self, label: str, line: Line) -> str:
        text = label.strip()
        if text in self.classes:
            return text
        if text.lower() in UNLABELLED:
            raise line.wrong(f"the label is missing ({shown(text)}): expected it after the last ':'")
        raise line.wrong(
            f"the label {shown(text)} is none of @classLabel ({shown(', '.join(self.classes))}): add it there or "
            "correct it here"
        )

    def checked(self, values: NDArray[np.float64], line: Line) -> NDArray[np.float64]:
        expected = 1 if self.switches.get("univariate") else self.counts.setdefault("dimensions", values.shape[1])
        if values.shape[1] != expected:
            raise line.wrong(
                f"there are dimensions: {values.shape[1]}; expected {expected}, as the header or the first sequence "
                "has; they are separated by ':'"
            )
        if self.switches.get("equallength"):
            self.length = self.counts.get("serieslength", len(values)) if self.length is None else self.length
            if len(values) != self.length:
                raise line.wrong(
                    f"the sequence has {len(values)} time steps, expected {self.length}: correct it, or write "
                    "@equalLength false"
                )
        return values


def _switch(tag: str, values: list[str], line: Line) -> bool:
    if [value.lower() for value in values] not in (["true"], ["false"]):
        raise line.wrong(f"{shown(tag)} says {shown(' '.join(values))}: expected true or false")
    return values[0].lower() == "true"


def _count(tag: str, values: list[str], line: Line) -> int:
    text = " ".join(values)
    if not (text.isascii() and text.isdigit() and len(text) < 10 and int(text) > 0):
        raise line.wrong(f"{shown(tag)} says {shown(text)}: expected a whole number above 0")
    return int(text)
