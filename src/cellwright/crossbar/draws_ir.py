"""Keyed normal numbers as vector code: what ``draws`` defines, for the many that every read of a chip needs."""

from __future__ import annotations

import ctypes
import math
from collections.abc import Callable
from functools import cache

import torch
from llvmlite import ir

from cellwright.kernels.cache import address
from cellwright.kernels.host import this_host
from cellwright.kernels.vector_ir import FLOAT64, INDEX, POINTER, Vector, Vectors, constant, counted

Tensor = torch.Tensor

PHILOX_ROUNDS = 10
PHILOX_MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
PHILOX_WEYL = (0x9E3779B9, 0xBB67AE85)
_MASK = 0xFFFFFFFF
NORMALS_A_COUNTER = 4


def fill_normals(out: Tensor, keys: Tensor, first_step: int) -> None:
    """Standard normal numbers for each (step, chip, element).

    Args:
        out: (steps, chips, counters, 4) float64, contiguous, on the CPU; element e is number e % 4 of counter e // 4.
        keys: (chips, 2) int64: the two words of each chip's key.
        first_step: number of the first step.
    """
    steps, chips, counters, _ = out.shape
    _function()(out.data_ptr(), keys.data_ptr(), first_step, first_step + steps, chips, counters)


@cache
def _function() -> Callable[..., None]:
    host = this_host()
    signature = ctypes.CFUNCTYPE(None, *[ctypes.c_int64] * 6)
    function: Callable[..., None] = signature(address(_text(host.vector_bytes // 8), "normals", host))
    return function


def _text(width: int) -> str:
    module = ir.Module("normals")
    print_normals(module, width)
    return str(module)


def print_normals(module: ir.Module, width: int) -> ir.Function:
    """Add the function ``normals(out, keys, first step, last step, chips, counters)`` to a module."""
    arguments = [POINTER, POINTER, INDEX, INDEX, INDEX, INDEX]
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), arguments), "normals")
    out, keys, first, last, chips, counters = function.args
    b = ir.IRBuilder(function.append_basic_block("entry"))
    v = Vectors(b, FLOAT64, width)
    lanes = ir.Constant(v.integers, list(range(width)))
    # A last vector that is not full is written to this room first.
    room = b.alloca(ir.ArrayType(v.scalar, NORMALS_A_COUNTER * width))
    row = b.mul(counters, constant(NORMALS_A_COUNTER))
    with counted(b, first, last) as (step, _, _), counted(b, constant(0), chips) as (chip, _, _):
        words = b.gep(keys, [b.mul(chip, constant(2))], source_etype=INDEX)
        key = tuple(_splat(v, b.load(b.gep(words, [constant(k)], source_etype=INDEX), typ=INDEX)) for k in (0, 1))
        index = b.add(b.mul(b.sub(step, first), chips), chip)
        place = b.gep(out, [b.mul(index, row)], source_etype=v.scalar)
        with counted(b, constant(0), counters, width) as (counter, _, _):
            element = b.add(_splat(v, counter), lanes)
            zero = v.integer(0)
            four = _four_normals(v, _philox(v, (element, zero, _splat(v, step), zero), key))
            left = b.sub(counters, counter)
            full = b.icmp_signed(">=", left, constant(width))
            here = b.gep(place, [b.mul(counter, constant(NORMALS_A_COUNTER))], source_etype=v.scalar)
            target = b.select(full, here, b.bitcast(room, POINTER))
            for part, vector in enumerate(_interleaved(v, four)):
                v.store(vector, b.gep(target, [constant(part * width)], source_etype=v.scalar))
            kept = b.select(full, constant(0), b.mul(left, constant(NORMALS_A_COUNTER)))
            with counted(b, constant(0), kept) as (number, _, _):
                one = b.load(b.gep(target, [number], source_etype=v.scalar), typ=v.scalar)
                b.store(one, b.gep(here, [number], source_etype=v.scalar))
    b.ret_void()
    return function


def _splat(v: Vectors, scalar: Vector) -> Vector:
    undefined = ir.Constant(v.integers, ir.Undefined)
    one = v.builder.insert_element(undefined, scalar, ir.Constant(ir.IntType(32), 0))
    zeros = ir.Constant(ir.VectorType(ir.IntType(32), v.width), [0] * v.width)
    return v.builder.shuffle_vector(one, undefined, zeros)


