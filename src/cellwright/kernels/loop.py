"""The compiled loops of a cell at given sizes: their code, and the calls."""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache, partial
from math import prod
from typing import Any, TypeAlias

import torch

from cellwright.kernels import threads
from cellwright.kernels.cache import address
from cellwright.kernels.host import Host, this_host
from cellwright.kernels.jobs_ir import print_jobs
from cellwright.kernels.loop_ir import PrintedLoop, print_loop
from cellwright.kernels.memory import Given, Layout, lay_out
from cellwright.kernels.plan import LoopPlan, axes_of
from cellwright.kernels.product_ir import Shape
from cellwright.kernels.vector_ir import FLOAT32, FLOAT64
from cellwright.program import Family, Value, families
from cellwright.program.storage import size_of
from cellwright.program.values import BATCH, Axes, named_axes

Tensor: TypeAlias = torch.Tensor

_WORTH_SHARING = 20_000_000  # operations of a call from which several threads are quicker than one
_OPERATIONS_OF_A_UNIT = 200  # of the passes, for each unit of a state

_Loop = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int64, ctypes.c_int64, ctypes.c_int64)
_Pack = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_char_p)
_After = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int64, ctypes.c_int64, ctypes.c_int64)

_NO_LENGTHS = torch.full((1,), torch.iinfo(torch.int64).max)
_NEVER = torch.zeros(1, dtype=torch.uint8)


MasksOfRows: TypeAlias = tuple[Tensor | None, Tensor | None]
"""The length of each row (batch,), in int64, and where rows start anew (time, batch); None for no such thing."""


@dataclass(frozen=True, eq=False)
class _Prepared:
    """A layout ready to be called: addresses of its tables, and how addresses of tensors are put together."""

    layout: Layout
    numbers: int
    pack: int
    after: int
    packing: struct.Struct


