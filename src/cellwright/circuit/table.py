"""A function known on a grid, as a torch function: cubic splines, differentiable, and level beyond the grid."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from scipy.ndimage import spline_filter

Tensor = torch.Tensor


class Table:
    """Values on a rectangular grid with equal steps, interpolated by cubic B-splines through all of them.

    Args:
        axes: the first and the last coordinate of each dimension.
        values: (points, ...) as many dimensions as axes, at least 4 points each.

    The interpolation errs with the fourth power of the step. Arguments beyond the grid count as its edge.
    """

    def __init__(self, axes: Sequence[tuple[float, float]], values: np.ndarray) -> None:
        self.axes = tuple(axes)
        self.values = values
        self._spline = torch.from_numpy(spline_filter(values.astype(np.float64), order=3, mode="mirror"))
        self._flat = self._spline.reshape(-1)

    def __call__(self, *arguments: Tensor) -> Tensor:
        """The function at arguments that broadcast against one another."""
        terms = [self._terms(axis, argument) for axis, argument in enumerate(arguments)]
        total: Tensor | None = None
        for index, weight in _products(terms):
            part = weight * self._flat.to(weight.dtype)[index]
            total = part if total is None else total + part
        assert total is not None
        return total

    def _terms(self, axis: int, argument: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Offsets into the flat coefficients and weights of the four splines that reach each argument."""
        first, last = self.axes[axis]
        points, stride = self._spline.shape[axis], self._spline.stride(axis)
        position = ((argument - first) / (last - first)).clamp(0, 1) * (points - 1)
        cell = position.detach().floor().clamp(0, points - 2)
        t, start = position - cell, cell.long()
        weights = ((1 - t) ** 3 / 6, (4 - 6 * t**2 + 3 * t**3) / 6, (1 + 3 * t + 3 * t**2 - 3 * t**3) / 6, t**3 / 6)
        found = []
        for offset, weight in zip(range(-1, 3), weights, strict=True):
            index = (start + offset).abs()
            index = torch.where(index > points - 1, 2 * (points - 1) - index, index)  # mirrored at the edges
            found.append((index * stride, weight))
        return found


def _products(terms: Sequence[Sequence[tuple[Tensor, Tensor]]]) -> list[tuple[Tensor, Tensor]]:
    found = list(terms[0])
    for more in terms[1:]:
        found = [(index + i, weight * w) for index, weight in found for i, w in more]
    return found
