"""onnxruntime beside the model: the same inputs, several batches and lengths, the same results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch

from cellwright.cells.listing import reason
from cellwright.errors import CellwrightError
from cellwright.export.model import Traced, leaves, why

Tensor = torch.Tensor

_TOLERANCE = {torch.float32: 1e-4, torch.float64: 1e-9}
"""Of the largest value of a result. What sums in another order makes of float32 is less."""

_SIZES: tuple[Mapping[str, int], ...] = ({}, {"batch": 1}, {"time": 2}, {"batch": 1, "time": 2})
"""What is added to the batch and the time steps of the examples."""


@dataclass(frozen=True)
class Run:
    """Inputs by name, and what the model computes of them; ``sizes`` are batch and time steps."""

    sizes: Mapping[str, int]
    inputs: Mapping[str, Tensor]
    results: tuple[Tensor, ...]


def runs_of(model: Traced) -> list[Run]:
    """The model on its examples, enlarged, with initial states and without."""
    base: dict[str, int] = {}
    for each in model.inputs:
        for axis, size in zip(each.axes, each.example.shape, strict=True):
            if axis:
                base.setdefault(axis, size)
    runs = []
    for added in _SIZES:
        sizes = {axis: size + added.get(axis, 0) for axis, size in base.items()}
        inputs = {each.name: each.resized(sizes) for each in model.inputs}
        runs.append(_run(model, sizes, inputs))
    if any(each.optional for each in model.inputs):
        needed = {each.name: runs[-1].inputs[each.name] for each in model.inputs if not each.optional}
        runs.append(_run(model, runs[-1].sizes, needed))
    return runs


def _run(model: Traced, sizes: Mapping[str, int], inputs: Mapping[str, Tensor]) -> Run:
    try:
        returned = model.run(inputs)
    except Exception as error:
        given = ", ".join(f"{name} {tuple(tensor.shape)}" for name, tensor in inputs.items())
        raise CellwrightError(f"the model does not take any batch and length: {given} gives {why(error)}") from error
    return Run(sizes, inputs, tuple(leaves(returned, Tensor)))


def shapes(runs: Sequence[Run]) -> list[tuple[int | str | None, ...]]:
    """The outputs' dimensions: sizes, the names of the axes that they follow, or None where it is something else."""
    first, wider, longer = runs[:3]
    found = []
    for place in range(len(first.results)):
        sizes = [run.results[place].shape for run in (first, wider, longer)]
        found.append(tuple(_dimension(first.sizes, *of_run) for of_run in zip(*sizes, strict=True)))
    return found


def _dimension(sizes: Mapping[str, int], plain: int, wider: int, longer: int) -> int | str | None:
    if plain == wider == longer:
        return plain
    if plain == sizes.get("batch") and longer == plain and wider == plain + _SIZES[1]["batch"]:
        return "batch"
    if plain == sizes.get("time") and wider == plain and longer == plain + _SIZES[2]["time"]:
        return "time"
    return None


def compare(data: bytes, runs: Sequence[Run], outputs: Sequence[str], name: str) -> None:
    """Run a file's bytes beside the model.

    Raises:
        CellwrightError: onnxruntime refuses the file, or computes something else.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # it warns of states that may be left out
    options.intra_op_num_threads = 1
    try:
        session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
        computed = [session.run(list(outputs), {k: v.numpy() for k, v in run.inputs.items()}) for run in runs]
    except Exception as error:
        raise CellwrightError(f"onnxruntime does not run the exported {name}: {reason(error)}") from error
    for run, arrays in zip(runs, computed, strict=True):
        for output, array, expected in zip(outputs, arrays, run.results, strict=True):
            _compare_one(torch.from_numpy(array), expected, f"{output} of the exported {name}")


def _compare_one(got: Tensor, expected: Tensor, what: str) -> None:
    if got.shape != expected.shape:
        raise CellwrightError(f"{what} has the shape {tuple(got.shape)} in onnxruntime, {tuple(expected.shape)} here")
    if expected.numel() == 0 or torch.equal(got, expected):
        return
    largest = float(expected.nan_to_num(0.0, 0.0, 0.0).abs().max())
    tolerance = _TOLERANCE.get(expected.dtype, 0.0) * max(largest, 1e-6)
    if not torch.allclose(got, expected, rtol=0.0, atol=tolerance, equal_nan=True):
        error = float((got - expected).abs().nan_to_num().max())
        raise CellwrightError(
            f"{what} is off by {error:.1e} in onnxruntime, where the largest value is {largest:.1e}: nothing is "
            "written; if made-up inputs make no sense for the model, pass example_inputs"
        )
