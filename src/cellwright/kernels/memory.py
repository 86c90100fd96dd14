"""The tables that a compiled loop is called with, for one kind of batch: buffers in their places, and jobs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from cellwright.kernels.gradient_jobs import GradientJobs
from cellwright.kernels.jobs_ir import AFTER, PACK
from cellwright.kernels.places import Given, Places, owner_of
from cellwright.kernels.plan import Group, is_given
from cellwright.kernels.schedule import Kernel
from cellwright.program import Value
from cellwright.program.values import BATCH

if TYPE_CHECKING:
    from cellwright.kernels.loop import CompiledLoop

Table: TypeAlias = "np.ndarray[Any, np.dtype[np.int64]]"

_CACHE = 1 << 20  # bytes of matrices beyond which they leave the cache of a core from step to step
_ROWS_TOGETHER = 256  # rows of several steps that read such a matrix while it is at hand


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


def _table(fields: Sequence[str], jobs: Sequence[Mapping[str, Any]], tensors: list[str]) -> Table:
    """Jobs as a table; the tensors that they name are added to the list, and stand for their places in it."""
    table = [len(jobs)]
    for job in jobs:
        for field in fields:
            entry = job.get(field, 0)
            if isinstance(entry, str) and entry not in tensors:
                tensors.append(entry)
            table.append(tensors.index(entry) if isinstance(entry, str) else entry)
    return np.array(table, np.int64)


def lay_out(loop: CompiledLoop, kernel: Kernel, given: Given) -> Layout:
    """Place the buffers of a loop and list its jobs."""
    return _Planner(loop, kernel, given).layout()


class _Planner:
    def __init__(self, loop: CompiledLoop, kernel: Kernel, given: Given) -> None:
        self.loop, self.kernel, self.given, self.plan = loop, kernel, given, loop.plan
        self.places = Places()
        self.pack_jobs: list[dict[str, Any]] = []
        self.gradients = GradientJobs(loop, kernel, given, self.places, self._pack_rows)

    def layout(self) -> Layout:
        printed, places, gradients = self.loop.printed(self.kernel.name), self.places, self.gradients
        self._outside()
        self._states()
        self._values()
        self._products()
        if self.kernel.backward:
            gradients.list_all()
        work = max((job["scratch_slice"] for job in gradients.found if "scratch" in job), default=0)
        tensors = list(printed.tensors)
        numbers = self._numbers()
        return Layout(
            np.array([numbers[name] for name in printed.numbers], np.int64),
            sizes=places.sizes,
            pack=_table(PACK, self.pack_jobs, tensors),
            after=_table(AFTER, [{**job, "scratch_slice": work} for job in gradients.found], tensors),
            tensors=tuple(tensors),
            copies=gradients.copies,
            covered=gradients.covered,
            carry={name: places.offset.get(f"carry {name}", 0) for name in self.loop.states},
            totals=gradients.totals,
            work_slice=work,
            families={name: family.shape[0] for name, family in self.loop.families.items()},
        )

    def _numbers(self) -> dict[str, int]:
        """Everything that a loop's table may ask for, by name."""
        places, bytes_ = self.places, self.loop.shape.precision.bytes
        numbers = {
            "chunk": self._chunk(),
            "joined": int(self.given.rows < self.loop.shape.blocks[0]),
            "product function": self.loop.functions["product"],
            **{f"size {axis}": size for axis, size in self.loop.axes.items()},
            **places.numbers,
            **{f"{key}.offset": offset * bytes_ for key, offset in places.offset.items()},
        }
        for key in places.offset:
            if numbers[f"{key}.time"] == -1:
                numbers[f"{key}.time"] = places.sizes[owner_of(self.plan, self.kernel, key)][1]
        return numbers

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
