"""A noisy read of many chips as one pass: noise drawn, added, converted and summed while a chip's lines are in cache.

What it computes is what ``Bank`` computes step by step; only the common case is printed: one bit line a column, and
converters without errors of their own.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import cache

import torch
from llvmlite import ir

from cellwright.crossbar.draws_ir import NORMALS_A_COUNTER, print_normals
from cellwright.kernels.cache import address
from cellwright.kernels.host import this_host
from cellwright.kernels.vector_ir import FLOAT64, INDEX, POINTER, Vector, Vectors, constant, counted

Tensor = torch.Tensor

_FLOAT = ir.FloatType()


def read_with_noise(
    lines: Tensor,
    constant_part: Tensor,
    own: Tensor,
    cross: Tensor | None,
    level: Tensor | None,
    to_code: Tensor,
    of_code: Tensor,
    levels: int | None,
    keys: Tensor,
    step: int,
) -> Tensor:
    """Digital outputs (chips, reads, columns), float64.

    All tensors are contiguous and on the CPU.

    Args:
        lines: (chips, bands, reads, columns) float64: what the inputs drive through the lines, without noise.
        constant_part: (chips, bands, columns) float64: what the lines carry besides, whatever the inputs.
        own, cross: of that shape, float32: u^2 own and u cross of ``read_noise.NoiseForm``.
        level: (chips, bands, columns) float64; it and ``cross`` are None without wires.
        to_code, of_code: (chips, bands, columns) float64.
        levels: of the converters; None converts without steps.
        keys: (chips, 2) int64: of the draws.
        step: number of the read.
    """
    chips, bands, reads, columns = lines.shape
    counters = -(-bands * reads * columns // NORMALS_A_COUNTER)
    noise = torch.empty(counters * NORMALS_A_COUNTER, dtype=torch.float64)
    outputs = torch.empty(chips, reads, columns, dtype=torch.float64)
    tensors = (outputs, lines, constant_part, own, cross, level, to_code, of_code, keys, noise)
    addresses = (0 if tensor is None else tensor.data_ptr() for tensor in tensors)
    _function(cross is not None, levels)(*addresses, step, chips, bands, reads, columns, counters)
    return outputs


@cache
def _function(wires: bool, levels: int | None) -> Callable[..., None]:
    host = this_host()
    signature = ctypes.CFUNCTYPE(None, *[ctypes.c_int64] * 16)
    text = _text(host.vector_bytes // 8, wires, levels)
    function: Callable[..., None] = signature(address(text, "read_with_noise", host))
    return function


def _text(width: int, wires: bool, levels: int | None) -> str:
    module = ir.Module("read")
    normals = print_normals(module, width)
    signature = ir.FunctionType(ir.VoidType(), [POINTER] * 10 + [INDEX] * 6)
    function = ir.Function(module, signature, "read_with_noise")
    out, lines, fixed, own, cross, level, to_code, of_code, keys, noise = function.args[:10]
    step, chips, bands, reads, columns, counters = function.args[10:]
    b = ir.IRBuilder(function.append_basic_block("entry"))
    following, one, zero = b.add(step, constant(1)), constant(1), constant(0)
    whole = b.mul(b.sdiv(columns, constant(width)), constant(width))
    with counted(b, zero, chips) as (chip, _, _):
        key = b.gep(keys, [b.mul(chip, constant(2))], source_etype=INDEX)
        b.call(normals, [noise, key, step, following, one, counters])
        with counted(b, zero, bands) as (band, _, _), counted(b, zero, reads) as (read, _, _):
            line = b.add(b.mul(chip, bands), band)
            row = b.mul(b.add(b.mul(line, reads), read), columns)
            drawn = b.mul(b.add(b.mul(band, reads), read), columns)
            target = b.mul(b.add(b.mul(chip, reads), read), columns)
            first = b.icmp_signed("==", band, zero)
            for lanes, start, stop in ((width, zero, whole), (1, whole, columns)):
                v = Vectors(b, FLOAT64, lanes)
                with counted(b, start, stop, lanes) as (column, _, _):
                    of_line, of_row = b.add(b.mul(line, columns), column), b.add(row, column)
                    driven = _load(v, lines, of_row)
                    current = v.add(driven, _load(v, fixed, of_line))
                    variance = _load_single(v, own, of_row)
                    if wires:
                        rest = v.multiply(v.number(-2.0), _load_single(v, cross, of_row))
                        rest = v.call("fmuladd", driven, _load(v, level, of_line), rest)
                        variance = v.relu(v.call("fmuladd", driven, rest, variance))
                    number = _load(v, noise, b.add(drawn, column))
                    code = v.multiply(v.call("fmuladd", number, v.sqrt(variance), current), _load(v, to_code, of_line))
                    if levels is not None:
                        code = v.clamp(v.call("rint", code), -levels, levels)
                    place = b.gep(out, [b.add(target, column)], source_etype=v.scalar)
                    before = v.select(_splat_bit(v, first), v.number(0.0), v.load(place))
                    v.store(v.call("fmuladd", code, _load(v, of_code, of_line), before), place)
    b.ret_void()
    return str(module)


def _load(v: Vectors, start: Vector, index: Vector) -> Vector:
    return v.load(v.builder.gep(start, [index], source_etype=v.scalar))


def _load_single(v: Vectors, start: Vector, index: Vector) -> Vector:
    """A vector of single precision, widened."""
    place = v.builder.gep(start, [index], source_etype=_FLOAT)
    return v.builder.fpext(v.builder.load(place, typ=ir.VectorType(_FLOAT, v.width), align=4), v.type)


def _splat_bit(v: Vectors, bit: Vector) -> Vector:
    kind = ir.VectorType(ir.IntType(1), v.width)
    one = v.builder.insert_element(ir.Constant(kind, ir.Undefined), bit, ir.Constant(ir.IntType(32), 0))
    zeros = ir.Constant(ir.VectorType(ir.IntType(32), v.width), [0] * v.width)
    return v.builder.shuffle_vector(one, ir.Constant(kind, ir.Undefined), zeros)
