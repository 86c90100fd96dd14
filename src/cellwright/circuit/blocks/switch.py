"""The switch of a sample-and-hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cellwright.circuit.blocks.block import Block, Ideal
from cellwright.circuit.components import Behaviour, Component, Mosfet


@dataclass(frozen=True)
class Switch(Block):
    """A transmission gate, with dummies of half its size that take up the charge of its channel when it opens.

    Attributes:
        n_width, p_width, length: of the gate's transistors, m.
    """

    kind = "switch"
    inputs = ("on", "off")
    outputs = ("from", "to")
    biases = ()

    n_width: float = 2e-6
    p_width: float = 4e-6
    length: float = 0.3e-6

    def components(self) -> Sequence[Component]:
        return (
            Mosfet("m1", "n", "from", "on", "to", self.n_width, self.length),
            Mosfet("m2", "p", "from", "off", "to", self.p_width, self.length),
            Mosfet("m3", "n", "to", "off", "to", self.n_width / 2, self.length),
            Mosfet("m4", "p", "to", "on", "to", self.p_width / 2, self.length),
        )

    def ideal(self, ideal: Ideal) -> Sequence[Component]:
        """A kilohm or a teraohm, and no charge of its own."""
        return (Behaviour("switch", "I", "from", "to", f"v(from,to)*(v(on)>{ideal.middle:g} ? 1e-3 : 1e-12)"),)

    def supply_current(self, reference: float, gate: float = 0.5, value: float = 0.0) -> float:
        """None: the supply is the bulk of its transistors alone; what its gates take comes from the clocks."""
        return 0.0
