"""Converters between the digital and the analog side: uniform quantisers and the affine correction behind them."""

from __future__ import annotations

import torch

from cellwright.errors import CellwrightError

Tensor = torch.Tensor


def quantise(values: Tensor, full_scale: Tensor | float, bits: int) -> Tensor:
    """Mid-tread uniform quantiser: 2^(bits-1) - 1 steps to either side of zero, saturating at the full scale.

    Zero and the full scale are exact; NaN passes.

    Args:
        full_scale: positive; broadcasts against ``values``.

    Raises:
        CellwrightError: fewer than 2 or more than 24 bits.
    """
    levels, step = levels_of(bits), step_of(full_scale, bits)
    return torch.round(values / step).clamp(-levels, levels) * step


def step_of(full_scale: Tensor | float, bits: int) -> Tensor | float:
    """The size of one step (least significant bit); its rounding error has the standard deviation step / sqrt(12)."""
    return full_scale / levels_of(bits)


def levels_of(bits: int) -> int:
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
