"""A planned time loop as vector LLVM IR: one function of an array of addresses, strides and sizes.

The function takes a pointer to 64-bit integers; ``PrintedLoop.arguments`` names them in order. A buffer ``k`` is
addressed by ``k.address`` and, in numbers, ``k.time`` and ``k.row``: a stride of 0 repeats a row or a step.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from llvmlite import ir

from cellwright.kernels.plan import Kernel, LoopPlan, Pass, Product, Source, Target, lane_axis
from cellwright.kernels.product_ir import Shape, constant, define_pack, define_product
from cellwright.kernels.vector_ir import BYTE, EMITTERS, INDEX, POINTER, Vector, Vectors, counted, declared_as
from cellwright.program import Value

_START: Mapping[str, float] = {"sum": 0.0, "mean": 0.0, "maximum_over": -math.inf}


@dataclass(frozen=True)
class PrintedLoop:
    """The text of a module with one function ``name``, and the names of its arguments."""

    name: str
    text: str
    arguments: tuple[str, ...]


def print_loop(plan: LoopPlan, kernel: Kernel, shape: Shape) -> PrintedLoop:
    """Print one loop of a plan for vectors of a shape."""
    module = ir.Module(name="cellwright")
    printer = _Printer(module, plan, kernel, shape)
    printer.print()
    return PrintedLoop(kernel.name, str(module), tuple(printer.arguments))


@dataclass
class _Lanes:
    """Where in a pass code is printed: the first unit, and which lanes exist (None: all)."""

    first: Vector
    exists: Vector | None
    level: int
    values: dict[int, Vector] = field(default_factory=dict)


class _Printer:
    def __init__(self, module: ir.Module, plan: LoopPlan, kernel: Kernel, shape: Shape) -> None:
        self.plan, self.kernel, self.shape = plan, kernel, shape
        self.scalar, self.align = shape.precision.type, shape.precision.bytes
        self.product, self.pack = define_product(module, shape), define_pack(module, shape)
        function = ir.Function(module, ir.FunctionType(ir.VoidType(), [POINTER]), kernel.name)
        self.entry = ir.IRBuilder(function.append_basic_block("entry"))
        self.b = ir.IRBuilder(function.append_basic_block("start"))
        self.v = Vectors(self.b, shape.precision, shape.width)
        self.arguments: list[str] = []
        self.loaded: dict[str, Vector] = {}
        self.rows: dict[tuple[str, str], Vector] = {}
        self.level = 0

    def print(self) -> None:
        start = self.b.block
        self._pack_matrices()
        with counted(self.b, constant(0), self.argument("steps")) as (turn, _, _):
            self.turn = turn
            self.time = (
                self.b.sub(self.b.sub(self.argument("steps"), constant(1)), turn) if self.kernel.backward else turn
            )
            self._enter_step()
            for action in self.kernel.actions:
                if isinstance(action, Product):
                    self._product(action)
                else:
                    self._pass(action)
        self.b.ret_void()
        self.entry.branch(start)

    def argument(self, name: str) -> Vector:
        """An integer argument, loaded once at the entry."""
        if name not in self.loaded:
            place = self.entry.gep(self.entry.function.args[0], [constant(len(self.arguments))], source_etype=INDEX)
            self.arguments.append(name)
            self.loaded[name] = self.entry.load(place, typ=INDEX, align=8)
        return self.loaded[name]

    def address(self, name: str) -> Vector:
        key = f"{name} as a pointer"
        if key not in self.loaded:
            self.loaded[key] = self.entry.inttoptr(self.argument(f"{name}.address"), POINTER)
        return self.loaded[key]

    def size(self, axis: str) -> Vector:
        return self.argument(f"size {axis}")

    # Matrices

    def _pack_matrices(self) -> None:
        """Pack U for the products of a step: columns are units forward, inputs backward."""
        b = self.b
        for action in self.kernel.actions:
            for matrix in action.matrices if isinstance(action, Product) else ():
                bytes_ = self.argument(f"{matrix}.bytes")
                set_ = declared_as(
                    b, "llvm.memset.p0.i64", ir.FunctionType(ir.VoidType(), [POINTER, BYTE, INDEX, ir.IntType(1)])
                )
                packed = self.address(matrix)
                b.call(set_, [packed, ir.Constant(BYTE, 0), bytes_, ir.Constant(ir.IntType(1), 0)])
                group = self.plan.groups[int(matrix.split()[1].split(".")[0])]
                for n in range(len(group.nodes)):
                    part = f"{matrix}.{n}"
                    numbers = ("column_stride", "depth_stride", "columns", "depth", "first_column", "first_depth")
                    strides = [self.argument(f"{part}.{name}") for name in numbers]
                    arguments = [
                        self.address(part),
                        *strides[:4],
                        packed,
                        *strides[4:],
                        self.argument(f"{matrix}.depth"),
                    ]
                    b.call(self.pack, arguments)

    def _product(self, action: Product) -> None:
        for k, (source, matrix) in enumerate(zip(action.sources, action.matrices, strict=True)):
            base, row = self._base(source)
            self.b.call(
                self.product,
                [
                    self.argument("rows"),
                    base,
                    row,
                    constant(1),
                    self.argument(f"{matrix}.depth"),
                    self.argument(f"{matrix}.panels"),
                    self.address(matrix),
                    self.address(action.target),
                    self.argument(f"{action.target}.row"),
                    ir.Constant(ir.IntType(1), int(k > 0)),
                ],
            )

    # Addresses

    def _offset(self, base: Vector, *numbers: Vector) -> Vector:
        for number in numbers:
            base = self.b.gep(base, [number], source_etype=self.scalar)
        return base

    def _enter_step(self) -> None:
        """The states before and after this step, and their cotangents: pointers to the first row."""
        b, one = self.b, constant(1)
        self.now: dict[tuple[str, str], Vector] = {}
        for state in self.kernel.states:
            key = f"state {state}"
            time, mask = self.argument(f"{key}.time"), self.argument(f"{key}.mask")
            before = b.mul(b.and_(b.sub(self.time, one), mask), time)
            is_first = b.icmp_signed("==", self.time, constant(0))
            earlier = self._offset(self.address(key), before)
            self.now[key, "current"] = b.select(is_first, self.address(f"{key}.initial"), earlier)
            self.now[key, "next"] = self._offset(self.address(key), b.mul(b.and_(self.time, mask), time))
            if self.kernel.backward:
                carry = f"carry {state}"
                step = self.argument(f"{carry}.time")
                self.now[state, "seed"] = self._offset(self.address(carry), b.mul(b.and_(self.turn, one), step))
                following = b.and_(b.add(self.turn, one), one)
                self.now[state, "carry"] = self._offset(self.address(carry), b.mul(following, step))
        if not self.kernel.backward:
            self._enter_resets()

    def _enter_resets(self) -> None:
        """Where there are resets, the step reads copies of the states, with zeros in the rows that start anew."""
        b = self.b
        has_resets = b.icmp_signed("!=", self.argument("has_resets"), constant(0))
        axes = {v.name: lane_axis(v) for v in self.plan.program.inputs_with_role("state")}
        with b.if_then(has_resets), counted(b, constant(0), self.argument("rows")) as (row, _, _):
            self._enter_row(row)
            for state in self.kernel.states:
                key = f"state {state}"
                source = self._offset(self.now[key, "current"], b.mul(row, self.argument(f"{key}.row")))
                target = self._offset(self.address(f"{key}.entered"), b.mul(row, self.argument(f"{key}.row")))
                with counted(b, constant(0), self.size(str(axes[state]))) as (unit, _, _):
                    number = b.load(self._offset(source, unit), typ=self.scalar, align=self.align)
                    number = b.select(self.reset, ir.Constant(self.scalar, 0.0), number)
                    b.store(number, self._offset(target, unit), align=self.align)
        for state in self.kernel.states:
            key = f"state {state}"
            self.now[key, "original"] = self.now[key, "current"]
            entered = self.address(f"{key}.entered")
            self.now[key, "current"] = b.select(has_resets, entered, self.now[key, "current"])

    def _flag(self, name: str, row: Vector) -> Vector:
        """A byte of a mask (time, batch), or of one byte that stands for all."""
        b = self.b
        index = b.add(b.mul(self.time, self.argument(f"{name}.time")), b.mul(row, self.argument(f"{name}.row")))
        byte = b.load(b.gep(self.address(name), [index], source_etype=BYTE), typ=BYTE, align=1)
        return b.icmp_unsigned("!=", byte, ir.Constant(BYTE, 0))

    def _enter_row(self, row: Vector) -> None:
        self.row = row
        self.rows = {}
        self.valid = self._flag("valid", row)
        self.reset = self._flag("resets", row)

    def _base(self, source: Source) -> tuple[Vector, Vector]:
        """The first row of a buffer at this step, and the stride of its rows."""
        (key,) = source.keys
        if source.kind in ("current", "next"):
            return self.now[key, source.kind], self.argument(f"{key}.row")
        step = self.b.mul(self.time, self.argument(f"{key}.time"))
        return self._offset(self.address(key), step), self.argument(f"{key}.row")

    def _row(self, key: str, kind: str = "plain") -> Vector:
        """The row of a buffer at this step; once a row."""
        if (key, kind) not in self.rows:
            if kind == "plain":
                base, stride = self._base(Source((key,)))
            else:
                owner = f"carry {key}" if kind in ("seed", "carry") else key
                base, stride = self.now[key, kind], self.argument(f"{owner}.row")
            self.rows[key, kind] = self._offset(base, self.b.mul(self.row, stride))
        return self.rows[key, kind]

    # Passes

    def _pass(self, action: Pass) -> None:
        self.level = action.level
        with counted(self.b, constant(0), self.argument("rows")) as (row, _, _):
            self._enter_row(row)
            self._prepare_rows(action)
            if action.axis is None:
                self._scalars(action)
            else:
                with self._reducing(action) as totals:
                    self._over_units(action.axis, lambda lanes: self._targets(action, lanes, totals))

    def _prepare_rows(self, action: Pass) -> None:
        """Addresses of rows are computed before the units are gone through."""
        lanes = _Lanes(constant(0), None, self.level)
        for target in action.targets:
            self._visit_sources(target.value, lanes, set())
            if target.kind in ("store", "accumulate"):
                self._row(target.key)
            elif target.kind == "state":
                self._row(f"state {target.key}", "original" if not self.kernel.backward else "current")
                self._row(f"state {target.key}", "next")
            elif target.kind == "carry":
                self._row(target.key, "seed")
                self._row(target.key, "carry")

    def _visit_sources(self, value: Value | None, lanes: _Lanes, seen: set[int]) -> None:
        if value is None or value.serial in seen:
            return
        seen.add(value.serial)
        if (source := self._source(value)) is not None:
            for key in source.keys:
                self._row(key, source.kind)
            if source.kind == "seed" and source.keys[0] == self.kernel.states[0]:
                self._row("d_output")
            return
        for argument in value.arguments[:1] if value.operator == "spread" else value.arguments:
            self._visit_sources(argument, lanes, seen)

    def _source(self, value: Value) -> Source | None:
        """Where a value is read from in this pass; None where it is computed."""
        source = self.kernel.memory.get(value.serial)
        key = source.keys[0] if source else ""
        made_here = self.kernel.stored.get(key) is value and value.operator not in ("sum", "mean", "maximum_over")
        return None if made_here and self.kernel.levels[value.serial] == self.level else source

    def _over_units(self, axis: str, body: Callable[[_Lanes], None]) -> None:
        """Whole vectors, then the rest under a mask."""
        b, width = self.b, self.shape.width
        size = self.size(axis)
        whole = b.and_(size, constant(-width))
        with counted(b, constant(0), whole, width) as (first, _, _):
            body(_Lanes(first, None, self.level))
        with b.if_then(b.icmp_signed("<", whole, size)):
            numbers = ir.Constant(ir.VectorType(INDEX, width), list(range(width)))
            left = self._splat_index(b.sub(size, whole))
            body(_Lanes(whole, b.icmp_signed("<", numbers, left), self.level))

    def _splat_index(self, number: Vector) -> Vector:
        type_ = ir.VectorType(INDEX, self.shape.width)
        one = self.b.insert_element(ir.Constant(type_, ir.Undefined), number, ir.Constant(ir.IntType(32), 0))
        zeros = ir.Constant(ir.VectorType(ir.IntType(32), self.shape.width), [0] * self.shape.width)
        return self.b.shuffle_vector(one, ir.Constant(type_, ir.Undefined), zeros)

    @contextmanager
    def _reducing(self, action: Pass) -> Iterator[dict[str, Vector]]:
        """Partial results of reductions by key; written to memory after the pass over the units."""
        totals: dict[str, Vector] = {}
        reductions = [target for target in action.targets if target.kind in _START]
        for target in reductions:
            totals[target.key] = self.entry.alloca(self.v.type)
            self.b.store(self.v.number(_START[target.kind]), totals[target.key])
        yield totals
        for target in reductions:
            total = self._across(target.kind, self.b.load(totals[target.key], typ=self.v.type))
            if target.kind == "mean":
                count = self.b.sitofp(self.size(str(target.axis)), self.scalar)
                total = self.b.fdiv(total, count)
            self.b.store(total, self._row(target.key), align=self.align)

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

    def _scalars(self, action: Pass) -> None:
        lanes = _Lanes(constant(0), None, self.level)
        for target in action.targets:
            value = self.v.number(0.0) if target.value is None else self.emit(target.value, lanes)
            self.b.store(self.v.first(value), self._row(target.key), align=self.align)

    def _targets(self, action: Pass, lanes: _Lanes, totals: Mapping[str, Vector]) -> None:
        for target in action.targets:
            value = self.v.number(0.0) if target.value is None else self.emit(target.value, lanes)
            if target.kind in _START:
                self._reduce(target, value, lanes, totals[target.key])
            else:
                getattr(self, f"_to_{target.kind}")(target, value, lanes)

    def _reduce(self, target: Target, value: Vector, lanes: _Lanes, place: Vector) -> None:
        if lanes.exists is not None:
            value = self.v.select(lanes.exists, value, self.v.number(_START[target.kind]))
        total = self.b.load(place, typ=self.v.type)
        combine = self.v.maximum if target.kind == "maximum_over" else self.v.add
        self.b.store(combine(total, value), place)

    def _to_store(self, target: Target, value: Vector, lanes: _Lanes) -> None:
        self.store(value, self._row(target.key), lanes)

    def _to_state(self, target: Target, value: Vector, lanes: _Lanes) -> None:
        """A sequence that has ended keeps its state."""
        key = f"state {target.key}"
        kept = self.load(self._row(key, "original"), lanes)
        self.store(self.b.select(self.valid, value, kept), self._row(key, "next"), lanes)

    def _to_carry(self, target: Target, value: Vector, lanes: _Lanes) -> None:
        """Where a sequence has ended the cotangent passes by; no cotangent crosses a reset."""
        seed = self.load(self._row(target.key, "seed"), lanes)
        value = self.b.select(self.valid, value, seed)
        value = self.b.select(self.reset, self.v.number(0.0), value)
        self.store(value, self._row(target.key, "carry"), lanes)

    def _to_accumulate(self, target: Target, value: Vector, lanes: _Lanes) -> None:
        place = self._row(target.key)
        self.store(self.v.add(self.load(place, lanes), value), place, lanes)

    # Values

    def emit(self, value: Value, lanes: _Lanes) -> Vector:
        """A value for the lanes of a pass; equal in all of them where it has no units."""
        if value.serial not in lanes.values:
            lanes.values[value.serial] = self._emitted(value, lanes)
        return lanes.values[value.serial]

    def _emitted(self, value: Value, lanes: _Lanes) -> Vector:
        if (source := self._source(value)) is not None:
            return self._read(source, lanes)
        if value.operator == "constant":
            return self.v.number(value.attributes["value"])
        if value.operator == "reciprocal_size":
            size = self.b.sitofp(self.size(value.attributes["axis"]), self.scalar)
            return self.v.splat(self.b.fdiv(ir.Constant(self.scalar, 1.0), size))
        if value.operator == "spread":
            return self.emit(value.arguments[0], lanes)
        return EMITTERS[value.operator](self.v, *(self.emit(argument, lanes) for argument in value.arguments))

    def _read(self, source: Source, lanes: _Lanes) -> Vector:
        if not source.by_unit:
            return self.v.splat(self.b.load(self._row(source.keys[0]), typ=self.scalar, align=self.align))
        if source.kind == "seed":
            (state,) = source.keys
            late = self.load(self._row(state, "seed"), lanes)
            if state == self.kernel.states[0]:
                late = self.v.add(late, self.load(self._row("d_output"), lanes))
            return self.b.select(self.valid, late, self.v.number(0.0))
        parts = [self.load(self._row(key, source.kind), lanes) for key in source.keys]
        if source.kind == "current" and self.kernel.backward:
            parts[0] = self.b.select(self.reset, self.v.number(0.0), parts[0])
        total = parts[0]
        for part in parts[1:]:
            total = self.v.add(total, part)
        return total

    def load(self, row: Vector, lanes: _Lanes) -> Vector:
        place = self._offset(row, lanes.first)
        if lanes.exists is None:
            return self.b.load(place, typ=self.v.type, align=self.align)
        type_ = ir.FunctionType(self.v.type, [POINTER, ir.IntType(32), lanes.exists.type, self.v.type])
        name = f"llvm.masked.load.v{self.shape.width}{self.shape.precision.name}.p0"
        align = ir.Constant(ir.IntType(32), self.align)
        return self.b.call(declared_as(self.b, name, type_), [place, align, lanes.exists, self.v.number(0.0)])

    def store(self, value: Vector, row: Vector, lanes: _Lanes) -> None:
        place = self._offset(row, lanes.first)
        if lanes.exists is None:
            self.b.store(value, place, align=self.align)
            return
        type_ = ir.FunctionType(ir.VoidType(), [self.v.type, POINTER, ir.IntType(32), lanes.exists.type])
        name = f"llvm.masked.store.v{self.shape.width}{self.shape.precision.name}.p0"
        align = ir.Constant(ir.IntType(32), self.align)
        self.b.call(declared_as(self.b, name, type_), [value, place, align, lanes.exists])
