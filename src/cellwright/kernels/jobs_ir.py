"""What lies before and after a loop, as vector LLVM IR: packing matrices, and sums over time for their gradients.

Both are driven by tables of jobs, arrays of integers, so that one piece of code serves all cells. A job names tensors
by their number in a list of addresses, and places in them by offsets in bytes; strides count numbers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from llvmlite import ir

from cellwright.kernels.product_ir import Panels, Shape, define_pack, define_product
from cellwright.kernels.threads import define_member
from cellwright.kernels.vector_ir import BYTE, INDEX, POINTER, Vector, Vectors, constant, counted

_READ_DIRECTLY = 2  # panels up to which cotangents are not packed
DEPTH = 256
"""(time, row) pairs that a sum over time takes at a time, so that what is packed stays in the cache."""

PACK = tuple(
    "source source_offset column_stride depth_stride columns depth "
    "packed packed_offset all_columns all_depth first_column first_depth".split()
)
"""Fields of a packing job."""

AFTER = tuple(
    "kind rows columns cotangent cotangent_offset cotangent_row depth target target_offset target_row add "
    "packed packed_offset first first_offset first_row later later_offset later_time later_row "
    "resets resets_time resets_row lengths lengths_row scratch scratch_offset scratch_slice".split()
)
"""Fields of a job after the loop, of which each kind reads some.

``input``: target = cotangent @ packed, for the gradient of a sequence that a product read.
``outer``: target = the sum over time and rows of cotangent times operand, the gradient of a matrix. The operand of the
first step lies at ``first``, those of later steps at ``later``; it counts as zero where a row is reset or has ended.
``sum``: target = the sum of the cotangent, the gradient of a bias.
"""

KINDS = ("input", "outer", "sum")
_MASKS = ("resets", "lengths")


class _Job:
    """A row of a table: its fields as values, its tensors as pointers."""

    def __init__(self, b: ir.IRBuilder, fields: tuple[str, ...], record: Vector, addresses: Vector) -> None:
        self.b, self.fields, self.record, self.addresses = b, fields, record, addresses
        self.known: dict[str, Vector] = {}

    def read(self, *names: str) -> None:
        """Read fields here, so that loops further on need not; those called ``NAME_offset`` with their tensors."""
        for name in names:
            self.known[name] = self.pointer(name) if f"{name}_offset" in self.fields or name in _MASKS else self[name]

    def __getitem__(self, field: str) -> Vector:
        if field in self.known:
            return self.known[field]
        place = self.b.gep(self.record, [constant(self.fields.index(field))], source_etype=INDEX)
        return self.b.load(place, typ=INDEX, align=8)

    def pointer(self, tensor: str) -> Vector:
        """The tensor's address and the offset in it."""
        if tensor in self.known:
            return self.known[tensor]
        base = self.b.load(self.b.gep(self.addresses, [self[tensor]], source_etype=INDEX), typ=INDEX, align=8)
        offset = f"{tensor}_offset"
        return self.b.inttoptr(self.b.add(base, self[offset]) if offset in self.fields else base, POINTER)


def print_jobs(shape: Shape) -> str:
    """The module of ``product``, ``pack_all(jobs, addresses)``, ``after(jobs, addresses, steps, slice, slices)``, and
    the ``member`` of a team of threads.

    A table begins with the number of its jobs. ``after`` does the part ``slice`` of ``slices`` of each job; the parts
    do not meet, and the bits do not depend on their number.
    """
    module = ir.Module(name="jobs")
    product, pack = define_product(module, shape), define_pack(module, shape)
    _define_pack_all(module, pack)
    kinds = {
        "input": _define_input(module, shape, product),
        "outer": _define_outer(module, shape, product),
        "sum": _define_sum(module, shape),
    }
    _define_after(module, kinds)
    define_member(module)
    return str(module)


@contextmanager
def _over_jobs(b: ir.IRBuilder, fields: tuple[str, ...], jobs: Vector, addresses: Vector) -> Iterator[_Job]:
    count = b.load(jobs, typ=INDEX, align=8)
    with counted(b, constant(0), count) as (index, _, _):
        place = b.add(constant(1), b.mul(index, constant(len(fields))))
        yield _Job(b, fields, b.gep(jobs, [place], source_etype=INDEX), addresses)


