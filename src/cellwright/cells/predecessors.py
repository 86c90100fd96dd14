"""LSTMs that read the states of several predecessors: the children of a node, the neighbours of a place on a grid."""

from __future__ import annotations

from cellwright.cells.lstm import LSTM
from cellwright.cells.notation import linear, sum_over
from cellwright.errors import CellwrightError
from cellwright.program.values import PREDECESSOR, Axes, Value

_REFUSED = {
    "coupled": "one input gate cannot set a forget gate for each predecessor",
    "gate_recurrence": "gates are handed on to no successor",
    "cells_per_block": "blocks are of one cell",
    "recurrent_bias": "torch, whose second bias it is, has no such cell",
}


class OrderedPredecessorsLSTM(LSTM):
    """An LSTM whose predecessors have an order: every gate reads all of them, each through a matrix of its own.

    There is a forget gate for each predecessor; what it keeps of their c is added up.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, reason in _REFUSED.items():
            if getattr(self, name) != getattr(type(self), name):
                raise CellwrightError(f"{type(self).__name__} takes no {name}={getattr(self, name)!r}: {reason}")

    def previous_axes(self) -> dict[str, Axes]:
        """The states of all predecessors."""
        return {name: (PREDECESSOR, *axes) for name, axes in self.state_axes().items()}

    def _seen(self, name: str, x: Value, *recurrent: Value, out: Axes, bias: bool) -> Value:
        if name != "f":
            return super()._seen(name, x, *recurrent, out=out, bias=bias)
        return self._seen_of_x(x, out, bias) + linear(name, recurrent[0], (PREDECESSOR, *out))

    def _seen_of_x(self, x: Value, out: Axes, bias: bool) -> Value:
        """What the forget gates see of x: the same for all."""
        return linear("f", x, out, bias=bias)

    def _peephole(self, name: str, c: Value) -> Value:
        seen = super()._peephole(name, c)
        return sum_over(seen, PREDECESSOR) if name == "i" else seen

    def _peephole_axes(self, name: str) -> Axes:
        """i and f see the c of all predecessors, o the new one."""
        axes = super()._peephole_axes(name)
        return axes if name == "o" else (PREDECESSOR, *axes)

    def _kept(self, f: Value | None, c: Value) -> Value:
        return sum_over(super()._kept(f, c), PREDECESSOR)
