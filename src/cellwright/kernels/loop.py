"""The compiled loops of a cell at given sizes: their code, and the calls."""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import pairwise
from math import prod
from operator import itemgetter
from typing import Any, TypeAlias

import torch

from cellwright.kernels import threads
from cellwright.kernels.cache import address
from cellwright.kernels.host import Host, this_host
from cellwright.kernels.jobs_ir import print_jobs
from cellwright.kernels.loop_ir import PrintedLoop, print_loop
from cellwright.kernels.memory import Layout, lay_out
from cellwright.kernels.places import LINE, Given
from cellwright.kernels.plan import LoopPlan, axes_of
from cellwright.kernels.product_ir import Shape
from cellwright.kernels.room import SMALL, take
from cellwright.kernels.vector_ir import FLOAT32, FLOAT64
from cellwright.program import Family, Value, families
from cellwright.program.storage import size_of
from cellwright.program.values import BATCH, Axes, named_axes

Tensor: TypeAlias = torch.Tensor

_WORTH_SHARING = 20_000_000  # operations of a call from which several threads are quicker than one
_OPERATIONS_OF_A_UNIT = 200  # of the passes, for each unit of a state

_Pack = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_char_p)

_NO_LENGTHS = torch.full((1,), torch.iinfo(torch.int64).max, device="cpu")
_NEVER = torch.zeros(1, dtype=torch.uint8, device="cpu")
_NO_LENGTHS_ADDRESS, _NEVER_ADDRESS = _NO_LENGTHS.data_ptr(), _NEVER.data_ptr()
_PAD = 64  # buffers begin at multiples of so many numbers


def _mask_addresses(masks: MasksOfRows) -> list[int]:
    lengths, resets = masks
    return [
        _NO_LENGTHS_ADDRESS if lengths is None else lengths.data_ptr(),
        _NEVER_ADDRESS if resets is None else resets.data_ptr(),
        _NEVER_ADDRESS,
    ]


def _packed(places: Mapping[str, int], packed: Tensor | None) -> int:
    return places.get("@packed", 0) if packed is None else packed.data_ptr()


MasksOfRows: TypeAlias = tuple[Tensor | None, Tensor | None]
"""The length of each row (batch,), in int64, and where rows start anew (time, batch); None for no such thing."""


