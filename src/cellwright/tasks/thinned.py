"""Some of many rows or sequences, evenly spread."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def thinned(rows: range | NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """All of ``rows``, or as many as ``most`` of them, evenly spread from the first to the last; 1 is the first."""
    if len(rows) <= most:
        return np.asarray(rows, dtype=np.int64)
    places = np.linspace(0, len(rows) - 1, most).round().astype(np.int64)
    # A range of any length takes no memory.
    return rows.start + rows.step * places if isinstance(rows, range) else rows[places]
