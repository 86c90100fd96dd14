"""Forecasts that need no network: from the past of a series to several steps ahead at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Naive:
    """A rule: ``forecast(past, horizon, season)`` gives (..., horizon) from ``past`` (..., time).

    name: its key in results. title: in words. formula: the forecast of a time from ``{h}`` steps before, with ``{p}``
    for the season and ``{hp}`` for both together. seasonal: whether it looks a season back.
    """

    name: str
    title: str
    formula: str
    seasonal: bool
    forecast: Callable[[Floats, int, int], Floats]

    def written(self, horizon: int, season: int) -> str:
        """The formula with its numbers: ``y[t-12] + y[t-1] - y[t-13]``."""
        lead = "1" if horizon == 1 else "h"
        both = str(season + 1) if horizon == 1 else f"{season}-h"
        return self.formula.format(h=lead, p=season, hp=both)


def _persistence(past: Floats, horizon: int, season: int) -> Floats:
    return np.repeat(past[..., -1:], horizon, axis=-1)


def _seasonal(past: Floats, horizon: int, season: int) -> Floats:
    leads = np.arange(1, horizon + 1)
    # Beyond one season ahead the last whole season is repeated.
    back = leads - season * -(-leads // season)
    return np.asarray(past[..., back - 1])


def _seasonal_difference(past: Floats, horizon: int, season: int) -> Floats:
    return np.asarray(_seasonal(past, horizon, season) + past[..., -1:] - past[..., [-1 - season]])


RULES = (
    Naive(name="persistence", title="as the last value", formula="y[t-{h}]", seasonal=False, forecast=_persistence),
    Naive(name="seasonal_naive", title="as a season ago", formula="y[t-{p}]", seasonal=True, forecast=_seasonal),
    Naive(
        name="seasonal_difference",
        title="as a season ago, plus what has changed since",
        formula="y[t-{p}] + y[t-{h}] - y[t-{hp}]",
        seasonal=True,
        forecast=_seasonal_difference,
    ),
)


def rules(season: int) -> tuple[Naive, ...]:
    """The rules for a series with that season; 0 is none."""
    return RULES if season else tuple(rule for rule in RULES if not rule.seasonal)
