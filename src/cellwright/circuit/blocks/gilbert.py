"""The four-quadrant multiplier of two voltages: Gilbert's cell, folded so that it fits under a low supply."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cellwright.circuit.blocks.block import mirror
from cellwright.circuit.blocks.multiplier import Multiplier, Places
from cellwright.circuit.components import MIDDLE, SUPPLY, Component, Instance, Mosfet


@dataclass(frozen=True)
class Gilbert(Multiplier):
    """The current k x y, drawn from ``out``, which is to be kept at half the supply.

    A pair splits its tail current by x; mirrors make each half the tail of a pair of its own, and these two are
    cross-coupled and driven by y (Gilbert, IEEE J. Solid-State Circuits 3, 1968; folded, all pairs have the same common
    mode). In strong inversion a half's current is K/2 (V +- x/2)^2 and the gain of a pair goes with the root of its
    tail, so that the difference is linear in both until x or y comes near the overdrive.

    Attributes:
        pair_width, pair_length: of the six transistors that the factors drive, m: long, for overdrive.
        mirror_width, mirror_length: of the others; those of the bias transistor.
        tail: so many of its currents make the tail.
    """

    kind = "gilbert"
    inputs = ("x", "x_reference", "y", "y_reference")
    outputs = ("out",)
    biases = ("bias",)
    factors = ("factor", "factor")
    four_quadrant = True

    pair_width: float = 1e-6
    pair_length: float = 3e-6
    mirror_width: float = 4e-6
    mirror_length: float = 4e-6
    tail: int = 16

    def components(self) -> Sequence[Component]:
        return (
            self._current("m0", "n", "bias", "first_tail"),
            self._pair("m1", "above", "x", "first_tail"),
            self._pair("m2", "below", "x_reference", "first_tail"),
            *self._folded("m3", "above", "above_folded", "above_tail"),
            *self._folded("m4", "below", "below_folded", "below_tail"),
            self._pair("m5", "out", "y", "above_tail"),
            self._pair("m6", "other", "y_reference", "above_tail"),
            self._pair("m7", "other", "y", "below_tail"),
            self._pair("m8", "out", "y_reference", "below_tail"),
            # A cascode: without it the mirror's two drains, far from one another, cost a twentieth of a one in offset.
            self._current("m9", "p", "upper", "upper"),
            self._current("m10", "p", "upper", "upper_out"),
            self._cascode("m11", "other", "upper"),
            self._cascode("m12", "out", "upper_out"),
        )

    def placed(self, name: str, places: Places, direction: int) -> Sequence[Component]:
        x = (places.first, MIDDLE) if direction > 0 else (MIDDLE, places.first)
        nodes = (*x, places.second, MIDDLE, places.out, "pair_bias", SUPPLY)
        return (Instance(name, self.name, nodes, {}),)

    def supply_current(self, reference: float, gate: float = 0.5, value: float = 0.0) -> float:
        # The first pair, the mirrors that fold its halves, and the two pairs that these are the tails of.
        return 3 * self.tail * self.copies * reference

    def _pair(self, name: str, drain: str, gate: str, source: str) -> Mosfet:
        return Mosfet(name, "n", drain, gate, source, self.pair_width, self.pair_length, self.copies)

    def _current(self, name: str, polarity: str, gate: str, drain: str) -> Mosfet:
        return mirror(name, polarity, gate, drain, self.mirror_width, self.mirror_length, self.tail * self.copies)

    def _cascode(self, name: str, drain: str, source: str) -> Mosfet:
        copies = self.tail * self.copies
        return Mosfet(name, "p", drain, "other", source, self.mirror_width, self.mirror_length, copies)

    def _folded(self, name: str, half: str, folded: str, tail: str) -> tuple[Mosfet, ...]:
        """The current of a half, by way of the supply, as the tail of a pair."""
        return (
            self._current(f"{name}a", "p", half, half),
            self._current(f"{name}b", "p", half, folded),
            self._current(f"{name}c", "n", folded, folded),
            self._current(f"{name}d", "n", folded, tail),
        )


MULTIPLIERS = {"gilbert": Gilbert()}
