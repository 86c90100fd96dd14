"""Where the buffers of a compiled loop lie: which tensor holds each, at which offset, with which strides.

Nothing of it depends on the number of steps: what is kept for every step lies together, step after step.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from cellwright.kernels.jobs_ir import AFTER, DEPTH, KINDS, PACK
from cellwright.kernels.plan import Group, LoopPlan, is_given
from cellwright.kernels.schedule import Kernel
from cellwright.program import Value
from cellwright.program.values import BATCH

if TYPE_CHECKING:
    from cellwright.kernels.loop import CompiledLoop

Table: TypeAlias = "np.ndarray[Any, np.dtype[np.int64]]"

_LARGE = 256  # from so many numbers on, a buffer begins at the edge of a cache line
LINE = 16
_CACHE = 1 << 20  # bytes of matrices beyond which they leave the cache of a core from step to step
_ROWS_TOGETHER = 512  # rows of several steps that read such a matrix while it is at hand


def owner_of(plan: LoopPlan, kernel: Kernel, key: str) -> str:
    """The tensor in which a buffer lies: one that the caller gives, by its name, or one of the loop's own, with @."""
    kind, _, rest = key.partition(" ")
    if kind == "state":
        name, _, part = rest.partition(".")
        if part:
            return name if part == "initial" else "@scratch"
        if name == plan.states[0]:
            return "@output"
        return "@scratch" if kernel.name == "forward" else "@saved"
    if kind == "value":
        return _owner_of_value(plan, kernel, key)
    if kind == "input":
        return rest
    if kind in ("parameter", "d_sum"):
        families = {value.name: value.attributes["family"] for value in plan.program.parameters}
        name = families.get(rest, rest)
        return name if kind == "parameter" else f"@sums {name}"
    if kind == "d_product":
        return f"@d_product {rest.partition('.')[0]}"
    if kind == "matrix" or key.startswith("transposed matrix"):
        return "@packed"
    if kind in ("final", "signal", "d_final", "d_signal", "d_input", "d_output", "lengths", "resets"):
        return f"@{key}"
    return "@carry" if kind == "carry" else "@scratch"


def _owner_of_value(plan: LoopPlan, kernel: Kernel, key: str) -> str:
    if kernel.name == "forward":
        return "@scratch"
    if key in plan.operands and plan.recompute:
        return "@operands" if kernel.backward else "@scratch"
    return "@saved" if key in plan.saved or key in plan.operands else "@scratch"


@dataclass(frozen=True)
class Given:
    """What a call has of what it may have; absent tensors are stood in for by constants.

    Attributes:
        rows: of the batch.
        lengths, resets: whether there are such masks.
        present: names of initial states, and of cotangents, that there are.
        needed: names of given tensors that need a gradient.
    """

    rows: int
    lengths: bool = False
    resets: bool = False
    present: frozenset[str] = frozenset()
    needed: frozenset[str] = frozenset()


@dataclass
class Layout:
    """Tables for the calls of one kind of loop with one kind of batch.

    Attributes:
        numbers: the loop's table.
        tensors: whose addresses the loop and its jobs read, in order.
        sizes: numbers in the tensors that the loop brings: fixed, and for each step.
        pack, after: tables of jobs.
        copies: gradients of biases that equal others, by name.
        covered: rows of each stored tensor's gradient that something is written to.
        carry: where the cotangent of each state begins; ``totals``: of sums, the numbers of a block of rows.
        work_slice: numbers that a thread needs for the jobs after the loop.
        families: rows of the stored tensors.
    """

    numbers: Table
    tensors: tuple[str, ...]
    sizes: dict[str, tuple[int, int]]
    pack: Table
    after: Table
    copies: dict[str, str]
    covered: dict[str, int]
    carry: dict[str, int]
    totals: dict[str, int]
    work_slice: int
    families: dict[str, int]

    def is_partial(self, tensor: str) -> bool:
        """Whether a gradient, or what is added up for it in ``@sums NAME``, has rows that nothing is written to."""
        name = tensor.removeprefix("@sums ")
        return name in self.families and self.covered.get(name, 0) < self.families[name]


