"""Series in memory: named columns of numbers, side by side in time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True)
class Series:
    """Columns of the same length.

    Attributes:
        columns: float64 by name; NaN where a value is missing.
        times: datetime64 of each row, in the set's own step (days, months, ...); None where the set has no times.
    """

    columns: Mapping[str, NDArray[np.float64]]
    times: NDArray[np.datetime64] | None = None

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))

    @property
    def gaps(self) -> dict[str, int]:
        """Missing values of each column that has any."""
        counts = {name: int(np.isnan(values).sum()) for name, values in self.columns.items()}
        return {name: count for name, count in counts.items() if count}

    def filled(self) -> Series:
        """The same with each gap on the straight line between its neighbours; at the ends, the nearest value.

        The neighbour behind a gap lies in its future: a gap at the border between training and test part, filled so,
        tells the training part of the test part.
        """
        return Series(columns={name: _filled(values) for name, values in self.columns.items()}, times=self.times)


def _filled(values: NDArray[np.float64]) -> NDArray[Any]:
    there = ~np.isnan(values)
    if there.all() or not there.any():
        return values
    rows = np.arange(len(values))
    return np.interp(rows, rows[there], values[there])
