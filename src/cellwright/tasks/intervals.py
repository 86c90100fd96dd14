"""Prediction intervals from the errors of forecasts that the network was not trained on (split conformal)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cellwright.tasks.plain_values import PlainValues

Floats = NDArray[np.float64]

LEVEL = 0.9
"""The part of what comes that an interval should hold."""


@dataclass(frozen=True, kw_only=True)
class Interval:
    """What is added to a forecast to get the ends of its interval, by lead.

    Attributes:
        level: the part of future values that it should hold.
        low, high: offsets, (horizon,); with ``relative`` factors.
        relative: whether errors are in proportion to the forecast, as those of a logarithm are.
    """

    level: float
    low: tuple[float, ...]
    high: tuple[float, ...]
    relative: bool = False

    @classmethod
    def fit(cls, observed: Floats, forecasts: Floats, *, relative: bool = False, level: float = LEVEL) -> Interval:
        """From forecasts of held-out windows and what came, (count, horizon) each.

        Each end is the order statistic that split conformal prediction takes (Lei et al. 2018, JASA 113, 1094, section
        2.2), with half of 1 - level beyond each: exchangeable errors fall within with at least that probability. With
        too few errors for that, the ends are the largest errors of all.
        """
        errors = observed / forecasts if relative else observed - forecasts
        count, tail = len(errors), (1 - level) / 2
        # Half of 1 - 0.9 is not quite 0.05: 5 of 99 errors lie beyond, not 4.
        beyond = max(int(np.floor(tail * (count + 1) + 1e-9)), 1)
        ordered = np.sort(errors, axis=0)
        low, high = (tuple(ordered[index].tolist()) for index in (beyond - 1, count - beyond))
        return cls(level=level, low=low, high=high, relative=relative)

    @classmethod
    def of(cls, given: PlainValues, horizon: int) -> Interval:
        """From its fields as plain values, through JSON or not.

        Raises:
            CellwrightError: they are not that.
        """
        low, high = (given.numbers(name, horizon) for name in ("low", "high"))
        if any(below > above for below, above in zip(low, high, strict=True)):
            raise given.wrong("low", "nothing above interval.high")
        level = given.number("level")
        if not 0 < level < 1:
            raise given.wrong("level", "a fraction between 0 and 1")
        return cls(level=level, low=low, high=high, relative=given.flag("relative"))

    def around(self, forecasts: ArrayLike) -> tuple[Floats, Floats]:
        """The ends of the intervals of forecasts (..., horizon)."""
        middle, low, high = np.asarray(forecasts), np.asarray(self.low), np.asarray(self.high)
        if self.relative:
            return np.asarray(middle * low), np.asarray(middle * high)
        return np.asarray(middle + low), np.asarray(middle + high)

    def coverage(self, observed: Floats, forecasts: ArrayLike) -> float:
        """The part of ``observed`` (..., horizon) within the intervals of the forecasts."""
        low, high = self.around(forecasts)
        return float(((observed >= low) & (observed <= high)).mean())
