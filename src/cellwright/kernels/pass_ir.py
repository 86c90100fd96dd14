"""Passes over the units as vector LLVM IR: row by row, or several rows at once, and vector by vector."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from llvmlite import ir

from cellwright.kernels.buffers_ir import Buffers
from cellwright.kernels.schedule import Pass, Source, Target, lanes
from cellwright.kernels.vector_ir import EMITTERS, INDEX, Vector, constant, counted
from cellwright.program import Value
from cellwright.program.values import Axes

_START: Mapping[str, float] = {"sum": 0.0, "mean": 0.0, "maximum_over": -math.inf}


@dataclass
class _Row:
    """A row of the batch inside of a pass: where its buffers begin, and whether it starts anew.

    ``numbers`` holds what is one number in this row, as equal lanes, computed before the units are gone through;
    ``reciprocals`` those of divisors.
    """

    index: Vector
    is_reset: Vector | None = None
    places: dict[tuple[str, str], Vector] = field(default_factory=dict)
    numbers: dict[int, Vector] = field(default_factory=dict)
    reciprocals: dict[int, Vector] = field(default_factory=dict)


@dataclass
class _Lanes:
    """Where in a pass code is printed, for one row or for several at once.

    Attributes:
        axes: of the pass.
        outer: index along the first of two axes.
        first: the first unit along the last axis.
        exists: which lanes there are; None for all.
        values: what has been computed, a vector for each row.
    """

    rows: Sequence[_Row]
    axes: Axes
    outer: Vector | None
    first: Vector
    exists: Vector | None
    values: dict[int, list[Vector]] = field(default_factory=dict)


class Passes(Buffers, ABC):
    """Prints passes, inside of a step of a loop.

    Attributes:
        time: of the step.
        now: where a state, and its cotangent, lie at this step, by key and kind: the first row, and the rows' stride.
        level: of the pass that is printed.
    """

    time: Vector
    now: dict[tuple[str, str], tuple[Vector, Vector]]
    level: int

    @abstractmethod
    def length(self, row: Vector) -> Vector:
        """The number of steps of a row."""

    @abstractmethod
    def reset_flag(self, row: Vector) -> Vector:
        """Whether a row starts anew before this step."""

    @abstractmethod
    def base(self, source: Source) -> tuple[Vector, Vector]:
        """The first row of a buffer at this step, and the stride of its rows."""

    def _place_in(self, row: _Row, key: str, kind: str = "plain") -> Vector:
        """This row of a buffer at this step; computed once a row."""
        if (key, kind) not in row.places:
            if kind == "sum":
                block = self.b.sdiv(row.index, constant(self.shape.granule))
                row.places[key, kind] = self.at(self.address(key), self.number(f"{key}.row"), block)
            else:
                base, stride = self.base(Source((key,), ())) if kind == "plain" else self.now[key, kind]
                row.places[key, kind] = self.at(base, stride, row.index)
        return row.places[key, kind]

    def print_pass(self, action: Pass) -> None:
        """All rows, several of them together while none has ended, so that their chains of operations overlap."""
        b = self.b
        self.level = action.level
        done: Vector = self.first
        if self.shape.rows_at_once > 1:
            done = self._rows_together(action, self.shape.rows_at_once)
        with counted(b, done, self.last) as (index, _, _):
            has_ended = b.icmp_signed(">=", self.time, self.length(index))
            with b.if_else(has_ended) as (ended, goes_on):
                with ended:
                    self._fill(action, _Row(index))
                with goes_on:
                    self._rows(action, [_Row(index)])

    def _rows_together(self, action: Pass, count: int) -> Vector:
        """Groups of rows from the first one on, up to the first group of which a row has ended; the row after them."""
        b, width = self.b, constant(count)
        start = b.block
        head, body, after = (b.append_basic_block(name) for name in ("rows", "together", "apart"))
        b.branch(head)
        b.position_at_end(head)
        index = b.phi(INDEX)
        index.add_incoming(self.first, start)
        goes_on = b.icmp_signed("<=", b.add(index, width), self.last)
        inside = b.append_basic_block("inside")
        b.cbranch(goes_on, inside, after)
        b.position_at_end(inside)
        rows = [b.add(index, constant(k)) for k in range(count)]
        goes_on = ir.Constant(ir.IntType(1), 1)
        for row in rows:
            goes_on = b.and_(goes_on, b.icmp_signed("<", self.time, self.length(row)))
        b.cbranch(goes_on, body, after)
        b.position_at_end(body)
        self._rows(action, [_Row(row) for row in rows])
        index.add_incoming(b.add(index, width), b.block)
        b.branch(head)
        b.position_at_end(after)
        return index

    def _rows(self, action: Pass, rows: Sequence[_Row]) -> None:
        for row in rows:
            row.is_reset = self.reset_flag(row.index)
            self._prepare_row(action, row)
            if action.axes:
                self._numbers_of(action, row)
        self._over_units(action, rows)

    def _numbers_of(self, action: Pass, row: _Row) -> None:
        """Compute once a row what is one number a row, and the reciprocals of numbers that units are divided by."""
        once = _Lanes([row], (), None, constant(0), None)
        pending = [target.value for target in action.targets if target.value is not None]
        seen: set[int] = set()
        while pending:
            value = pending.pop()
            if value.serial in seen:
                continue
            seen.add(value.serial)
            if not lanes(value):
                if value.operator not in ("constant", "reciprocal_size"):
                    (row.numbers[value.serial],) = self.emit(value, once)
                continue
            if self._source(value) is None:
                pending += value.arguments[:1] if value.operator == "spread" else value.arguments
                if self._divides_by_a_number(value):
                    divisor = value.arguments[1]
                    one = self.v.number(1.0)
                    (number,) = self.emit(divisor, once)
                    row.reciprocals[divisor.serial] = self.v.divide(one, number)

    @staticmethod
    def _divides_by_a_number(value: Value) -> bool:
        divisor = value.arguments[1] if value.operator == "divide" else None
        return divisor is not None and not lanes(divisor) and divisor.operator != "constant"

    def _fill(self, action: Pass, row: _Row) -> None:
        """What others see of a sequence that has ended is zero; cotangents of its final states pass by."""
        for target in action.targets:
            count = self.units(action.axes)
            if target.kind == "carry":
                source, place = self._place_in(row, target.key, "seed"), self._place_in(row, target.key, "carry")
                self.copy_row(source, place, count)
            elif target.kind == "state" and target.key == self.kernel.states[0]:
                self.zero_row(self._place_in(row, f"state {target.key}", "next"), count)
            elif target.kind == "visible":
                self.zero_row(self._place_in(row, target.key), count)

    def _prepare_row(self, action: Pass, row: _Row) -> None:
        """Addresses are computed before the units are gone through."""
        kinds = {"accumulate": "sum", "state": "next", "carry": "carry"}
        for target in action.targets:
            self._visit_sources(target.value, row, set())
            key = f"state {target.key}" if target.kind == "state" else target.key
            self._place_in(row, key, kinds.get(target.kind, "plain"))

    def _visit_sources(self, value: Value | None, row: _Row, seen: set[int]) -> None:
        if value is None or value.serial in seen:
            return
        seen.add(value.serial)
        if (source := self._source(value)) is not None:
            for key in source.keys:
                self._place_in(row, key, source.kind)
            if source.kind == "seed" and source.keys[0] == self.kernel.states[0]:
                self._place_in(row, "d_output")
            return
        for argument in value.arguments[:1] if value.operator == "spread" else value.arguments:
            self._visit_sources(argument, row, seen)

    def _source(self, value: Value) -> Source | None:
        """Where a value is read from in this pass; None where it is computed."""
        source = self.kernel.memory.get(value.serial)
        key = source.keys[0] if source else ""
        made_here = self.kernel.stored.get(key) is value and value.operator not in _START
        return None if made_here and self.kernel.levels[value.serial] == self.level else source

    def _over_units(self, action: Pass, rows: Sequence[_Row]) -> None:
        b, axes = self.b, action.axes
        if not axes:
            self._targets(action, _Lanes(rows, axes, None, constant(0), None), {})
            return
        if len(axes) == 1:
            self._along(action, rows, None)
            return
        with counted(b, constant(0), self.size(axes[0])) as (outer, _, _):
            self._along(action, rows, outer)

    def _along(self, action: Pass, rows: Sequence[_Row], outer: Vector | None) -> None:
        """The last axis: whole vectors, then the rest under a mask."""
        b, width = self.b, self.shape.width
        size = self.size(action.axes[-1])
        whole = b.and_(size, constant(-width))
        with self._reducing(action, rows, outer) as totals:
            with counted(b, constant(0), whole, width) as (first, _, _):
                self._targets(action, _Lanes(rows, action.axes, outer, first, None), totals)
            with b.if_then(b.icmp_signed("<", whole, size)):
                exists = self.below(b.sub(size, whole))
                self._targets(action, _Lanes(rows, action.axes, outer, whole, exists), totals)

    @contextmanager
    def _reducing(self, action: Pass, rows: Sequence[_Row], outer: Vector | None) -> Iterator[dict[str, list[Vector]]]:
        """Partial results of reductions by key; written to memory after the pass over the units."""
        totals: dict[str, list[Vector]] = {}
        reductions = [target for target in action.targets if target.kind in _START]
        for target in reductions:
            totals[target.key] = [self.entry.alloca(self.v.type) for _ in rows]
            for place in totals[target.key]:
                self.b.store(self.v.number(_START[target.kind]), place)
        yield totals
        for target in reductions:
            for row, partial in zip(rows, totals[target.key], strict=True):
                total = self._across(target.kind, self.b.load(partial, typ=self.v.type))
                if target.kind == "mean":
                    total = self.b.fdiv(total, self.b.sitofp(self.size(action.axes[-1]), self.scalar))
                place = self._place_in(row, target.key)
                self.b.store(total, place if outer is None else self.offset(place, outer), align=self.align)

    def _across(self, kind: str, vector: Vector) -> Vector:
        """Halves of a vector combined until one number is left."""
        v, width = self.v, self.shape.width
        while width > 1:
            width //= 2
            order = [*range(width, 2 * width), *[0] * (self.shape.width - width)]
            mask = ir.Constant(ir.VectorType(ir.IntType(32), self.shape.width), order)
            other = self.b.shuffle_vector(vector, ir.Constant(v.type, ir.Undefined), mask)
            vector = v.maximum(vector, other) if kind == "maximum_over" else v.add(vector, other)
        return v.first(vector)

    def _targets(self, action: Pass, lanes: _Lanes, totals: Mapping[str, Sequence[Vector]]) -> None:
        for target in action.targets:
            zeros = [self.v.number(0.0)] * len(lanes.rows)
            values = zeros if target.value is None else self.emit(target.value, lanes)
            for k, (row, value) in enumerate(zip(lanes.rows, values, strict=True)):
                if target.kind in _START:
                    self._reduce(target, value, lanes, totals[target.key][k])
                else:
                    getattr(self, f"_to_{target.kind}")(target, value, row, lanes)

    def _reduce(self, target: Target, value: Vector, lanes: _Lanes, place: Vector) -> None:
        if lanes.exists is not None:
            value = self.v.select(lanes.exists, value, self.v.number(_START[target.kind]))
        total = self.b.load(place, typ=self.v.type)
        combine = self.v.maximum if target.kind == "maximum_over" else self.v.add
        self.b.store(combine(total, value), place)

    def _to_store(self, target: Target, value: Vector, row: _Row, lanes: _Lanes) -> None:
        self.store(value, self._place_in(row, target.key), lanes)

    _to_visible = _to_store

    def _to_state(self, target: Target, value: Vector, row: _Row, lanes: _Lanes) -> None:
        self.store(value, self._place_in(row, f"state {target.key}", "next"), lanes)

    def _to_carry(self, target: Target, value: Vector, row: _Row, lanes: _Lanes) -> None:
        """No cotangent crosses a reset."""
        value = self.b.select(row.is_reset, self.v.number(0.0), value)
        self.store(value, self._place_in(row, target.key, "carry"), lanes)

    def _to_accumulate(self, target: Target, value: Vector, row: _Row, lanes: _Lanes) -> None:
        place = self._place_in(row, target.key, "sum")
        self.store(self.v.add(self.load(place, lanes), value), place, lanes)

    # Values

    def emit(self, value: Value, lanes: _Lanes) -> list[Vector]:
        """A value for the lanes of a pass, row by row; equal in all lanes where it has not the last axis."""
        if value.serial not in lanes.values:
            lanes.values[value.serial] = self._emitted(value, lanes)
        return lanes.values[value.serial]

    def _emitted(self, value: Value, lanes: _Lanes) -> list[Vector]:
        if all(value.serial in row.numbers for row in lanes.rows):
            return [row.numbers[value.serial] for row in lanes.rows]
        if (source := self._source(value)) is not None:
            return [self._read(source, row, lanes) for row in lanes.rows]
        if value.operator == "constant":
            return [self.v.number(value.attributes["value"])] * len(lanes.rows)
        if value.operator == "reciprocal_size":
            size = self.b.sitofp(self.size(value.attributes["axis"]), self.scalar)
            return [self.v.splat(self.b.fdiv(ir.Constant(self.scalar, 1.0), size))] * len(lanes.rows)
        if value.operator == "spread":
            return self.emit(value.arguments[0], lanes)
        if self._divides_by_a_number(value) and all(value.arguments[1].serial in r.reciprocals for r in lanes.rows):
            dividends = zip(self.emit(value.arguments[0], lanes), lanes.rows, strict=True)
            divisor = value.arguments[1].serial
            return [self.v.multiply(dividend, row.reciprocals[divisor]) for dividend, row in dividends]
        arguments = [self.emit(argument, lanes) for argument in value.arguments]
        return [EMITTERS[value.operator](self.v, *of_row) for of_row in zip(*arguments, strict=True)]

    def _read(self, source: Source, row: _Row, lanes: _Lanes) -> Vector:
        places = [self._place_in(row, key, source.kind) for key in source.keys]
        parts = [self._read_part(place, source.axes, lanes) for place in places]
        if source.kind == "seed" and source.keys[0] == self.kernel.states[0]:
            parts.append(self._read_part(self._place_in(row, "d_output"), source.axes, lanes))
        if source.kind == "current":
            parts[0] = self.b.select(row.is_reset, self.v.number(0.0), parts[0])
        total = parts[0]
        for part in parts[1:]:
            total = self.v.add(total, part)
        return total

    def _read_part(self, place: Vector, axes: Axes, lanes: _Lanes) -> Vector:
        if axes == lanes.axes and axes:
            return self.load(place, lanes)
        if axes and axes == lanes.axes[1:]:
            return self.load_some(self.offset(place, lanes.first), lanes.exists)
        place = self.offset(place, lanes.outer) if axes and lanes.outer is not None else place
        return self.v.splat(self.b.load(place, typ=self.scalar, align=self.align))

    def _inside_row(self, place: Vector, lanes: _Lanes) -> Vector:
        if lanes.outer is not None:
            place = self.offset(place, self.b.mul(lanes.outer, self.size(lanes.axes[1])))
        return self.offset(place, lanes.first)

    def load(self, place: Vector, lanes: _Lanes) -> Vector:
        return self.load_some(self._inside_row(place, lanes), lanes.exists)

    def store(self, value: Vector, place: Vector, lanes: _Lanes) -> None:
        if not lanes.axes:
            self.b.store(self.v.first(value), place, align=self.align)
        else:
            self.store_some(value, self._inside_row(place, lanes), lanes.exists)
