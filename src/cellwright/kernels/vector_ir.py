"""Pointwise operators as vector LLVM IR: one table from the name of an operator to what prints it.

All functions are our own: exp by reduction to [-ln 2 / 2, ln 2 / 2] and its Taylor series, tanh and the logistic
function from that, log by the series of artanh. NaN and infinity pass as in torch: clamps are compares and selects that
keep NaN, no conversion of a NaN to an integer takes place, and no flag beyond ``contract`` is given to LLVM.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias

from llvmlite import ir

Vector: TypeAlias = Any
"""A value of the LLVM IR builder."""

INDEX = ir.IntType(64)
BYTE = ir.IntType(8)
POINTER = ir.PointerType()
FLAGS = ("contract",)


@dataclass(frozen=True)
class Precision:
    """What a floating point type is made of, and how far its series go.

    Attributes:
        mantissa: stored bits; ``bias`` of the exponent.
        exp_terms, artanh_terms, log_one_plus_terms: terms of the series, the next of which rounds away.
        saturated: where tanh is 1; ``lowest`` and ``highest``: where exp is 0 and infinite.
    """

    name: str
    bits: int
    mantissa: int
    bias: int
    exp_terms: int
    artanh_terms: int
    log_one_plus_terms: int
    saturated: float
    lowest: float
    highest: float

    @property
    def type(self) -> ir.Type:
        return ir.FloatType() if self.bits == 32 else ir.DoubleType()

    @property
    def bytes(self) -> int:
        return self.bits // 8


FLOAT32 = Precision("f32", 32, 23, 127, 7, 5, 8, 9.5, -104.0, 89.0)
FLOAT64 = Precision("f64", 64, 52, 1023, 13, 11, 17, 20.0, -746.0, 710.0)


class Vectors:
    """Prints operations on vectors of ``width`` floating point numbers."""

    def __init__(self, builder: ir.IRBuilder, precision: Precision, width: int) -> None:
        self.builder = builder
        self.precision = precision
        self.width = width
        self.scalar = precision.type
        self.type = ir.VectorType(precision.type, width)
        self.integers = ir.VectorType(ir.IntType(precision.bits), width)

    def load(self, place: Vector) -> Vector:
        """A vector from anywhere in memory."""
        return self.builder.load(place, typ=self.type, align=self.precision.bytes)

    def store(self, value: Vector, place: Vector) -> None:
        self.builder.store(value, place, align=self.precision.bytes)

    def number(self, value: float) -> Vector:
        return ir.Constant(self.type, [ir.Constant(self.precision.type, value)] * self.width)

    def integer(self, value: int) -> Vector:
        return ir.Constant(self.integers, [value] * self.width)

    def splat(self, scalar: Vector) -> Vector:
        """A vector of equal elements."""
        undefined = ir.Constant(self.type, ir.Undefined)
        one = self.builder.insert_element(undefined, scalar, ir.Constant(ir.IntType(32), 0))
        zeros = ir.Constant(ir.VectorType(ir.IntType(32), self.width), [0] * self.width)
        return self.builder.shuffle_vector(one, undefined, zeros)

    def first(self, vector: Vector) -> Vector:
        return self.builder.extract_element(vector, ir.Constant(ir.IntType(32), 0))

    def call(self, name: str, *arguments: Vector) -> Vector:
        """A vector intrinsic of LLVM, ``llvm.fma`` and the like."""
        return self.builder.call(
            declared(self.builder, f"llvm.{name}.v{self.width}{self.precision.name}", self.type, len(arguments)),
            arguments,
        )

    def add(self, left: Vector, right: Vector) -> Vector:
        return self.builder.fadd(left, right, flags=FLAGS)

    def subtract(self, left: Vector, right: Vector) -> Vector:
        return self.builder.fsub(left, right, flags=FLAGS)

    def multiply(self, left: Vector, right: Vector) -> Vector:
        return self.builder.fmul(left, right, flags=FLAGS)

    def divide(self, left: Vector, right: Vector) -> Vector:
        return self.builder.fdiv(left, right)

    def select(self, condition: Vector, left: Vector, right: Vector) -> Vector:
        return self.builder.select(condition, left, right)

    def less(self, left: Vector, right: Vector) -> Vector:
        return self.builder.fcmp_ordered("<", left, right)

    def equal(self, left: Vector, right: Vector) -> Vector:
        return self.builder.fcmp_ordered("==", left, right)

    def clamp(self, value: Vector, low: float, high: float) -> Vector:
        """The value within bounds; NaN stays NaN."""
        above = self.select(self.less(self.number(high), value), self.number(high), value)
        return self.select(self.less(above, self.number(low)), self.number(low), above)

    def polynomial(self, x: Vector, coefficients: Sequence[float]) -> Vector:
        """Horner's rule, the coefficient of the highest power first."""
        total = self.number(coefficients[0])
        for coefficient in coefficients[1:]:
            total = self.call("fmuladd", total, x, self.number(coefficient))
        return total

    def _power_of_two(self, exponent: Vector) -> Vector:
        """2 to an integer power from -bias (zero) to bias + 1 (infinity)."""
        biased = self.builder.add(exponent, self.integer(self.precision.bias))
        return self.builder.bitcast(self.builder.shl(biased, self.integer(self.precision.mantissa)), self.type)

    def _reduced(self, x: Vector) -> tuple[Vector, Vector, Vector]:
        """(n as an integer, n, r) with x = n ln 2 + r and |r| <= ln 2 / 2.

        Adding 1.5 * 2^mantissa rounds to an integer and leaves it in the low bits, NaN or not.
        """
        shift = 1.5 * 2.0**self.precision.mantissa
        # No flag: a contraction would drop the rounding that this is for.
        shifted = self.builder.fadd(self.builder.fmul(x, self.number(1 / math.log(2))), self.number(shift))
        n = self.builder.fsub(shifted, self.number(shift))
        magic = ir.Constant(self.integers, [_bits(shift, self.precision)] * self.width)
        integer = self.builder.sub(self.builder.bitcast(shifted, self.integers), magic)
        high, low = _split_ln2(self.precision)
        r = self.call("fmuladd", n, self.number(-high), x)
        return integer, n, self.call("fmuladd", n, self.number(-low), r)

    def _exp_minus_one_reduced(self, r: Vector) -> Vector:
        """exp(r) - 1 for a small r, with a small relative error."""
        terms = self.precision.exp_terms
        series = self.polynomial(r, [1 / math.factorial(k) for k in range(terms, 1, -1)])
        return self.call("fmuladd", self.multiply(r, r), series, r)

    def exp(self, value: Vector) -> Vector:
        """In two factors, so that results below the normal numbers are right."""
        x = self.clamp(value, self.precision.lowest, self.precision.highest)
        n, _, r = self._reduced(x)
        half = self.builder.ashr(n, self.integer(1))
        result = self.add(self._exp_minus_one_reduced(r), self.number(1.0))
        return self.multiply(
            self.multiply(result, self._power_of_two(half)), self._power_of_two(self.builder.sub(n, half))
        )

    def tanh(self, value: Vector) -> Vector:
        """e / (e + 2) with e = exp(2 x) - 1."""
        x = self.clamp(value, -self.precision.saturated, self.precision.saturated)
        doubled = self.add(x, x)
        n, _, r = self._reduced(doubled)
        power = self._power_of_two(n)
        e = self.call("fmuladd", power, self._exp_minus_one_reduced(r), self.subtract(power, self.number(1.0)))
        return self.divide(e, self.add(e, self.number(2.0)))

    def sigmoid(self, value: Vector) -> Vector:
        """1 / (1 + exp(-x)). Below the clamp the exponential is infinite and the result 0."""
        limit = math.log(2) * (self.precision.bias - 1)
        x = self.clamp(self.negative(value), -limit, self.precision.highest)
        n, _, r = self._reduced(x)
        # Not one fused multiply-add: where the power is infinite that would subtract infinities.
        grown = self.multiply(self.add(self._exp_minus_one_reduced(r), self.number(1.0)), self._power_of_two(n))
        return self.divide(self.number(1.0), self.add(grown, self.number(1.0)))

    def _artanh_doubled(self, s: Vector, terms: int) -> Vector:
        """2 artanh(s) = log((1 + s) / (1 - s))."""
        square = self.multiply(s, s)
        series = self.polynomial(square, [2 / (2 * k + 1) for k in range(terms, 0, -1)])
        return self.call("fmuladd", self.multiply(s, square), series, self.add(s, s))

    def log(self, value: Vector) -> Vector:
        b, p = self.builder, self.precision
        smallest, scale = 2.0 ** (1 - p.bias), 2.0 ** (p.mantissa + 2)
        tiny = self.less(value, self.number(smallest))
        x = self.select(tiny, self.multiply(value, self.number(scale)), value)
        bits = b.bitcast(x, self.integers)
        # The mantissa is taken from [sqrt(1/2), sqrt(2)), around 1.
        offset = self.integer(_bits(math.sqrt(0.5), p))
        exponent = b.ashr(b.sub(bits, offset), self.integer(p.mantissa))
        mantissa = b.bitcast(b.sub(bits, b.shl(exponent, self.integer(p.mantissa))), self.type)
        n = b.sitofp(exponent, self.type)
        n = self.subtract(n, self.select(tiny, self.number(p.mantissa + 2.0), self.number(0.0)))
        s = self.divide(self.subtract(mantissa, self.number(1.0)), self.add(mantissa, self.number(1.0)))
        high, low = _split_ln2(p)
        result = self.call("fmuladd", n, self.number(low), self._artanh_doubled(s, p.artanh_terms))
        result = self.call("fmuladd", n, self.number(high), result)
        infinity = self.number(math.inf)
        result = self.select(self.less(value, infinity), result, value)  # infinity and NaN stay as they are
        result = self.select(self.equal(value, self.number(0.0)), self.number(-math.inf), result)
        return self.select(self.less(value, self.number(0.0)), self.number(math.nan), result)

    def log_sigmoid(self, value: Vector) -> Vector:
        """min(x, 0) - log(1 + exp(-|x|))."""
        u = self.exp(self.negative(self.call("fabs", value)))
        s = self.divide(u, self.add(u, self.number(2.0)))
        zero = self.number(0.0)
        below = self.select(self.less(zero, value), zero, value)
        return self.subtract(below, self._artanh_doubled(s, self.precision.log_one_plus_terms))

    def negative(self, value: Vector) -> Vector:
        return self.builder.fneg(value)

    def sqrt(self, value: Vector) -> Vector:
        return self.call("sqrt", value)

    def absolute(self, value: Vector) -> Vector:
        return self.call("fabs", value)

    def sign(self, value: Vector) -> Vector:
        zero = self.number(0.0)
        positive = self.select(self.less(zero, value), self.number(1.0), zero)
        return self.select(self.less(value, zero), self.number(-1.0), positive)

    def relu(self, value: Vector) -> Vector:
        return self.select(self.less(value, self.number(0.0)), self.number(0.0), value)

    def _is_nan(self, value: Vector) -> Vector:
        return self.builder.fcmp_unordered("uno", value, value)

    def maximum(self, left: Vector, right: Vector) -> Vector:
        """NaN if either is."""
        larger = self.select(self.less(right, left), left, right)
        return self.select(self._is_nan(left), left, larger)

    def minimum(self, left: Vector, right: Vector) -> Vector:
        smaller = self.select(self.less(left, right), left, right)
        return self.select(self._is_nan(left), left, smaller)

    def _signs_differ(self, remainder: Vector, divisor: Vector) -> Vector:
        zero = self.number(0.0)
        opposite = self.builder.xor(self.less(remainder, zero), self.less(divisor, zero))
        return self.builder.and_(self.builder.fcmp_unordered("!=", remainder, zero), opposite)

    def mod(self, left: Vector, right: Vector) -> Vector:
        """The remainder with the sign of the divisor."""
        remainder = self.builder.frem(left, right)
        return self.select(self._signs_differ(remainder, right), self.add(remainder, right), remainder)

    def floor_divide(self, left: Vector, right: Vector) -> Vector:
        """As torch computes it: from the exact remainder, rounded to the nearest whole number."""
        remainder = self.builder.frem(left, right)
        quotient = self.divide(self.builder.fsub(left, remainder), right)
        lower = self.builder.fsub(quotient, self.number(1.0))
        quotient = self.select(self._signs_differ(remainder, right), lower, quotient)
        floor = self.call("floor", quotient)
        apart = self.less(self.number(0.5), self.builder.fsub(quotient, floor))
        floor = self.select(apart, self.add(floor, self.number(1.0)), floor)
        return self.select(self.equal(right, self.number(0.0)), self.divide(left, right), floor)


