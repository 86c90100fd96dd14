"""A model as an ONNX file: traced, written as a graph, run in onnxruntime beside the model, and only then stored."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from types import NoneType
from typing import Any

import torch
from torch import nn

from cellwright.errors import CellwrightError
from cellwright.export import message, runtime
from cellwright.export.graph import Graph
from cellwright.export.model import Traced, traced
from cellwright.export.recurrent import operator_of
from cellwright.export.writer import Writer
from cellwright.files import write_atomically

Tensor = torch.Tensor

OPSETS = (18, 23)
"""The oldest and the newest version of ONNX's operators that a file is written in, as far as onnx itself has it."""


@dataclass(frozen=True, kw_only=True)
class Exported:
    """What was written.

    Attributes:
        path: the file.
        inputs: names of the tensors that have to be given.
        optional: names of the initial states, which are zero where they are left out.
        outputs: names of what the file computes, in order.
        operators: by recurrent layer what computes it: ``LSTM``, ``GRU``, ``RNN`` or ``Scan``.
    """

    path: Path
    inputs: tuple[str, ...]
    optional: tuple[str, ...]
    outputs: tuple[str, ...]
    operators: Mapping[str, str]


def to_onnx(
    module: nn.Module,
    path: str | os.PathLike[str],
    example_inputs: Tensor | Sequence[Any] | None = None,
    *,
    opset: int = OPSETS[0],
) -> Exported:
    """Write a model as an ONNX file that takes any batch and any number of time steps.

    A recurrent layer whose cell computes what ONNX's LSTM, GRU or RNN does becomes that operator, whatever the cell
    is called; any other becomes a Scan whose body is printed from the cell's step. Files of float64 have Scan alone,
    as onnxruntime has those operators in float32.

    The model computes as in evaluation mode. It may be a ``Recurrent``, or any module whose forward torch.fx can
    trace and that is made of recurrent layers (ours or torch's) and of the modules and functions in
    ``export/modules.py``. Not supported: ``lengths``, ``resets`` and ``record``; packed and unbatched sequences;
    layers on a chip or in fixed point; half precision.

    Before the file takes its place it is checked by ONNX's checker, and run in onnxruntime with several batches and
    lengths: what it computes has to be what the model does.

    Args:
        module: the model; it stays as it is.
        path: the file, written whole or not at all.
        example_inputs: arguments of the model's forward: a tensor or a tuple. Can be left out where forward's
            arguments go straight into a recurrent layer. None in the place of a state leaves it out of the file. A
            batch and a length of more than 1 tell most.
        opset: version of ONNX's operators.

    Returns:
        the names of inputs and outputs, and what computes each recurrent layer. An initial state that forward takes
        (None by default) is an input ``initial_h``, ..., that may be left out; final states are outputs ``final_h``.

    Raises:
        CellwrightError: onnx or onnxruntime is missing; something in the model cannot be exported (it is named); the
            file computes something else, is too large, or cannot be written.
    """
    example = (example_inputs,) if isinstance(example_inputs, Tensor) else example_inputs
    _check_request(module, path, example, opset)
    model = traced(module, example)
    writer = Writer(Graph(_dtype(model)), model)
    outputs = writer.outputs()
    runs = runtime.runs_of(model)
    described = [
        message.described(name, result.dtype, shape)
        for name, result, shape in zip(outputs, runs[0].results, runtime.shapes(runs), strict=True)
    ]
    data = message.checked(message.of(writer.graph, model, described, type(module).__name__, opset))
    runtime.compare(data, runs, outputs, type(module).__name__)
    try:
        write_atomically(path, data)
    except OSError as error:
        raise CellwrightError(f"{path} cannot be written: {error.strerror or error}") from error
    return Exported(
        path=Path(path),
        inputs=tuple(each.name for each in model.inputs if not each.optional),
        optional=tuple(each.name for each in model.inputs if each.optional),
        outputs=tuple(outputs),
        operators=_operators(model),
    )


def _check_request(module: Any, path: Any, example: Any, opset: Any) -> None:
    for package in ("onnx", "onnxruntime"):
        if find_spec(package) is None:
            raise CellwrightError(f"needs the package {package}: pip install 'cellwright[onnx]'")
    if not isinstance(module, nn.Module):
        raise CellwrightError(f"a torch module is exported, got {type(module).__name__}")
    if not isinstance(path, (str, os.PathLike)):
        raise CellwrightError(f"path names a file, got {type(path).__name__}")
    if not isinstance(example, (tuple, list, NoneType)):
        kind = type(example).__name__
        raise CellwrightError(f"example_inputs is a tensor, or a tuple of the arguments of forward, got {kind}")
    from onnx import defs

    oldest, newest = OPSETS[0], min(OPSETS[1], defs.onnx_opset_version())
    if isinstance(opset, bool) or not isinstance(opset, int) or not oldest <= opset <= newest:
        raise CellwrightError(f"opset is a whole number from {oldest} to {newest}, got {opset!r}")


def _dtype(model: Traced) -> torch.dtype:
    """What the model computes in."""
    found = {tensor.dtype for tensor in model.model.parameters() if tensor.is_floating_point()}
    found |= {each.example.dtype for each in model.inputs if each.example.is_floating_point()}
    if len(found) > 1:
        named = ", ".join(sorted(map(str, found)))
        raise CellwrightError(f"the model and its inputs have several dtypes ({named}): convert them to one")
    (dtype,) = found or {torch.float32}
    if dtype not in (torch.float32, torch.float64):
        raise CellwrightError(f"a model in {dtype} cannot be exported: convert it, model.float()")
    return dtype


def _operators(model: Traced) -> dict[str, str]:
    dtype = _dtype(model)
    return {
        name: "Scan" if (found := operator_of(layer, dtype)) is None else found.reference.operator
        for name, layer in model.layers.items()
    }
