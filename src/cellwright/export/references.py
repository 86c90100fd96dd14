"""What ONNX's recurrent operators compute: each in the words of a cell of ours that computes the same.

Source of the operators' equations: https://onnx.ai/onnx/operators (LSTM, GRU and RNN, versions 14).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import get_args

from cellwright import cells
from cellwright.cells import Cell
from cellwright.cells.lstm import Activation
from cellwright.cells.simple import Activation as SimpleActivation


@dataclass(frozen=True)
class Reference:
    """An operator with certain attributes, and the cell that computes the same.

    Attributes:
        operator: ONNX's name.
        cell: takes the states in the operator's order.
        gates: parts of the cell's matrices, in the order in which the operator stores them.
        sigmoids: the gates that a cell may as well use the other way round, as 1 - gate.
        activations: by name in ``ACTIVATIONS``, in the operator's order.
        attributes: the operator's others.
        peepholes: the gates that see the cell state, in the order in which the operator stores them.
    """

    operator: str
    cell: Cell
    gates: tuple[str, ...]
    sigmoids: tuple[str, ...]
    activations: tuple[str, ...]
    attributes: tuple[tuple[str, int], ...] = ()
    peepholes: tuple[str, ...] = ()


def references() -> Iterator[Reference]:
    """Every operator with all attributes that a cell may call for."""
    activations: tuple[Activation, ...] = get_args(Activation)
    for inner, outer, coupled in itertools.product(activations, activations, (True, False)):
        yield Reference(
            "LSTM",
            cells.LSTM(peepholes=True, coupled=coupled, input_activation=inner, output_activation=outer),
            gates=("i", "o", "f", "g"),
            sigmoids=("i", "o") if coupled else ("i", "f", "o"),
            activations=("sigmoid", inner, outer),
            attributes=(("input_forget", int(coupled)),),
            peepholes=("i", "o", "f"),
        )
    for reset in ("after", "before"):
        yield Reference(
            "GRU",
            cells.GRU(reset=reset),
            gates=("z", "r", "n"),
            sigmoids=("z", "r"),
            activations=("sigmoid", "tanh"),
            attributes=(("linear_before_reset", int(reset == "after")),),
        )
    simple: tuple[SimpleActivation, ...] = (*activations, "relu")
    for activation in simple:
        yield Reference("RNN", cells.RNN(activation=activation), ("h",), (), (activation,))
