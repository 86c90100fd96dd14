"""Fixed-point numbers: signed two's complement with a binary point that stays where it is."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch

from cellwright.errors import CellwrightError

Tensor = torch.Tensor
Rounding = Literal["nearest", "floor"]
Overflow = Literal["saturate", "wrap"]

WIDEST = 53
"""Bits of the widest integers that float64 holds without a gap."""
FURTHEST = 256
"""How far the binary point may lie from the last bit, so that no number leaves the range of float64."""


@dataclass(frozen=True)
class Format:
    """Qm.n: a sign bit, m bits before the binary point and n behind it.

    Numbers are k * 2^-n with an integer k of ``bits`` = 1 + m + n bits. Either part may be negative: Q-3.10 holds
    numbers below 2^-3, Q10.-3 multiples of 8. Tensors hold the numbers, not the integers, in float64, which has every
    number of every format exactly.

    Attributes:
        bits: of the whole number, sign included.
        fraction: n.

    Raises:
        CellwrightError: fewer than 2 or more than 53 bits.
    """

    bits: int
    fraction: int

    def __post_init__(self) -> None:
        checked_bits("a format", self.bits, WIDEST)
        if isinstance(self.fraction, bool) or not isinstance(self.fraction, int) or abs(self.fraction) > FURTHEST:
            raise CellwrightError(
                f"the fraction of a format is a whole number of bits from -{FURTHEST} to {FURTHEST}, "
                f"got {self.fraction!r}"
            )

    @classmethod
    def holding(cls, magnitude: float, bits: int) -> Format:
        """The finest format of so many bits in which numbers up to a magnitude round without overflow; Q0.n for 0.

        Raises:
            CellwrightError: the magnitude is negative, not finite, or beyond 2^200.
        """
        if not 0 <= magnitude < 2.0**200:
            raise CellwrightError(f"no format holds numbers up to {magnitude}: expected a finite magnitude, 0 or more")
        if magnitude == 0:
            return cls(bits, bits - 1)
        _, exponent = math.frexp(magnitude)  # magnitude < 2^exponent
        found = cls(bits, min(bits - exponent, FURTHEST))
        while magnitude / found.step >= found.largest + 0.5:
            found = cls(bits, found.fraction - 1)
        return found

    @property
    def step(self) -> float:
        """The least significant bit."""
        return 2.0**-self.fraction

    @property
    def smallest(self) -> int:
        """The smallest integer k."""
        return -(2 ** (self.bits - 1))

    @property
    def largest(self) -> int:
        """The largest integer k."""
        return 2 ** (self.bits - 1) - 1

    def round(self, values: Tensor, rounding: Rounding = "nearest", overflow: Overflow = "saturate") -> Tensor:
        """Bring float64 values onto the grid; infinity saturates, NaN passes.

        Args:
            rounding: "nearest", where half a step goes up, or "floor", which drops the bits behind the last.
            overflow: "saturate" stops at the ends, "wrap" drops the bits before the first.
        """
        scaled = values * 2.0**self.fraction  # exact: a power of two
        integers = torch.floor(scaled)
        if rounding == "nearest":
            # Not floor(scaled + 0.5): that sum may round up what lies just below half a step.
            integers = integers + (scaled - integers >= 0.5)
        if overflow == "saturate":
            integers = integers.clamp(self.smallest, self.largest)
        else:
            wrapped = torch.remainder(integers - self.smallest, 2.0**self.bits) + self.smallest
            integers = torch.where(integers.isinf(), integers.clamp(self.smallest, self.largest), wrapped)
        return integers * self.step

    def integers(self, values: Tensor) -> Tensor:
        """The integers k of numbers on the grid, as int64.

        Raises:
            CellwrightError: a number is not on the grid.
        """
        scaled = values.double() * 2.0**self.fraction
        integers = scaled.round()
        if not bool(((integers == scaled) & (integers >= self.smallest) & (integers <= self.largest)).all()):
            raise CellwrightError(f"not all values are numbers of {self}: round them first")
        return integers.long()

    def __str__(self) -> str:
        return f"Q{self.bits - 1 - self.fraction}.{self.fraction}"


def checked_bits(what: str, bits: object, most: int) -> int:
    """A number of bits from 2 to ``most``.

    Raises:
        CellwrightError: it is none.
    """
    if isinstance(bits, bool) or not isinstance(bits, int) or not 2 <= bits <= most:
        raise CellwrightError(f"{what} has 2 to {most} bits, got {bits!r}")
    return bits
