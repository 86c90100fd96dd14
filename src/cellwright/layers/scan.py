"""The time loop: a cell's program over a sequence."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

import torch

from cellwright import kernels
from cellwright.cells import Cell
from cellwright.kernels import operator
from cellwright.kernels.registered import number_of
from cellwright.layers.compiled import CompiledStep, Packed, compiled_step
from cellwright.layers.sequences import Masks, zero_where
from cellwright.layers.stages import Loop, Sizes, merged, staged
from cellwright.program import Arithmetic, BoundProgram, GroupFunction
from cellwright.program.values import BATCH, named_axes

if TYPE_CHECKING:
    from cellwright.kernels.loop import CompiledLoop

Tensor: TypeAlias = torch.Tensor


@dataclass
class Scanned:
    """What a scan returns: output and recorded signals (time, batch, size), final states (1, batch, size) by name."""

    output: Tensor
    states: dict[str, Tensor]
    recorded: dict[str, Tensor]


def scan(
    cell: Cell,
    sizes: Sizes,
    stored: Mapping[str, Tensor],
    sequences: Mapping[str, Tensor],
    states: Mapping[str, Tensor],
    masks: Masks = Masks(),  # noqa: B008  (frozen)
    record: Sequence[str] = (),
    group_functions: Mapping[str, GroupFunction] | None = None,
    recompute: bool = False,
    packed: Packed | None = None,
    arithmetic: Arithmetic | None = None,
) -> Scanned:
    """Run a cell over time.

    Args:
        sizes: of the cell's axes, as ``cell.sizes`` gives them, sorted.
        stored: parameters by family (``weight_ih``, ...).
        sequences: the cell's sequences, (time, batch, features), or (time, batch) for those of one number.
        states: the initial states by name, (1, batch, size); those left out are zero.
        masks: where sequences end and where they start anew.
        record: names of gates, states and signals to return for every step, (time, batch, size).
        group_functions: evaluates linear groups of the merged program instead of the stored weights: a chip.
        recompute: compiled, the backward pass computes again, from the states alone, what it needs.
        packed: keeps matrices packed for the next call.
        arithmetic: computes every value of the merged program in a way of its own: fixed point.

    Raises:
        CellwrightError: a sequence or parameter is missing; the program as it is run computes no signal of that name.
    """
    is_plain = group_functions is None and arithmetic is None
    if is_plain and kernels.enabled() and cell.topology != "maps":  # convolutions are torch's own
        step = compiled_step(cell, sizes, tuple(record), recompute)
        scanned = _run_compiled(step, stored, sequences, states, masks, packed)
        if scanned is not None:
            return scanned
    sequences = masks.without_padding(sequences)
    by_axis = dict(sizes)
    states = _with_zeros(cell, by_axis, states, next(iter(sequences.values())))
    like = next(iter(states.values()))
    if is_plain:
        loop = staged(cell, sizes).loop(stored, sequences, like, record)
    else:
        loop = Loop(merged(cell, sizes).bind(stored, like, group_functions, arithmetic), sequences, {}, {})
    steps = next(iter(sequences.values())).shape[0]
    late = [name for name in record if name not in loop.recorded]
    scanned = _run(cell, loop.body, by_axis, _by_step(loop, steps), states, masks, late)
    if record:
        named = cell.program().named
        signals = {**loop.recorded, **scanned.recorded}
        scanned.recorded = {name: _as_signal(signals[name], named[name].axes, scanned.output) for name in record}
    return _without_ended(scanned, masks)


def _without_ended(scanned: Scanned, masks: Masks) -> Scanned:
    """Zeros where sequences have ended."""
    if masks.valid is not None:
        ended = ~masks.valid
        scanned.output = zero_where(ended, scanned.output)
        scanned.recorded = {name: zero_where(ended, signal) for name, signal in scanned.recorded.items()}
    return scanned


def _with_zeros(cell: Cell, sizes: Mapping[str, int], states: Mapping[str, Tensor], like: Tensor) -> dict[str, Tensor]:
    """All states by name, (batch, size), zeros for those that are not given."""
    return {
        name: states[name].squeeze(0) if name in states else like.new_zeros(like.shape[1], size)
        for name, size in cell.state_sizes(sizes).items()
    }


def _run_compiled(
    step: CompiledStep,
    stored: Mapping[str, Tensor],
    sequences: Mapping[str, Tensor],
    states: Mapping[str, Tensor],
    masks: Masks,
    packed: Packed | None,
) -> Scanned | None:
    """Run the loop as machine code; None where it has to be interpreted."""
    if not operator.is_plain(itertools.chain(sequences.values(), stored.values(), states.values())):
        return None
    x = next(iter(sequences.values()))
    loop = step.loop(x.dtype)
    if loop is None:
        return None
    constants = step.constants_of(stored, x)
    results = _call(step, loop, {**sequences, **stored, **states, **constants}, masks, packed)
    if results is None:
        return None
    output, after = results[0], 1 + len(loop.states)
    finals = dict(zip(loop.states, results[1:after], strict=True))
    recorded = dict(zip(step.signals, results[after:], strict=True))
    for name in step.early:
        signal = _as_signal(constants[name], step.cell.program().named[name].axes, output)
        recorded[name] = signal if masks.valid is None else zero_where(~masks.valid, signal)
    return Scanned(output, finals, recorded)


def _call(
    step: CompiledStep, loop: CompiledLoop, available: Mapping[str, Tensor], masks: Masks, packed: Packed | None
) -> Sequence[Tensor] | None:
    """The results of a compiled loop, from tensors by name; None where parameters have not the shapes that it takes."""
    given = [available.get(name) for name in loop.names]
    if not loop.fits(given):
        return None
    kept = None if packed is None else packed.of(loop, given)
    return operator.run(loop, given, (masks.lengths, masks.resets), partial(_interpreted, step, masks), kept)


def run_plainly(
    step: CompiledStep, x: Tensor, stored: Mapping[str, Tensor], masks: Masks, packed: Packed | None
) -> Sequence[Tensor] | None:
    """Output, final states and signals of a step that reads x alone, from zero states.

    None where it has to be interpreted, or where something is constant over time.
    """
    if not kernels.enabled() or not operator.is_plain((x, *stored.values())):
        return None
    if step.constants is not None or step.early or (loop := step.loop(x.dtype)) is None:
        return None
    return _call(step, loop, {"x": x, **stored}, masks, packed)


def loop_in_graph(
    cell: Cell, sizes: Sizes, record: tuple[str, ...], recompute: bool, dtype: torch.dtype
) -> tuple[Any, ...] | None:
    """What a graph needs to know of a compiled loop: its number, and the names of tensors, states and signals.

    None where the step has to be interpreted.
    """
    step = compiled_step(cell, sizes, record, recompute)
    is_compilable = kernels.enabled() and dtype in (torch.float32, torch.float64)
    if not is_compilable or step.constants is not None or (loop := step.loop(dtype)) is None:
        return None
    return number_of(loop), loop.names, tuple(loop.states), step.signals


def scan_in_graph(
    loop: tuple[Any, ...],
    stored: Mapping[str, Tensor],
    sequences: Mapping[str, Tensor],
    states: Mapping[str, Tensor],
    masks: Masks,
) -> Scanned:
    """``scan`` as one operator of a graph that is being made; ``loop`` is what ``loop_in_graph`` returned."""
    number, names, state_names, signals = loop
    available = {**sequences, **stored, **states}
    places = [place for place, name in enumerate(names) if name in available]
    given = [available[names[place]] for place in places]
    training = torch.is_grad_enabled() and any(tensor.requires_grad for tensor in given)
    results = torch.ops.cellwright.scan(given, places, masks.lengths, masks.resets, number, training)
    after = 1 + len(state_names)
    finals = dict(zip(state_names, results[1:after], strict=True))
    recorded = dict(zip(signals, results[after : after + len(signals)], strict=True))
    return Scanned(results[0], finals, recorded)


def _interpreted(step: CompiledStep, masks: Masks, given: Mapping[str, Tensor]) -> list[Tensor]:
    """The same from the same tensors, for derivatives of derivatives: output, final states, signals."""
    program, sizes = step.step.program, step.step.sizes
    sequences = {v.name: given[v.name] for v in program.inputs_with_role("sequence") if v.name in given}
    sequences = masks.without_padding(sequences)
    like = next(iter(sequences.values()))
    fixed = {v.name: given[v.name] for v in program.inputs_with_role("constant over time")}
    loop = Loop(step.step.bind({n: given[n] for n in step.step.families if n in given}, like), sequences, fixed, {})
    record = [f"signal {name}" for name in step.signals]
    start = _with_zeros(step.cell, sizes, {n: t for n, t in given.items() if n in step.cell.state_axes()}, like)
    scanned = _run(step.cell, loop.body, sizes, _by_step(loop, len(like)), start, masks, record)
    named = step.cell.program().named
    signals = {n: _as_signal(scanned.recorded[f"signal {n}"], named[n].axes, scanned.output) for n in step.signals}
    scanned = _without_ended(Scanned(scanned.output, scanned.states, signals), masks)
    return [scanned.output, *scanned.states.values(), *(scanned.recorded[name] for name in step.signals)]


def _by_step(loop: Loop, steps: int) -> list[dict[str, Tensor]]:
    """What the body of the loop reads beside the states, step by step."""
    if not loop.per_step:
        return [dict(loop.fixed)] * steps
    columns = zip(*(tensor.unbind(0) for tensor in loop.per_step.values()), strict=True)
    return [{**loop.fixed, **dict(zip(loop.per_step, column, strict=True))} for column in columns]


def _run(
    cell: Cell,
    body: BoundProgram,
    sizes: Mapping[str, int],
    inputs: Sequence[Mapping[str, Tensor]],
    initial: Mapping[str, Tensor],
    masks: Masks,
    record: Sequence[str],
) -> Scanned:
    shapes = {name: tuple(sizes[axis] for axis in axes) for name, axes in cell.state_axes().items()}
    other = {name: shape for name, shape in shapes.items() if len(shape) != 1}
    output_name = next(iter(shapes))
    states = dict(initial)
    outputs: list[Tensor] = []
    kept: dict[str, list[Tensor]] = {name: [] for name in record}
    resets = None if masks.resets is None else masks.resets.unsqueeze(-1).unbind(0)
    valid = None if masks.valid is None else masks.valid.unsqueeze(-1).unbind(0)
    for time, step_inputs in enumerate(inputs):
        if resets is not None:
            states = {name: state.masked_fill(resets[time], 0.0) for name, state in states.items()}
        shaped = {name: states[name].reshape(*states[name].shape[:-1], *shape) for name, shape in other.items()}
        results = body({**step_inputs, **states, **shaped}, record)
        flat = {name: results[name].reshape(states[name].shape) for name in other}
        new = {name: flat[name] if name in flat else results[name] for name in states}
        outputs.append(new[output_name])
        for name in record:
            kept[name].append(results[name])
        if valid is not None:
            new = {name: torch.where(valid[time], new[name], states[name]) for name in states}
        states = new
    final = {name: state.unsqueeze(0) for name, state in states.items()}
    return Scanned(torch.stack(outputs), final, {name: torch.stack(steps) for name, steps in kept.items()})


def _as_signal(tensor: Tensor, axes: Sequence[str], output: Tensor) -> Tensor:
    """A recorded value as (time, batch, size): several named axes in one, none as a size of one."""
    own = len(named_axes(axes))
    if BATCH not in axes:  # made from parameters alone, so that all steps have the same
        constant = tensor[0] if tensor.ndim > own else tensor
        tensor = constant.expand(*output.shape[:2], *constant.shape)
    return tensor.flatten(2) if own else tensor.unsqueeze(-1)