@dataclass(frozen=True, eq=False)
class _Prepared:
    """A layout ready to be called.

    Attributes:
        numbers, pack, after: addresses of its tables.
        room: of the loop's own buffers, that nobody else sees: names, numbers in them for a call, and for each step.
        results: names of the tensors that ``backward`` returns parts of, with their shapes (None: as it was given).
        chosen: takes the addresses of the layout's tensors, in order, from those of all that there may be.
        packing: puts addresses together for a call.
    """

    layout: Layout
    numbers: int
    pack: int
    after: int
    room: tuple[tuple[str, int, int], ...]
    results: tuple[tuple[str, int | None], ...]
    chosen: Callable[[Sequence[int]], tuple[int, ...]]
    packing: struct.Struct

    def addresses(self, everything: Sequence[int]) -> bytes:
        return self.packing.pack(*self.chosen(everything))


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
        longest = max([1, *self.states.values(), *self.signals.values()])
        self._zeros = torch.zeros(longest, dtype=dtype, device="cpu")
        self._zeros_address = self._zeros.data_ptr()
        self._output_units = self.states[plan.states[0]]
        self.first_sequence = self.names.index(self.sequences[0])
        self._first_state = len(self.names) - len(self.states)
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
            return threads.Part(address(printed.text, printed.name, self.host))

        return lru_cache(maxsize=3)(compiled)

    @cached_property
    def functions(self) -> dict[str, int]:
        """Addresses of what serves all cells: ``product``, ``pack_all``, ``after``, ``member``."""
        return _shared_functions(self.shape, self.host)

    @cached_property
    def _pack(self) -> Any:
        return _Pack(self.functions["pack_all"])

    @cached_property
    def _after(self) -> Any:
        return threads.Part(self.functions["after"])

    def _prepare(
        self,
        kind: str,
        rows: int,
        masked: tuple[bool, bool],
        absent: tuple[bool, ...] = (),
        seeds: tuple[bool, ...] = (),
        needed: tuple[bool, ...] = (),
    ) -> _Prepared:
        """Lay out the calls of a kind of loop: what is given, and what needs a gradient, in the order of the names."""
        states = self.names[len(self.names) - len(self.states) :]
        present = {f"initial {name}" for name, is_absent in zip(states, absent, strict=False) if not is_absent}
        present |= {name for name, is_given in zip(self._results, seeds, strict=False) if is_given}
        wanted = frozenset(name for name, need in zip(self.names, needed, strict=False) if need)
        layout = lay_out(self, getattr(self.plan, kind), Given(rows, *masked, frozenset(present), wanted))
        everything = self._backward_tensors if kind == "backward" else self._forward_tensors
        places = [everything.index(name) for name in layout.tensors]
        tables = (layout.numbers.ctypes.data, layout.pack.ctypes.data, layout.after.ctypes.data)
        own = [name for name in layout.sizes if name != "@saved" and not name.startswith("@sums ")]
        room = tuple((name, *layout.sizes[name]) for name in own)
        results = self._gradient_tensors(layout, wanted) if kind == "backward" else ()
        return _Prepared(layout, *tables, room, results, itemgetter(*places), struct.Struct(f"{len(places)}q"))

    def _gradient_tensors(self, layout: Layout, wanted: Collection[str]) -> tuple[tuple[str, int | None], ...]:
        found: list[tuple[str, int | None]] = []
        for name in (*self.sequences, *self.read):
            is_written = name in wanted or name in self.plan.with_cotangent
            if is_written and name not in layout.copies and f"@sums {name}" not in layout.sizes:
                found.append((f"@d {name}" if name in self.families else f"@d_input {name}", None))
        return (*found, *((name, size[0]) for name, size in layout.sizes.items() if name.startswith("@sums ")))

    @cached_property
    def _results(self) -> tuple[str, ...]:
        return ("output", *(f"final {name}" for name in self.states), *(f"signal {name}" for name in self.signals))

    @cached_property
    def _forward_tensors(self) -> tuple[str, ...]:
        """What there may be in a call, in the order in which ``forward`` lists the addresses."""
        masks = ("@lengths", "@resets", "@never")
        return (*self.names, *(f"@{name}" for name in self._results), "@saved", *masks, "@scratch", "@packed")

    @cached_property
    def _backward_tensors(self) -> tuple[str, ...]:
        """The same for ``backward``."""
        kept = ("@output", "@saved", "@lengths", "@resets", "@never")
        own: tuple[str, ...] = ("@scratch", "@packed", "@carry", "@operands", "@work")
        own += tuple(f"@d_product {group.index}" for group in self.plan.groups)
        own += tuple(f"@sums {name}" for name in (*(value.name for value in self.plan.inputs), *self.read))
        own += tuple(f"@d_input {name}" for name in self.sequences) + tuple(f"@d {name}" for name in self.read)
        return (*self.names, *kept, *(f"@d_{name}" for name in self._results), *own)

    # Calls

    def fits(self, given: Sequence[Tensor | None]) -> bool:
        """Whether the parameters among given tensors have the shapes that the code takes for granted."""
        parameters = given[self._first_state - len(self.read) : self._first_state]
        for tensor, shape in zip(parameters, self._parameter_shapes, strict=True):
            if tensor is None or tensor.shape != shape:
                return False
        return True

    @cached_property
    def _parameter_shapes(self) -> tuple[tuple[int, ...], ...]:
        return tuple(self.families[name].shape for name in self.read)

    def new_empty(self, size: int) -> Tensor:
        """Unset numbers of this loop's dtype."""
        return self._zeros.new_empty(size)

    def result_shapes(self, steps: int, rows: int) -> list[tuple[int, ...]]:
        """Of what ``forward`` returns."""
        states = [(1, rows, units) for units in self.states.values()]
        return [(steps, rows, self._output_units), *states, *((steps, rows, units) for units in self.signals.values())]

    def saved_size(self, steps: int, rows: int) -> int:
        """Numbers that surely hold what ``forward`` keeps; so simple that a compiler can reckon with it."""
        kept = [] if self.plan.recompute else [*self.plan.saved.values(), *self.plan.operands.values()]
        units = [self.units(value) for value in kept] + list(self.states.values())[1:]
        return steps * (rows * sum(units) + LINE * len(units))

    def forward(
        self,
        given: Sequence[Tensor | None],
        masks: MasksOfRows,
        training: bool,
        packed: Tensor | None = None,
        saved: Tensor | None = None,
    ) -> tuple[list[Tensor], Tensor | None]:
        """Run over time.

        Args:
            given: contiguous tensors in the order of ``names``: sequences (time, batch, ...), stored parameters, and
                initial states (1, batch, size), None for those that are zero.
            packed: what ``pack`` returned for these parameters.
            saved: room for what the reverse loop needs, ``saved_size`` numbers; new by default.

        Returns:
            the output (time, batch, size), the final states and the signals, and what the reverse loop needs
            (with ``training``).
        """
        steps, rows = given[self.first_sequence].shape[:2]  # type: ignore[union-attr]
        kind = "training" if training else "forward"
        absent = tuple([tensor is None for tensor in given[self._first_state :]])
        prepared = self._prepared(kind, rows, (masks[0] is not None, masks[1] is not None), absent)
        empty = self._zeros.new_empty
        results = [empty(shape) for shape in self.result_shapes(steps, rows)]
        if training and saved is None and (size := prepared.layout.sizes.get("@saved")) is not None:
            total = steps * size[1]
            saved = empty(total) if total < SMALL else take(total, self.dtype)
        room, places = self._room(prepared, steps, 0)
        everything = self._addresses((*given, *results, saved)) + _mask_addresses(masks)
        everything += [places.get("@scratch", 0), _packed(places, packed)]
        addresses = prepared.addresses(everything)
        if packed is None:
            self._pack(prepared.pack, addresses)
        self._run(kind, prepared, addresses, steps, rows)
        del room  # not sooner: the loop works in it
        return results, saved

    def pack(self, given: Sequence[Tensor | None]) -> Tensor:
        """The matrices as products read them, for calls that need not pack them again."""
        prepared = self._prepared("forward", 1, (False, False))
        packed = self._zeros.new_empty(prepared.layout.sizes.get("@packed", (0, 0))[0])
        known = dict(zip(self.names, given, strict=True)) | {"@packed": packed}
        everything = self._addresses([known.get(name) for name in self._forward_tensors])
        self._pack(prepared.pack, prepared.addresses(everything))
        return packed

    def backward(
        self,
        given: Sequence[Tensor | None],
        kept: tuple[Tensor, Tensor | None],
        cotangents: Sequence[Tensor | None],
        masks: MasksOfRows,
        needed: tuple[bool, ...],
    ) -> list[Tensor | None]:
        """The gradients of the tensors that ``forward`` was given; at least of those that are ``needed``.

        Args:
            kept: the output and what else ``forward`` returned for this.
            cotangents: of the output, the final states and the signals; None for zero.
        """
        steps, rows = kept[0].shape[:2]
        if rows == 0:
            return [None if tensor is None else torch.zeros_like(tensor) for tensor in given]
        seeds = [None if tensor is None else tensor.contiguous() for tensor in cotangents]
        absent = tuple([tensor is None for tensor in given[self._first_state :]])
        present = tuple([seed is not None for seed in seeds])
        masked = (masks[0] is not None, masks[1] is not None)
        prepared = self._prepared("backward", rows, masked, absent, present, needed)
        parts = self._parts(steps, rows)
        room, places = self._room(prepared, steps, parts * prepared.layout.work_slice)
        results = self._empty_gradients(prepared, given)
        places |= {name: tensor.data_ptr() for name, tensor in results.items()}
        everything = self._addresses((*given, *kept)) + _mask_addresses(masks) + self._addresses(seeds)
        everything += [places.get(name, 0) for name in self._backward_own]
        addresses = prepared.addresses(everything)
        self._pack(prepared.pack, addresses)
        self._run("backward", prepared, addresses, steps, rows)
        pairs = [(part, parts) for part in range(parts)]
        threads.share(self._after, prepared.after, addresses, steps, pairs, self.functions["member"])
        carry = (places["@carry"] - room.data_ptr()) // room.element_size()
        return self._gradients(prepared.layout, results, (room, carry), steps, rows, needed)

    def _addresses(self, tensors: Sequence[Tensor | None]) -> list[int]:
        """Where tensors lie; zeros stand in for those that there are not."""
        zeros = self._zeros_address
        return [zeros if tensor is None else tensor.data_ptr() for tensor in tensors]

    @cached_property
    def _backward_own(self) -> tuple[str, ...]:
        return self._backward_tensors[self._backward_tensors.index("@scratch") :]

    def _room(self, prepared: _Prepared, steps: int, work: int) -> tuple[Tensor, dict[str, int]]:
        """One tensor for all that the loop needs for itself, and the address of each buffer in it."""
        places, total = {}, 0
        for name, fixed, each in prepared.room:
            places[name] = total
            total += (fixed + steps * each + _PAD) & -_PAD
        places["@work"] = total
        total += work
        room = self._zeros.new_empty(total) if total < SMALL else take(total, self.dtype)
        start, bytes_ = room.data_ptr(), self.shape.precision.bytes
        return room, {name: start + bytes_ * place for name, place in places.items()}

    def _empty_gradients(self, prepared: _Prepared, given: Sequence[Tensor | None]) -> dict[str, Tensor]:
        found = {}
        for name, size in prepared.results:
            make = self._zeros.new_zeros if prepared.layout.is_partial(name) else self._zeros.new_empty
            if size is None:
                like = given[self._place[name.partition(" ")[2]]]
                assert like is not None
                found[name] = make(like.shape)
            else:
                found[name] = make(size)
        return found

    @cached_property
    def _place(self) -> dict[str, int]:
        return {name: place for place, name in enumerate(self.names)}

    def _gradients(
        self,
        layout: Layout,
        results: Mapping[str, Tensor],
        room: tuple[Tensor, int],
        steps: int,
        rows: int,
        needed: tuple[bool, ...],
    ) -> list[Tensor | None]:
        found: list[Tensor | None] = []
        for name, need in zip(self.names, needed, strict=True):
            if not need:
                found.append(None)
            elif name in self.states:
                count = rows * self.states[name]
                start = room[1] + layout.carry[name] + (steps & 1) * count
                found.append(room[0][start : start + count].view(1, rows, -1).clone())
            elif (sums := results.get(f"@sums {name}")) is not None:
                blocks = sums.view(-1, layout.totals[name])
                found.append(blocks[0] if len(blocks) == 1 else blocks.sum(0))
            elif name in layout.copies:
                found.append(results[f"@d {layout.copies[name]}"].clone())
            else:
                # What only conditions read has none.
                found.append(results.get(f"@d {name}" if name in self.families else f"@d_input {name}"))
        return found

    def _parts(self, steps: int, rows: int) -> int:
        """Among how many threads a batch is worth sharing."""
        if steps * rows * self._work < _WORTH_SHARING:
            return 1
        return torch.get_num_threads()

    def _run(self, kind: str, prepared: _Prepared, addresses: bytes, steps: int, rows: int) -> None:
        """Run the loop, rows shared among threads where no bit depends on their number."""
        code, granule = self._code(kind), self.shape.granule
        parts = self._parts(steps, rows) if rows >= self.shape.blocks[0] else 1
        if parts <= 1:
            code(prepared.numbers, addresses, steps, 0, rows)
            return
        granules = -(-rows // granule)
        parts = min(parts, granules)
        edges = [min(rows, granules * part // parts * granule) for part in range(parts + 1)]
        pairs = list(pairwise(edges))
        threads.share(code, prepared.numbers, addresses, steps, pairs, self.functions["member"])


@lru_cache(maxsize=16)
def _shared_functions(shape: Shape, host: Host) -> dict[str, int]:
    text = print_jobs(shape)
    return {name: address(text, name, host) for name in ("product", "pack_all", "after", "member")}
