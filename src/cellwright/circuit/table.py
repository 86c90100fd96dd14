"""A function known on a grid, as a torch function: cubic splines, differentiable, and level beyond the grid."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from scipy.ndimage import spline_filter

Tensor = torch.Tensor

_POWERS_OF_BASES = np.array([[1, 4, 1, 0], [-3, 0, 3, 0], [3, -6, 3, 0], [-1, 3, -3, 1]]) / 6
"""The four cubic B-splines that reach a cell, each a column, as polynomials in the place within the cell."""


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
        self._cells = torch.from_numpy(_polynomials(values.astype(np.float64)))

    def __call__(self, *arguments: Tensor) -> Tensor:
        """The function at arguments that broadcast against one another."""
        index: Tensor | None = None
        places = []
        for axis, argument in enumerate(arguments):
            first, last = self.axes[axis]
            cells = self._cells.shape[axis]
            position = ((argument - first) * (cells / (last - first))).clamp(0, cells)
            cell = position.detach().long().clamp(max=cells - 1)
            places.append(position - cell)
            index = cell if index is None else index * cells + cell
        assert index is not None
        dimensions = len(arguments)
        flat = self._cells.to(places[0].dtype).reshape(-1, *self._cells.shape[dimensions:])
        found = flat[index]
        # Horner's rule, the last axis first: what is left of the powers are those of the axes before.
        for left, place in zip(range(dimensions - 1, -1, -1), reversed(places), strict=True):
            place = place[(..., *(None,) * left)]
            constant, first_power, second_power, third_power = found.unbind(-1)
            found = torch.addcmul(second_power, third_power, place)
            found = torch.addcmul(first_power, found, place)
            found = torch.addcmul(constant, found, place)
        return found


def _polynomials(values: np.ndarray) -> np.ndarray:
    """The spline as one polynomial a cell: (cells, ..., powers, ...), four powers for each dimension."""
    splines = np.pad(spline_filter(values, order=3, mode="mirror"), 1, mode="reflect")
    for axis in range(values.ndim):
        windows = np.lib.stride_tricks.sliding_window_view(splines, 4, axis=axis)
        splines = windows @ _POWERS_OF_BASES.T
    return np.ascontiguousarray(splines)
