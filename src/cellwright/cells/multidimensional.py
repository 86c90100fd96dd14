"""The LSTM on data of several dimensions: images, volumes, spectrograms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from cellwright.cells import checks
from cellwright.cells.listing import Listed
from cellwright.cells.notation import Topology, linear
from cellwright.cells.predecessors import OrderedPredecessorsLSTM
from cellwright.program.values import PREDECESSOR, Axes, Value


class MultidimensionalLSTM(OrderedPredecessorsLSTM):
    """Multidimensional LSTM (Graves, Fernández & Schmidhuber 2007, ICANN; tutorial, equations 53 and 54).

    A point of a grid has one predecessor in each dimension. Every gate and the candidate see the h of all of them.
    There is a forget gate for each dimension, with weights and a bias of its own: c is the sum over dimensions of
    f_d * c_d, and i * g. With peepholes i sees the c of all predecessors, f_d that of its own, o the new one. In one
    dimension it is the LSTM, weights and all.

    Attributes:
        dimensions: of the grid.
    """

    topology: ClassVar[Topology] = "grid"
    dimensions: int = 2

    def __post_init__(self) -> None:
        super().__post_init__()
        checks.whole("dimensions", self.dimensions)

    def _seen_of_x(self, x: Value, out: Axes, bias: bool) -> Value:
        return linear("f", x, (PREDECESSOR, *out), bias=bias)

    def sizes(self, input_size: int, hidden_size: int, projection_size: int = 0) -> dict[str, int]:
        """Sizes of the axes; there are as many predecessors as dimensions."""
        return super().sizes(input_size, hidden_size, projection_size) | {PREDECESSOR: self.dimensions}


CATALOGUE: Mapping[str, Listed] = {
    "mdlstm": Listed(
        MultidimensionalLSTM(peepholes=True),
        "LSTM on a grid, here of two dimensions, with peepholes and a forget gate for each",
        "Graves, Fernández & Schmidhuber 2007, ICANN, LNCS 4668, 549",
    ),
}
