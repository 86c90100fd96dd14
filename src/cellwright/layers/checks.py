"""What a recurrent layer accepts: each check names what was wrong and what was expected."""

from __future__ import annotations

import numbers
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias, TypeVar

import torch
from torch.nn.utils.rnn import PackedSequence

from cellwright.cells import Cell, Timing, Topology, find
from cellwright.cells import checks as fields
from cellwright.errors import CellwrightError
from cellwright.program.values import Axes

Tensor: TypeAlias = torch.Tensor
Choice = TypeVar("Choice", bound=str)

_WHOLE_NUMBERS = (torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8)


def cell(given: Any) -> Cell:
    """The cell that is given, or that the catalogue or a file has under the name that is given."""
    given = find(given) if isinstance(given, str) else given
    if not isinstance(given, Cell):
        hint = f"pass an instance, {given.__name__}()" if isinstance(given, type) else "see cellwright.cells"
        raise CellwrightError(f"a layer runs a cell or its name, got {type(given).__name__}: {hint}")
    return given


_LAYERS = {
    "sequence": "Recurrent",
    "tree": "TreeRecurrent",
    "grid": "MultidimensionalRecurrent or GridRecurrent",
    "maps": "ConvolutionalRecurrent",
}


_WALKED = {"maps": "sequence of maps"}


def walks(given: Cell, topology: Topology) -> Cell:
    """The cell, if it is one for layers that walk such a topology."""
    if given.topology not in _LAYERS:
        raise CellwrightError(f"{given} has the topology {given.topology!r}, expected one of {', '.join(_LAYERS)}")
    if given.topology != topology:
        raise CellwrightError(
            f"{given} walks a {_WALKED.get(given.topology, given.topology)}, this layer a "
            f"{_WALKED.get(topology, topology)}: build a {_LAYERS[given.topology]} of it"
        )
    return given


def positive(name: str, value: Any) -> int:
    if not is_whole(value) or value < 1:
        raise CellwrightError(f"{name} is a whole number from 1, got {value!r}")
    return int(value)


def count(name: str, value: Any) -> int:
    if not is_whole(value) or value < 0:
        raise CellwrightError(f"{name} is a whole number from 0, got {value!r}")
    return int(value)


