"""The classes that the networks of a run give to the sequences of a file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.table import Table as Grid
from rich.text import Text

from cellwright.data import read_labelled
from cellwright.errors import CellwrightError
from cellwright.report.plain import as_csv
from cellwright.report.wording import counted, printable, short
from cellwright.studies.narration import Narration
from cellwright.tasks.stored import StoredClassifier

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Decided:
    """The class of each sequence.

    Attributes:
        classes: that the networks know.
        labels: that the file has, one a sequence.
        probabilities: mean over the networks, (sequences, classes).
        recall: the part of each class of the file that is found, in per cent, for classes that the networks know.
    """

    classes: tuple[str, ...]
    labels: tuple[str, ...]
    probabilities: Floats
    recall: dict[str, float]

    @property
    def decisions(self) -> list[str]:
        """The likeliest class of each sequence."""
        return [self.classes[index] for index in self.probabilities.argmax(axis=1)]

    @property
    def balanced_accuracy(self) -> float | None:
        """The mean of the recalls, in per cent; None where no label of the file is known."""
        return float(np.mean(list(self.recall.values()))) if self.recall else None

    @property
    def unknown(self) -> list[str]:
        """Labels of the file that the networks do not know, one a sequence."""
        return [label for label in self.labels if label not in self.classes]

    def plain(self) -> dict[str, Any]:
        """As numbers, text, lists and dicts."""
        return {
            "decisions": self.decisions,
            "probabilities": [dict(zip(self.classes, row, strict=True)) for row in self.probabilities.tolist()],
            "recall": self.recall,
            "balanced_accuracy": self.balanced_accuracy,
        }

    def csv(self) -> str:
        """One row a sequence."""
        numbers = [str(number) for number in range(1, len(self.labels) + 1)]
        columns = {"sequence": numbers, "label": self.labels, "decision": self.decisions}
        parts = zip(self.classes, self.probabilities.T, strict=True)
        return as_csv(columns | {f"probability_{name}": values for name, values in parts})

    def tell(self, narration: Narration) -> None:
        """Say how many sequences have which class, and how many were found."""
        grid = Grid(box=None, pad_edge=False, padding=(0, 2, 0, 0))
        for heading in ("class", "decided", "in the file", "found"):
            grid.add_column(Text(heading))
        for name in dict.fromkeys((*self.classes, *self.labels)):
            found = f"{self.recall[name]:.1f} %" if name in self.recall else ""
            counts = (str(self.decisions.count(name)), str(self.labels.count(name)))
            grid.add_row(Text(printable(name)), *counts, found)
        narration.say(grid)
        if self.balanced_accuracy is not None:
            known = counted(len(self.labels) - len(self.unknown), "sequence")
            narration.say(Text(f"Balanced accuracy over {known}: {self.balanced_accuracy:.1f} %"))
        if self.unknown:
            names = ", ".join(short(name) for name in list(dict.fromkeys(self.unknown))[:5])
            told = f"{counted(len(self.unknown), 'sequence')} with a label that the run does not know count in nothing"
            narration.say(Text(f"{told}: {names}"))


def classify_sequences(stored: StoredClassifier, file: Path) -> Decided:
    """Tell the classes of the sequences of a file.

    Raises:
        CellwrightError: other dimensions than the run was trained on; see ``read_labelled``.
    """
    data = read_labelled(file)
    if len(data.channels) != len(stored.channels):
        raise CellwrightError(
            f"{file} has {len(data.channels)} dimensions, this run was trained on {len(stored.channels)}: give "
            "sequences with as many"
        )
    probabilities = stored.probabilities(data.sequences)
    decided, labels = probabilities.argmax(axis=1), np.array(data.labels)
    recall = {
        name: float(100 * np.mean(decided[labels == name] == index))
        for index, name in enumerate(stored.classes)
        if (labels == name).any()
    }
    return Decided(classes=stored.classes, labels=data.labels, probabilities=probabilities, recall=recall)
