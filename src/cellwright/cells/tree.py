"""Tree LSTMs: a node reads its children as an LSTM reads the step before."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from cellwright.cells import checks
from cellwright.cells.listing import Listed
from cellwright.cells.notation import UNIT, Topology, linear, sum_over
from cellwright.cells.predecessors import OrderedPredecessorsLSTM
from cellwright.program.values import PREDECESSOR, Axes, Value

_CHILDREN = ("sum", "ordered")


class TreeLSTM(OrderedPredecessorsLSTM):
    """Tree-structured LSTM (Tai, Socher & Manning 2015, ACL, 1556): a forget gate for each child.

    A child that is missing counts as zero states. With children="sum" it then changes nothing: its h adds nothing to
    the sum, and its forget gate, whatever it is, keeps nothing of a c of zero. A chain of nodes is an LSTM.

    Attributes:
        children: ``sum`` is the child-sum tree LSTM (equations 2 to 8): i, g and o read the sum of the children's h,
            each forget gate the h of its child, all through one matrix. ``ordered`` is the N-ary one (equations 9 to
            14): every child has matrices of its own, and each forget gate reads all children.
        arity: the children that a node has at most, for ``ordered``. A ``sum`` takes any number, and costs are counted
            for this many.

    With ``peepholes``, which the paper lacks, f sees the c of its child, i those of all (their sum, or each through
    weights of its own), and o the new c.
    """

    topology: ClassVar[Topology] = "tree"
    children: Literal["sum", "ordered"] = "sum"
    arity: int = 2

    def __post_init__(self) -> None:
        super().__post_init__()
        checks.choice("children", self.children, _CHILDREN)
        checks.whole("arity", self.arity)

    def step(self, x: Value, h: Value, c: Value, *fed_back: Value) -> tuple[Value, ...]:
        """One node: its h and c, from those of its children."""
        if self.children == "ordered":
            return super().step(x, h, c)
        total = sum_over(h, PREDECESSOR)
        return super().step(x, total, c, h)

    def _seen(self, name: str, x: Value, *recurrent: Value, out: Axes, bias: bool) -> Value:
        if self.children == "ordered":
            return super()._seen(name, x, *recurrent, out=out, bias=bias)
        if name != "f":
            return super()._seen(name, x, recurrent[0], out=out, bias=bias)
        return self._seen_of_x(x, out, bias) + linear(name, recurrent[-1], out, reads=self.state_axes()["h"])

    def _peephole_axes(self, name: str) -> Axes:
        return super()._peephole_axes(name) if self.children == "ordered" else UNIT

    def sizes(self, input_size: int, hidden_size: int, projection_size: int = 0) -> dict[str, int]:
        """Sizes of the axes; ``predecessor`` counts children."""
        return super().sizes(input_size, hidden_size, projection_size) | {PREDECESSOR: self.arity}


_TAI = "Tai, Socher & Manning 2015, ACL, 1556"

CATALOGUE: Mapping[str, Listed] = {
    "childsum-tree": Listed(
        TreeLSTM(), "tree LSTM that adds up its children, of any number and in no order", f"{_TAI}, equations 2 to 8"
    ),
    "nary-tree": Listed(
        TreeLSTM(children="ordered"),
        "tree LSTM with matrices for each of its ordered children, here two",
        f"{_TAI}, equations 9 to 14",
    ),
}