EMITTERS: Mapping[str, Callable[..., Vector]] = {
    name: getattr(Vectors, name)
    for name in (
        "add subtract multiply divide negative sigmoid tanh exp log sqrt absolute sign relu log_sigmoid "
        "maximum minimum mod floor_divide less equal"
    ).split()
} | {"where": Vectors.select}
"""Operator of ``program/operators.py`` -> what prints it, from ``Vectors`` and the arguments."""


def constant(value: int) -> ir.Constant:
    """A number of the type of sizes and indices."""
    return ir.Constant(INDEX, value)


def declared(builder: ir.IRBuilder, name: str, type_: ir.Type, arguments: int) -> ir.Function:
    """A function of equal types, declared once a module."""
    return declared_as(builder, name, ir.FunctionType(type_, [type_] * arguments))


def declared_as(builder: ir.IRBuilder, name: str, signature: ir.FunctionType) -> ir.Function:
    """A function of any signature, declared once a module."""
    known = builder.module.globals.get(name)
    return known if known is not None else ir.Function(builder.module, signature, name)


@contextmanager
def counted(
    builder: ir.IRBuilder, start: Vector, stop: Vector, step: int = 1, carried: Sequence[Vector] = ()
) -> Iterator[tuple[Vector, list[Vector], list[Vector]]]:
    """A loop over [start, stop). Yields the index, the carried values of this turn, and the list of the next.

    The body puts what it carries on into the list; afterwards the list holds what the last turn carried.
    """
    before = builder.block
    head, body, after = (builder.append_basic_block(name) for name in ("head", "body", "after"))
    builder.branch(head)
    builder.position_at_end(head)
    index = builder.phi(INDEX)
    index.add_incoming(start, before)
    phis = [builder.phi(value.type) for value in carried]
    for phi, value in zip(phis, carried, strict=True):
        phi.add_incoming(value, before)
    builder.cbranch(builder.icmp_signed("<", index, stop), body, after)
    builder.position_at_end(body)
    following: list[Vector] = list(phis)
    yield index, phis, following
    index.add_incoming(builder.add(index, ir.Constant(INDEX, step)), builder.block)
    for phi, value in zip(phis, following, strict=True):
        phi.add_incoming(value, builder.block)
    builder.branch(head)
    builder.position_at_end(after)
    following[:] = phis