def _philox(v: Vectors, counter: tuple[Vector, ...], key: tuple[Vector, ...]) -> tuple[Vector, ...]:
    """Philox4x32-10 with 32-bit words in 64-bit lanes."""
    b, mask, half = v.builder, v.integer(_MASK), v.integer(32)
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for turn in range(PHILOX_ROUNDS):
        if turn:
            k0 = b.and_(b.add(k0, v.integer(PHILOX_WEYL[0])), mask)
            k1 = b.and_(b.add(k1, v.integer(PHILOX_WEYL[1])), mask)
        p0, p1 = (b.mul(c, v.integer(m)) for c, m in zip((c0, c2), PHILOX_MULTIPLIERS, strict=True))
        c0, c1 = b.xor(b.xor(b.lshr(p1, half), c1), k0), b.and_(p1, mask)
        c2, c3 = b.xor(b.xor(b.lshr(p0, half), c3), k1), b.and_(p0, mask)
    return c0, c1, c2, c3


def _four_normals(v: Vectors, words: tuple[Vector, ...]) -> list[Vector]:
    """Box and Muller's transform of two pairs of words."""
    found = []
    for first, second in (words[:2], words[2:]):
        uniform = v.multiply(v.add(_as_number(v, first), v.number(0.5)), v.number(2.0**-32))
        radius = v.sqrt(v.multiply(v.number(-2.0), v.log(uniform)))
        found += [v.multiply(radius, part) for part in _cosine_and_sine(v, second)]
    return found


def _as_number(v: Vectors, word: Vector) -> Vector:
    """A 32-bit word as a number: the low bits of a mantissa whose unit is 1."""
    bits = v.builder.or_(word, v.integer(0x433 << 52))
    return v.subtract(v.builder.bitcast(bits, v.type), v.number(2.0**52))


def _cosine_and_sine(v: Vectors, word: Vector) -> tuple[Vector, Vector]:
    """Of (word + 1/2) / 2^32 turns: the nearest quarter by its bits, the rest by Taylor's series."""
    b = v.builder
    quarter = b.lshr(b.add(word, v.integer(1 << 29)), v.integer(30))
    start = v.subtract(_as_number(v, word), v.multiply(_as_number(v, quarter), v.number(2.0**30)))
    x = v.multiply(v.add(start, v.number(0.5)), v.number(2 * math.pi * 2.0**-32))
    square = v.multiply(x, x)
    sine_terms = [(-1) ** k / math.factorial(2 * k + 1) for k in range(8, -1, -1)]
    sine = v.multiply(x, v.polynomial(square, sine_terms))
    cosine = v.polynomial(square, [(-1) ** k / math.factorial(2 * k) for k in range(8, -1, -1)])
    odd = _bit(v, quarter, 1)
    c, s = v.select(odd, sine, cosine), v.select(odd, cosine, sine)
    flips_cosine = _bit(v, b.add(quarter, v.integer(1)), 2)
    return v.select(flips_cosine, v.negative(c), c), v.select(_bit(v, quarter, 2), v.negative(s), s)


def _bit(v: Vectors, word: Vector, bit: int) -> Vector:
    return v.builder.icmp_unsigned("!=", v.builder.and_(word, v.integer(bit)), v.integer(0))


def _interleaved(v: Vectors, four: list[Vector]) -> list[Vector]:
    """Four vectors, one number a counter each, as vectors in the order of counters."""

    def shuffled(left: Vector, right: Vector, order: list[int]) -> Vector:
        mask = ir.Constant(ir.VectorType(ir.IntType(32), len(order)), order)
        return v.builder.shuffle_vector(left, right, mask)

    width = v.width
    pairs = [shuffled(four[k], four[k + 1], [i + part for i in range(width) for part in (0, width)]) for k in (0, 2)]
    order = [2 * i + part for i in range(width) for part in (0, 1, 2 * width, 2 * width + 1)]
    return [shuffled(pairs[0], pairs[1], order[start : start + width]) for start in range(0, 4 * width, width)]
