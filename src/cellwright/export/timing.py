"""Sequences that tell the time, as nodes of an ONNX graph: what ``layers/timing.py`` does with tensors."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from cellwright.cells import Timing
from cellwright.export.graph import Graph, element_type

_END = torch.iinfo(torch.int64).max
"""Where a slice ends that goes to the end."""


def with_times(graph: Graph, sequences: Mapping[str, str], timing: Mapping[str, Timing]) -> dict[str, str]:
    """Sequences (time, batch, ...), with the times of regular steps where they are left out."""
    missing = {name: kind for name, kind in timing.items() if name not in sequences}
    return {**sequences, **{name: _regular(graph, kind, sequences["x"]) for name, kind in missing.items()}}


def _regular(graph: Graph, kind: Timing, x: str) -> str:
    shape = graph.add("Shape", x, end=2)
    if kind == "interval":
        return graph.add("Expand", graph.number(1.0), shape)
    steps = graph.squeeze(graph.add("Shape", x, end=1), 0)
    first, apart = (graph.constant(torch.tensor(number), "integer") for number in (0, 1))
    moments = graph.add("Cast", graph.add("Range", first, steps, apart), to=element_type(graph.dtype))
    return graph.add("Expand", graph.unsqueeze(moments, [1]), shape)


def to_the_next(graph: Graph, sequences: Mapping[str, str], timing: Mapping[str, Timing]) -> dict[str, str]:
    """Sequences as the backward direction reads them: the first interval comes last."""
    return {
        name: _rolled(graph, sequence) if timing.get(name) == "interval" else sequence
        for name, sequence in sequences.items()
    }


def _rolled(graph: Graph, sequence: str) -> str:
    begin, second, end, axis = (graph.integers([place]) for place in (0, 1, _END, 0))
    return graph.concat([graph.add("Slice", sequence, *piece, axis) for piece in ((second, end), (begin, second))], 0)
