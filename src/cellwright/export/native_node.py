"""A recurrent layer as one node of ONNX's: LSTM, GRU or RNN."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from cellwright.export.graph import Graph
from cellwright.export.native import Native
from cellwright.export.references import Reference
from cellwright.export.values import parts_of

Tensor = torch.Tensor


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
    packed = [_packed(found, stored) for stored in directions]
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


def _packed(found: Native, stored: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """One direction's weights as the operator takes them; a gate that the reference lacks has zeros."""
    reference, features, hidden = found.reference, stored["weight_ih"].shape[1], stored["weight_hh"].shape[1]
    own = parts_of(reference.cell, stored, {"feature": features, "unit": hidden})

    def stacked(family: str, gates: tuple[str, ...], *columns: int) -> Tensor:
        zero = stored["weight_ih"].new_zeros(hidden, *columns)
        return torch.cat([own.get(f"{family}.{gate}", zero) for gate in gates])

    gates = reference.gates
    packed = {
        "W": stacked("weight_ih", gates, features),
        "R": stacked("weight_hh", gates, hidden),
        "B": torch.cat([stacked("bias_ih", gates), stacked("bias_hh", gates)]),
    }
    if found.has_peepholes:
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