@dataclass
class _Places:
    offset: dict[str, int] = field(default_factory=dict)
    numbers: dict[str, int] = field(default_factory=dict)
    sizes: dict[str, tuple[int, int]] = field(default_factory=dict)

    def set(self, key: str, offset: int, time: int, row: int) -> None:
        self.offset[key] = offset
        self.numbers |= {f"{key}.time": time, f"{key}.row": row}

    def once(self, key: str, tensor: str, count: int, row: int, time: int = 0) -> None:
        """A buffer for one step, or a few."""
        fixed, each = self.sizes.get(tensor, (0, 0))
        self.set(key, fixed, time, row)
        self.sizes[tensor] = (fixed + _rounded(count), each)

    def each_step(self, key: str, tensor: str, count: int, row: int) -> None:
        """A buffer with room for every step."""
        fixed, each = self.sizes.get(tensor, (0, 0))
        self.set(key, each, -1, row)
        self.sizes[tensor] = (fixed, each + _rounded(count))


def _rounded(count: int) -> int:
    return -(-count // LINE) * LINE if count >= _LARGE else count


def lay_out(loop: CompiledLoop, kernel: Kernel, given: Given) -> Layout:
    """Place the buffers of a loop and list its jobs."""
    return _Planner(loop, kernel, given).layout()


class _Planner:
    def __init__(self, loop: CompiledLoop, kernel: Kernel, given: Given) -> None:
        self.loop, self.kernel, self.given, self.plan = loop, kernel, given, loop.plan
        self.places = _Places()
        self.pack_jobs: list[dict[str, Any]] = []
        self.after_jobs: list[dict[str, Any]] = []
        self.copies: dict[str, str] = {}
        self.covered: dict[str, int] = {}
        self.totals: dict[str, int] = {}

    def layout(self) -> Layout:
        printed, places = self.loop.printed(self.kernel.name), self.places
        self._outside()
        self._states()
        self._values()
        self._products()
        if self.kernel.backward:
            self._cotangents()
        numbers = {
            "chunk": self._chunk(),
            "joined": int(self.given.rows < self.loop.shape.blocks[0]),
            "product function": self.loop.functions["product"],
            **{f"size {axis}": size for axis, size in self.loop.axes.items()},
            **places.numbers,
        }
        owners = {key: owner_of(self.plan, self.kernel, key) for key in places.offset}
        numbers |= {
            name: places.sizes[owners[name.removesuffix(".time")]][1]
            for name, number in numbers.items()
            if number == -1 and name.endswith(".time")
        }
        bytes_ = self.loop.shape.precision.bytes
        numbers |= {f"{key}.offset": offset * bytes_ for key, offset in places.offset.items()}
        tensors = list(printed.tensors)
        tables = []
        for fields, jobs in ((PACK, self.pack_jobs), (AFTER, self.after_jobs)):
            table = [len(jobs)]
            for job in jobs:
                for name in fields:
                    entry = job.get(name, 0)
                    if isinstance(entry, str):
                        if entry not in tensors:
                            tensors.append(entry)
                        entry = tensors.index(entry)
                    table.append(entry)
            tables.append(np.array(table, np.int64))
        work = max((job["scratch_slice"] for job in self.after_jobs if "scratch" in job), default=0)
        for job_index in range(len(self.after_jobs)):
            tables[1][1 + job_index * len(AFTER) + AFTER.index("scratch_slice")] = work
        return Layout(
            np.array([numbers[name] for name in printed.numbers], np.int64),
            tuple(tensors),
            places.sizes,
            tables[0],
            tables[1],
            self.copies,
            self.covered,
            {name: places.offset.get(f"carry {name}", 0) for name in self.loop.states},
            self.totals,
            work,
            {name: family.shape[0] for name, family in self.loop.families.items()},
        )

    def _chunk(self) -> int:
        """Steps whose products with sequences are one: to fill a block of rows, or to spare large matrices."""
        rows, high = self.given.rows, self.loop.shape.blocks[0]
        if self.kernel.backward:
            return 1
        if rows < high:
            return max(1, 4 * high // max(1, rows))
        sizes = (self.loop.units(n) * self.loop.units(t) for g in self.plan.groups for n in g.nodes for t in g.terms)
        is_large = sum(sizes) * self.loop.shape.precision.bytes > _CACHE
        return max(1, _ROWS_TOGETHER // rows) if is_large else 1

    def _outside(self) -> None:
        """Tensors of the caller, and of what he gets."""
        rows, put = self.given.rows, self.places.set
        for value in self.plan.inputs:
            units = self.loop.units(value)
            strides = (rows * units, units) if BATCH in value.axes else (0, 0)
            put(f"input {value.name}", 0, *strides)
            put(f"d_input {value.name}", 0, *strides)
        for value in self.plan.program.parameters:
            if value.name in self.loop.parts:
                put(f"parameter {value.name}", self.loop.parts[value.name][1].rows.start, 0, 0)
        put("lengths", 0, 0, int(self.given.lengths))
        put("resets", 0, *((rows, 1) if self.given.resets else (0, 0)))
        for name in self.plan.signals:
            units = self.loop.units(self.plan.program.outputs[name])
            put(f"signal {name}", 0, rows * units, units)
            is_given = f"signal {name}" in self.given.present
            put(f"d_signal {name}", 0, *((rows * units, units) if is_given else (0, 0)))
        units = self.loop.states[self.plan.states[0]]
        put("d_output", 0, *((rows * units, units) if "output" in self.given.present else (0, 0)))

    def _states(self) -> None:
        rows, places = self.given.rows, self.places
        for name, units in self.loop.states.items():
            key, count = f"state {name}", rows * units
            places.set(f"{key}.initial", 0, 0, units if f"initial {name}" in self.given.present else 0)
            places.set(f"final {name}", 0, 0, units)
            places.set(f"d_final {name}", 0, 0, units if f"final {name}" in self.given.present else 0)
            places.numbers[f"{key}.mask"] = -1
            if name == self.plan.states[0]:
                places.set(key, 0, count, units)
            elif self.kernel.name == "forward":
                places.once(key, "@scratch", 2 * count, units, count)
                places.numbers[f"{key}.mask"] = 1
            else:
                places.each_step(key, "@saved", count, units)
            places.once(f"{key}.entered", "@scratch", count if self.given.resets else 0, units)
            if self.kernel.backward:
                places.once(f"carry {name}", "@carry", 2 * count, units, count)

    def _values(self) -> None:
        """Values that the loop keeps: over all steps for the reverse loop, otherwise for one."""
        rows = self.given.rows
        kept: dict[str, Value] = {}
        if self.kernel.name != "forward" and not self.plan.recompute:
            kept = {**self.plan.saved, **self.plan.operands}
        elif self.kernel.backward:
            kept = dict(self.plan.operands)
        for key, value in {**kept, **self.kernel.stored}.items():
            units, tensor = self.loop.units(value), owner_of(self.plan, self.kernel, key)
            if key in self.places.offset:
                continue
            if key in kept:
                self.places.each_step(key, tensor, rows * units, units)
            else:
                self.places.once(key, tensor, rows * units, units)

    def _products(self) -> None:
        """Products of the step, forward and transposed, and the packed matrices that they read."""
        shape, rows, chunk = self.loop.shape, self.given.rows, self._chunk()
        read = {action.matrix for action in self.kernel.actions if hasattr(action, "matrix")}
        for group in self.plan.groups:
            padded = [shape.padded(self.loop.units(node)) for node in group.nodes]
            row = sum(padded)
            if any(f"matrix {group.index}.{k}" in read for k in range(len(group.terms))):
                ahead = any(is_given(term) for term in group.terms)
                step = rows * row if ahead and chunk > 1 else 0
                self.places.once(f"product {group.index}.0", "@scratch", rows * row * (chunk if step else 1), row, step)
                start = self.places.offset[f"product {group.index}.0"]
                for n in range(1, len(padded)):
                    self.places.set(f"product {group.index}.{n}", start + sum(padded[:n]), step, row)
            for k, term in enumerate(group.terms):
                if f"matrix {group.index}.{k}" in read:
                    self._pack_columns(group, k, padded)
                if f"transposed matrix {group.index}.{k}" in read:
                    columns = shape.padded(self.loop.units(term))
                    self.places.once(f"transposed {group.index}.{k}", "@scratch", rows * columns, columns)
                    self._pack_rows(group, k, columns)

    def _matrix(self, key: str, depth: int, columns: int) -> None:
        self.places.once(key, "@packed", depth * self.loop.shape.padded(columns), 0)
        self.places.numbers |= {f"{key}.depth": depth, f"{key}.columns": columns}

    def _pack_columns(self, group: Group, k: int, padded: Sequence[int]) -> None:
        """Pack W with units as columns."""
        key, depth = f"matrix {group.index}.{k}", self.loop.units(group.terms[k])
        self._matrix(key, depth, sum(padded))
        for n, weight in enumerate(group.weights[k]):
            job = {
                "column_stride": depth,
                "depth_stride": 1,
                "columns": self.loop.units(group.nodes[n]),
                "depth": depth,
            }
            self._pack(key, weight, depth, job | {"first_column": sum(padded[:n]), "all_columns": sum(padded)}, depth)

    def _pack_rows(self, group: Group, k: int, columns: int) -> str:
        """Pack the transposed W, whose depth are the units of all nodes."""
        key, width = f"transposed matrix {group.index}.{k}", self.loop.units(group.terms[k])
        nodes = [self.loop.units(node) for node in group.nodes]
        self._matrix(key, sum(nodes), columns)
        for n, weight in enumerate(group.weights[k]):
            job = {"column_stride": 1, "depth_stride": width, "columns": width, "depth": nodes[n]}
            job |= {"first_depth": sum(nodes[:n]), "all_columns": self.loop.shape.padded(columns)}
            self._pack(key, weight, width, job, sum(nodes))
        return key

    def _pack(self, key: str, weight: Value, width: int, job: Mapping[str, int], depth: int) -> None:
        family, part = self.loop.parts[weight.name]
        bytes_ = self.loop.shape.precision.bytes
        self.pack_jobs.append(
            {
                **job,
                "source": family.name,
                "source_offset": part.rows.start * width * bytes_,
                "packed": "@packed",
                "packed_offset": self.places.offset[key] * bytes_,
                "all_depth": depth,
            }
        )

    # After the reverse loop

    def _cotangents(self) -> None:
        rows = self.given.rows
        blocks = -(-rows // self.loop.shape.blocks[0])
        for name in sorted(self.plan.sums):
            if name in self.loop.parts:
                family, part = self.loop.parts[name]
                owner, start, total = family.name, part.rows.start, family.shape[0]
                self._cover(owner, part.rows.stop - start)
            else:
                leaf = next(value for value in self.plan.inputs if value.name == name)
                owner, start, total = name, 0, self.loop.units(leaf)
            self.places.set(f"d_sum {name}", start, 0, total)
            self.places.sizes[f"@sums {owner}"] = (blocks * total, 0)
            self.totals[owner] = total
        written = set(self.plan.with_cotangent)
        for group in self.plan.groups:
            widths = [self.loop.units(node) for node in group.nodes]
            for n in range(len(widths)):
                self.places.set(f"d_product {group.index}.{n}", sum(widths[:n]), rows * sum(widths), sum(widths))
            self.places.sizes[f"@d_product {group.index}"] = (0, rows * sum(widths))
            for k, term in enumerate(group.terms):
                if is_given(term) and term.name in self.given.needed:
                    self._input_job(group, k, sum(widths), term.name in written)
                    written.add(term.name)
                self._outer_jobs(group, k, widths)
            self._sum_jobs(group, widths)

    def _cover(self, family: str, rows: int) -> None:
        self.covered[family] = self.covered.get(family, 0) + rows

    def _job(self, kind: str, group: Group, first: int, depth: int, total: int) -> dict[str, Any]:
        return {
            "kind": KINDS.index(kind),
            "rows": self.given.rows,
            "cotangent": f"@d_product {group.index}",
            "cotangent_offset": first * self.loop.shape.precision.bytes,
            "cotangent_row": total,
            "depth": depth,
        }

    def _input_job(self, group: Group, k: int, total: int, add: bool) -> None:
        width = self.loop.units(group.terms[k])
        key = self._pack_rows(group, k, width)
        self.after_jobs.append(
            self._job("input", group, 0, total, total)
            | {
                "columns": width,
                "target": f"@d_input {group.terms[k].name}",
                "target_row": width,
                "add": int(add),
                "packed": "@packed",
                "packed_offset": self.places.offset[key] * self.loop.shape.precision.bytes,
            }
        )

    def _outer_jobs(self, group: Group, k: int, widths: Sequence[int]) -> None:
        shape, term, bytes_ = self.loop.shape, group.terms[k], self.loop.shape.precision.bytes
        columns = self.loop.units(term)
        operand = self._operand(term)
        for family, row, first, depth in self._segments(list(enumerate(group.weights[k])), widths):
            if family not in self.given.needed:
                continue
            self._cover(family, depth)
            self.after_jobs.append(
                self._job("outer", group, first, depth, sum(widths))
                | operand
                | {
                    "columns": columns,
                    "target": f"@d {family}",
                    "target_offset": row * columns * bytes_,
                    "target_row": columns,
                    "lengths": "@lengths",
                    "lengths_row": int(self.given.lengths),
                    "scratch": "@work",
                    "scratch_slice": DEPTH * (shape.blocks[0] + shape.padded(columns)),
                }
            )

    def _operand(self, term: Value) -> dict[str, Any]:
        """Where what a product read lies at the first step and at later ones."""
        source = self.kernel.memory.get(term.serial)
        never = {"resets": "@never"}
        if source is not None and source.kind == "current":
            key = source.keys[0]
            first = {"first": term.name, "first_row": self.places.numbers[f"{key}.initial.row"]}
            masks = {"resets": "@resets", "resets_time": self.given.rows, "resets_row": 1}
            return first | self._later(key, 0) | (masks if self.given.resets else never)
        key = self.loop.operand_keys[term.serial] if source is None or self._is_kept(term) else source.keys[0]
        first = {
            "first": owner_of(self.plan, self.kernel, key),
            "first_offset": self.places.offset[key] * self.loop.shape.precision.bytes,
            "first_row": self.places.numbers[f"{key}.row"],
        }
        return first | self._later(key, 1) | never

    def _is_kept(self, term: Value) -> bool:
        return term.serial in self.loop.operand_keys

    def _later(self, key: str, steps: int) -> dict[str, Any]:
        """Where it lies at the second step, from which the others follow."""
        tensor = owner_of(self.plan, self.kernel, key)
        time = self.places.numbers[f"{key}.time"]
        time = self.places.sizes[tensor][1] if time == -1 else time
        offset = (self.places.offset[key] + steps * time) * self.loop.shape.precision.bytes
        row = self.places.numbers[f"{key}.row"]
        return {"later": tensor, "later_offset": offset, "later_time": time, "later_row": row}

    def _segments(
        self, parameters: Sequence[tuple[int, Value]], widths: Sequence[int]
    ) -> list[tuple[str, int, int, int]]:
        """(stored tensor, its first row, first unit of the cotangent, units): neighbours in both are one.

        Args:
            parameters: with the number of the node that each belongs to.
        """
        found: list[tuple[str, int, int, int]] = []
        for n, parameter in parameters:
            family, part = self.loop.parts[parameter.name]
            first, width = sum(widths[:n]), widths[n]
            if found:
                name, row, start, depth = found[-1]
                if (name, row + depth, start + depth) == (family.name, part.rows.start, first):
                    found[-1] = (name, row, start, depth + width)
                    continue
            found.append((family.name, part.rows.start, first, width))
        return found

    def _sum_jobs(self, group: Group, widths: Sequence[int]) -> None:
        """The gradients of biases. torch's second bias has that of the first."""
        known: dict[tuple[tuple[int, ...], ...], str] = {}
        most = max((len(biases) for biases in group.biases), default=0)
        for k in range(most):
            column = [(n, biases[k]) for n, biases in enumerate(group.biases) if len(biases) > k]
            segments = [s for s in self._segments(column, widths) if s[0] in self.given.needed]
            families = {family for family, *_ in segments}
            shape = tuple(tuple(segment[1:]) for segment in segments)
            if len(families) == 1 and sum(segment[3] for segment in segments) == self._rows_of(*families):
                if shape in known:
                    self.copies[families.pop()] = known[shape]
                    continue
                (known[shape],) = families
            for family, row, first, depth in segments:
                self._cover(family, depth)
                self.after_jobs.append(
                    self._job("sum", group, first, depth, sum(widths))
                    | {"target": f"@d {family}", "target_offset": row * self.loop.shape.precision.bytes}
                )

    def _rows_of(self, family: str) -> int:
        return self.loop.families[family].shape[0]