@contextmanager
def counted_by(builder: ir.IRBuilder, start: Vector, stop: Vector, step: Vector) -> Iterator[Vector]:
    """A loop over [start, stop) by steps that are known when it runs; yields the index."""
    place = builder.alloca(INDEX)
    builder.store(start, place, align=8)
    head, body, after = (builder.append_basic_block(name) for name in ("head", "body", "after"))
    builder.branch(head)
    builder.position_at_end(head)
    index = builder.load(place, typ=INDEX, align=8)
    builder.cbranch(builder.icmp_signed("<", index, stop), body, after)
    builder.position_at_end(body)
    yield index
    builder.store(builder.add(index, step), place, align=8)
    builder.branch(head)
    builder.position_at_end(after)


def _bits(number: float, precision: Precision) -> int:
    kinds = {32: ("<f", "<i"), 64: ("<d", "<q")}[precision.bits]
    return int(struct.unpack(kinds[1], struct.pack(kinds[0], number))[0])


def _split_ln2(precision: Precision) -> tuple[float, float]:
    """ln 2 in two numbers, the first so short that small multiples of it are exact."""
    kept = 2.0 ** (precision.mantissa - precision.bits // 3)
    high = math.floor(math.log(2) * kept) / kept
    # math.log(2) is itself rounded; the rest of ln 2 is 2.3190468138462996e-17.
    return high, (math.log(2) - high) + 2.3190468138462996e-17
