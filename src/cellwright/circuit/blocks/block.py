"""What a block of transistors is: a subcircuit with ports, once as components, once as the equation it stands for."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from cellwright.circuit.components import GROUND, SUPPLY, Component, Mosfet, Node, line
from cellwright.errors import CellwrightError

if TYPE_CHECKING:
    from cellwright.circuit.blocks.pairs import PairConstants


@dataclass(frozen=True)
class Ideal:
    """What a block needs to know in order to be the equation that it stands for.

    Attributes:
        pair: constants of the pairs.
        pair_current: A, of their tails.
        middle: V, half the supply.
    """

    pair: PairConstants
    pair_current: float
    middle: float


class Block(ABC):
    """A block; a subclass is a frozen dataclass of its dimensions (m, F, ohm), one file each.

    Its components are connected to its ports, to ground, and to nodes of its own.

    Attributes:
        kind: the word for all blocks of the class, which begins the names of their subcircuits.
        inputs: ports that take a voltage and no current (gates of transistors).
        outputs: ports that give a current or a voltage.
        biases: ports that the netlist's references feed.
    """

    kind: ClassVar[str]
    inputs: ClassVar[tuple[Node, ...]]
    outputs: ClassVar[tuple[Node, ...]]
    biases: ClassVar[tuple[Node, ...]]

    @abstractmethod
    def components(self) -> Sequence[Component]:
        """The block as it is built."""

    def ideal(self, ideal: Ideal) -> Sequence[Component]:
        """The equation that it stands for, with the same ports.

        Raises:
            CellwrightError: the block comes as transistors alone, as a multiplier does.
        """
        raise CellwrightError(f"a {self.kind} comes as transistors alone: leave it out of what is ideal")

    def supply_current(self, reference: float, gate: float = 0.5, value: float = 0.0) -> float:
        """The current that the block draws from the supply, A, beside what its outputs give elsewhere.

        Args:
            reference: A, of what feeds its ``biases``.
            gate: the sigma in a block that has one; gates that are open half of the time have a mean of 1/2.
            value: likewise the tanh.

        Raises:
            CellwrightError: the block does not say.
        """
        raise CellwrightError(f"the block {self.kind} does not say what it draws: give it a supply_current")

    @property
    def name(self) -> str:
        """Of the subcircuit."""
        return self.kind

    @property
    def ports(self) -> tuple[Node, ...]:
        """In the order of the subcircuit; the supply comes last."""
        return (*self.inputs, *self.outputs, *self.biases, SUPPLY)

    @property
    def transistors(self) -> tuple[Mosfet, ...]:
        """Those that a draw of mismatch can shift."""
        return tuple(component for component in self.components() if isinstance(component, Mosfet))

    def subcircuit(self, *, departures: bool = False, ideal: Ideal | None = None) -> str:
        """The block as lines of a netlist.

        Args:
            ideal: write the equation that it stands for instead.
            departures: give every transistor a shift of its threshold ``vt_NAME`` and a factor of its mobility
                ``mu_NAME`` as parameters of the subcircuit.
        """
        parameters = "".join(f" vt_{each.name}=0 mu_{each.name}=1" for each in self.transistors) if departures else ""
        lines = [f".subckt {self.name} {' '.join(self.ports)}{parameters}"]
        for component in self.components() if ideal is None else self.ideal(ideal):
            departure = f" vt={{vt_{component.name}}} mu={{mu_{component.name}}}"
            lines.append(line(component) + departure * (departures and isinstance(component, Mosfet)))
        return "\n".join([*lines, f".ends {self.name}"])


def mirror(name: str, polarity: str, gate: Node, drain: Node, width: float, length: float, copies: int = 1) -> Mosfet:
    """A transistor whose source lies at its rail."""
    if polarity == "n":
        return Mosfet(name, "n", drain, gate, GROUND, width, length, copies)
    return Mosfet(name, "p", drain, gate, SUPPLY, width, length, copies)
