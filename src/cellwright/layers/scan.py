"""The time loop: a cell's program over a sequence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

import torch

from cellwright.cells import Cell
from cellwright.program import BoundProgram, GroupFunction, Interpreter, merge_sums, split_stages

Tensor: TypeAlias = torch.Tensor


@dataclass(frozen=True)
class Masks:
    """What happens to rows of the batch at each step; both are (time, batch) and boolean, or None.

    Attributes:
        valid: where it is False, the sequence has ended: its states stay and its output is zero.
        resets: where it is True, the states start from zero before that step.
    """

    valid: Tensor | None = None
    resets: Tensor | None = None


@dataclass
class Scanned:
    """What a scan returns: output (time, batch, size), final states and recorded signals by name, all flat."""

    output: Tensor
    states: dict[str, Tensor]
    recorded: dict[str, Tensor]


def scan(
    cell: Cell,
    sizes: Mapping[str, int],
    stored: Mapping[str, Tensor],
    sequences: Mapping[str, Tensor],
    states: Mapping[str, Tensor],
    masks: Masks = Masks(),  # noqa: B008  (frozen)
    record: Sequence[str] = (),
    group_functions: Mapping[str, GroupFunction] | None = None,
) -> Scanned:
    """Run a cell over time.

    Args:
        stored: parameters by family (``weight_ih``, ...).
        sequences: the cell's sequences, (time, batch, features), or (time, batch) for those of one number.
        states: the initial states by name, (batch, size).
        record: names of gates, states and signals to return for every step.
        group_functions: evaluates linear groups of the merged program instead of the stored weights: a chip.
    """
    like = next(iter(states.values()))
    sizes_key = tuple(sorted(sizes.items()))
    if group_functions is None:
        hoisted, recurrent = _split(cell, sizes_key)
        known = set(recurrent.program.named)
        early = [name for name in record if name not in known]
        before = hoisted.bind(stored, like)(sequences, early)
        loop = recurrent.bind(stored, like)
        per_step = {v.name: before[v.name] for v in recurrent.program.inputs if v.attributes["role"] != "state"}
        constant = {v.name for v in recurrent.program.inputs_with_role("constant over time")}
        recorded = {name: before[name] for name in early}
    else:
        loop = _merged(cell, sizes_key).bind(stored, like, group_functions)
        per_step, constant, recorded = dict(sequences), set(), {}
    unbound = {name: tensor.unbind(0) for name, tensor in per_step.items() if name not in constant}
    fixed = {name: tensor for name, tensor in per_step.items() if name in constant}
    length = next(iter(sequences.values())).shape[0]
    scanned = _loop(cell, loop, sizes, unbound, fixed, states, masks, [n for n in record if n not in recorded], length)
    flat = {name: _flat_in_time(tensor, like) for name, tensor in recorded.items()}
    return Scanned(scanned.output, scanned.states, scanned.recorded | flat)


def _loop(
    cell: Cell,
    bound: BoundProgram,
    sizes: Mapping[str, int],
    unbound: Mapping[str, Sequence[Tensor]],
    fixed: Mapping[str, Tensor],
    initial: Mapping[str, Tensor],
    masks: Masks,
    record: Sequence[str],
    length: int,
) -> Scanned:
    shapes = {name: tuple(sizes[axis] for axis in axes) for name, axes in cell.state_axes().items()}
    output_name = next(iter(shapes))
    states = dict(initial)
    outputs: list[Tensor] = []
    kept: dict[str, list[Tensor]] = {name: [] for name in record}
    for time in range(length):
        if masks.resets is not None:
            reset = masks.resets[time].unsqueeze(-1)
            states = {name: state.masked_fill(reset, 0.0) for name, state in states.items()}
        shaped = {n: s if len(shapes[n]) == 1 else s.unflatten(-1, shapes[n]) for n, s in states.items()}
        results = bound({n: s[time] for n, s in unbound.items()} | shaped | dict(fixed), record)
        new = {n: results[n] if len(shapes[n]) == 1 else results[n].flatten(-len(shapes[n])) for n in states}
        if masks.valid is not None:
            valid = masks.valid[time].unsqueeze(-1)
            outputs.append(new[output_name].masked_fill(~valid, 0.0))
            new = {name: torch.where(valid, new[name], states[name]) for name in states}
        else:
            outputs.append(new[output_name])
        states = new
        for name in record:
            kept[name].append(_flat_in_time(results[name][None], outputs[-1])[0])
    return Scanned(torch.stack(outputs), states, {name: torch.stack(steps) for name, steps in kept.items()})


def _flat_in_time(tensor: Tensor, like: Tensor) -> Tensor:
    """(time, batch, axes...) to (time, batch, size), where ``like`` is (batch, size)."""
    return tensor.flatten(like.ndim) if tensor.ndim > like.ndim + 1 else tensor


@lru_cache(maxsize=256)
def _split(cell: Cell, sizes: tuple[tuple[str, int], ...]) -> tuple[Interpreter, Interpreter]:
    stages = split_stages(cell.program())
    return Interpreter(stages.hoisted, dict(sizes)), Interpreter(stages.recurrent, dict(sizes))


@lru_cache(maxsize=256)
def _merged(cell: Cell, sizes: tuple[tuple[str, int], ...]) -> Interpreter:
    return Interpreter(merge_sums(cell.program()), dict(sizes))
