"""A graph as the message that an ONNX file holds: with its inputs and outputs, and with where it comes from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from cellwright import __version__
from cellwright.cells import catalogue
from cellwright.cells.listing import reason
from cellwright.errors import CellwrightError
from cellwright.export.graph import Graph, element_type
from cellwright.export.model import Input, Traced
from cellwright.program import equations

_LARGEST = 2**31 - 2**20
"""Bytes of weights: protobuf, in which ONNX files are written, has a limit of 2 GiB."""


def of(graph: Graph, model: Traced, outputs: Sequence[Any], name: str, opset: int) -> Any:
    """The whole message.

    Args:
        outputs: as ``described``.
        name: of the graph.

    Raises:
        CellwrightError: the weights are too large for a file.
    """
    from onnx import helper

    size = sum(len(initializer.raw_data) for initializer in graph.initializers.values())
    if size > _LARGEST:
        raise CellwrightError(f"the model has {size / 2**30:.1f} GiB of weights; an ONNX file holds less than 2 GiB")
    inputs = [described(each.name, each.example.dtype, _shape(each)) for each in model.inputs]
    defaults = [_zeros(each) for each in model.inputs if each.optional]
    body = helper.make_graph(graph.nodes, name, inputs, outputs, [*defaults, *graph.initializers.values()])
    versions = [helper.make_opsetid("", opset)]
    message = helper.make_model(
        body,
        opset_imports=versions,
        ir_version=helper.find_min_ir_version_for(versions),  # so that older runtimes read it, too
        producer_name="cellwright",
        producer_version=__version__,
    )
    helper.set_model_props(message, _metadata(model))
    return message


def described(name: str, dtype: torch.dtype, shape: Sequence[int | str | None]) -> Any:
    """An input or output: its name, type, and sizes or names of its dimensions."""
    from onnx import helper

    return helper.make_tensor_value_info(name, element_type(dtype), list(shape))


def _shape(each: Input) -> list[int | str]:
    # Zeros that stand in for a state have one row, whatever the batch.
    names = [axis and ("batch_or_1" if each.optional else axis) for axis in each.axes]
    return [name or size for name, size in zip(names, each.example.shape, strict=True)]


def _zeros(each: Input) -> Any:
    """The initial state that stands in where none is given: one row, which is spread over the batch."""
    from onnx import numpy_helper

    one_row = each.resized({"batch": 1, "time": 1})
    return numpy_helper.from_array(torch.zeros_like(one_row).numpy(), each.name)


def _metadata(model: Traced) -> dict[str, str]:
    """What a reader of the file may want to know: the version, and each layer's cell with its equations."""
    named = {cell: name for name, cell in catalogue().items()}
    found = {"cellwright": __version__}
    for name, layer in model.layers.items():
        found[f"{name}.cell"] = named.get(layer.cell, str(layer.cell))
        found[f"{name}.equations"] = "\n".join(each.unicode for each in equations(layer.running_cell.program()))
    return found


def checked(message: Any) -> bytes:
    """The bytes of a file that ONNX's checker has nothing against.

    Raises:
        CellwrightError: the checker finds a fault.
    """
    from onnx import checker

    try:
        data = bytes(message.SerializeToString())
        checker.check_model(data, full_check=True)
    except Exception as error:
        raise CellwrightError(f"ONNX's checker refuses the graph: {reason(error)}") from error
    return data