class CompiledLoop:
    """The loops of one plan for one dtype and given axis sizes; any number of steps and rows.

    Attributes:
        names: of the tensors that a call is given, in order: inputs, stored parameters, initial states.
        states: sizes of the states by name, the output first.
    """

    def __init__(self, plan: LoopPlan, sizes: Mapping[str, int], dtype: torch.dtype, host: Host | None = None) -> None:
        self.plan, self.sizes, self.dtype = plan, dict(sizes), dtype
        self._units: dict[Axes, int] = {}
        self.host = host or this_host()
        self.shape: Shape = self.host.shape(FLOAT32 if dtype == torch.float32 else FLOAT64)
        self.families: Mapping[str, Family] = families(plan.program, sizes)
        self.parts = {part.name: (f, part) for f in self.families.values() for part in f.parts}
        self.axes = {axis: size_of((axis,), sizes)[0] for axis in axes_of(plan.program) if axis in sizes}
        self.states = {v.name: self.units(v) for v in plan.program.inputs_with_role("state")}
        self.operand_keys = {value.serial: key for key, value in plan.operands.items()}
        used = [w for group in plan.groups for term in group.weights for w in term]
        used += [b for group in plan.groups for biases in group.biases for b in biases]
        self.read = tuple(dict.fromkeys(self.parts[p.name][0].name for p in (*used, *plan.parameters)))
        self.names = (*(value.name for value in plan.inputs), *self.read, *self.states)
        self.sequences = tuple(value.name for value in plan.inputs if BATCH in value.axes)
        self.signals = {name: self.units(plan.program.outputs[name]) for name in plan.signals}
        self._zeros = torch.zeros(max([1, *self.states.values(), *self.signals.values()]), dtype=dtype)
        self._prepared = lru_cache(maxsize=256)(self._prepare)
        self._work = self._operations_of_a_row()

    def units(self, value: Value) -> int:
        """How many numbers a row of a value has."""
        if value.axes not in self._units:
            self._units[value.axes] = prod(size_of(named_axes(value.axes), self.sizes))
        return self._units[value.axes]

    def _operations_of_a_row(self) -> int:
        """A step of a row, roughly."""
        products = sum(self.units(n) * self.units(t) for g in self.plan.groups for n in g.nodes for t in g.terms)
        return 2 * products + _OPERATIONS_OF_A_UNIT * sum(self.states.values())

    # Code

    def printed(self, kind: str) -> PrintedLoop:
        """The text of the ``forward``, ``training`` or ``backward`` loop."""
        return self._printed(kind)

    @cached_property
    def _printed(self) -> Callable[[str], PrintedLoop]:
        return lru_cache(maxsize=3)(lambda kind: print_loop(self.plan, getattr(self.plan, kind), self.shape))

    @cached_property
    def _code(self) -> Callable[[str], Any]:
        def compiled(kind: str) -> Any:
            printed = self.printed(kind)
            return _Loop(address(printed.text, printed.name, self.host))

        return lru_cache(maxsize=3)(compiled)

    @cached_property
    def functions(self) -> dict[str, int]:
        """Addresses of what serves all cells: ``product``, ``pack_all`` and ``after``."""
        return _shared_functions(self.shape, self.host)

    @cached_property
    def _pack(self) -> Any:
        return _Pack(self.functions["pack_all"])

    @cached_property
    def _after(self) -> Any:
        return _After(self.functions["after"])

    def _prepare(self, kind: str, given: Given) -> _Prepared:
        layout = lay_out(self, getattr(self.plan, kind), given)
        tables = (layout.numbers.ctypes.data, layout.pack.ctypes.data, layout.after.ctypes.data)
        return _Prepared(layout, *tables, struct.Struct(f"{len(layout.tensors)}q"))

    # Calls

    def forward(
        self, given: Mapping[str, Tensor], masks: MasksOfRows, training: bool, packed: Tensor | None = None
    ) -> tuple[Tensor, list[Tensor], list[Tensor], Tensor]:
        """Run over time.

        Args:
            given: contiguous tensors by ``names``: sequences (time, batch, ...), stored parameters, and initial
                states (batch, size), those that are zero left out.
            packed: what ``pack`` returned for these parameters.

        Returns:
            the output (time, batch, size), the final states, the signals, and what the reverse loop needs (with
            ``training``, otherwise nothing).
        """
        steps, rows = given[self.sequences[0]].shape[:2]
        kind = "training" if training else "forward"
        present = frozenset(f"initial {name}" for name in self.states if name in given)
        prepared = self._prepared(kind, Given(rows, masks[0] is not None, masks[1] is not None, present))
        empty = self._zeros.new_empty
        tensors = dict(given)
        output = tensors["@output"] = empty(steps, rows, self.states[self.plan.states[0]])
        finals = [empty(rows, units) for units in self.states.values()]
        signals = [empty(steps, rows, units) for units in self.signals.values()]
        tensors.update(zip((f"@final {name}" for name in self.states), finals, strict=True))
        tensors.update(zip((f"@signal {name}" for name in self.signals), signals, strict=True))
        for name, (fixed, each) in prepared.layout.sizes.items():
            if name != "@packed" or packed is None:
                tensors[name] = empty(fixed + steps * each)
        if packed is not None:
            tensors["@packed"] = packed
        addresses = self._addresses(prepared, tensors, masks)
        if packed is None:
            self._pack(prepared.pack, addresses)
        self._run(kind, prepared, addresses, steps, rows)
        return output, finals, signals, tensors["@saved"] if "@saved" in tensors else empty(0)

    def pack(self, given: Mapping[str, Tensor]) -> Tensor:
        """The matrices as products read them, for calls that need not pack them again."""
        prepared = self._prepared("forward", Given(1))
        packed = self._zeros.new_empty(sum(prepared.layout.sizes.get("@packed", (0, 0))))
        tensors = {**dict.fromkeys(prepared.layout.tensors, self._zeros), **given, "@packed": packed}
        self._pack(prepared.pack, prepared.packing.pack(*(tensors[n].data_ptr() for n in prepared.layout.tensors)))
        return packed

    def backward(
        self,
        given: Mapping[str, Tensor],
        output: Tensor,
        saved: Tensor,
        cotangents: tuple[Tensor | None, Sequence[Tensor | None], Sequence[Tensor | None]],
        masks: MasksOfRows,
        needed: frozenset[str],
    ) -> dict[str, Tensor]:
        """The gradients of the tensors that ``forward`` was given, by name; at least of those that are ``needed``.

        Args:
            cotangents: of the output, the final states and the signals; None for zero.
        """
        steps, rows = output.shape[:2]
        if rows == 0:
            return {name: torch.zeros_like(given[name]) for name in needed}
        known = {"@d_output": cotangents[0]}
        known |= {f"@d_final {name}": tensor for name, tensor in zip(self.states, cotangents[1], strict=True)}
        known |= {f"@d_signal {name}": tensor for name, tensor in zip(self.signals, cotangents[2], strict=True)}
        seeds = {name: tensor.contiguous() for name, tensor in known.items() if tensor is not None}
        present = {f"initial {name}" for name in self.states if name in given} | {name[3:] for name in seeds}
        masked = (masks[0] is not None, masks[1] is not None)
        prepared = self._prepared("backward", Given(rows, *masked, frozenset(present), needed))
        empty = self._zeros.new_empty
        parts = self._parts(steps, rows)
        tensors = {**given, **seeds, "@output": output, "@saved": saved}
        for name, (fixed, each) in prepared.layout.sizes.items():
            if name != "@saved":
                tensors[name] = empty(fixed + steps * each)
                if prepared.layout.is_partial(name):
                    tensors[name].zero_()
        tensors["@work"] = empty(parts * prepared.layout.work_slice)
        for name in self.sequences:
            if name in needed:
                tensors[f"@d_input {name}"] = empty(given[name].shape)
        self._parameter_gradients(prepared.layout, tensors, needed)
        addresses = self._addresses(prepared, tensors, masks)
        self._pack(prepared.pack, addresses)
        self._run("backward", prepared, addresses, steps, rows)
        threads.in_parallel(lambda part: self._after(prepared.after, addresses, steps, part, parts), parts)
        return self._gradients(prepared.layout, tensors, steps, rows, needed)

    def _parameter_gradients(self, layout: Layout, tensors: dict[str, Tensor], needed: frozenset[str]) -> None:
        for name in self.read:
            if name in needed and name not in layout.copies and f"@sums {name}" not in layout.sizes:
                family = self.families[name]
                make = self._zeros.new_zeros if layout.is_partial(f"@sums {name}") else self._zeros.new_empty
                tensors[f"@d {name}"] = make(family.shape)

    def _gradients(
        self, layout: Layout, tensors: Mapping[str, Tensor], steps: int, rows: int, needed: frozenset[str]
    ) -> dict[str, Tensor]:
        found: dict[str, Tensor] = {}
        for name in needed:
            if name in self.states:
                start = layout.carry[name] + (steps & 1) * rows * self.states[name]
                found[name] = tensors["@carry"][start : start + rows * self.states[name]].view(rows, -1)
            elif f"@d_input {name}" in tensors and name in self.sequences:
                found[name] = tensors[f"@d_input {name}"]
            elif f"@sums {name}" in tensors:
                total = layout.totals[name]
                sums = tensors[f"@sums {name}"].view(-1, total)
                found[name] = (sums[0] if len(sums) == 1 else sums.sum(0)).view(tensors[name].shape)
            elif f"@d {name}" in tensors:
                found[name] = tensors[f"@d {name}"]
        for name, source in layout.copies.items():
            found[name] = found[source].clone()
        return found

    def _addresses(self, prepared: _Prepared, tensors: dict[str, Tensor], masks: MasksOfRows) -> bytes:
        tensors["@lengths"] = _NO_LENGTHS if masks[0] is None else masks[0]
        tensors["@resets"] = _NEVER if masks[1] is None else masks[1]
        tensors["@never"] = _NEVER
        zeros = self._zeros
        return prepared.packing.pack(*[tensors.get(name, zeros).data_ptr() for name in prepared.layout.tensors])

    def _parts(self, steps: int, rows: int) -> int:
        """Among how many threads a batch is worth sharing."""
        if steps * rows * self._work < _WORTH_SHARING:
            return 1
        return torch.get_num_threads()

    def _run(self, kind: str, prepared: _Prepared, addresses: bytes, steps: int, rows: int) -> None:
        """Run the loop, rows shared among threads at the edges of blocks, so that no bit depends on their number."""
        code, high = self._code(kind), self.shape.blocks[0]
        blocks = -(-rows // high)
        parts = min(self._parts(steps, rows), blocks) if rows >= 2 * high else 1
        if parts <= 1:
            code(prepared.numbers, addresses, steps, 0, rows)
            return
        edges = [min(rows, blocks * part // parts * high) for part in range(parts + 1)]
        run = partial(_run_part, code, prepared.numbers, addresses, steps, edges)
        threads.in_parallel(run, parts)


def _run_part(code: Any, numbers: int, addresses: bytes, steps: int, edges: Sequence[int], part: int) -> None:
    code(numbers, addresses, steps, edges[part], edges[part + 1])


@lru_cache(maxsize=16)
def _shared_functions(shape: Shape, host: Host) -> dict[str, int]:
    text = print_jobs(shape)
    return {name: address(text, name, host) for name in ("product", "pack_all", "after")}
