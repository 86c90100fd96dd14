"""Arithmetic in fixed point: the formats of a layer, and every operation of its program rounded to them.

Values are numbers on a grid in float64. With weights and states of up to 16 bits every product, and the sum of up to
2^22 of them, is exact there (31 bits a product, of 53): the results are those of integers, bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import inf, log2
from typing import Literal, get_args

import torch

from cellwright.digital.activations import EXACT, Activation, Rounded
from cellwright.digital.formats import WIDEST, Format, Overflow, Rounding, checked_bits
from cellwright.errors import CellwrightError
from cellwright.program import Arithmetic, Value

Tensor = torch.Tensor
Width = Format | int | None
Accumulator = Literal["wide", "narrow"] | int
MOST_BITS = 32


@dataclass(frozen=True, kw_only=True)
class FixedPoint:
    """How a network computes.

    A width is a number of bits, whose binary point is set by calibration, or a whole ``Format``.

    Attributes:
        bits: of everything that is not given by itself, 2 to 32.
        weights: of matrices, biases and elementwise weights.
        states: of inputs, states, activations and every other result.
        sums: of the results of matrix products, which the activations read.
        accumulator: what a matrix product is summed in, before it is rounded to the format of the sums. "wide" keeps
            every bit; a number of bits has all that are behind the binary points of the products, and overflows as
            ``overflow`` says; "narrow" has the format of the sums, so that every product is rounded by itself. Sums
            overflow at their end: wrapping, that is the same as at every addition.
        rounding: "nearest" (half a step goes up) or "floor" (bits are dropped).
        overflow: "saturate" or "wrap".
        activation: how sigmoid and tanh are computed.
        headroom: states and sums get room for so many times what calibration saw; 2 costs one bit.

    Raises:
        CellwrightError: a width that is none, or an unknown option.
    """

    bits: int = 8
    weights: Width = None
    states: Width = None
    sums: Width = None
    accumulator: Accumulator = "wide"
    rounding: Rounding = "nearest"
    overflow: Overflow = "saturate"
    activation: Activation = Rounded()
    headroom: float = 1.0

    def __post_init__(self) -> None:
        for width in (self.bits, self.weights, self.states, self.sums):
            if width is not None:
                checked_bits("fixed point", width.bits if isinstance(width, Format) else width, MOST_BITS)
        if self.accumulator not in ("wide", "narrow"):
            checked_bits('an accumulator is "wide", "narrow" or', self.accumulator, WIDEST)
        if not 1 <= self.headroom < inf:
            raise CellwrightError(f"headroom is 1 or more, got {self.headroom}")
        for option, known in ((self.rounding, Rounding), (self.overflow, Overflow)):
            if option not in get_args(known):
                raise CellwrightError(f"{option!r} is none of {', '.join(get_args(known))}")

    def format(self, group: str, magnitude: float | None) -> Format:
        """The format of a group (``weights``, ``states``, ``sums``) whose numbers reach a magnitude.

        Raises:
            CellwrightError: the magnitude is not known, and the settings give no format.
        """
        width = getattr(self, group)
        if isinstance(width, Format):
            return width
        if magnitude is None:
            raise CellwrightError(
                f"nothing says where the binary point of the {group} lies: pass training inputs as calibration=, or "
                f"FixedPoint({group}=Format(bits, fraction))"
            )
        room = 1.0 if group == "weights" else self.headroom
        return Format.holding(magnitude * room, self.width(group))

    def width(self, group: str) -> int:
        """Bits of a group."""
        width = getattr(self, group)
        return width.bits if isinstance(width, Format) else width or self.bits


@dataclass(frozen=True, kw_only=True)
class Formats:
    """The formats of one layer and direction, or of one ``torch.nn.Linear``.

    Attributes:
        longest: products in the longest sum.
    """

    weights: Format
    states: Format
    sums: Format
    longest: int

    @property
    def is_exact(self) -> bool:
        """Whether float64 holds every sum of products exactly, so that results are those of integer arithmetic."""
        # A bias is multiplied by 1, which the states have no bit for if their binary point is left of all bits.
        largest = max(self.states.bits, self.states.fraction + 1)
        return self.weights.bits + largest - 1 + log2(self.longest) <= WIDEST

    def accumulator(self, settings: FixedPoint) -> Format | None:
        """The format of an accumulator of so many bits; None where the settings give it no number of bits."""
        bits = settings.accumulator
        return None if isinstance(bits, str) else Format(bits, self.weights.fraction + self.states.fraction)


class FixedPointArithmetic(Arithmetic):
    """The operations of a layer in its formats."""

    def __init__(self, settings: FixedPoint, formats: Formats) -> None:
        self.settings, self.formats = settings, formats

    def product(self, inputs: Tensor, weights: Tensor, bias: Tensor | None = None) -> Tensor:
        if self.settings.accumulator != "narrow":
            return torch.nn.functional.linear(inputs, weights, bias)
        total = self._rounded(inputs.unsqueeze(-2) * weights, self.formats.sums).sum(-1)
        return total if bias is None else total + self._rounded(bias, self.formats.sums)

    def computed(self, value: Value, function: Callable[..., Tensor]) -> Callable[..., Tensor]:
        if value.operator == "linear":
            return lambda *arguments: self.summed(function(*arguments))
        if value.operator in ("less", "equal"):
            return function
        result = self.formats.states
        if value.operator == "constant":  # wired, so that each has a binary point of its own
            result = Format.holding(abs(float(value.attributes["value"])), result.bits)
        if value.operator in EXACT:
            function = self.settings.activation.function(value.operator)
        if value.operator == "divide":
            function = _quotient(function)
        return lambda *arguments: self._rounded(function(*arguments), result)

    def summed(self, total: Tensor) -> Tensor:
        """The exact sum of products as the accumulator hands it on."""
        accumulator = self.formats.accumulator(self.settings)
        if accumulator is not None:
            total = self._rounded(total, accumulator)
        return self._rounded(total, self.formats.sums)

    def entered(self, values: Tensor) -> Tensor:
        """Inputs as they enter."""
        return self._rounded(values, self.formats.states)

    def _rounded(self, values: Tensor, format: Format) -> Tensor:
        return format.round(values, self.settings.rounding, self.settings.overflow)


def _quotient(divide: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """A divider that saturates where the divisor has been rounded to 0, and takes 0 / 0 as 0."""
    return lambda *arguments: torch.nan_to_num(divide(*arguments), nan=0.0, posinf=inf, neginf=-inf)
