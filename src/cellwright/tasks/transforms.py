"""Transforms of a series, fitted on its training part and undone for one-step forecasts.

A series is a float64 tensor (months,); a transformed one has the same length, with NaN at the start where a value is
not known. The value of a month depends on that month and earlier ones alone. To undo a transform for a month, the
observed values of earlier months are at hand: a forecast is one step ahead.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from cellwright.errors import CellwrightError


class Step(ABC):
    """One step of a transform, before it has seen data."""

    @abstractmethod
    def fit(self, training: Tensor) -> Fitted:
        """The step with what it needs of ``training``, values (count,) without NaN.

        Raises:
            CellwrightError: values that the step cannot take.
        """


class Fitted(ABC):
    """One step, fitted."""

    @abstractmethod
    def forward(self, series: Tensor) -> Tensor:
        """``series`` (months,) transformed."""

    @abstractmethod
    def inverse(self, values: Tensor, months: Tensor, observed: Tensor) -> Tensor:
        """Undo the step for ``values`` (..., count) at ``months`` (count,), given the ``observed`` input (months,)."""


@dataclass(frozen=True)
class Log(Step, Fitted):
    """Natural logarithm: growth and swings in per cent become straight and even."""

    def fit(self, training: Tensor) -> Fitted:
        if bool((training <= 0).any()):
            raise CellwrightError("a logarithm needs values above 0: leave Log out of the transform")
        return self

    def forward(self, series: Tensor) -> Tensor:
        return series.log()

    def inverse(self, values: Tensor, months: Tensor, observed: Tensor) -> Tensor:
        return values.exp()


@dataclass(frozen=True)
class Difference(Step, Fitted):
    """Difference from the value ``lag`` months before (Box & Jenkins: 1 takes the trend, 12 the season)."""

    lag: int = 1

    def __post_init__(self) -> None:
        if not isinstance(self.lag, int) or self.lag < 1:
            raise CellwrightError(f"Difference(lag={self.lag!r}): expected an integer above 0")

    def fit(self, training: Tensor) -> Fitted:
        if len(training) <= self.lag:
            raise CellwrightError(f"Difference(lag={self.lag}) needs more than {self.lag} values, not {len(training)}")
        return self

    def forward(self, series: Tensor) -> Tensor:
        unknown = series.new_full((self.lag,), torch.nan)
        return torch.cat([unknown, series[self.lag :] - series[: -self.lag]])

    def inverse(self, values: Tensor, months: Tensor, observed: Tensor) -> Tensor:
        return values + observed[months - self.lag]


@dataclass(frozen=True)
class Affine(Fitted):
    """value * scale + shift, as ``MinMax`` and ``Standardise`` fit it."""

    scale: float
    shift: float

    def forward(self, series: Tensor) -> Tensor:
        return series * self.scale + self.shift

    def inverse(self, values: Tensor, months: Tensor, observed: Tensor) -> Tensor:
        return (values - self.shift) / self.scale


@dataclass(frozen=True)
class MinMax(Step):
    """The training part's smallest and largest value become ``low`` and ``high``; later values may lie beyond."""

    low: float = 0.0
    high: float = 1.0

    def __post_init__(self) -> None:
        if not self.low < self.high:
            raise CellwrightError(f"MinMax(low={self.low}, high={self.high}): expected low below high")

    def fit(self, training: Tensor) -> Fitted:
        smallest, span = float(training.min()), float(training.max() - training.min())
        scale = (self.high - self.low) / _above_zero(span)
        return Affine(scale, self.low - smallest * scale)


@dataclass(frozen=True)
class Standardise(Step):
    """Divide by the training part's standard deviation (over the count), after taking off its mean if ``centre``."""

    centre: bool = True

    def fit(self, training: Tensor) -> Fitted:
        scale = 1 / _above_zero(float(training.std(correction=0)))
        return Affine(scale, -float(training.mean()) * scale if self.centre else 0.0)


def _above_zero(spread: float) -> float:
    if not spread > 0:
        raise CellwrightError("the training part is constant: it cannot be scaled")
    return spread


@dataclass(frozen=True)
class Transformed:
    """A series with its transform: ``stages[k]`` is the input of step k, the last stage is what a network sees."""

    steps: tuple[Fitted, ...]
    stages: tuple[Tensor, ...]

    @property
    def values(self) -> Tensor:
        """The transformed series (months,), NaN at the start where it is not known."""
        return self.stages[-1]

    def inverse(self, values: Tensor, months: Tensor) -> Tensor:
        """``values`` (..., count), one-step forecasts for ``months`` (count,), in the unit of the series."""
        for step, observed in zip(reversed(self.steps), reversed(self.stages[:-1]), strict=True):
            values = step.inverse(values, months, observed)
        return values


def transformed(series: Tensor, steps: Sequence[Step], training: int) -> Transformed:
    """``series`` through ``steps``, each fitted on the first ``training`` months.

    Raises:
        CellwrightError: a step that cannot take these values.
    """
    fitted, stages = [], [series]
    for step in steps:
        known = stages[-1][:training]
        fitted.append(step.fit(known[~known.isnan()]))
        stages.append(fitted[-1].forward(stages[-1]))
    return Transformed(tuple(fitted), tuple(stages))
