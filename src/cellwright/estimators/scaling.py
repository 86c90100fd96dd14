"""Mean 0 and standard deviation 1, as the training part has them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cellwright.errors import CellwrightError
from cellwright.estimators.sequences import Values

Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Scaling:
    """``(values - mean) / deviation``; both (features,), along the last axis."""

    mean: Array
    deviation: Array

    @classmethod
    def of(cls, values: Values, weights: Array) -> Scaling:
        """Fitted to ``values`` (samples, ..., features); NaN does not count, a sample counts by its weight (samples,).

        A feature that is constant keeps its unit.

        Raises:
            CellwrightError: values too large to be squared.
        """
        rows = values.reshape(-1, values.shape[-1]).astype(np.float64)
        repeated = weights.repeat(len(rows) // len(weights))
        counted = ~np.isnan(rows).any(axis=1)
        rows, repeated = rows[counted], repeated[counted]
        with np.errstate(over="ignore", invalid="ignore"):
            mean = np.average(rows, axis=0, weights=repeated)
            deviation = np.sqrt(np.average((rows - mean) ** 2, axis=0, weights=repeated))
        if not (np.isfinite(mean) & np.isfinite(deviation)).all():
            raise CellwrightError("values are too large for float64 to be scaled: divide them by a constant first")
        # What rounding leaves of a constant in a sum of so many rows is no spread.
        constant = deviation <= len(rows) * np.finfo(np.float64).eps * np.abs(mean)
        return cls(mean=mean, deviation=np.where(constant, 1.0, deviation))

    def forward(self, values: Values) -> Array:
        """``values`` scaled, float64."""
        return (values - self.mean) / self.deviation

    def inverse(self, scaled: Values) -> Array:
        """``scaled`` in its own unit again, float64."""
        return scaled * self.deviation + self.mean
