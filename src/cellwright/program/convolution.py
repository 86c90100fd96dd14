"""Convolutions of maps with any leading dimensions, in one, two and three dimensions, and their two adjoints.

A map has the dimensions (..., channels, *space), a kernel (out, in, *offsets) as in torch. Maps have zeros beyond their
borders, so that the result is as large. As in torch and in all of deep learning a kernel is not mirrored:
y[p] = sum over q of kernel[q] x[p + dilation * (q - centre)].
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import torch
from torch.nn import functional as F

from cellwright.errors import CellwrightError

Tensor: TypeAlias = torch.Tensor

_BY_DIMENSIONS: Mapping[int, Callable[..., Any]] = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}


def convolve(source: Tensor, kernel: Tensor, bias: Tensor | None = None, dilation: int = 1) -> Tensor:
    """(..., in, *space) with a kernel (out, in, *offsets) and a bias (out,): (..., out, *space)."""
    space = kernel.ndim - 2
    padding = _padding(kernel.shape[2:], dilation)
    lead = source.shape[: -1 - space]
    flat = source if len(lead) == 1 else source.reshape(-1, *source.shape[-1 - space :])
    result: Tensor = _BY_DIMENSIONS[space](flat, kernel, bias, padding=padding, dilation=dilation)
    return result if len(lead) == 1 else result.reshape(*lead, *result.shape[1:])


def convolve_transposed(cotangent: Tensor, kernel: Tensor, dilation: int = 1) -> Tensor:
    """The adjoint of ``convolve`` in its source: (..., out, *space) to (..., in, *space)."""
    mirrored = kernel.transpose(0, 1).flip(tuple(range(2, kernel.ndim)))
    return convolve(cotangent, mirrored, None, dilation)


def correlate(cotangent: Tensor, source: Tensor, offsets: tuple[int, ...], dilation: int = 1) -> Tensor:
    """The adjoint of ``convolve`` in its kernel, summed over leading dimensions: (out, in, *offsets)."""
    space = len(offsets)
    lead = torch.broadcast_shapes(cotangent.shape[: -1 - space], source.shape[: -1 - space])
    left, right = (
        tensor.expand(*lead, *tensor.shape[-1 - space :]).reshape(-1, *tensor.shape[-1 - space :]).transpose(0, 1)
        for tensor in (cotangent, source)
    )
    # Places of the map take the part of the kernel, and the batch that of the channels.
    result: Tensor = _BY_DIMENSIONS[space](right, left, None, padding=_padding(offsets, dilation), stride=dilation)
    return result.transpose(0, 1)


def _padding(offsets: tuple[int, ...], dilation: int) -> tuple[int, ...]:
    if even := [size for size in offsets if size % 2 == 0]:
        raise CellwrightError(f"a kernel has odd sizes, so that it has a centre; got {even[0]}")
    return tuple(dilation * (size // 2) for size in offsets)
