"""A planned time loop as vector LLVM IR: one function of a table of sizes and a list of addresses.

``loop(numbers, addresses, steps, first, last)`` runs all steps for the rows [first, last). Rows do not meet, so that
several threads may share a batch. ``PrintedLoop.numbers`` and ``PrintedLoop.tensors`` name the integers of the table
and the addresses. A buffer ``k`` lies at ``k.offset`` bytes in its tensor, with strides ``k.time`` and ``k.row`` in
numbers: a stride of 0 repeats a step or a row.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from llvmlite import ir

from cellwright.kernels.memory import owner_of
from cellwright.kernels.plan import LoopPlan
from cellwright.kernels.product_ir import PRODUCT, Shape
from cellwright.kernels.schedule import Kernel, Pass, Product, Source, Target, lanes
from cellwright.kernels.vector_ir import BYTE, EMITTERS, INDEX, POINTER, Vector, Vectors, constant, counted, declared_as
from cellwright.program import Value
from cellwright.program.values import Axes

_START: Mapping[str, float] = {"sum": 0.0, "mean": 0.0, "maximum_over": -math.inf}


@dataclass(frozen=True)
class PrintedLoop:
    """The text of a module with one function ``name``, and what its table and its list of addresses hold."""

    name: str
    text: str
    numbers: tuple[str, ...]
    tensors: tuple[str, ...]


def print_loop(plan: LoopPlan, kernel: Kernel, shape: Shape) -> PrintedLoop:
    """Print one loop of a plan for vectors of a shape."""
    module = ir.Module(name="cellwright")
    printer = _Printer(module, plan, kernel, shape)
    printer.print()
    return PrintedLoop(kernel.name, str(module), tuple(printer.numbers), tuple(printer.tensors))


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


class _Printer:
    def __init__(self, module: ir.Module, plan: LoopPlan, kernel: Kernel, shape: Shape) -> None:
        self.plan, self.kernel, self.shape = plan, kernel, shape
        self.scalar, self.align = shape.precision.type, shape.precision.bytes
        signature = ir.FunctionType(ir.VoidType(), [POINTER, POINTER, INDEX, INDEX, INDEX])
        function = ir.Function(module, signature, kernel.name)
        self.table, self.addresses, self.steps, self.first, self.last = function.args
        for argument, name in zip(function.args, ("numbers", "addresses", "steps", "first", "last"), strict=True):
            argument.name = name
        self.entry = ir.IRBuilder(function.append_basic_block("entry"))
        self.b = ir.IRBuilder(function.append_basic_block("start"))
        self.v = Vectors(self.b, shape.precision, shape.width)
        self.numbers: list[str] = []
        self.tensors: list[str] = []
        self.loaded: dict[str, Vector] = {}
        self.level = 0
        self.initial = {v.name: v for v in plan.program.inputs_with_role("state")}
        terms = {term.name for group in plan.groups for term in group.terms if term.serial in self._current_states()}
        self.entered = terms if any(isinstance(action, Product) for action in kernel.actions) else set()
        if kernel.backward and not any(self._is_forward(action) for action in kernel.actions):
            self.entered = set()

    def _current_states(self) -> set[int]:
        return {value.serial for value in self.initial.values()}

    @staticmethod
    def _is_forward(action: Product | Pass) -> bool:
        return isinstance(action, Product) and action.matrix.startswith("matrix")

    def print(self) -> None:
        start, b = self.b.block, self.b
        self.chunk = self.number("chunk")
        self.product = self.entry.inttoptr(self.number("product function"), ir.PointerType(PRODUCT))
        self.has_lengths = b.icmp_signed("!=", self.number("lengths.row"), constant(0))
        self._begin()
        with counted(b, constant(0), self.steps, 1) as (turn, _, _):
            self.turn = turn
            self.time = b.sub(b.sub(self.steps, constant(1)), turn) if self.kernel.backward else turn
            self.inside = b.srem(turn, self.chunk)
            self._enter_step()
            self._products_ahead()
            for action in self.kernel.actions:
                if isinstance(action, Pass):
                    self._pass(action)
                elif not action.ahead:
                    self._product(action, self.b.sub(self.top, self.first), self.inside)
        self._end()
        b.ret_void()
        self.entry.branch(start)

    # The table and the addresses, read once at the entry

    def number(self, name: str) -> Vector:
        if name not in self.loaded:
            place = self.entry.gep(self.table, [constant(len(self.numbers))], source_etype=INDEX)
            self.numbers.append(name)
            self.loaded[name] = self.entry.load(place, name, typ=INDEX, align=8)
        return self.loaded[name]

    def address(self, key: str) -> Vector:
        name = f"address of {key}"
        if name not in self.loaded:
            base = self._tensor(owner_of(self.plan, self.kernel, key))
            self.loaded[name] = self.entry.inttoptr(self.entry.add(base, self.number(f"{key}.offset")), POINTER, key)
        return self.loaded[name]

    def _tensor(self, tensor: str) -> Vector:
        name = f"tensor {tensor}"
        if name not in self.loaded:
            place = self.entry.gep(self.addresses, [constant(len(self.tensors))], source_etype=INDEX)
            self.tensors.append(tensor)
            self.loaded[name] = self.entry.load(place, name, typ=INDEX, align=8)
        return self.loaded[name]

    def size(self, axis: str) -> Vector:
        return self.number(f"size {axis}")

    def units(self, axes: Axes) -> Vector:
        """How many numbers a row of some axes has."""
        name = f"units {' '.join(axes)}"
        if name not in self.loaded:
            total: Vector = constant(1)
            for axis in axes:
                total = self.entry.mul(total, self.size(axis))
            self.loaded[name] = total
        return self.loaded[name]

    # Before the first step and after the last

    def _begin(self) -> None:
        """Cotangents of the final states are where the loop carries them; what is added up begins at zero."""
        if not self.kernel.backward:
            return
        b = self.b
        for state in self.kernel.states:
            axes = lanes(self.initial[state])
            source = (self.address(f"d_final {state}"), self.number(f"d_final {state}.row"))
            target = (self.address(f"carry {state}"), self.number(f"carry {state}.row"))
            with counted(b, self.first, self.last) as (row, _, _):
                self._copy_row(self._at(*source, row), self._at(*target, row), self.units(axes))
        high = constant(self.shape.blocks[0])
        for name in sorted(self.plan.sums):
            leaf = next(v for v in (*self.plan.inputs, *self.plan.parameters) if v.name == name)
            stop = b.sdiv(b.add(self.last, b.sub(high, constant(1))), high)
            with counted(b, b.sdiv(self.first, high), stop) as (block, _, _):
                key = f"d_sum {name}"
                place = self._at(self.address(key), self.number(f"{key}.row"), block)
                self._zero_row(place, self.units(lanes(leaf)))

    def _end(self) -> None:
        """The final states: those after each row's last step."""
        if self.kernel.backward:
            return
        b = self.b
        for state in self.kernel.states:
            with counted(b, self.first, self.last) as (row, _, _):
                length = self._length(row)
                stop = b.select(b.icmp_signed("<", length, self.steps), length, self.steps)
                place, stride = self._state_before(state, stop)
                target = self._at(self.address(f"final {state}"), self.number(f"final {state}.row"), row)
                self._copy_row(self._at(place, stride, row), target, self.units(lanes(self.initial[state])))

    def _copy_row(self, source: Vector, target: Vector, count: Vector) -> None:
        def copy(at: Callable[[Vector], Vector], exists: Vector | None) -> None:
            self._store_some(self._load_some(at(source), exists), at(target), exists)

        self._over(count, copy)

    def _zero_row(self, target: Vector, count: Vector) -> None:
        self._over(count, lambda at, exists: self._store_some(self.v.number(0.0), at(target), exists))

    # Addresses

    def _offset(self, base: Vector, *numbers: Vector) -> Vector:
        for number in numbers:
            base = self.b.gep(base, [number], source_etype=self.scalar)
        return base

    def _at(self, base: Vector, stride: Vector, index: Vector) -> Vector:
        return self._offset(base, self.b.mul(stride, index))

    def _length(self, row: Vector) -> Vector:
        place = self.b.gep(self.address("lengths"), [self.b.mul(row, self.number("lengths.row"))], source_etype=INDEX)
        return self.b.load(place, typ=INDEX, align=8)

    def _state_before(self, state: str, time: Vector) -> tuple[Vector, Vector]:
        """Where a state lies before the step at a time, and the stride of its rows."""
        b, key = self.b, f"state {state}"
        is_first = b.icmp_signed("<=", time, constant(0))
        index = b.and_(b.sub(time, constant(1)), self.number(f"{key}.mask"))
        earlier = self._at(self.address(key), self.number(f"{key}.time"), index)
        initial = self.address(f"{key}.initial")
        stride = b.select(is_first, self.number(f"{key}.initial.row"), self.number(f"{key}.row"))
        return b.select(is_first, initial, earlier), stride

    def _enter_step(self) -> None:
        """The states before and after this step, and their cotangents: pointers to the first row, and strides."""
        b, one = self.b, constant(1)
        self.now: dict[tuple[str, str], tuple[Vector, Vector]] = {}
        for state in self.kernel.states:
            key = f"state {state}"
            self.now[key, "current"] = self._state_before(state, self.time)
            time = b.and_(self.time, self.number(f"{key}.mask"))
            place = self._at(self.address(key), self.number(f"{key}.time"), time)
            self.now[key, "next"] = (place, self.number(f"{key}.row"))
            if self.kernel.backward:
                carry = f"carry {state}"
                stride, row = self.number(f"{carry}.time"), self.number(f"{carry}.row")
                following = b.and_(b.add(self.turn, one), one)
                self.now[state, "seed"] = (self._at(self.address(carry), stride, b.and_(self.turn, one)), row)
                self.now[state, "carry"] = (self._at(self.address(carry), stride, following), row)
        self._find_top()
        self._enter_resets()

    def _find_top(self) -> None:
        """The row behind the last one that has not ended, at the edge of a block of rows."""
        b = self.b
        top = self.entry.alloca(INDEX)
        b.store(self.last, top, align=8)
        with b.if_then(self.has_lengths):
            head, body, after = (b.append_basic_block(name) for name in ("top", "lower", "found"))
            b.branch(head)
            b.position_at_end(head)
            row = b.sub(b.load(top, typ=INDEX, align=8), constant(1))
            b.cbranch(b.icmp_signed(">=", row, self.first), body, after)
            b.position_at_end(body)
            has_ended = b.icmp_signed("<=", self._length(row), self.time)
            lower = b.append_basic_block("lowered")
            b.cbranch(has_ended, lower, after)
            b.position_at_end(lower)
            b.store(row, top, align=8)
            b.branch(head)
            b.position_at_end(after)
        high = constant(self.shape.blocks[0])
        count = b.sub(b.load(top, typ=INDEX, align=8), self.first)
        rounded = b.mul(b.sdiv(b.add(count, b.sub(high, constant(1))), high), high)
        edge = b.add(self.first, rounded)
        self.top = b.select(b.icmp_signed("<", edge, self.last), edge, self.last)

    def _enter_resets(self) -> None:
        """A step at which a row starts anew reads copies of the states that products need, with zeros in that row."""
        b = self.b
        if not self.entered:
            return
        any_reset = self.entry.alloca(ir.IntType(1))
        b.store(ir.Constant(ir.IntType(1), 0), any_reset)
        has_resets = b.icmp_signed("!=", self.number("resets.row"), constant(0))
        with b.if_then(has_resets), counted(b, self.first, self.last) as (row, _, _):
            b.store(b.or_(b.load(any_reset, typ=ir.IntType(1)), self._reset_flag(row)), any_reset)
        is_any = b.load(any_reset, typ=ir.IntType(1))
        for state in sorted(self.entered):
            key = f"state {state}"
            place, stride = self.now[key, "current"]
            copy, own = self.address(f"{key}.entered"), self.number(f"{key}.entered.row")
            with b.if_then(is_any), counted(b, self.first, self.last) as (row, _, _):
                flag = self._reset_flag(row)

                def put(at: Callable[[Vector], Vector], exists: Vector | None) -> None:
                    value = self._load_some(at(self._at(place, stride, row)), exists)  # noqa: B023
                    value = b.select(flag, self.v.number(0.0), value)  # noqa: B023
                    self._store_some(value, at(self._at(copy, own, row)), exists)  # noqa: B023

                self._over(self.units(lanes(self.initial[state])), put)
            self.now[key, "entered"] = (b.select(is_any, copy, place), b.select(is_any, own, stride))

    def _reset_flag(self, row: Vector) -> Vector:
        b = self.b
        index = b.add(b.mul(self.time, self.number("resets.time")), b.mul(row, self.number("resets.row")))
        byte = b.load(b.gep(self.address("resets"), [index], source_etype=BYTE), typ=BYTE, align=1)
        return b.icmp_unsigned("!=", byte, ir.Constant(BYTE, 0))

    def _base(self, source: Source) -> tuple[Vector, Vector]:
        """The first row of a buffer at this step, and the stride of its rows."""
        key = source.keys[0]
        if source.kind == "current":
            return self.now.get((key, "entered"), self.now[key, "current"])
        if source.kind == "next":
            return self.now[key, "next"]
        index = self.inside if key.startswith("product ") else self.time
        return self._at(self.address(key), self.number(f"{key}.time"), index), self.number(f"{key}.row")

    def _place_in(self, row: _Row, key: str, kind: str = "plain") -> Vector:
        """This row of a buffer at this step; computed once a row."""
        if (key, kind) not in row.places:
            if kind == "sum":
                block = self.b.sdiv(row.index, constant(self.shape.blocks[0]))
                row.places[key, kind] = self._at(self.address(key), self.number(f"{key}.row"), block)
            else:
                base, stride = self._base(Source((key,), ())) if kind == "plain" else self.now[key, kind]
                row.places[key, kind] = self._at(base, stride, row.index)
        return row.places[key, kind]

    # Products

    def _products_ahead(self) -> None:
        """Products with sequences, for as many steps at once as fill the registers with rows."""
        b = self.b
        ahead = [action for action in self.kernel.actions if isinstance(action, Product) and action.ahead]
        if not ahead:
            return
        with b.if_then(b.icmp_signed("==", self.inside, constant(0))):
            left = b.sub(self.steps, self.turn)
            count = b.select(b.icmp_signed("<", left, self.chunk), left, self.chunk)
            # Few rows of several steps fill a block together; they are never shared among threads.
            are_joined = b.icmp_signed("!=", self.number("joined"), constant(0))
            rows = b.select(are_joined, b.mul(count, self.last), b.sub(self.top, self.first))
            times = b.select(are_joined, constant(1), count)
            for action in ahead:
                key = action.source.keys[0]
                strides = (times, self.number(f"{key}.time"), self.number(f"{action.target}.time"))
                self._product(action, rows, constant(0), strides)

    def _product(
        self, action: Product, rows: Vector, inside: Vector, strides: tuple[Vector, Vector, Vector] | None = None
    ) -> None:
        b = self.b
        start, row = self._base(action.source)
        target = self._at(self.address(action.target), self.number(f"{action.target}.time"), inside)
        stride = self.number(f"{action.target}.row")
        arguments = [
            rows,
            self._at(start, row, self.first),
            row,
            constant(1),
            self.number(f"{action.matrix}.depth"),
            self.number(f"{action.matrix}.columns"),
            self.address(action.matrix),
            self._at(target, stride, self.first),
            stride,
            constant(int(action.add)),
            *(strides or (constant(1), constant(0), constant(0))),
        ]
        b.call(self.product, arguments)

    # Passes

    def _pass(self, action: Pass) -> None:
        """All rows, several of them together while none has ended, so that their chains of operations overlap."""
        b = self.b
        self.level = action.level
        done: Vector = self.first
        if self.shape.rows_at_once > 1:
            done = self._rows_together(action, self.shape.rows_at_once)
        with counted(b, done, self.last) as (index, _, _):
            has_ended = b.icmp_signed(">=", self.time, self._length(index))
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
            goes_on = b.and_(goes_on, b.icmp_signed("<", self.time, self._length(row)))
        b.cbranch(goes_on, body, after)
        b.position_at_end(body)
        self._rows(action, [_Row(row) for row in rows])
        index.add_incoming(b.add(index, width), b.block)
        b.branch(head)
        b.position_at_end(after)
        return index

    def _rows(self, action: Pass, rows: Sequence[_Row]) -> None:
        for row in rows:
            row.is_reset = self._reset_flag(row.index)
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
                self._copy_row(source, place, count)
            elif target.kind == "state" and target.key == self.kernel.states[0]:
                self._zero_row(self._place_in(row, f"state {target.key}", "next"), count)
            elif target.kind == "visible":
                self._zero_row(self._place_in(row, target.key), count)

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

    def _over(self, count: Vector, body: Callable[[Callable[[Vector], Vector], Vector | None], None]) -> None:
        """Whole vectors of ``count`` numbers, then the rest under a mask; the body is given a way to address them."""
        b, width = self.b, self.shape.width
        whole = b.and_(count, constant(-width))
        with counted(b, constant(0), whole, width) as (first, _, _):
            body(lambda place: self._offset(place, first), None)
        with b.if_then(b.icmp_signed("<", whole, count)):
            body(lambda place: self._offset(place, whole), self._below(b.sub(count, whole)))

    def _below(self, left: Vector) -> Vector:
        """Which lanes exist where ``left`` are left."""
        width = self.shape.width
        type_ = ir.VectorType(INDEX, width)
        one = self.b.insert_element(ir.Constant(type_, ir.Undefined), left, ir.Constant(ir.IntType(32), 0))
        zeros = ir.Constant(ir.VectorType(ir.IntType(32), width), [0] * width)
        all_ = self.b.shuffle_vector(one, ir.Constant(type_, ir.Undefined), zeros)
        return self.b.icmp_signed("<", ir.Constant(type_, list(range(width))), all_)

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
                exists = self._below(b.sub(size, whole))
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
                self.b.store(total, place if outer is None else self._offset(place, outer), align=self.align)

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
            return self._load_some(self._offset(place, lanes.first), lanes.exists)
        place = self._offset(place, lanes.outer) if axes and lanes.outer is not None else place
        return self.v.splat(self.b.load(place, typ=self.scalar, align=self.align))

    def _inside_row(self, place: Vector, lanes: _Lanes) -> Vector:
        if lanes.outer is not None:
            place = self._offset(place, self.b.mul(lanes.outer, self.size(lanes.axes[1])))
        return self._offset(place, lanes.first)

    def load(self, place: Vector, lanes: _Lanes) -> Vector:
        return self._load_some(self._inside_row(place, lanes), lanes.exists)

    def store(self, value: Vector, place: Vector, lanes: _Lanes) -> None:
        if not lanes.axes:
            self.b.store(self.v.first(value), place, align=self.align)
        else:
            self._store_some(value, self._inside_row(place, lanes), lanes.exists)

    def _load_some(self, place: Vector, exists: Vector | None) -> Vector:
        if exists is None:
            return self.v.load(place)
        type_ = ir.FunctionType(self.v.type, [POINTER, ir.IntType(32), exists.type, self.v.type])
        name = f"llvm.masked.load.v{self.shape.width}{self.shape.precision.name}.p0"
        align = ir.Constant(ir.IntType(32), self.align)
        return self.b.call(declared_as(self.b, name, type_), [place, align, exists, self.v.number(0.0)])

    def _store_some(self, value: Vector, place: Vector, exists: Vector | None) -> None:
        if exists is None:
            self.v.store(value, place)
            return
        type_ = ir.FunctionType(ir.VoidType(), [self.v.type, POINTER, ir.IntType(32), exists.type])
        name = f"llvm.masked.store.v{self.shape.width}{self.shape.precision.name}.p0"
        align = ir.Constant(ir.IntType(32), self.align)
        self.b.call(declared_as(self.b, name, type_), [value, place, align, exists])
