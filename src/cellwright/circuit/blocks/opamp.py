"""The operational amplifier that makes virtual grounds, followers and inverters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cellwright.circuit.blocks.block import Block, Ideal, mirror
from cellwright.circuit.components import GROUND, Behaviour, Capacitor, Component, Mosfet, Resistor


@dataclass(frozen=True)
class OperationalAmplifier(Block):
    """Two stages with Miller compensation: an n pair with a mirror, and a p transistor above a current sink.

    The textbook's (Allen & Holberg, "CMOS Analog Circuit Design", ch. 6). ``bias`` is the gate voltage of a diode of
    ``sink_width`` and ``length`` that carries the reference current.

    Attributes:
        pair_width, load_width, driver_width, sink_width: of the transistors.
        length: of all of them.
        drive: how many sinks make the current of the second stage.
        compensation, zero: capacitance and the resistance in series with it.
    """

    kind = "opamp"
    inputs = ("plus", "minus")
    outputs = ("out",)
    biases = ("bias",)

    pair_width: float = 10e-6
    load_width: float = 5e-6
    driver_width: float = 80e-6
    sink_width: float = 2e-6
    length: float = 0.5e-6
    drive: int = 8
    compensation: float = 1e-12
    zero: float = 2e3

    def components(self) -> Sequence[Component]:
        return (
            mirror("m0", "n", "bias", "tail", self.sink_width, self.length),
            Mosfet("m1", "n", "left", "minus", "tail", self.pair_width, self.length),
            Mosfet("m2", "n", "right", "plus", "tail", self.pair_width, self.length),
            mirror("m3", "p", "left", "left", self.load_width, self.length),
            mirror("m4", "p", "left", "right", self.load_width, self.length),
            mirror("m5", "p", "right", "out", self.driver_width, self.length),
            mirror("m6", "n", "bias", "out", self.sink_width, self.length, self.drive),
            Resistor("zero", "right", "zero", self.zero),
            Capacitor("compensation", "zero", "out", self.compensation),
        )

    def ideal(self, ideal: Ideal) -> Sequence[Component]:
        """A gain of 1e5 up to 100 Hz, which settles about as fast as the real one, and as much current as it takes."""
        return (
            Behaviour("gain", "I", GROUND, "stage", "1e-3*v(plus,minus)"),
            Resistor("pole", "stage", GROUND, 1e8),
            Capacitor("pole", "stage", GROUND, 16e-12),
            Behaviour("out", "V", "out", GROUND, f"{ideal.middle:g}*(1+tanh(v(stage)/{ideal.middle:g}))"),
        )

    def supply_current(self, reference: float, gate: float = 0.5, value: float = 0.0) -> float:
        """Both stages' sinks."""
        return (1 + self.drive) * reference
