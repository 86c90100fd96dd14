"""Products of matrices as vector LLVM IR: rows times packed columns, register-blocked, for every cell the same.

The columns of a matrix are packed into panels of ``Shape.panel`` vectors (the last panel may be narrower), so that a
panel is read in order. A block of rows times a panel keeps all its sums in registers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from llvmlite import ir

from cellwright.kernels.vector_ir import INDEX, POINTER, Precision, Vector, Vectors, constant, counted, declared_as

_AHEAD = 16  # lines of a panel that are asked for before they are read
_SUMS_IN_FLIGHT = 8  # so many independent sums hide the latency of a multiply-add


@dataclass(frozen=True)
class Shape:
    """How numbers are laid into registers.

    Attributes:
        width: numbers a vector.
        panel: vectors a panel.
        blocks: heights of a block of rows, falling to 1.
        granule: rows are cut among threads at multiples of this; blocks of at least so many add up in the same order.
        rows_at_once: rows of a batch that passes over the units take together.
    """

    precision: Precision
    width: int
    panel: int
    blocks: tuple[int, ...]
    granule: int = 2
    rows_at_once: int = 1

    @property
    def columns(self) -> int:
        """Columns of a panel."""
        return self.width * self.panel

    def padded(self, columns: int) -> int:
        """Columns rounded up to whole vectors."""
        return -(-columns // self.width) * self.width


PRODUCT = ir.FunctionType(
    ir.VoidType(), [INDEX, POINTER, INDEX, INDEX, INDEX, INDEX, POINTER, POINTER, INDEX, INDEX, INDEX, INDEX, INDEX]
)
"""``product(rows, a, a_row, a_step, depth, columns, packed, c, c_row, add, times, a_time, c_time)``: c (+)= a @ packed.

Rows of a lie ``a_row`` numbers apart, what is next to one another in a row ``a_step``; nothing is written beyond
``columns``. All that ``times`` over, ``a_time`` and ``c_time`` numbers further on, while a panel is at hand.
"""


@dataclass(frozen=True)
class _Operands:
    """One block's factors and where its sums go."""

    a: Vector
    a_row: Vector
    a_step: Vector
    depth: Vector
    weights: Vector
    c: Vector
    c_row: Vector
    add: Vector


def define_product(module: ir.Module, shape: Shape) -> ir.Function:
    """Define ``product`` (see ``PRODUCT``) in a module."""
    function = ir.Function(module, PRODUCT, "product")
    rows, a, a_row, a_step, depth, columns, packed, c, c_row, add, times, a_time, c_time = function.args
    b = ir.IRBuilder(function.append_basic_block("entry"))
    scalar = shape.precision.type
    temporary = b.bitcast(b.alloca(ir.VectorType(scalar, shape.width)), POINTER)
    is_added = b.icmp_signed("!=", add, constant(0))
    panels = b.sdiv(columns, constant(shape.columns))
    whole = b.mul(panels, constant(shape.columns))

    def blocks(column: Vector, vectors: int, left: Vector | None) -> None:
        weights = b.gep(packed, [b.mul(column, depth)], source_etype=scalar)
        out = b.gep(c, [column], source_etype=scalar)
        with counted(b, constant(0), times) as (time, _, _):
            a_now = b.gep(a, [b.mul(a_time, time)], source_etype=scalar)
            c_now = b.gep(out, [b.mul(c_time, time)], source_etype=scalar)
            for count, row in _in_blocks(b, shape, rows):
                first = b.gep(a_now, [b.mul(a_row, row)], source_etype=scalar)
                target = b.gep(c_now, [b.mul(c_row, row)], source_etype=scalar)
                operands = _Operands(first, a_row, a_step, depth, weights, target, c_row, is_added)
                _block(b, shape, (count, vectors), operands, None if left is None else (left, temporary))

    with counted(b, constant(0), panels) as (panel, _, _):
        blocks(b.mul(panel, constant(shape.columns)), shape.panel, None)
    rest = b.sub(columns, whole)
    for vectors in range(1, shape.panel + 1):
        above = b.icmp_signed(">", rest, constant((vectors - 1) * shape.width))
        below = b.icmp_signed("<=", rest, constant(vectors * shape.width))
        with b.if_then(b.and_(above, below)):
            blocks(whole, vectors, b.sub(rest, constant((vectors - 1) * shape.width)))
    b.ret_void()
    return function


