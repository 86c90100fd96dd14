"""How parameters are stored: parts of one kind concatenated, gate after gate, as torch stores them.

``weight_hh`` holds the rows of every gate's recurrent matrix; ``weight_hh.i`` is a named view of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod

import torch

from cellwright.errors import CellwrightError
from cellwright.program.values import Axes, Program, Value, kernel_of, unprimed


def size_of(axes: Axes, sizes: Mapping[str, int]) -> tuple[int, ...]:
    """The dimensions that named axes stand for."""
    try:
        return tuple(sizes[axis] for axis in unprimed(axes))
    except KeyError as missing:
        raise CellwrightError(
            f"no size is known for the axis {missing}; sizes are given for: {', '.join(sizes)}"
        ) from None


@dataclass(frozen=True)
class Part:
    """One parameter inside its family: ``rows`` of the stored tensor, viewed as ``shape``."""

    name: str
    rows: slice
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Family:
    """A stored tensor and its parts.

    ``shape`` is (rows,) for vectors, (rows, columns) for matrices and, as in torch, (rows, channels, *offsets) for
    kernels; several row axes are flattened into one, and so are several that are read.
    """

    name: str
    shape: tuple[int, ...]
    parts: tuple[Part, ...]

    def views(self, stored: torch.Tensor) -> dict[str, torch.Tensor]:
        """The parts of a stored tensor by name; views, so that gradients reach the stored tensor."""
        return {part.name: stored[part.rows].reshape(part.shape) for part in self.parts}


def families(program: Program, sizes: Mapping[str, int]) -> dict[str, Family]:
    """The stored tensors of a program by name, parts in the order in which the step first uses them.

    Raises:
        CellwrightError: the parts of one family read from inputs of different sizes; a size is missing.
    """
    grouped: dict[str, list[Value]] = {}
    for value in program.parameters:
        grouped.setdefault(value.attributes["family"], []).append(value)
    return {name: _family(name, values, sizes) for name, values in grouped.items()}


def _width(parameter: Value, sizes: Mapping[str, int]) -> tuple[int, ...] | None:
    """Columns of a matrix, or channels and offsets; None for a vector, which is not a matrix of one column."""
    columns, kernel = parameter.attributes["columns"], kernel_of(parameter)
    if columns is None:
        return None
    read, offsets = (columns[: -len(kernel.offsets)], kernel.offsets) if kernel else (columns, ())
    return prod(size_of(read, sizes)), *size_of(offsets, sizes)


def _family(name: str, values: list[Value], sizes: Mapping[str, int]) -> Family:
    widths = {value.name: _width(value, sizes) for value in values}
    if len(set(widths.values())) != 1:
        read = ", ".join(f"{part}: {_said(width)}" for part, width in widths.items())
        raise CellwrightError(
            f"the parts of {name} have different numbers of columns ({read}): give one of them a family of its own"
        )
    width = widths[values[0].name]
    parts, start = [], 0
    for value in values:
        rows = prod(size_of(value.attributes["out"], sizes))
        parts.append(Part(value.name, slice(start, start + rows), size_of(value.axes, sizes)))
        start += rows
    return Family(name, (start, *(width or ())), tuple(parts))


def _said(width: tuple[int, ...] | None) -> str:
    return "none" if width is None else " × ".join(str(size) for size in width)
