"""Any cell as ONNX's Scan: the body is printed from the cell's step, cut into stages as our own layers run it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from cellwright.cells import Cell
from cellwright.export.graph import Graph, element_type
from cellwright.export.values import Printer, Sizes, parts_of
from cellwright.layers.stages import Staged, staged
from cellwright.program.storage import size_of

Tensor = torch.Tensor


def add_scan(
    graph: Graph,
    cell: Cell,
    sizes: Sizes,
    stored: Mapping[str, Tensor],
    sequences: Mapping[str, str],
    initial: Mapping[str, str],
    *,
    backward: bool,
) -> tuple[str, dict[str, str]]:
    """One layer in one direction.

    Args:
        sizes: of the cell's axes.
        stored: parameters by family.
        sequences: the cell's sequences in the graph, (time, batch, ...).
        initial: the initial states in the graph, (batch, size).
        backward: from the last step to the first; the output stays in the order of time.

    Returns:
        the output (time, batch, size) and the final states (batch, size), in the graph.
    """
    parts = parts_of(cell, stored, sizes)
    stages = staged(cell, tuple(sorted(sizes.items())))
    ready = _hoisted(graph, stages, sizes, parts, sequences)
    by_step, fixed = ({name: ready[name] for name in names} for names in stages.names_by_role)
    # A Scan counts its steps by what it reads: a step that reads no sequence gets the first one.
    by_step = by_step or {"": next(iter(sequences.values()))}
    results = graph.add_many(
        "Scan",
        (*initial.values(), *by_step.values()),
        [*(f"last {name}" for name in initial), "all"],
        body=_body(graph, cell, stages, sizes, parts, tuple(by_step), fixed),
        num_scan_inputs=len(by_step),
        scan_input_directions=[int(backward)] * len(by_step),
        scan_output_directions=[int(backward)],
    )
    return results[-1], dict(zip(initial, results, strict=False))


def _hoisted(
    graph: Graph, stages: Staged, sizes: Sizes, parts: Mapping[str, Tensor], sequences: Mapping[str, str]
) -> dict[str, str]:
    """What runs over all time steps at once, by the name of the input by which a step receives it."""
    printer = Printer(graph, stages.hoisted.program, sizes, parts, lead=2)
    sums = {cut.name: printer.sum_ahead(cut.group, cut.ahead, sequences) for cut in stages.cuts.values()}
    return printer.outputs({**sequences, **sums})


def _body(
    graph: Graph,
    cell: Cell,
    stages: Staged,
    sizes: Sizes,
    parts: Mapping[str, Tensor],
    by_step: tuple[str, ...],
    fixed: Mapping[str, str],
) -> Any:
    """One time step as a graph of its own: from the states and one step of what is read to the new states and output.

    States are flat, (batch, size), outside of the step.
    """
    from onnx import helper

    body, program = graph.body(), stages.recurrent.program
    axes, flat = cell.state_axes(), cell.state_sizes(sizes)
    given, inputs = dict(fixed), list[tuple[str, list[int | None] | None]]()
    for name in axes:
        inputs.append((body.name(f"previous {name}"), [None, flat[name]]))
        shape = size_of(axes[name], sizes)
        given[name] = inputs[-1][0] if len(shape) == 1 else body.reshape(inputs[-1][0], [0, *shape])
    for name in by_step:
        inputs.append((body.name(f"now {name}"), None))
        given[name] = inputs[-1][0]
    printer = Printer(body, program, sizes, parts, lead=1, ready=tuple(stages.cuts))
    new = printer.outputs(given)
    outputs = []
    for name in axes:
        value = new[name] if len(axes[name]) == 1 else body.reshape(new[name], [0, flat[name]])
        outputs.append((body.add("Identity", value, name=f"new {name}"), [None, flat[name]]))
    first = next(iter(axes))
    outputs.append((body.add("Identity", outputs[0][0], name=f"seen {first}"), [None, flat[first]]))
    number = element_type(graph.dtype)
    return helper.make_graph(
        body.nodes,
        body.name("step"),
        [helper.make_tensor_value_info(name, number, shape) for name, shape in inputs],
        [helper.make_tensor_value_info(name, number, shape) for name, shape in outputs],
    )
