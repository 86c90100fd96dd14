"""What a run that classifies sequences hands to the report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cellwright.report.record import Baseline, Floats, RunReport, Score, expect

Classes = NDArray[np.int64]
"""Indices into the names of the classes."""


@dataclass(frozen=True, kw_only=True)
class Decisions:
    """The classes that the test sequences are given.

    software: (seeds, sequences), one row a trained network. chip: (chips, sequences), one row a simulated chip.
    """

    software: Classes
    chip: Classes


@dataclass(frozen=True, kw_only=True)
class ClassBaseline(Baseline):
    """A baseline with its decisions, (sequences,); ``error`` is its balanced error in per cent."""

    decisions: Classes


@dataclass(frozen=True, kw_only=True)
class ClassReport(RunReport):
    """A run that classifies sequences.

    An error is a balanced error, 100 minus the balanced accuracy, in per cent; the balanced accuracy is the mean of
    the recalls of the classes that the test sequences have. A departure is the share of the test sequences, in per
    cent, that a chip gives another class than the same network in software does.

    classes: their names. truth: the classes of the test sequences, (sequences,). sequences: their labels, for people.
    training_counts: how many training sequences each class has. note: a sentence on the data, for people.
    gate_sequence: the label of the test sequence that ``gates`` show.
    """

    classes: Sequence[str]
    truth: Classes
    sequences: Sequence[str]
    training_counts: Sequence[int]
    decisions: Decisions
    baselines: Sequence[ClassBaseline]
    gate_sequence: str
    note: str = ""

    def __post_init__(self) -> None:
        number, tested = len(self.classes), len(self.truth)
        expect(len(set(self.classes)) == number, "names of classes", list(self.classes), "all different")
        expect(number > 1, "number of classes", number, "at least 2")
        expect(tested > 0, "number of test sequences", tested, "at least 1")
        expect(len(self.sequences) == tested, "sequences", len(self.sequences), tested)
        expect(len(self.training_counts) == number, "training_counts", len(self.training_counts), number)
        decided = {"decisions.software": self.decisions.software, "decisions.chip": self.decisions.chip}
        self.expect_fitting(decided, tested)
        decided |= {f"decisions of {baseline.name}": baseline.decisions[None] for baseline in self.baselines}
        for what, indices in ({"truth": self.truth[None]} | decided).items():
            expect(indices.shape[1] == tested, what, indices.shape[1:], (tested,))
            ends = (int(indices.min()), int(indices.max()))
            expect(ends[0] >= 0 and ends[1] < number, what, f"from {ends[0]} to {ends[1]}", f"0 to {number - 1}")

    @property
    def decimals(self) -> int:
        """Of per cent."""
        return 2

    @property
    def gate_labels(self) -> Sequence[str]:
        """The steps of the sequence, counted from 1."""
        steps = max((len(gate) for gate in self.gates.values()), default=0)
        return [str(step + 1) for step in range(steps)]

    @property
    def test_counts(self) -> list[int]:
        """How many test sequences each class has."""
        return [int(number) for number in np.bincount(self.truth, minlength=len(self.classes))]

    @staticmethod
    def balanced_accuracy(error: Score) -> Score:
        """What balanced errors leave of 100 %."""
        percentiles = {100 - p: 100 - error.percentiles[p] for p in sorted(error.percentiles, reverse=True)}
        return Score(mean=100 - error.mean, std=error.std, percentiles=percentiles, count=error.count)

    def confusion(self, decisions: Classes) -> Floats:
        """Test sequences by their class (rows) and by the class given (columns): means over the rows of decisions."""
        number = len(self.classes)
        rows = np.atleast_2d(decisions)
        counts = np.bincount((self.truth * number + rows).ravel(), minlength=number * number)
        return counts.reshape(number, number) / len(rows)

    def accuracy(self, decisions: Classes) -> Score:
        """The share of the test sequences given their class, in per cent."""
        return Score.of(100 * (np.atleast_2d(decisions) == self.truth).mean(axis=1))

    def recall(self, decisions: Classes) -> list[Score | None]:
        """The share of each class that is recognised, in per cent; None where no test sequence has the class."""
        right = np.atleast_2d(decisions) == self.truth
        members = [self.truth == index for index in range(len(self.classes))]
        return [Score.of(100 * right[:, those].mean(axis=1)) if those.any() else None for those in members]
