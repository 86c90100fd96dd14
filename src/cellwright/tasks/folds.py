"""Stratified folds: every sequence is tested once, each time with networks that have not seen it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cellwright.data import LabelledSequences
from cellwright.errors import CellwrightError

Indices = NDArray[np.int64]


def folds(data: LabelledSequences, count: int, seed: int = 0) -> tuple[tuple[Indices, Indices], ...]:
    """Which sequences to train on and which to test, fold by fold: the members of each class in turn over the folds.

    Raises:
        CellwrightError: fewer than two folds, or a class with fewer sequences than folds.
    """
    fewest = min((size, label) for label, size in data.counts.items() if size)
    if not 2 <= count <= fewest[0]:
        raise CellwrightError(
            f"{count} folds of {data.name}: expected from 2 to {fewest[0]}, as many as there are of {fewest[1]!r}"
        )
    labels, number = np.array(data.labels), np.zeros(len(data), dtype=np.int64)
    for label in data.classes:
        members = np.random.default_rng(seed).permutation(np.flatnonzero(labels == label))
        number[members] = np.arange(len(members)) % count
    return tuple((np.flatnonzero(number != fold), np.flatnonzero(number == fold)) for fold in range(count))