def _define_pack_all(module: ir.Module, pack: ir.Function) -> None:
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), [POINTER, POINTER]), "pack_all")
    b = ir.IRBuilder(function.append_basic_block("entry"))
    with _over_jobs(b, PACK, *function.args) as job:
        source, packed = job.pointer("source"), job.pointer("packed")
        shape = [job[name] for name in ("column_stride", "depth_stride", "columns", "depth")]
        place = [job[name] for name in ("all_columns", "all_depth", "first_column", "first_depth")]
        b.call(pack, [source, *shape, packed, *place])
    b.ret_void()


_PART = ir.FunctionType(ir.VoidType(), [POINTER, POINTER, INDEX, INDEX, INDEX])
"""Of a kind of job: ``(record, addresses, steps, slice, slices)``."""


def _define_after(module: ir.Module, kinds: Mapping[str, ir.Function]) -> None:
    function = ir.Function(module, _PART, "after")
    jobs, addresses, *part = function.args
    b = ir.IRBuilder(function.append_basic_block("entry"))
    with _over_jobs(b, AFTER, jobs, addresses) as job:
        kind = job["kind"]
        for number, name in enumerate(KINDS):
            with b.if_then(b.icmp_signed("==", kind, constant(number))):
                b.call(kinds[name], [job.record, addresses, *part])
    b.ret_void()


def _begin(module: ir.Module, name: str) -> tuple[ir.IRBuilder, _Job, tuple[Vector, Vector, Vector]]:
    function = ir.Function(module, _PART, name)
    function.linkage = "internal"
    b = ir.IRBuilder(function.append_basic_block("entry"))
    record, addresses, steps, part, parts = function.args
    return b, _Job(b, AFTER, record, addresses), (steps, part, parts)


def _portion(b: ir.IRBuilder, whole: Vector, unit: int, part: Vector, parts: Vector) -> tuple[Vector, Vector]:
    """The first and last of ``whole`` things that a part does, cut at multiples of a unit."""
    units = b.sdiv(b.add(whole, constant(unit - 1)), constant(unit))
    bounds = [b.mul(b.sdiv(b.mul(units, edge), parts), constant(unit)) for edge in (part, b.add(part, constant(1)))]
    return bounds[0], b.select(b.icmp_signed("<", bounds[1], whole), bounds[1], whole)


def _smaller(b: ir.IRBuilder, left: Vector, right: Vector) -> Vector:
    return b.select(b.icmp_signed("<", left, right), left, right)


def _define_input(module: ir.Module, shape: Shape, product: ir.Function) -> ir.Function:
    b, job, (steps, part, parts) = _begin(module, "input_cotangent")
    scalar = shape.precision.type
    first, last = _portion(b, b.mul(steps, job["rows"]), shape.blocks[0], part, parts)
    cotangent, target = job.pointer("cotangent"), job.pointer("target")
    packed, once = job.pointer("packed"), (constant(1), constant(0), constant(0))
    with counted(b, first, last, DEPTH) as (row, _, _):
        count = _smaller(b, b.sub(last, row), constant(DEPTH))
        a = b.gep(cotangent, [b.mul(row, job["cotangent_row"])], source_etype=scalar)
        c = b.gep(target, [b.mul(row, job["target_row"])], source_etype=scalar)
        sizes = [job["depth"], job["columns"]]
        b.call(
            product,
            [count, a, job["cotangent_row"], constant(1), *sizes, packed, c, job["target_row"], job["add"], *once],
        )
    b.ret_void()
    return b.function


