"""Windows: how the boundaries of a memristor slow its state down. Each is a factor of the rate.

Their sources: Joglekar & Wolf 2009, European Journal of Physics 30, 661; Biolek, Biolek & Biolkova 2009,
Radioengineering 18, 210; Prodromakis, Peh, Papavassiliou & Toumazou 2011, IEEE Transactions on Electron Devices 58,
3099.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from cellwright.circuit.memristors.power import power
from cellwright.errors import CellwrightError
from cellwright.program.operators import less, where
from cellwright.program.values import Value


class Window(ABC):
    """A factor of the rate, from the state and the direction in which it moves (its sign counts)."""

    @abstractmethod
    def factor(self, state: Value, direction: Value) -> Value:
        """The factor, without unit."""


@dataclass(frozen=True)
class _Steep(Window):
    """A window with a whole number p from 1: the larger, the steeper."""

    p: int = 2

    def __post_init__(self) -> None:
        if not isinstance(self.p, int) or isinstance(self.p, bool) or not 1 <= self.p <= 32:
            raise CellwrightError(f"{type(self).__name__}'s window has a whole number p from 1 to 32; got {self.p!r}")


@dataclass(frozen=True)
class Joglekar(_Steep):
    """1 - (2x - 1)^(2p): 0 at both ends, where a state that arrives stays for ever.

    Attributes:
        p: a whole number from 1; the larger, the steeper the ends.
    """

    def factor(self, state: Value, direction: Value) -> Value:
        """See the class."""
        return 1 - power(2 * state - 1, 2 * self.p)


@dataclass(frozen=True)
class Biolek(_Steep):
    """1 - (x - stp(-d))^(2p): 0 at the end that the state moves to, 1 at the one that it leaves.

    Attributes:
        p: a whole number from 1; the larger, the steeper the end.
    """

    def factor(self, state: Value, direction: Value) -> Value:
        """See the class."""
        return 1 - power(state - where(less(direction, 0.0), 1.0, 0.0), 2 * self.p)


@dataclass(frozen=True)
class Prodromakis(Window):
    """j (1 - [(x - 0.5)^2 + 0.75]^p): 0 at both ends, and of any height between them.

    Attributes:
        p: a number above 0.
        j: the scale of the height.
    """

    p: float = 1.0
    j: float = 1.0

    def __post_init__(self) -> None:
        if self.p <= 0 or self.j <= 0:
            raise CellwrightError(f"Prodromakis' window has p and j above 0; got p={self.p}, j={self.j}")

    def factor(self, state: Value, direction: Value) -> Value:
        """See the class."""
        return self.j * (1 - power((state - 0.5) * (state - 0.5) + 0.75, self.p))


def check_window(window: object) -> None:
    """Refuse what is no window."""
    if not isinstance(window, Window):
        raise CellwrightError(f"window is one of Joglekar(), Biolek(), Prodromakis() or another Window; got {window!r}")
