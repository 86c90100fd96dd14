"""Sigmoid and tanh as digital hardware computes them: rounded, from a table, or by straight lines."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch

from cellwright.errors import CellwrightError, named

Tensor = torch.Tensor
Function = Callable[[Tensor], Tensor]

EXACT: Mapping[str, Function] = {"sigmoid": torch.sigmoid, "tanh": torch.tanh}
"""What is approximated, by the operator's name."""


@dataclass(frozen=True)
class Activation(ABC):
    """A way to compute sigmoid and tanh; the result is rounded to its format afterwards."""

    @abstractmethod
    def function(self, name: str) -> Function:
        """The approximation of ``sigmoid`` or ``tanh``."""

    def maximum_error(self, name: str, limit: float = 20.0, points: int = 400_001) -> float:
        """The largest distance from the function itself between -limit and limit, before rounding, at so many points.

        Raises:
            CellwrightError: no activation has that name.
        """
        x = torch.linspace(-limit, limit, points, dtype=torch.float64)
        return float((self.function(name)(x) - named("activation", name, EXACT)(x)).abs().max())


@dataclass(frozen=True)
class Rounded(Activation):
    """The function itself: a table with an entry for every input, which up to 16 bits is 65,536 of them."""

    def function(self, name: str) -> Function:
        return named("activation", name, EXACT)


@dataclass(frozen=True)
class Table(Activation):
    """A table of evenly spaced entries between -limit and limit; beyond them the last entry.

    Without interpolation an entry is the function in the middle of its interval, w = 2 limit / entries wide: the error
    is at most w / 2 times the largest slope (1/4 for the sigmoid, 1 for tanh). With it the entries are the ends of
    straight lines: at most w^2 / 8 times the largest curvature (1 / (6 sqrt 3) and 4 / (3 sqrt 3)). Both as long as
    the function is flat beyond the limit.

    Raises:
        CellwrightError: fewer than 2 entries, or a limit that is not positive.
    """

    entries: int = 256
    limit: float = 8.0
    interpolate: bool = False

    def __post_init__(self) -> None:
        if self.entries < 2 or not 0 < self.limit < float("inf"):
            raise CellwrightError(
                f"a table has at least 2 entries and a positive limit, got {self.entries} and {self.limit}"
            )

    @property
    def width(self) -> float:
        """Of the interval of one entry."""
        return 2 * self.limit / self.entries

    def function(self, name: str) -> Function:
        exact, width, last = named("activation", name, EXACT), self.width, self.entries - 1

        def look_up(x: Tensor) -> Tensor:
            place = (x + self.limit) / width
            index = torch.floor(place).clamp(0, last)
            left = index * width - self.limit
            if not self.interpolate:
                return exact(left + width / 2)
            low = exact(left)
            return low + (exact(left + width) - low) * (place - index).clamp(0, 1)

        return look_up


@dataclass(frozen=True)
class Plan(Activation):
    """PLAN: four straight lines with slopes that are powers of two, so that shifts and additions suffice.

    Amin, Curtis & Hayes-Gill 1997, IEE Proc. Circuits Devices Syst. 144, 313: for x from 0 the sigmoid is x/4 + 0.5 up
    to 1, x/8 + 0.625 up to 2.375, x/32 + 0.84375 up to 5, then 1; below 0 it is 1 minus that. tanh(x) is
    2 sigmoid(2 x) - 1.
    """

    def function(self, name: str) -> Function:
        named("activation", name, EXACT)
        return _plan if name == "sigmoid" else lambda x: 2 * _plan(2 * x) - 1


def _plan(x: Tensor) -> Tensor:
    magnitude = x.abs()
    lines = torch.where(magnitude < 2.375, magnitude / 8 + 0.625, magnitude / 32 + 0.84375)
    lines = torch.where(magnitude < 1, magnitude / 4 + 0.5, lines)
    lines = torch.where(magnitude < 5, lines, torch.ones_like(lines))
    return torch.where(x < 0, 1 - lines, lines)