def _in_blocks(b: ir.IRBuilder, shape: Shape, rows: Vector) -> Iterator[tuple[int, Vector]]:
    """Loops over all rows in blocks: many rows first, then what is left; yields each body's height and first row."""
    done: Vector = constant(0)
    for count in shape.blocks:
        stop = b.add(done, b.mul(b.sdiv(b.sub(rows, done), constant(count)), constant(count)))
        with counted(b, done, stop, count) as (row, _, _):
            yield count, row
        done = stop


def _block(
    b: ir.IRBuilder,
    shape: Shape,
    size: tuple[int, int],
    operands: _Operands,
    tail: tuple[Vector, Vector] | None,
) -> None:
    """A block of (rows, vectors). Of a ``tail`` (columns of the last vector, room for one) only those are written."""
    v = Vectors(b, shape.precision, shape.width)
    scalar, align = shape.precision.type, shape.precision.bytes
    count, vectors = size
    a_rows = [_row(b, shape, operands.a, operands.a_row, m) for m in range(count)]
    c_rows = [_row(b, shape, operands.c, operands.c_row, m) for m in range(count)]
    totals = _sums(b, v, shape, size, operands, a_rows)
    for m, c_row in enumerate(c_rows):
        for n in range(vectors):
            place = b.gep(c_row, [constant(n * shape.width)], source_etype=scalar)
            total = totals[m * vectors + n]
            if tail is None or n < vectors - 1:
                _put(b, v, place, total, operands.add, align)
                continue
            left, temporary = tail
            with b.if_else(b.icmp_signed("==", left, constant(shape.width))) as (then, otherwise):
                with then:
                    _put(b, v, place, total, operands.add, align)
                with otherwise:
                    _put_some(b, shape, (place, left, temporary), total, operands.add)


def _row(b: ir.IRBuilder, shape: Shape, start: Vector, stride: Vector, row: int) -> Vector:
    return b.gep(start, [b.mul(stride, constant(row))], source_etype=shape.precision.type)


def _put(b: ir.IRBuilder, v: Vectors, place: Vector, total: Vector, add: Vector, align: int) -> None:
    with b.if_else(add) as (then, otherwise):
        with then:
            b.store(v.add(b.load(place, typ=v.type, align=align), total), place, align=align)
        with otherwise:
            b.store(total, place, align=align)


def _put_some(b: ir.IRBuilder, shape: Shape, target: tuple[Vector, Vector, Vector], total: Vector, add: Vector) -> None:
    """The first ``left`` numbers of a vector, by way of memory."""
    place, left, temporary = target
    scalar, align = shape.precision.type, shape.precision.bytes
    b.store(total, temporary, align=align)
    with counted(b, constant(0), left) as (lane, _, _):
        number = b.load(b.gep(temporary, [lane], source_etype=scalar), typ=scalar, align=align)
        at = b.gep(place, [lane], source_etype=scalar)
        with b.if_else(add) as (then, otherwise):
            with then:
                b.store(b.fadd(b.load(at, typ=scalar, align=align), number), at, align=align)
            with otherwise:
                b.store(number, at, align=align)