def _define_outer(module: ir.Module, shape: Shape, product: ir.Function) -> ir.Function:
    b, job, (steps, part, parts) = _begin(module, "outer_products")
    scalar, high = shape.precision.type, shape.blocks[0]
    job.read("rows", "columns", "cotangent", "cotangent_row", "target", "target_row", "first", "first_row", "later")
    job.read("later_time", "later_row", "resets", "resets_time", "resets_row", "lengths", "lengths_row", "scratch")
    columns, stride, once = job["columns"], job["cotangent_row"], (constant(1), constant(0), constant(0))
    padded = b.mul(b.sdiv(b.add(columns, constant(shape.width - 1)), constant(shape.width)), constant(shape.width))
    scratch = b.gep(job.pointer("scratch"), [b.mul(part, job["scratch_slice"])], source_etype=scalar)
    right = b.gep(scratch, [constant(DEPTH * high)], source_etype=scalar)
    first, last = _portion(b, job["depth"], high, part, parts)
    all_pairs = b.mul(steps, job["rows"])
    # Packing the cotangents pays where they are read several times.
    is_packed = b.icmp_signed(">", columns, constant(_READ_DIRECTLY * shape.columns))
    with b.if_then(b.icmp_signed("<", first, last)), counted(b, constant(0), all_pairs, DEPTH) as (pair, _, _):
        count = _smaller(b, b.sub(all_pairs, pair), constant(DEPTH))
        _pack_operand(b, shape, job, (pair, count), Panels(b, shape, right, padded, count))
        add = b.or_(job["add"], pair)
        of_pair = b.gep(job.pointer("cotangent"), [b.mul(pair, stride)], source_etype=scalar)
        with b.if_else(is_packed) as (packs, reads):
            with packs, counted(b, first, last, high) as (unit, _, _):
                units = _smaller(b, b.sub(last, unit), constant(high))
                _pack_cotangent(b, shape, job, (pair, count), (unit, units), scratch)
                target = b.gep(job.pointer("target"), [b.mul(unit, job["target_row"])], source_etype=scalar)
                sizes = [constant(1), constant(high), count, columns]
                b.call(product, [units, scratch, *sizes, right, target, job["target_row"], add, *once])
            with reads:
                target = b.gep(job.pointer("target"), [b.mul(first, job["target_row"])], source_etype=scalar)
                source = b.gep(of_pair, [first], source_etype=scalar)
                sizes = [constant(1), stride, count, columns]
                b.call(product, [b.sub(last, first), source, *sizes, right, target, job["target_row"], add, *once])
    b.ret_void()
    return b.function


def _pack_cotangent(
    b: ir.IRBuilder,
    shape: Shape,
    job: _Job,
    pairs: tuple[Vector, Vector],
    units: tuple[Vector, Vector],
    scratch: Vector,
) -> None:
    """The cotangents of a block of units next to one another for each pair."""
    scalar, align, high = shape.precision.type, shape.precision.bytes, shape.blocks[0]
    block = ir.VectorType(scalar, high)
    start = b.gep(job.pointer("cotangent"), [units[0]], source_etype=scalar)
    start = b.gep(start, [b.mul(pairs[0], job["cotangent_row"])], source_etype=scalar)
    stride = job["cotangent_row"]
    with b.if_else(b.icmp_signed("==", units[1], constant(high))) as (then, otherwise):
        with then, counted(b, constant(0), pairs[1]) as (k, _, _):
            numbers = b.load(b.gep(start, [b.mul(k, stride)], source_etype=scalar), typ=block, align=align)
            b.store(numbers, b.gep(scratch, [b.mul(k, constant(high))], source_etype=scalar), align=align)
        with otherwise, counted(b, constant(0), pairs[1]) as (k, _, _):
            source = b.gep(start, [b.mul(k, stride)], source_etype=scalar)
            target = b.gep(scratch, [b.mul(k, constant(high))], source_etype=scalar)
            with counted(b, constant(0), units[1]) as (unit, _, _):
                number = b.load(b.gep(source, [unit], source_etype=scalar), typ=scalar, align=align)
                b.store(number, b.gep(target, [unit], source_etype=scalar), align=align)


