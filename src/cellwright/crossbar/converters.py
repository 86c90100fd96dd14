"""Converters between the digital and the analog side: uniform quantisers, their errors, and the correction behind them.

A converter that errs maps x, in full scales, to

    x + gain x + offset + bow (1 - x^2) + s (3 sqrt(3) / 2) x (1 - x^2)

with the four coefficients drawn for each converter. The last two terms are its integral nonlinearity: zero at both ends
of the range, as an end-point fit leaves it, and at most ``bow`` and ``s`` between.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, sqrt

import torch

from cellwright.crossbar.draws import Draws
from cellwright.errors import CellwrightError

Tensor = torch.Tensor

_PEAK = 3 * sqrt(3) / 2  # makes 1 the largest value of x (1 - x^2)


@dataclass(frozen=True, kw_only=True)
class ConverterErrors:
    """Standard deviations from converter to converter, in full scales.

    A step of b bits is 1 / (2^(b-1) - 1) full scales: 0.0079 for 8 bits.

    Attributes:
        offset: what is added to every value.
        gain: relative error of the slope.
        inl: integral nonlinearity: of its bow and of its S-shape.
    """

    offset: float = 0.0
    gain: float = 0.0
    inl: float = 0.0

    def __post_init__(self) -> None:
        for name in ("offset", "gain", "inl"):
            if not 0 <= getattr(self, name) < inf:
                raise CellwrightError(
                    f"{name} of a converter is a standard deviation in full scales, got {getattr(self, name)!r}"
                )

    def draw(self, draws: Draws, cause: str, count: int) -> Tensor:
        """Coefficients of 1, x, x^2 and x^3 of so many converters on every chip: (4, chips, count)."""
        unit = draws.normal(cause, 0, 4 * count).reshape(-1, count, 4).movedim(-1, 0)
        offset, gain = self.offset * unit[0], self.gain * unit[1]
        bow, s_shape = self.inl * unit[2], self.inl * _PEAK * unit[3]
        return torch.stack([offset + bow, 1 + gain + s_shape, -bow, -s_shape])


def polynomial(coefficients: Tensor, values: Tensor) -> Tensor:
    """The cubic with coefficients (4, ...) that broadcast against the values."""
    found = coefficients[3]
    for coefficient in coefficients[:3].flip(0):
        found = found * values + coefficient
    return found


def to_codes(values: Tensor, levels: int) -> Tensor:
    """Mid-tread uniform quantiser: whole numbers from -levels to levels, the nearest to values in steps.

    Zero and the full scale are exact; NaN passes. Gradients pass as if nothing were rounded, and not where values
    saturate (the straight-through estimator: Bengio, Leonard & Courville 2013, arXiv:1308.3432). Values that want no
    gradient are overwritten.
    """
    if values.requires_grad:
        kept = values.clamp(-levels, levels)
        return kept + (kept.round() - kept).detach()
    return values.round_().clamp_(-levels, levels)


def levels_of(bits: int) -> int:
    """Steps to either side of zero, 2^(bits-1) - 1. Rounding to them errs by a standard deviation of a step / sqrt(12).

    Raises:
        CellwrightError: fewer than 2 or more than 24 bits.
    """
    if not isinstance(bits, int) or not 2 <= bits <= 24:
        raise CellwrightError(f"a converter has 2 to 24 bits, got {bits!r}; None leaves its resolution out")
    return 2 ** (bits - 1) - 1


def full_scale_of(values: Tensor, dimensions: tuple[int, ...]) -> Tensor:
    """The range that holds all values, kept as dimensions of size 1; 1 where all are zero."""
    largest = torch.nan_to_num(values).abs().amax(dimensions, keepdim=True)
    return torch.where(largest > 0, largest, 1.0)


def fit_affine(measured: Tensor, wanted: Tensor) -> tuple[Tensor, Tensor]:
    """Least squares over samples: gain and offset such that gain * measured + offset is close to wanted.

    Args:
        measured: (..., samples, columns); wanted broadcasts against it.

    Returns:
        gain and offset, (..., 1, columns). A column that does not move has the gain 1.
    """
    mean, wanted_mean = measured.mean(-2, keepdim=True), wanted.mean(-2, keepdim=True)
    centred = measured - mean
    variance = centred.square().mean(-2, keepdim=True)
    covariance = (centred * (wanted - wanted_mean)).mean(-2, keepdim=True)
    moves = variance > 1e-18 * measured.square().mean(-2, keepdim=True)
    gain = torch.where(moves, covariance / torch.where(moves, variance, 1.0), 1.0)
    return gain, wanted_mean - gain * mean
