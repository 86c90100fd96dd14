"""Between named axes and the dimensions of tensors: which are flattened for a matrix, added or summed over."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import torch

from cellwright.program.values import BATCH, Value, kernel_of, linear_terms, named_axes

Tensor: TypeAlias = torch.Tensor


def columns_of(matrix: Value) -> int:
    """How many of the axes of a matrix are those that it reads."""
    return len(matrix.axes) - len(matrix.attributes["out"])


def axes_read(matrix: Value) -> int:
    """How many axes of a value it reads: for a kernel those of channels."""
    kernel = kernel_of(matrix)
    return columns_of(matrix) - (len(kernel.offsets) if kernel else 0)


def axes_of_maps(node: Value) -> int:
    """How many of the last axes of a linear value are those of a map."""
    kernel = kernel_of(linear_terms(node)[1][0])
    return len(kernel.offsets) if kernel else 0


def flat(tensor: Tensor, named: int, space: int = 0) -> Tensor:
    """Flatten into one the ``named`` last dimensions before those of space."""
    if named == 1:
        return tensor
    return tensor.flatten(-named - space, -1 - space) if named else tensor.unsqueeze(-1 - space)


def shaped(tensor: Tensor, shape: tuple[int, ...], space: int = 0) -> Tensor:
    """Undo ``flat``: the last dimension before those of space becomes those of ``shape``."""
    if len(shape) == 1:
        return tensor
    return tensor.unflatten(-1 - space, shape) if shape else tensor.squeeze(-1 - space)


def missing_dimensions(argument: Value, result: Value) -> list[int]:
    """Where to insert dimensions of size one, counted from the end and from right to left."""
    axes = named_axes(result.axes)
    own = named_axes(argument.axes)
    if not own and BATCH not in argument.axes:
        return []
    return [index - len(axes) for index in range(len(axes) - 1, -1, -1) if axes[index] not in own]


def unsqueeze(tensor: Tensor, dimensions: Sequence[int]) -> Tensor:
    """Insert dimensions of size one, as ``missing_dimensions`` lists them."""
    for dimension in dimensions:
        tensor = tensor.unsqueeze(dimension)
    return tensor


def reduction(operator: str, axis: str, axes: Sequence[str]) -> Callable[[Tensor], Tensor]:
    """``sum``, ``mean`` or ``maximum_over`` along one of a tensor's named axes, or along all its leading dimensions."""
    if axis == BATCH:
        return lambda source: source.sum(tuple(range(source.ndim - len(axes)))) if source.ndim > len(axes) else source
    dimension = list(axes).index(axis) - len(axes)
    functions: dict[str, Callable[..., Tensor]] = {"sum": torch.sum, "mean": torch.mean, "maximum_over": torch.amax}
    function = functions[operator]
    return lambda source: function(source, dim=dimension)


def outer(left: Tensor, right: Tensor) -> Tensor:
    """Sum over all leading dimensions of left (..., m) times right (..., n): (m, n)."""
    lead = torch.broadcast_shapes(left.shape[:-1], right.shape[:-1])
    rows = left.expand(*lead, left.shape[-1]).reshape(-1, left.shape[-1])
    columns = right.expand(*lead, right.shape[-1]).reshape(-1, right.shape[-1])
    return rows.T @ columns
