"""The product of the time loop: rows times packed columns, register-blocked, as vector LLVM IR.

The columns of a matrix are packed into panels of ``PANEL`` vectors, padded with zeros, so that a panel is read in
order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from llvmlite import ir

from cellwright.kernels.vector_ir import INDEX, POINTER, Precision, Vector, Vectors, counted

ROWS = (4, 2, 1)


@dataclass(frozen=True)
class Shape:
    """How numbers are laid into registers: ``width`` numbers a vector, ``panel`` vectors a panel."""

    precision: Precision
    width: int
    panel: int

    @property
    def columns(self) -> int:
        """Columns of a panel."""
        return self.width * self.panel


def constant(value: int) -> ir.Constant:
    return ir.Constant(INDEX, value)


def define_product(module: ir.Module, shape: Shape) -> ir.Function:
    """``product(rows, a, a_stride, a_step, depth, panels, packed, c, c_stride, add)``: c (+)= a @ packed.

    Rows of a are ``a_stride`` numbers apart, and what is next to one another in a row ``a_step``.
    """
    known = module.globals.get("product")
    if known is not None:
        return known
    signature = ir.FunctionType(
        ir.VoidType(), [INDEX, POINTER, INDEX, INDEX, INDEX, INDEX, POINTER, POINTER, INDEX, ir.IntType(1)]
    )
    function = ir.Function(module, signature, "product")
    function.linkage = "internal"
    rows, a, a_stride, a_step, depth, panels, packed, c, c_stride, add = function.args
    b = ir.IRBuilder(function.append_basic_block("entry"))
    scalar = shape.precision.type
    with counted(b, constant(0), panels) as (panel, _, _):
        column = b.mul(panel, constant(shape.columns))
        weights = b.gep(packed, [b.mul(column, depth)], source_etype=scalar)
        out = b.gep(c, [column], source_etype=scalar)
        done: Vector = constant(0)
        for count in ROWS:
            left = b.sub(rows, done)
            stop = b.add(done, b.mul(b.sdiv(left, constant(count)), constant(count)))
            with counted(b, done, stop, count) as (row, _, _):
                _block(b, shape, count, (a, a_stride, a_step, row), depth, weights, (out, c_stride), add)
            done = stop
    b.ret_void()
    return function


def _block(
    b: ir.IRBuilder,
    shape: Shape,
    count: int,
    source: tuple[Vector, Vector, Vector, Vector],
    depth: Vector,
    weights: Vector,
    target: tuple[Vector, Vector],
    add: Vector,
) -> None:
    """``count`` rows times one panel, with all sums in registers."""
    v = Vectors(b, shape.precision, shape.width)
    scalar, align = shape.precision.type, shape.precision.bytes
    (a, a_stride, a_step, row), (c, c_stride) = source, target
    a_rows = [b.gep(a, [b.mul(a_stride, b.add(row, constant(m)))], source_etype=scalar) for m in range(count)]
    c_rows = [b.gep(c, [b.mul(c_stride, b.add(row, constant(m)))], source_etype=scalar) for m in range(count)]
    places = [
        b.gep(c_row, [constant(n * shape.width)], source_etype=scalar) for c_row in c_rows for n in range(shape.panel)
    ]
    unroll = 2 if count <= 2 else 1  # few rows have too few sums to hide the latency of one
    zeros = [v.number(0.0)] * (count * shape.panel * unroll)
    even = b.mul(b.sdiv(depth, constant(unroll)), constant(unroll))
    with counted(b, constant(0), even, unroll, zeros) as (k, sums, following):
        for turn in range(unroll):
            part = slice(turn * len(places), (turn + 1) * len(places))
            following[part] = _multiplied(v, shape, (a_rows, a_step), weights, b.add(k, constant(turn)), sums[part])
    totals = following[: len(places)]
    if unroll == 2:
        totals = [v.add(x, y) for x, y in zip(totals, following[len(places) :], strict=True)]
        with counted(b, even, depth, 1, totals) as (k, sums, following):
            following[:] = _multiplied(v, shape, (a_rows, a_step), weights, k, sums)
        totals = following
    with b.if_else(add) as (then, otherwise):
        with then:
            for place, total in zip(places, totals, strict=True):
                b.store(v.add(b.load(place, typ=v.type, align=align), total), place, align=align)
        with otherwise:
            for place, total in zip(places, totals, strict=True):
                b.store(total, place, align=align)


def _multiplied(
    v: Vectors,
    shape: Shape,
    source: tuple[Sequence[Vector], Vector],
    weights: Vector,
    k: Vector,
    sums: Sequence[Vector],
) -> list[Vector]:
    """The sums after column k of the rows and row k of the panel."""
    b, scalar, align = v.builder, shape.precision.type, shape.precision.bytes
    a_rows, a_step = source
    along = b.mul(k, a_step)
    line = b.gep(weights, [b.mul(k, constant(shape.columns))], source_etype=scalar)
    vectors = [
        b.load(b.gep(line, [constant(n * shape.width)], source_etype=scalar), typ=v.type, align=align)
        for n in range(shape.panel)
    ]
    new = []
    for m, a_row in enumerate(a_rows):
        number = v.splat(b.load(b.gep(a_row, [along], source_etype=scalar), typ=scalar, align=align))
        new += [
            v.call("fmuladd", number, vector, total)
            for vector, total in zip(vectors, sums[m * shape.panel : (m + 1) * shape.panel], strict=True)
        ]
    return new


BLOCK = 256
"""Rows that a sum over rows takes at a time, so that their panels stay in the cache."""


def print_sum(shape: Shape) -> str:
    """The module of ``sum_of_products``: c (+)= the sum over rows of a[row] b[row] as a matrix.

    Its arguments lie in an array of integers: rows, the address of a and its columns, of b and its columns, of room
    for BLOCK rows of b in panels (zeros where b has no columns), of c and its stride, and whether to add.
    """
    module = ir.Module(name="cellwright")
    product, pack = define_product(module, shape), define_pack(module, shape)
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), [POINTER]), "sum_of_products")
    b = ir.IRBuilder(function.append_basic_block("entry"))
    places = [b.gep(function.args[0], [constant(k)], source_etype=INDEX) for k in range(9)]
    numbers = [b.load(place, typ=INDEX, align=8) for place in places]
    rows, left, left_columns, right, right_columns, packed, c, c_stride, add = numbers
    left, right, packed, c = (b.inttoptr(number, POINTER) for number in (left, right, packed, c))
    panels = b.sdiv(b.add(right_columns, constant(shape.columns - 1)), constant(shape.columns))
    with counted(b, constant(0), rows, BLOCK) as (row, _, _):
        remaining = b.sub(rows, row)
        depth = b.select(b.icmp_signed("<", remaining, constant(BLOCK)), remaining, constant(BLOCK))
        scalar = shape.precision.type
        a_block = b.gep(left, [b.mul(row, left_columns)], source_etype=scalar)
        b_block = b.gep(right, [b.mul(row, right_columns)], source_etype=scalar)
        zero, one = constant(0), constant(1)
        b.call(pack, [b_block, one, right_columns, right_columns, depth, packed, zero, zero, depth])
        is_added = b.or_(b.icmp_signed("!=", add, zero), b.icmp_signed("!=", row, zero))
        b.call(product, [left_columns, a_block, one, left_columns, depth, panels, packed, c, c_stride, is_added])
    b.ret_void()
    return str(module)


def define_pack(module: ir.Module, shape: Shape) -> ir.Function:
    """``pack(source, column_stride, depth_stride, columns, depth, packed, first_column, first_depth, all_depth)``.

    Puts a block of a matrix at its place among all columns and depths. What it does not write has to be zero.
    """
    known = module.globals.get("pack")
    if known is not None:
        return known
    function = ir.Function(
        module, ir.FunctionType(ir.VoidType(), [POINTER, *[INDEX] * 4, POINTER, *[INDEX] * 3]), "pack"
    )
    function.linkage = "internal"
    source, column_stride, depth_stride, columns, depth, packed, first_column, first_depth, all_depth = function.args
    b = ir.IRBuilder(function.append_basic_block("entry"))
    scalar, align, panel = shape.precision.type, shape.precision.bytes, constant(shape.columns)
    with counted(b, constant(0), columns) as (column, _, _):
        place = b.add(column, first_column)
        line = b.add(b.mul(b.sdiv(place, panel), all_depth), first_depth)
        start = b.add(b.mul(line, panel), b.srem(place, panel))
        origin = b.mul(column, column_stride)
        with counted(b, constant(0), depth) as (k, _, _):
            number = b.gep(source, [b.add(origin, b.mul(k, depth_stride))], source_etype=scalar)
            target = b.gep(packed, [b.add(start, b.mul(k, panel))], source_etype=scalar)
            b.store(b.load(number, typ=scalar, align=align), target, align=align)
    b.ret_void()
    return function