def flag(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise CellwrightError(f"{name} is True or False, got {value!r}")
    return value


def choice(name: str, value: Choice, choices: Sequence[Choice]) -> Choice:
    """The value, if it is one of the choices."""
    fields.choice(name, value, choices)
    return value


def probability(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, numbers.Real) or not 0 <= float(value) <= 1:
        raise CellwrightError(f"{name} is a probability between 0 and 1, got {value!r}")
    return float(value)


def projection(proj_size: Any, hidden_size: int) -> int:
    """torch's rule: 0 stands for no projection, and a projection makes the output smaller."""
    if not is_whole(proj_size) or not 0 <= proj_size < hidden_size:
        raise CellwrightError(
            f"proj_size is a whole number from 0 (no projection) to {hidden_size - 1} (hidden_size - 1), "
            f"got {proj_size!r}"
        )
    return int(proj_size)


def projection_of(own: Cell, proj_size: Any) -> int:
    """A projection, of any size, is asked for if and only if the cell has one."""
    if not is_whole(proj_size) or proj_size < 0:
        raise CellwrightError(f"proj_size is a whole number from 0 (no projection), got {proj_size!r}")
    if proj_size and not own.projects:
        raise CellwrightError(
            f"proj_size={proj_size}, but {own} has no projection: use a cell that has, or leave proj_size 0"
        )
    if own.projects and not proj_size:
        raise CellwrightError(f"{own} projects its output: give the size of the projection, proj_size")
    return int(proj_size)


def batch_shape(input: Any, input_size: int, batch_first: bool) -> None:
    """The shape of a batch, for layers that take no single sequence without its axis."""
    input_shape(input, input_size, batch_first)
    if input.ndim != 3:
        raise CellwrightError(f"the input has the shape {tuple(input.shape)}, expected three dimensions: add a batch")


def input_shape(input: Any, input_size: int, batch_first: bool) -> None:
    if not isinstance(input, Tensor):
        raise CellwrightError(f"the input is a tensor or a PackedSequence, got {type(input).__name__}")
    if input.ndim not in (2, 3) or input.shape[-1] != input_size:
        order = "batch, time" if batch_first else "time, batch"
        raise CellwrightError(
            f"the input has the shape {tuple(input.shape)}, expected ({order}, {input_size}) or (time, {input_size})"
        )


def grid(input: Any, input_size: int, dimensions: int) -> None:
    """A tensor (batch, channels, *grid) with at least one point."""
    if not isinstance(input, Tensor):
        raise CellwrightError(f"the input is a tensor, got {type(input).__name__}")
    if input.ndim != 2 + dimensions or input.shape[1] != input_size or 0 in input.shape[2:]:
        sizes = "".join(f", size {k + 1}" for k in range(dimensions))
        each = ", each size from 1" if dimensions else ""
        raise CellwrightError(
            f"the input has the shape {tuple(input.shape)}, expected (batch, {input_size}{sizes}){each}"
        )


def maps(input: Any, channels: int, space: Sequence[str], size: Sequence[int] | None, batch_first: bool) -> None:
    """Maps (time, batch, channels, *space), or without the batch, of the size that is set, if one is."""
    if not isinstance(input, Tensor):
        hint = ": pad the maps and pass lengths" if isinstance(input, PackedSequence) else ""
        raise CellwrightError(f"the input is a tensor of maps, got {type(input).__name__}{hint}")
    fits = input.ndim in (2 + len(space), 3 + len(space)) and input.shape[-1 - len(space)] == channels
    if (
        not fits
        or (size is not None and tuple(input.shape[-len(space) :]) != tuple(size))
        or 0 in input.shape[-len(space) :]
    ):
        order = "batch, time" if batch_first else "time, batch"
        one = ", ".join(str(each) for each in (channels, *(size or (f"{axis}s" for axis in space))))
        raise CellwrightError(
            f"the input has the shape {tuple(input.shape)}, expected ({order}, {one}) or (time, {one})"
        )


def packed_shape(input: PackedSequence, input_size: int) -> None:
    if input.data.ndim != 2 or input.data.shape[-1] != input_size:
        raise CellwrightError(
            f"the packed sequence holds data of the shape {tuple(input.data.shape)}, expected (steps, {input_size})"
        )


def same_dtype(
    input: Tensor, initial: Mapping[str, Tensor], parameter: Tensor | None, name_of_input: str = "the input"
) -> None:
    """Input and states have the parameters' dtype, as torch asks; under autocast they may differ."""
    if parameter is None or (not initial and input.dtype == parameter.dtype):
        return
    named = {name_of_input: input, **{f"the initial {name}": tensor for name, tensor in initial.items()}}
    for name, tensor in named.items():
        if tensor.dtype == parameter.dtype or torch.is_autocast_enabled(tensor.device.type):
            continue
        raise CellwrightError(
            f"{name} has the dtype {tensor.dtype}, but the parameters have {parameter.dtype}: "
            f"convert it with .to({parameter.dtype}), or the layer"
        )


def sequences(given: Mapping[str, Tensor], expected: Mapping[str, Axes], timing: Mapping[str, Timing]) -> None:
    """All of the cell's sequences but those that tell the time, (time, batch, ...), of equal length and batch."""
    if not expected.keys() - timing.keys() <= given.keys() <= expected.keys():
        raise CellwrightError(
            f"this cell reads the sequences {', '.join(expected)}, got {', '.join(given)}: pass them by name"
        )
    steps, batch = given["x"].shape[:2]
    if steps == 0:
        raise CellwrightError("the input has no time steps: expected at least one")
    for name, tensor in given.items():
        dimensions = 2 + len(expected[name])
        if tensor.shape[:2] != (steps, batch) or tensor.ndim != dimensions:
            raise CellwrightError(
                f"the sequence {name} has the shape {tuple(tensor.shape)} in (time, batch, ...), "
                f"expected {dimensions} dimensions that begin with ({steps}, {batch})"
            )


def moments(given: Mapping[str, Tensor], timing: Mapping[str, Timing]) -> None:
    """A step by itself does not say when it is."""
    for name, kind in timing.items():
        if kind == "moment" and name not in given:
            raise CellwrightError(f"one step does not say when it is: pass {name}, one number a sample")


def states(given: Any, expected: Mapping[str, tuple[int, ...]]) -> tuple[Tensor, ...]:
    """The initial state as a tuple of tensors: one for each state of the cell, of the expected shapes."""
    tensors = (given,) if isinstance(given, Tensor) else given
    if not isinstance(tensors, Sequence) or len(tensors) != len(expected):
        got = f"{len(tensors)} tensor(s)" if isinstance(tensors, Sequence) else type(given).__name__
        raise CellwrightError(f"the initial state of this cell is ({', '.join(expected)}), got {got}")
    for (name, shape), tensor in zip(expected.items(), tensors, strict=True):
        if not isinstance(tensor, Tensor):
            raise CellwrightError(f"the initial {name} is a tensor of the shape {shape}, got {type(tensor).__name__}")
        if tuple(tensor.shape) != shape:
            raise CellwrightError(f"the initial {name} has the shape {tuple(tensor.shape)}, expected {shape}")
    return tuple(tensors)


def lengths(given: Tensor | Sequence[int], steps: int, batch: int, device: torch.device) -> Tensor:
    """Lengths as an integer tensor (batch,): one whole number from 0 to ``steps`` for each sequence."""
    try:
        tensor = (
            given if isinstance(given, Tensor) and given.device == device else torch.as_tensor(given, device=device)
        )
    except (TypeError, ValueError, RuntimeError):  # torch has one for each kind of nonsense
        raise CellwrightError(f"lengths holds one whole number a sequence, got {given!r}") from None
    if tensor.shape != (batch,) or (batch and tensor.dtype not in _WHOLE_NUMBERS):
        raise CellwrightError(
            f"lengths holds one whole number a sequence: expected the shape ({batch},), "
            f"got {tuple(tensor.shape)} of {tensor.dtype}"
        )
    if batch and not tensor.is_meta and not torch.compiler.is_compiling():  # a graph's values are not known yet
        values = tensor.tolist()
        least, most = min(values), max(values)
        if least < 0 or most > steps:
            raise CellwrightError(
                f"lengths lie between 0 and the {steps} time steps of the input, got {least} to {most}"
            )
    return tensor.to(torch.int64, copy=True)  # the caller's may change before the backward pass


def resets(given: Any, steps: int, batch: int, device: torch.device) -> Tensor:
    """Resets as a boolean tensor (time, batch)."""
    if not isinstance(given, Tensor) or given.shape != (steps, batch):
        got = f"the shape {tuple(given.shape)}" if isinstance(given, Tensor) else type(given).__name__
        raise CellwrightError(f"resets is a tensor (time, batch) = ({steps}, {batch}) of booleans, got {got}")
    if given.is_meta and device.type != "meta":
        raise CellwrightError("resets is on the device meta, where there are no values: build it where the input is")
    return given.to(device, torch.bool, copy=True)  # the caller's may change before the backward pass


def signals(record: Iterable[str], known: Iterable[str]) -> None:
    known = tuple(known)
    for name in record:
        if name not in known:
            raise CellwrightError(
                f"the cell has no signal {name!r} to record; it has: {', '.join(known)} "
                "(layer and direction are added to the names that come back)"
            )


def is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
