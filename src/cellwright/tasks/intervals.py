"""Prediction intervals from the errors of forecasts that the network was not trained on (split conformal)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

LEVEL = 0.9
"""The part of what comes that an interval should hold."""


@dataclass(frozen=True, kw_only=True)
class Interval:
    """What is added to a forecast to get the ends of its interval, by lead.

    Attributes:
        level: the part of future values that it should hold.
        low, high: offsets, (horizon,).
    """

    level: float
    low: tuple[float, ...]
    high: tuple[float, ...]

    @classmethod
    def fit(cls, errors: Floats, level: float = LEVEL) -> Interval:
        """From errors, observed minus forecast, of held-out windows (count, horizon).

        Each end is the order statistic that split conformal prediction takes (Lei et al. 2018, JASA 113, 1094, section
        2.2), with half of 1 - level beyond each: exchangeable errors fall within with at least that probability. With
        too few errors for that, the ends are the largest errors of all.
        """
        count, tail = len(errors), (1 - level) / 2
        beyond = max(int(np.floor(tail * (count + 1))), 1)
        ordered = np.sort(errors, axis=0)
        return cls(level=level, low=tuple(ordered[beyond - 1].tolist()), high=tuple(ordered[count - beyond].tolist()))

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> Interval:
        """From its fields as plain values, through JSON or not.

        Raises:
            KeyError, TypeError, ValueError: they are not that.
        """
        ends = {name: tuple(float(value) for value in plain[name]) for name in ("low", "high")}
        return cls(level=float(plain["level"]), **ends)

    def around(self, forecasts: ArrayLike) -> tuple[Floats, Floats]:
        """The ends of the intervals of forecasts (..., horizon)."""
        middle = np.asarray(forecasts)
        return np.asarray(middle + np.asarray(self.low)), np.asarray(middle + np.asarray(self.high))

    def coverage(self, observed: Floats, forecasts: ArrayLike) -> float:
        """The part of ``observed`` (..., horizon) within the intervals of the forecasts."""
        low, high = self.around(forecasts)
        return float(((observed >= low) & (observed <= high)).mean())
