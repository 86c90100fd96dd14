"""The text format of the UCR archive: a sequence a line, its label first.

The archive of 2018 separates by tabs (``.tsv``) and fills shorter sequences up with NaN at the end; the older one
separates by commas or blanks (``.txt``). Dau et al. 2019, IEEE/CAA Journal of Automatica Sinica 6(6), 1293-1305.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cellwright.data.sequences import LabelledSequences
from cellwright.data.text import UNLABELLED, Line, numbers, read_lines, without_padding
from cellwright.errors import shown


def read_ucr(path: Path, name: str) -> LabelledSequences:
    """The sequences of a file, one channel each.

    Raises:
        CellwrightError: what is wrong in which line.
    """
    sequences: list[NDArray[np.float64]] = []
    labels: list[str] = []
    separator: str | None = None
    for line in read_lines(path):
        if not labels:
            separator = _separator(line)
        label, *cells = line.text.split(separator)
        labels.append(_label(label, line))
        if not cells:
            raise line.wrong(
                f"{shown(line.text)} is a label without values: expected the label and the values of one sequence, "
                "separated by tabs, commas or blanks"
            )
        sequences.append(without_padding(numbers(cells, line)[:, None], line))
    return LabelledSequences(
        name=name,
        sequences=tuple(sequences),
        labels=tuple(labels),
        classes=tuple(sorted(set(labels), key=_in_order)),
        channels=("value",),
    )


def _separator(line: Line) -> str | None:
    """What stands between the values: a tab, a comma, or (None) blanks."""
    found = next((mark for mark in ("\t", ",") if mark in line.text), None)
    if found is None and ";" in line.text:
        raise line.wrong("the values are separated by semicolons: expected tabs, commas or blanks")
    return found


def _label(cell: str, line: Line) -> str:
    """The label as text; a whole number looks the same in every file: 1, not 1.0000000e+00."""
    text = cell.strip()
    if text.lower() in UNLABELLED:
        raise line.wrong(f"the label is missing ({shown(text)}): expected it first in the line")
    try:
        value = float(text)
    except ValueError:
        return text
    return str(int(value)) if math.isfinite(value) and value == int(value) else text


def _in_order(label: str) -> tuple[float, str]:
    """Numbers by their value, then words by their letters."""
    try:
        value = float(label)
    except ValueError:
        return math.inf, label
    return (value if math.isfinite(value) else math.inf), label
