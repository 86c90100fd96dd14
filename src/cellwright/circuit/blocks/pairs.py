"""Differential pairs in weak inversion: sigma, tanh, and their product without a multiplier.

A pair splits its tail current as sigma(v / nU) : sigma(-v / nU), where U is the thermal voltage and n the slope factor
of its transistors; the difference of its halves is tanh(v / 2nU) of it (Mead, "Analog VLSI and Neural Systems", 1989,
chapter 5).

All three draw their current from ``out``, which is to be kept at half the supply; ``bias`` is the gate voltage of a
transistor as the mirrors' that carries the tail current.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cellwright.circuit.blocks.block import Block, mirror
from cellwright.circuit.components import SUPPLY, Component, Mosfet


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


@dataclass(frozen=True)
class TanhPair(Pairs):
    """The current I tanh(b)."""

    kind = "tanh"
    inputs = ("value", "value_reference")

    def components(self) -> Sequence[Component]:
        return self._tanh("bias")


@dataclass(frozen=True)
class Translinear(Pairs):
    """The current I sigma(a) tanh(b): the sigma pair's mirrored current is the tail of the tanh pair."""

    kind = "translinear"
    inputs = ("sigma", "sigma_reference", "value", "value_reference")

    def components(self) -> Sequence[Component]:
        return (*self._sigma(), *self._tanh("folded"))
