"""The baseline of sequence classification: the class of the nearest training sequence, by Euclid's distance."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from cellwright.tasks.chunks import scales

Floats = NDArray[np.float64]

PIECE = 1 << 22
"""Numbers held at a time, distances and values each."""


def nearest(training: Sequence[Floats], sequences: Sequence[Floats]) -> NDArray[np.int64]:
    """The index of the training sequence that is nearest to each of ``sequences``, (count,).

    Each sequence is (time, channels). Channels are scaled by their standard deviation over the training part, which
    changes nothing where there is one. Where lengths differ, all are stretched to the longest training sequence by
    linear interpolation; where they do not, this is the 1-NN that the UCR archive prints errors of (Dau et al. 2019,
    IEEE/CAA Journal of Automatica Sinica 6(6), 1293-1305). The first of equally near ones counts.
    """
    from scipy.spatial.distance import cdist

    length = max(map(len, training))
    mean, scale = scales(training)
    by = 1.0 if scale is None else scale

    def rows(some: Sequence[Floats]) -> Floats:
        return np.stack([((_stretched(sequence, length) - mean) / by).ravel() for sequence in some])

    known = rows(training)
    size = max(1, PIECE // max(known.shape))
    pieces = (sequences[start : start + size] for start in range(0, len(sequences), size))
    return np.concatenate([cdist(rows(piece), known, "sqeuclidean").argmin(1) for piece in pieces])


def _stretched(sequence: Floats, length: int) -> Floats:
    """(length, channels)."""
    if len(sequence) == length:
        return sequence
    at, known = np.linspace(0, len(sequence) - 1, length), np.arange(len(sequence))
    return np.stack([np.interp(at, known, channel) for channel in sequence.T], 1)