def _sums(
    b: ir.IRBuilder, v: Vectors, shape: Shape, size: tuple[int, int], operands: _Operands, a_rows: Sequence[Vector]
) -> list[Vector]:
    """The sums over the depth. Few of them are kept several times over, each for a part of the depth."""
    count, vectors = size
    sums = count * vectors
    in_flight = (count if count < shape.granule else shape.blocks[0]) * vectors
    parts = 1
    while parts * in_flight < _SUMS_IN_FLIGHT and parts < 4:
        parts *= 2
    even = b.mul(b.sdiv(operands.depth, constant(parts)), constant(parts))
    zeros = [v.number(0.0)] * (sums * parts)
    with counted(b, constant(0), even, parts, zeros) as (k, before, following):
        for part in range(parts):
            own = slice(part * sums, (part + 1) * sums)
            at = b.add(k, constant(part))
            following[own] = _multiplied(b, v, shape, vectors, operands, a_rows, at, before[own])
    totals = following
    while len(totals) > sums:
        half = len(totals) // 2
        totals = [v.add(x, y) for x, y in zip(totals[:half], totals[half:], strict=True)]
    if parts > 1:
        with counted(b, even, operands.depth, 1, totals) as (k, before, following):
            following[:] = _multiplied(b, v, shape, vectors, operands, a_rows, k, before)
        totals = following
    return totals


def _multiplied(
    b: ir.IRBuilder,
    v: Vectors,
    shape: Shape,
    vectors: int,
    operands: _Operands,
    a_rows: Sequence[Vector],
    k: Vector,
    sums: Sequence[Vector],
) -> list[Vector]:
    """The sums after column k of the rows and line k of the panel."""
    scalar, align = shape.precision.type, shape.precision.bytes
    along = b.mul(k, operands.a_step)
    line = b.gep(operands.weights, [b.mul(k, constant(vectors * shape.width))], source_etype=scalar)
    weights = [
        b.load(b.gep(line, [constant(n * shape.width)], source_etype=scalar), typ=v.type, align=align)
        for n in range(vectors)
    ]
    if len(a_rows) == shape.blocks[0] and vectors == shape.panel:
        for n in range(vectors):
            _prefetch(b, b.gep(line, [constant((_AHEAD * vectors + n) * shape.width)], source_etype=scalar))
    new = []
    for m, a_row in enumerate(a_rows):
        number = v.splat(b.load(b.gep(a_row, [along], source_etype=scalar), typ=scalar, align=align))
        own = sums[m * vectors : (m + 1) * vectors]
        new += [v.call("fmuladd", number, weight, total) for weight, total in zip(weights, own, strict=True)]
    return new


def _prefetch(b: ir.IRBuilder, place: Vector) -> None:
    """Ask for a line of memory that will be read soon. There need be nothing at that address."""
    i32 = ir.IntType(32)
    function = declared_as(b, "llvm.prefetch.p0", ir.FunctionType(ir.VoidType(), [POINTER, i32, i32, i32]))
    b.call(function, [place, ir.Constant(i32, 0), ir.Constant(i32, 3), ir.Constant(i32, 1)])


@dataclass(frozen=True)
class Panels:
    """Packed columns as a packing function addresses them: ``depth`` lines of ``columns`` (whole vectors)."""

    b: ir.IRBuilder
    shape: Shape
    packed: Vector
    columns: Vector
    depth: Vector

    def line(self, vector: Vector) -> tuple[Vector, Vector]:
        """Where a vector of columns has its first line, and the distance of its lines."""
        b, shape = self.b, self.shape
        panel = b.sdiv(vector, constant(shape.panel))
        whole = b.sdiv(self.columns, constant(shape.columns))
        rest = b.sub(self.columns, b.mul(whole, constant(shape.columns)))
        stride = b.select(b.icmp_signed("<", panel, whole), constant(shape.columns), rest)
        start = b.mul(b.mul(panel, constant(shape.columns)), self.depth)
        start = b.add(start, b.mul(b.srem(vector, constant(shape.panel)), constant(shape.width)))
        return b.gep(self.packed, [start], source_etype=shape.precision.type), stride


