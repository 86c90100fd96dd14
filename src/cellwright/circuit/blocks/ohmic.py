"""The multiplier of a single transistor in its ohmic region, with the switches that give the product its sign."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cellwright.circuit.blocks.block import mirror
from cellwright.circuit.blocks.multiplier import Multiplier, Places
from cellwright.circuit.components import GROUND, MIDDLE, SUPPLY, Component, Instance, Mosfet, Node, Resistor


@dataclass(frozen=True)
class Ohmic(Multiplier):
    """The current K ((x - shift) |y| + n y^2 / 2) of a transistor, from ``out`` or, for y below 0, from ``inverse``.

    The transistor's source is kept at half the supply. Its gate has the first factor, which is never negative, above
    the threshold; its drain has that line of the second factor which lies below half the supply, as in the survey's
    circuit (Smagulova & James 2019, 3.1.1: a drain between -0.45 V and 0, a gate between 0 and 0.45 V, switches S1 and
    S2 for polarity). It errs by the term in y^2, with the slope factor n, and by the gradual threshold. A comparator of
    the two lines drives the switches: it is our reading, as the survey does not say what does.

    Attributes:
        width, length: of the ohmic transistor, m, which has a well of its own at half the supply.
        switch_width, switch_length: of the n transistors of the switches and inverters; p are twice as wide, m.
        pair_width, pair_length: of the comparator's pair, m.
        mirror_width, mirror_length: of its other transistors; those of the bias transistor.
        turning: ohm, of both resistors of the amplifier that turns the current of ``inverse`` round.
    """

    kind = "ohmic"
    inputs = ("x", "reference")
    outputs = ("y", "turned", "out", "inverse")
    biases = ("bias",)
    factors = ("shifted", "voltage")
    four_quadrant = False
    takes_turned = True
    own_amplifier = "_amplifier"

    unit: float = 0.2
    grids: tuple[tuple[float, float, float], tuple[float, float, float]] = ((0.0, 0.75, 0.05), (-0.14, 0.14, 0.0175))
    width: float = 0.5e-6
    length: float = 10e-6
    switch_width: float = 2e-6
    switch_length: float = 0.3e-6
    pair_width: float = 10e-6
    pair_length: float = 1e-6
    mirror_width: float = 4e-6
    mirror_length: float = 4e-6
    turning: float = 400e3

    def components(self) -> Sequence[Component]:
        own = Mosfet("m0", "n", "drain", "x", "source", self.width, self.length, copies=self.copies, bulk="reference")
        return (
            own,
            *self._switch("s1a", "turned", "drain", "above", "below"),
            *self._switch("s1b", "y", "drain", "below", "above"),
            *self._switch("s2a", "source", "out", "above", "below"),
            *self._switch("s2b", "source", "inverse", "below", "above"),
            *self._comparator(),
            *self._inverter("i1", "compared", "below"),
            *self._inverter("i2", "below", "above"),
        )

    def placed(self, name: str, places: Places, direction: int) -> Sequence[Component]:
        inverse, turned, resistance = f"{name}_inverse", f"{name}_turned", self.turning / self.copies
        ends = (places.out, inverse) if direction > 0 else (inverse, places.out)
        nodes = (places.first, MIDDLE, places.second, places.turned, *ends, "pair_bias", SUPPLY)
        return (
            Instance(name, self.name, nodes, {}),
            Resistor(f"{name}_feedback", inverse, turned, resistance),
            Instance(f"{name}{self.own_amplifier}", "opamp", (MIDDLE, inverse, turned, "opamp_bias", SUPPLY), {}),
            Resistor(f"{name}_turned", turned, places.out, resistance),
        )

    def supply_current(self, reference: float, gate: float = 0.5, value: float = 0.0) -> float:
        return reference  # of the comparator: the product's own current comes from the amplifiers

    @property
    def matched(self) -> tuple[Mosfet, ...]:
        # Not the switches, which only carry the current, nor the comparator: near zero, where it errs, the transistor
        # conducts either way alike.
        return self.transistors[:1]

    def _switch(self, name: str, one: Node, other: Node, on: Node, off: Node) -> tuple[Mosfet, ...]:
        return (
            Mosfet(f"{name}n", "n", one, on, other, self.switch_width, self.switch_length, self.copies),
            Mosfet(f"{name}p", "p", one, off, other, 2 * self.switch_width, self.switch_length, self.copies),
        )

    def _inverter(self, name: str, gate: Node, drain: Node) -> tuple[Mosfet, ...]:
        return (
            Mosfet(f"{name}n", "n", drain, gate, GROUND, self.switch_width, self.switch_length),
            Mosfet(f"{name}p", "p", drain, gate, SUPPLY, 2 * self.switch_width, self.switch_length),
        )

    def _comparator(self) -> tuple[Mosfet, ...]:
        """``compared`` is high where y lies above its inverted line."""
        return (
            mirror("c0", "n", "bias", "tail", self.mirror_width, self.mirror_length),
            Mosfet("c1", "n", "left", "y", "tail", self.pair_width, self.pair_length),
            Mosfet("c2", "n", "compared", "turned", "tail", self.pair_width, self.pair_length),
            mirror("c3", "p", "left", "left", self.mirror_width, self.mirror_length),
            mirror("c4", "p", "left", "compared", self.mirror_width, self.mirror_length),
        )


MULTIPLIERS = {"ohmic": Ohmic()}
