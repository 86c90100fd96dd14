"""Differential pairs in weak inversion: sigma, tanh, and their product without a multiplier.

A pair splits its tail current as sigma(v / nU) : sigma(-v / nU), where U is the thermal voltage and n the slope factor
of its transistors; the difference of its halves is tanh(v / 2nU) of it (Mead, "Analog VLSI and Neural Systems", 1989,
chapter 5).

All three draw their current from ``out``, which is to be kept at half the supply; ``bias`` is the gate voltage of a
transistor as the mirrors' that carries the tail current.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from cellwright.circuit.blocks.block import Block, Ideal, mirror
from cellwright.circuit.components import GROUND, SUPPLY, Behaviour, Component, Mosfet
from cellwright.circuit.expressions import expression
from cellwright.program import Program
from cellwright.program.operators import sigmoid, tanh
from cellwright.program.values import Value, input_value


@dataclass(frozen=True)
class PairConstants:
    """What a translinear block does, as its equation I * amplitude * sigma((a - a0) / u) * tanh((b - b0) / w).

    Attributes:
        amplitude: beside the tail current.
        sigma_slope, tanh_slope: u and w, V.
        sigma_offset, tanh_offset: a0 and b0, V, between the two gates of a pair.
        error: the largest departure from the equation within 6 slopes of sigma and 4 of tanh, beside the amplitude.
    """

    amplitude: float
    sigma_slope: float
    tanh_slope: float
    sigma_offset: float
    tanh_offset: float
    error: float


@dataclass(frozen=True)
class Pairs(Block):
    """Dimensions that pairs share.

    Attributes:
        pair_width, pair_length: of the pairs' transistors, m.
        mirror_width, mirror_length: of all others, m.
        copies: so many blocks side by side.
    """

    outputs = ("out",)
    biases = ("bias",)

    pair_width: float = 20e-6
    pair_length: float = 1e-6
    mirror_width: float = 4e-6
    mirror_length: float = 4e-6
    copies: int = 1

    @property
    def name(self) -> str:
        return f"{self.kind}_{self.copies}"

    @cached_property
    def equation(self) -> Program:
        """What the block stands for, as a program from voltages between the gates of its pairs to a current.

        In units of its constants: ``current`` of the tail times the amplitude, over ``sigma`` and ``value`` less their
        offsets in slopes.
        """
        ports = [input_value(port, (), "sequence") for port in ("sigma", "value") if port in self.inputs]
        return Program.from_outputs({"current": self._current_of(*ports)}, ports)

    @abstractmethod
    def _current_of(self, *ports: Value) -> Value: ...

    def ideal(self, ideal: Ideal) -> Sequence[Component]:
        constants = ideal.pair
        spreads = {
            "sigma": f"((v(sigma,sigma_reference)-{constants.sigma_offset:.9g})/{constants.sigma_slope:.9g})",
            "value": f"((v(value,value_reference)-{constants.tanh_offset:.9g})/{constants.tanh_slope:.9g})",
        }
        names = {port.serial: spreads[port.name] for port in self.equation.inputs}
        current = ideal.pair_current * constants.amplitude * self.copies
        drawn = f"{current:.9g}*{expression(self.equation.outputs['current'], names)}"
        return (Behaviour("out", "I", "out", GROUND, drawn),)

    def _pair(self, name: str, drain: str, gate: str, source: str) -> Mosfet:
        return Mosfet(name, "n", drain, gate, source, self.pair_width, self.pair_length, self.copies)

    def _current(self, name: str, polarity: str, gate: str, drain: str) -> Mosfet:
        return mirror(name, polarity, gate, drain, self.mirror_width, self.mirror_length, self.copies)

    def _sigma(self) -> tuple[Component, ...]:
        """The current tail * sigma(v) as the gate voltage ``folded`` of a mirror to ground."""
        return (
            self._current("m0", "n", "bias", "tail"),
            self._pair("m1", "gated", "sigma", "tail"),
            self._pair("m2", SUPPLY, "sigma_reference", "tail"),
            self._current("m3", "p", "gated", "gated"),
            self._current("m4", "p", "gated", "folded"),
            self._current("m5", "n", "folded", "folded"),
        )

    def _tanh(self, tail_gate: str) -> tuple[Component, ...]:
        """The current tail * tanh(v), drawn from ``out``."""
        return (
            self._current("m6", "n", tail_gate, "second_tail"),
            self._pair("m7", "out", "value", "second_tail"),
            self._pair("m8", "other", "value_reference", "second_tail"),
            self._current("m9", "p", "other", "other"),
            self._current("m10", "p", "other", "out"),
        )


@dataclass(frozen=True)
class SigmaPair(Pairs):
    """The current I sigma(a)."""

    kind = "sigma"
    inputs = ("sigma", "sigma_reference")

    def components(self) -> Sequence[Component]:
        return (*self._sigma(), self._current("m6", "n", "folded", "out"))

    def _current_of(self, *ports: Value) -> Value:
        return sigmoid(ports[0])

    def supply_current(self, reference: float, gate: float = 0.5, value: float = 0.0) -> float:
        """The tail, and the half of it that is mirrored."""
        return self.copies * reference * (1 + gate)


@dataclass(frozen=True)
class TanhPair(Pairs):
    """The current I tanh(b)."""

    kind = "tanh"
    inputs = ("value", "value_reference")

    def components(self) -> Sequence[Component]:
        return self._tanh("bias")

    def _current_of(self, *ports: Value) -> Value:
        return tanh(ports[0])

    def supply_current(self, reference: float, gate: float = 0.5, value: float = 0.0) -> float:
        """The half of the tail that does not come from ``out``, twice: it is mirrored to ``out``."""
        return self.copies * reference * (1 - value)


@dataclass(frozen=True)
class Translinear(Pairs):
    """The current I sigma(a) tanh(b): the sigma pair's mirrored current is the tail of the tanh pair."""

    kind = "translinear"
    inputs = ("sigma", "sigma_reference", "value", "value_reference")

    def components(self) -> Sequence[Component]:
        return (*self._sigma(), *self._tanh("folded"))

    def _current_of(self, *ports: Value) -> Value:
        return sigmoid(ports[0]) * tanh(ports[1])

    def supply_current(self, reference: float, gate: float = 0.5, value: float = 0.0) -> float:
        """That of the sigma pair, and that of a tanh pair whose tail is the gated current."""
        return self.copies * reference * (1 + gate + gate * (1 - value))
