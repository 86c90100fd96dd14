"""A stack of recurrent layers as nodes of an ONNX graph: layer after layer, in one direction or both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch

from cellwright.export.graph import Graph
from cellwright.export.native import Native, native, reference_weights
from cellwright.export.native_node import add_native
from cellwright.export.scan import add_scan
from cellwright.export.timing import to_the_next, with_times
from cellwright.layers import Recurrent

Tensor = torch.Tensor


def operator_of(layer: Recurrent, dtype: torch.dtype) -> Native | None:
    """ONNX's operator that computes a layer; None for Scan.

    Files of float64 get Scan: onnxruntime has LSTM, GRU and RNN in float32 alone.
    """
    return native(layer.running_cell) if dtype == torch.float32 else None


def add_recurrent(
    graph: Graph, layer: Recurrent, sequences: Mapping[str, str], initial: Sequence[str] | None
) -> tuple[str, tuple[str, ...]]:
    """A whole layer stack.

    Args:
        sequences: the cell's sequences in the graph by name, laid out as the layer takes them; the times of regular
            steps may be left out.
        initial: the initial states in the graph, (layers * directions, batch, size); None for zeros.

    Returns:
        the output as the layer lays it out, and the final states (layers * directions, batch, size).
    """
    if layer.batch_first:
        sequences = {name: _swapped(graph, layer, name, sequence) for name, sequence in sequences.items()}
    sequences = with_times(graph, sequences, layer.cell.timing)
    directions = layer.num_directions
    pieces = [directions] * layer.num_layers
    starts = [graph.split(state, pieces, 0) for state in initial or ()]
    found = operator_of(layer, graph.dtype)
    finals: list[list[str]] = []
    for index in range(layer.num_layers):
        start = [of_state[index] for of_state in starts]
        if found is None:
            output, final = _add_by_scan(graph, layer, index, sequences, start)
        else:
            output, final = _add_by_operator(graph, found, layer, index, sequences["x"], start)
        sequences = {**sequences, "x": output}
        finals.append(final)
    states = tuple(graph.concat(of_state, 0) for of_state in zip(*finals, strict=True))
    return graph.transpose(output, (1, 0, 2)) if layer.batch_first else output, states


def _swapped(graph: Graph, layer: Recurrent, name: str, sequence: str) -> str:
    """Batch first becomes time first."""
    further = range(2, 2 + len(layer.cell.sequences[name]))
    return graph.transpose(sequence, (1, 0, *further))


def _suffixes(layer: Recurrent, index: int) -> list[str]:
    return [suffix for of_layer, suffix in layer.directions() if of_layer == index]


def _add_by_operator(
    graph: Graph, found: Native, layer: Recurrent, index: int, x: str, initial: Sequence[str]
) -> tuple[str, list[str]]:
    sizes = layer.layer_sizes(index)
    weights = [
        reference_weights(found, layer.running_cell, layer.stored(index, suffix), sizes)
        for suffix in _suffixes(layer, index)
    ]
    return add_native(graph, found, weights, x, initial)


def _add_by_scan(
    graph: Graph, layer: Recurrent, index: int, sequences: Mapping[str, str], initial: Sequence[str]
) -> tuple[str, list[str]]:
    sizes, suffixes = layer.layer_sizes(index), _suffixes(layer, index)
    flat = layer.cell.state_sizes(sizes)
    outputs: list[str] = []
    finals: dict[str, list[str]] = {name: [] for name in flat}
    pieces = [graph.split(state, [1] * len(suffixes), 0) for state in initial]
    for place, suffix in enumerate(suffixes):
        if initial:
            start = {name: graph.squeeze(of_state[place], 0) for name, of_state in zip(flat, pieces, strict=True)}
        else:
            start = {name: _zeros(graph, sequences["x"], size) for name, size in flat.items()}
        backward = suffix.endswith("_reverse")
        stored = layer.stored(index, suffix)
        read = to_the_next(graph, sequences, layer.cell.timing) if backward else sequences
        output, final = add_scan(graph, layer.running_cell, sizes, stored, read, start, backward=backward)
        outputs.append(output)
        for name, state in final.items():
            finals[name].append(graph.unsqueeze(state, [0]))
    return graph.concat(outputs, 2), [graph.concat(of_state, 0) for of_state in finals.values()]


def _zeros(graph: Graph, x: str, size: int) -> str:
    """(batch, size), for as many rows as (time, batch, features) has."""
    batch = graph.add("Shape", x, start=1, end=2)
    return graph.add("Expand", graph.number(0.0), graph.concat([batch, graph.integers([size])], 0))
