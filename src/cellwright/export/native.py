"""ONNX's own recurrent operators, LSTM, GRU and RNN, for the cells that they compute.

Which cells those are is no list: an operator is described by a cell of ours that computes the same (the reference),
and any cell whose step has the same normal form is one of its cells, with the weights found on the way.
Source of the operators' equations: https://onnx.ai/onnx/operators (LSTM, GRU and RNN, versions 14).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, get_args

import torch

from cellwright import cells
from cellwright.cells import Cell, affine, relu
from cellwright.cells.lstm import ACTIVATIONS, Activation
from cellwright.cells.notation import UNIT
from cellwright.errors import CellwrightError
from cellwright.export.graph import Graph
from cellwright.export.matching import Combination, Match
from cellwright.export.normal_form import ALGEBRA, NormalForm, TooLargeError
from cellwright.program import evaluate, families
from cellwright.program.operators import OPERATORS
from cellwright.program.values import Value

Tensor = torch.Tensor


_ACTIVATIONS = {**ACTIVATIONS, "relu": relu}


class SimpleRNN(Cell):
    """What ONNX calls RNN and torch nn.RNN: h = f(W x + U h + b) (Elman 1990, Cognitive Science 14, 179).

    Attributes:
        activation: f.
    """

    activation: str = "tanh"

    def step(self, x: Value, h: Value) -> Value:
        """One time step: the new h."""
        return _ACTIVATIONS[self.activation](affine("h", x, h))


@dataclass(frozen=True)
class Activated:
    """An activation of a reference as ONNX has it: a function's name, with its alpha and beta where it has them."""

    function: str
    alpha: float | None = None
    beta: float | None = None


_ACTIVATED: Mapping[str, Activated] = {
    "tanh": Activated("Tanh"),
    "identity": Activated("Affine", 1.0, 0.0),
    "sigmoid": Activated("Sigmoid"),
    "relu": Activated("Relu"),
    # 2 sigmoid(x) - 1 = tanh(x / 2)
    "sigmoid[-2,2]": Activated("ScaledTanh", 2.0, 0.5),
    "sigmoid[-1,1]": Activated("ScaledTanh", 1.0, 0.5),
}


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
    for activation in _ACTIVATIONS:
        yield Reference("RNN", SimpleRNN(activation=activation), ("h",), (), (activation,))


@dataclass(frozen=True)
class Native:
    """An operator that computes a cell, and how its weights are made of the cell's."""

    reference: Reference
    weights: Mapping[str, Combination]


@cache
def native(cell: Cell) -> Native | None:
    """The operator that computes a cell; None where there is none."""
    if [*cell.sequences.values()] != [("feature",)] or any(axes != UNIT for axes in cell.state_axes().values()):
        return None
    try:
        form = NormalForm(cell.program())
    except TooLargeError:
        return None
    found = next(_matches(cell, form), None)
    if found is not None:
        _check(found, cell)
    return found


@cache
def _functions(cell: Cell) -> tuple[int, frozenset[str]]:
    """What tells most cells apart at once: how many states there are, and which functions are applied."""
    operators = {value.operator for value in cell.program().values if value.operator in OPERATORS}
    return len(cell.state_axes()), frozenset(operators - ALGEBRA)


def _matches(cell: Cell, form: NormalForm) -> Iterator[Native]:
    """With as few gates as possible the other way round."""
    own = _functions(cell)
    possible = [each for each in references() if _functions(each.cell) == own]
    for count in range(1 + max((len(reference.sigmoids) for reference in possible), default=0)):
        for reference in possible:
            names = dict(zip(("x", *reference.cell.states), (*cell.sequences, *cell.state_axes()), strict=True))
            for turned in itertools.combinations(reference.sigmoids, count):
                weights = Match(_reference_form(reference.cell, turned), form, names).weights()
                if weights is not None:
                    yield Native(reference, weights)


@cache
def _reference_form(cell: Cell, turned: tuple[str, ...]) -> NormalForm:
    return NormalForm(cell.program(), turned)


def reference_weights(
    found: Native, cell: Cell, stored: Mapping[str, Tensor], sizes: Mapping[str, int]
) -> dict[str, Tensor]:
    """The reference's parameters by family, from the cell's own.

    Args:
        stored: the cell's parameters by family.
        sizes: of the axes, those of both.
    """
    parts: dict[str, Tensor] = {}
    for family in families(cell.program(), sizes).values():
        parts |= family.views(stored[family.name])
    result: dict[str, Tensor] = {}
    like = next(iter(stored.values()))
    for family in families(found.reference.cell.program(), sizes).values():
        total = like.new_zeros(family.shape)
        for name, view in family.views(total).items():
            for source, factor in found.weights.get(name, {}).items():
                view += factor * (parts[source] if source else torch.ones_like(view))
        result[family.name] = total
    return result


