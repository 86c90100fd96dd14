"""Where a printed loop finds its sizes and buffers, and how it goes through the numbers of a row."""

from __future__ import annotations

from collections.abc import Callable

from llvmlite import ir

from cellwright.kernels.places import owner_of
from cellwright.kernels.plan import LoopPlan
from cellwright.kernels.product_ir import Shape
from cellwright.kernels.schedule import Kernel
from cellwright.kernels.vector_ir import INDEX, POINTER, Vector, Vectors, constant, counted, declared_as
from cellwright.program.values import Axes


class Buffers:
    """A function of a table of integers and a list of addresses, which are read once, at its entry.

    Attributes:
        numbers, tensors: what the table and the list hold, in order.
        entry: the builder of the block in which they are read; ``b`` that of all else.
    """

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

    def offset(self, base: Vector, *numbers: Vector) -> Vector:
        for number in numbers:
            base = self.b.gep(base, [number], source_etype=self.scalar)
        return base

    def at(self, base: Vector, stride: Vector, index: Vector) -> Vector:
        return self.offset(base, self.b.mul(stride, index))

    def over(self, count: Vector, body: Callable[[Callable[[Vector], Vector], Vector | None], None]) -> None:
        """Whole vectors of ``count`` numbers, then the rest under a mask; the body is given a way to address them."""
        b, width = self.b, self.shape.width
        whole = b.and_(count, constant(-width))
        with counted(b, constant(0), whole, width) as (first, _, _):
            body(lambda place: self.offset(place, first), None)
        with b.if_then(b.icmp_signed("<", whole, count)):
            body(lambda place: self.offset(place, whole), self.below(b.sub(count, whole)))

    def below(self, left: Vector) -> Vector:
        """Which lanes exist where ``left`` are left."""
        width = self.shape.width
        type_ = ir.VectorType(INDEX, width)
        one = self.b.insert_element(ir.Constant(type_, ir.Undefined), left, ir.Constant(ir.IntType(32), 0))
        zeros = ir.Constant(ir.VectorType(ir.IntType(32), width), [0] * width)
        all_ = self.b.shuffle_vector(one, ir.Constant(type_, ir.Undefined), zeros)
        return self.b.icmp_signed("<", ir.Constant(type_, list(range(width))), all_)

    def copy_row(self, source: Vector, target: Vector, count: Vector) -> None:
        def copy(at: Callable[[Vector], Vector], exists: Vector | None) -> None:
            self.store_some(self.load_some(at(source), exists), at(target), exists)

        self.over(count, copy)

    def zero_row(self, target: Vector, count: Vector) -> None:
        self.over(count, lambda at, exists: self.store_some(self.v.number(0.0), at(target), exists))

    def load_some(self, place: Vector, exists: Vector | None) -> Vector:
        if exists is None:
            return self.v.load(place)
        type_ = ir.FunctionType(self.v.type, [POINTER, ir.IntType(32), exists.type, self.v.type])
        name = f"llvm.masked.load.v{self.shape.width}{self.shape.precision.name}.p0"
        align = ir.Constant(ir.IntType(32), self.align)
        return self.b.call(declared_as(self.b, name, type_), [place, align, exists, self.v.number(0.0)])

    def store_some(self, value: Vector, place: Vector, exists: Vector | None) -> None:
        if exists is None:
            self.v.store(value, place)
            return
        type_ = ir.FunctionType(ir.VoidType(), [self.v.type, POINTER, ir.IntType(32), exists.type])
        name = f"llvm.masked.store.v{self.shape.width}{self.shape.precision.name}.p0"
        align = ir.Constant(ir.IntType(32), self.align)
        self.b.call(declared_as(self.b, name, type_), [value, place, align, exists])