def _pack_operand(b: ir.IRBuilder, shape: Shape, job: _Job, pairs: tuple[Vector, Vector], panels: Panels) -> None:
    """The operand's rows for some (time, row) pairs as panels; zeros where a row is reset or has ended."""
    v = Vectors(b, shape.precision, shape.width)
    scalar, align = shape.precision.type, shape.precision.bytes
    rows, columns, width = job["rows"], job["columns"], constant(shape.width)
    whole = b.sdiv(columns, width)
    places = {name: job.pointer(name) for name in ("first", "later")}
    time, row = b.sdiv(pairs[0], rows), b.srem(pairs[0], rows)
    with counted(b, constant(0), pairs[1], 1, [time, row]) as (k, (time, row), following):
        earlier = b.mul(b.sub(time, constant(1)), job["later_time"])
        later = b.gep(places["later"], [b.add(earlier, b.mul(row, job["later_row"]))], source_etype=scalar)
        first = b.gep(places["first"], [b.mul(row, job["first_row"])], source_etype=scalar)
        source = b.select(b.icmp_signed("==", time, constant(0)), first, later)
        is_absent = _is_absent(b, job, time, row)
        with counted(b, constant(0), whole) as (vector, _, _):
            start, stride = panels.line(vector)
            numbers = b.load(b.gep(source, [b.mul(vector, width)], source_etype=scalar), typ=v.type, align=align)
            numbers = v.select(is_absent, v.number(0.0), numbers)
            b.store(numbers, b.gep(start, [b.mul(k, stride)], source_etype=scalar), align=align)
        with b.if_then(b.icmp_signed("<", b.mul(whole, width), columns)):
            start, stride = panels.line(whole)
            line = b.gep(start, [b.mul(k, stride)], source_etype=scalar)
            b.store(v.number(0.0), line, align=align)
            rest = b.sub(columns, b.mul(whole, width))
            with counted(b, constant(0), b.select(is_absent, constant(0), rest)) as (lane, _, _):
                at = b.add(lane, b.mul(whole, width))
                number = b.load(b.gep(source, [at], source_etype=scalar), typ=scalar, align=align)
                b.store(number, b.gep(line, [lane], source_etype=scalar), align=align)
        next_row = b.add(row, constant(1))
        is_over = b.icmp_signed("==", next_row, rows)
        following[0] = b.select(is_over, b.add(time, constant(1)), time)
        following[1] = b.select(is_over, constant(0), next_row)


def _is_absent(b: ir.IRBuilder, job: _Job, time: Vector, row: Vector) -> Vector:
    length = b.gep(job.pointer("lengths"), [b.mul(row, job["lengths_row"])], source_etype=INDEX)
    has_ended = b.icmp_signed(">=", time, b.load(length, typ=INDEX, align=8))
    index = b.add(b.mul(time, job["resets_time"]), b.mul(row, job["resets_row"]))
    flag = b.load(b.gep(job.pointer("resets"), [index], source_etype=BYTE), typ=BYTE, align=1)
    return b.or_(has_ended, b.icmp_unsigned("!=", flag, ir.Constant(BYTE, 0)))


def _define_sum(module: ir.Module, shape: Shape) -> ir.Function:
    b, job, (steps, part, parts) = _begin(module, "sum_of_rows")
    pairs, stride = b.mul(steps, job["rows"]), job["cotangent_row"]
    cotangent, target = job.pointer("cotangent"), job.pointer("target")
    done, last = _portion(b, job["depth"], shape.width, part, parts)
    for vectors, width in ((4, shape.width), (1, shape.width), (1, 1)):
        v = Vectors(b, shape.precision, width)
        unit = vectors * width
        stop = b.add(done, b.mul(b.sdiv(b.sub(last, done), constant(unit)), constant(unit)))
        with counted(b, done, stop, unit) as (column, _, _):
            places = [
                b.gep(cotangent, [b.add(column, constant(n * width))], source_etype=v.scalar) for n in range(vectors)
            ]
            with counted(b, constant(0), pairs, 1, [v.number(0.0)] * vectors) as (pair, totals, following):
                along = b.mul(pair, stride)
                for n, total in enumerate(totals):
                    numbers = v.load(b.gep(places[n], [along], source_etype=v.scalar))
                    following[n] = v.add(total, numbers)
            for n, total in enumerate(following):
                place = b.gep(target, [b.add(column, constant(n * width))], source_etype=v.scalar)
                v.store(total, place)
        done = stop
    b.ret_void()
    return b.function