PACK = ir.FunctionType(ir.VoidType(), [POINTER, *[INDEX] * 4, POINTER, *[INDEX] * 4])
"""``pack(source, column_stride, depth_stride, columns, depth, packed, all_columns, all_depth, first_column,
first_depth)``: puts a block of a matrix at its place among all columns and depths, with zeros up to whole vectors.
"""


def define_pack(module: ir.Module, shape: Shape) -> ir.Function:
    """Define ``pack`` (see ``PACK``) in a module. Of the two strides one is 1."""
    function = ir.Function(module, PACK, "pack")
    source, column_stride, depth_stride, columns, depth, packed, all_columns, all_depth, column, first_depth = (
        function.args
    )
    b = ir.IRBuilder(function.append_basic_block("entry"))
    v = Vectors(b, shape.precision, shape.width)
    scalar, align, width = shape.precision.type, shape.precision.bytes, constant(shape.width)
    panels = Panels(b, shape, packed, all_columns, all_depth)
    is_transposed = b.icmp_signed("==", depth_stride, constant(1))
    with counted(b, constant(0), columns, shape.width) as (first, _, _):
        start, stride = panels.line(b.sdiv(b.add(column, first), width))
        target = b.gep(start, [b.mul(first_depth, stride)], source_etype=scalar)
        origin = b.gep(source, [b.mul(first, column_stride)], source_etype=scalar)
        left = b.sub(columns, first)
        is_whole = b.icmp_signed(">=", left, width)
        squares = b.mul(b.sdiv(depth, width), width)
        done = b.select(is_whole, b.select(is_transposed, squares, depth), constant(0))
        with b.if_then(is_whole), b.if_else(is_transposed) as (then, otherwise):
            with then, counted(b, constant(0), squares, shape.width) as (k, _, _):
                corner = b.gep(origin, [k], source_etype=scalar)
                rows = [
                    b.gep(corner, [b.mul(column_stride, constant(m))], source_etype=scalar) for m in range(shape.width)
                ]
                lines = transposed(v, [b.load(row, typ=v.type, align=align) for row in rows])
                for m, line in enumerate(lines):
                    place = b.gep(target, [b.mul(b.add(k, constant(m)), stride)], source_etype=scalar)
                    b.store(line, place, align=align)
            with otherwise, counted(b, constant(0), depth) as (k, _, _):
                line = b.load(b.gep(origin, [b.mul(k, depth_stride)], source_etype=scalar), typ=v.type, align=align)
                b.store(line, b.gep(target, [b.mul(k, stride)], source_etype=scalar), align=align)
        with counted(b, done, depth) as (k, _, _):
            line = b.gep(target, [b.mul(k, stride)], source_etype=scalar)
            place = b.gep(origin, [b.mul(k, depth_stride)], source_etype=scalar)
            b.store(v.number(0.0), line, align=align)
            some = b.select(is_whole, width, left)
            with counted(b, constant(0), some) as (lane, _, _):
                number = b.load(
                    b.gep(place, [b.mul(lane, column_stride)], source_etype=scalar), typ=scalar, align=align
                )
                b.store(number, b.gep(line, [lane], source_etype=scalar), align=align)
    b.ret_void()
    return function


def transposed(v: Vectors, rows: Sequence[Vector]) -> list[Vector]:
    """A square of numbers, turned: the halves of the rows are interleaved as often as a row can be halved."""
    width = v.width
    low = [n // 2 + (width if n % 2 else 0) for n in range(width)]
    masks = [
        ir.Constant(ir.VectorType(ir.IntType(32), width), [place + half * width // 2 for place in low])
        for half in range(2)
    ]
    current = list(rows)
    for _ in range(width.bit_length() - 1):
        pairs = zip(current[: width // 2], current[width // 2 :], strict=True)
        current = [v.builder.shuffle_vector(x, y, mask) for x, y in pairs for mask in masks]
    return current
