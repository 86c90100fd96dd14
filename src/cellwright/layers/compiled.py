"""A cell's step as compiled loops run it: what is recorded with it, and what is constant over time before it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, TypeAlias

import torch

from cellwright.cells import Cell
from cellwright.kernels import operator
from cellwright.layers.stages import Sizes
from cellwright.program import Interpreter, Program, merge_sums, split_stages
from cellwright.program.values import BATCH

if TYPE_CHECKING:
    from cellwright.kernels.loop import CompiledLoop

Tensor: TypeAlias = torch.Tensor


@dataclass(frozen=True, eq=False)
class CompiledStep:
    """A step that may be compiled.

    Attributes:
        cell: for messages.
        step: what runs at each time step; its outputs are the states, and after them recorded signals.
        constants: computes what is constant over time from parameters alone; None where there is nothing.
        signals: names of the recorded signals that the step computes.
        early: names of those that are constant over time.
        recompute: whether the backward pass computes the step again instead of reading what was kept.
    """

    cell: Cell
    step: Interpreter
    constants: Interpreter | None
    signals: tuple[str, ...]
    early: tuple[str, ...]
    recompute: bool
    loops: dict[torch.dtype, CompiledLoop | None] = field(default_factory=dict)

    def loop(self, dtype: torch.dtype) -> CompiledLoop | None:
        """The compiled loop, if there can be one; made once."""
        if dtype not in self.loops:
            step = self.step
            self.loops[dtype] = operator.compiled(self.cell, step.program, step.sizes, dtype, self.recompute)
        return self.loops[dtype]

    def constants_of(self, stored: Mapping[str, Tensor], like: Tensor) -> dict[str, Tensor]:
        """What is constant over time, by name: what the step reads of it, and what is recorded."""
        return {} if self.constants is None else self.constants.bind(stored, like)({}, self.early)


class Packed:
    """Matrices of one layer and direction that stay packed from call to call, for each loop that has read them.

    Parameters that have changed, as far as torch knows, are packed again: those that are other tensors than before,
    as parametrised ones are at each call, and those of inference mode, whose changes are not counted. A copy begins
    empty.
    """

    def __init__(self) -> None:
        self._known: dict[CompiledLoop, tuple[list[tuple[Tensor, int, int]], Tensor]] = {}

    def of(self, loop: CompiledLoop, given: Sequence[Tensor | None]) -> Tensor:
        """The packed matrices for a call of a loop."""
        first = len(loop.names) - len(loop.states) - len(loop.read)
        stored = [tensor for tensor in given[first : first + len(loop.read)] if tensor is not None]
        known = self._known.get(loop)
        if known is not None and not any(tensor.is_inference() for tensor in stored):
            same = (
                tensor is other and tensor._version == version and tensor.data_ptr() == place
                for tensor, (other, version, place) in zip(stored, known[0], strict=True)
            )
            if all(same):
                return known[1]
        packed = loop.pack(operator.contiguous(given))
        if not any(tensor.is_inference() for tensor in stored):
            # The tensors themselves are kept, so that no other takes their place in memory.
            self._known[loop] = [(t, t._version, t.data_ptr()) for t in stored], packed
        return packed

    def __reduce__(self) -> tuple[type[Packed], tuple[()]]:
        return Packed, ()


@lru_cache(maxsize=512)
def compiled_step(cell: Cell, sizes: Sizes, record: tuple[str, ...] = (), recompute: bool = False) -> CompiledStep:
    """Prepare the step of a cell at given sizes of its axes, with signals to record."""
    program = cell.program()
    summed = merge_sums(program)
    if all(name in summed.named for name in record):
        program = summed
    named = program.named
    late = tuple(name for name in record if BATCH in named[name].axes)
    # Under a name of their own, as a state may be recorded too.
    outputs = {**program.outputs, **{f"signal {name}": named[name] for name in late}}
    extended = Program.from_outputs(outputs, program.inputs, program.parameters)
    stages = split_stages(extended, ("sequence", "state"))
    constants = Interpreter(stages.hoisted, dict(sizes)) if stages.hoisted.outputs else None
    early = tuple(name for name in record if name not in late)
    return CompiledStep(cell, Interpreter(stages.recurrent, dict(sizes)), constants, late, early, recompute)
