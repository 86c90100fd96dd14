"""Labelled sequences in memory, whatever file they are from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from cellwright.errors import CellwrightError

LARGEST = 1e100  # a square of what lies beyond may be no number any more


@dataclass(frozen=True, kw_only=True)
class LabelledSequences:
    """Sequences with a class each.

    name: of the set, for people. sequences: float64 arrays (time, channels), possibly of different lengths.
    labels: the class of each, as text. classes: all of them in order; one that no sequence has may be among them.
    channels: their names. numbers: of the sequences in their file, from 1; by default in order.

    Raises:
        CellwrightError: no sequences, labels or shapes that do not fit, a value that is no finite number.
    """

    name: str
    sequences: tuple[NDArray[np.float64], ...]
    labels: tuple[str, ...]
    classes: tuple[str, ...]
    channels: tuple[str, ...]
    numbers: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if not self.sequences:
            raise CellwrightError(f"{self.name} has no sequences: expected at least one")
        if len(self.labels) != len(self.sequences):
            raise CellwrightError(
                f"{self.name} has {len(self.sequences)} sequences and {len(self.labels)} labels: expected one each"
            )
        if strange := set(self.labels) - set(self.classes):
            raise CellwrightError(f"{self.name} has the label {min(strange)!r}, which is none of its classes")
        if not self.numbers:
            object.__setattr__(self, "numbers", tuple(range(1, len(self) + 1)))
        for number, values in zip(self.numbers, self.sequences, strict=True):
            self._check(number, values)

    def _check(self, number: int, values: NDArray[np.float64]) -> None:
        if values.ndim != 2 or values.shape[1] != len(self.channels) or len(values) == 0:
            raise CellwrightError(
                f"{self.name}, sequence {number} has the shape {values.shape}: "
                f"expected (time, {len(self.channels)}) with at least one time step"
            )
        # Written so that NaN fails, too.
        if not bool((np.abs(values) <= LARGEST).all()):
            raise CellwrightError(
                f"{self.name}, sequence {number} has a value that is no finite number (or beyond {LARGEST:g}): "
                "fill it or leave the sequence out"
            )

    def __len__(self) -> int:
        return len(self.sequences)

    @property
    def lengths(self) -> NDArray[np.int64]:
        """The time steps of each sequence (sequences,)."""
        return np.array([len(values) for values in self.sequences])

    @property
    def counts(self) -> dict[str, int]:
        """How many sequences each class has."""
        found = dict.fromkeys(self.classes, 0)
        for label in self.labels:
            found[label] += 1
        return found

    def select(self, indices: Sequence[int] | NDArray[np.int64]) -> LabelledSequences:
        """The sequences at ``indices``, in that order; the classes stay."""
        chosen = [int(index) for index in indices]
        return replace(
            self,
            sequences=tuple(self.sequences[index] for index in chosen),
            labels=tuple(self.labels[index] for index in chosen),
            numbers=tuple(self.numbers[index] for index in chosen),
        )
