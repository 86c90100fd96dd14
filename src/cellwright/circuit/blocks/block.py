"""What a block of transistors is: a subcircuit with ports, once as components, once as the equation it stands for."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

from cellwright.circuit.components import GROUND, SUPPLY, Component, Mosfet, Node, line


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

    def subcircuit(self, *, departures: bool = False) -> str:
        """The block as lines of a netlist.

        Args:
            departures: give every transistor a shift of its threshold ``vt_NAME`` and a factor of its mobility
                ``mu_NAME`` as parameters of the subcircuit.
        """
        parameters = "".join(f" vt_{each.name}=0 mu_{each.name}=1" for each in self.transistors) if departures else ""
        lines = [f".subckt {self.name} {' '.join(self.ports)}{parameters}"]
        for component in self.components():
            departure = f" vt={{vt_{component.name}}} mu={{mu_{component.name}}}"
            lines.append(line(component) + departure * (departures and isinstance(component, Mosfet)))
        return "\n".join([*lines, f".ends {self.name}"])


def mirror(name: str, polarity: str, gate: Node, drain: Node, width: float, length: float, copies: int = 1) -> Mosfet:
    """A transistor whose source lies at its rail."""
    if polarity == "n":
        return Mosfet(name, "n", drain, gate, GROUND, width, length, copies)
    return Mosfet(name, "p", drain, gate, SUPPLY, width, length, copies)
