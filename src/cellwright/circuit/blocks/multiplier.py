"""What a multiplier is: a block that draws the product of two signals from a virtual ground as a current."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, NamedTuple, TypeAlias

from cellwright.circuit.blocks.block import Block
from cellwright.circuit.components import Component, Mosfet, Node

Factor: TypeAlias = Literal["voltage", "factor", "shifted"]
"""What a factor's signal is scaled for: the common scale, or the multiplier's own, about half the supply or higher."""


class Places(NamedTuple):
    """The nodes that a multiplier stands between.

    Attributes:
        first, second: the factors' signals.
        turned: the second's inverted line, of a multiplier that takes one.
        out: the virtual ground.
    """

    first: Node
    second: Node
    turned: Node
    out: Node


@dataclass(frozen=True)
class Multiplier(Block):
    """A block whose two factors are voltages.

    Attributes:
        factors: what the signals of the first and of the second factor are scaled for.
        four_quadrant: the first factor may be negative; else it is a gate, sigma(z) or 1 - sigma(z).
        takes_turned: it takes the second factor's inverted line, too.
        own_amplifier: what the name of the amplifier that belongs to it adds to that of its place; empty without one.
        copies: so many multipliers side by side.
        unit: V of a one at a factor that is scaled for the multiplier.
        grids: V from, V to and V between points of the sweep, of the first and of the second factor.
    """

    factors: ClassVar[tuple[Factor, Factor]]
    four_quadrant: ClassVar[bool]
    takes_turned: ClassVar[bool] = False
    own_amplifier: ClassVar[str] = ""

    copies: int = 1
    unit: float = 0.05
    grids: tuple[tuple[float, float, float], tuple[float, float, float]] = ((-0.2, 0.2, 0.01), (-0.2, 0.2, 0.01))

    @property
    def name(self) -> str:
        return f"{self.kind}_{self.copies}"

    @property
    def matched(self) -> tuple[Mosfet, ...]:
        """The transistors whose departures reach the current."""
        return self.transistors

    @abstractmethod
    def placed(self, name: str, places: Places, direction: int) -> Sequence[Component]:
        """The block in its place, with what belongs to it.

        Args:
            direction: -1 for a current into the virtual ground.
        """
