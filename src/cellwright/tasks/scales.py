"""What numbers are divided by, so that a network sees and gives some of about 1."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

ROUNDING = 1e-12
"""The part of the largest value that rounding may leave as a difference of equal numbers."""


def scale_of(values: Floats, largest: ArrayLike, axis: int | None = None) -> Floats:
    """The standard deviation of ``values`` along ``axis``, by default of all; never 0, whatever they are.

    Values that are constant, as the steps of a straight line are, count in their own size; those that are 0, in 1. What
    is not more than `ROUNDING` of ``largest``, the size of the numbers that they were computed from, is taken for 0.
    """
    least = ROUNDING * np.asarray(largest)
    deviation, size = values.std(axis=axis), np.abs(values).max(axis=axis)
    return np.where(deviation > least, deviation, np.where(size > least, size, 1.0))