def _check(found: Native, cell: Cell) -> None:
    """Compute both with made-up numbers: a guard against a wrong match, which would be a wrong file."""
    sizes = {"feature": 3, "unit": 2}
    generator = torch.Generator().manual_seed(0)

    def drawn(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator, dtype=torch.float64)

    stored = {family.name: drawn(*family.shape) for family in families(cell.program(), sizes).values()}
    values = [drawn(5, 3), *(drawn(5, 2) for _ in cell.state_axes())]
    own = evaluate(cell.program(), dict(zip((*cell.sequences, *cell.state_axes()), values, strict=True)), stored, sizes)
    reference, weights = found.reference.cell, reference_weights(found, cell, stored, sizes)
    other = evaluate(reference.program(), dict(zip(("x", *reference.states), values, strict=True)), weights, sizes)
    for (name, left), right in zip(own.items(), other.values(), strict=True):
        if not torch.allclose(left, right, rtol=1e-9, atol=1e-9):
            raise CellwrightError(
                f"{cell} was taken for ONNX's {found.reference.operator}, but computes another {name}: please report it"
            )


def add_native(
    graph: Graph,
    found: Native,
    directions: Sequence[Mapping[str, Tensor]],
    x: str,
    initial: Sequence[str],
) -> tuple[str, list[str]]:
    """One layer, in one direction or both, by its operator.

    Args:
        directions: the reference's parameters by family of each direction.
        x: the input (time, batch, features) in the graph.
        initial: the initial states (directions, batch, size), or none of them for zeros.

    Returns:
        the output (time, batch, directions * size) and the final states (directions, batch, size), in the graph.
    """
    reference = found.reference
    packed = [_packed(reference, stored) for stored in directions]
    names = packed[0].keys()
    given = {name: graph.constant(torch.stack([each[name] for each in packed]), name) for name in names}
    states = dict(zip(("initial_h", "initial_c"), initial, strict=False))
    order = [x, given["W"], given["R"], given["B"], "", states.get("initial_h", "")]
    order += [states.get("initial_c", ""), given.get("P", "")] if reference.operator == "LSTM" else []
    while not order[-1]:
        order.pop()
    size = directions[0]["weight_hh"].shape[1]
    outputs = ["all", *(f"last {name}" for name in reference.cell.states)]
    every, *final = graph.add_many(
        reference.operator, order, outputs, hidden_size=size, **_attributes(reference, len(directions))
    )
    if len(directions) == 1:
        return graph.squeeze(every, 1), final
    return graph.reshape(graph.transpose(every, (0, 2, 1, 3)), (0, 0, len(directions) * size)), final


def _packed(reference: Reference, stored: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """One direction's weights as the operator takes them; a gate that the reference lacks has zeros."""
    own: dict[str, Tensor] = {}
    hidden = stored["weight_hh"].shape[1]
    sizes = reference.cell.sizes(stored["weight_ih"].shape[1], hidden)
    for family in families(reference.cell.program(), sizes).values():
        own |= family.views(stored[family.name])

    def stacked(family: str, gates: tuple[str, ...], *columns: int) -> Tensor:
        zero = stored["weight_ih"].new_zeros(hidden, *columns)
        return torch.cat([own.get(f"{family}.{gate}", zero) for gate in gates])

    gates = reference.gates
    packed = {
        "W": stacked("weight_ih", gates, sizes["feature"]),
        "R": stacked("weight_hh", gates, hidden),
        "B": torch.cat([stacked("bias_ih", gates), stacked("bias_hh", gates)]),
    }
    if "weight_peephole" in stored and stored["weight_peephole"].any():
        packed["P"] = stacked("weight_peephole", reference.peepholes)
    return packed


def _attributes(reference: Reference, directions: int) -> dict[str, Any]:
    activated = [_ACTIVATED[name] for name in reference.activations] * directions
    found: dict[str, Any] = {**dict(reference.attributes), "activations": [each.function for each in activated]}
    for name in ("alpha", "beta"):
        if values := [value for each in activated if (value := getattr(each, name)) is not None]:
            found[f"activation_{name}"] = values
    if directions == 2:
        found["direction"] = "bidirectional"
    return found
