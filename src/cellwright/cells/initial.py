"""Where elementwise weights start: at a number, or drawn from a range."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from typing import TypeAlias

from cellwright.errors import CellwrightError


@dataclass(frozen=True)
class Uniform:
    """Drawn evenly between ``low`` and ``high``, for each element by itself."""

    low: float
    high: float

    def __post_init__(self) -> None:
        if not (isfinite(self.low) and isfinite(self.high) and self.low <= self.high):
            raise CellwrightError(f"{self}: expected two finite numbers, the smaller one first")


@dataclass(frozen=True)
class LogUniform(Uniform):
    """Drawn between ``low`` and ``high``, which are positive, so that the logarithm is spread evenly."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.low <= 0:
            raise CellwrightError(f"{self}: expected positive numbers")


Initial: TypeAlias = float | Uniform
"""Where the elements of a stored tensor start."""
