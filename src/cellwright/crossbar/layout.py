"""Where weights lie on an array: pairs of devices, rows and columns, tiles.

A weight is the difference of two conductances. How the two devices of a pair lie is data: rows stacked is what
Li et al. 2019 did, driving [x; -x] (their LSTM of 15 units, 1 input and 1 bias took 34 x 60 devices); interleaved rows
put the two next to each other, where the wires treat them alike; columns take the difference of two currents.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise, product
from math import ceil
from typing import Literal

import torch

from cellwright.errors import CellwrightError, named

Tensor = torch.Tensor


@dataclass(frozen=True)
class PairLayout:
    """How the two devices of a pair lie.

    Attributes:
        along: ``rows``: two rows, the second driven with the opposite voltage; ``columns``: two columns, whose
            currents are subtracted before they are converted.
        order: ``stacked``: all positive devices, then all negative ones; ``interleaved``: pair by pair.
    """

    along: Literal["rows", "columns"]
    order: Literal["stacked", "interleaved"]

    def __post_init__(self) -> None:
        if self.along not in ("rows", "columns") or self.order not in ("stacked", "interleaved"):
            raise CellwrightError(
                f"a pair lies along 'rows' or 'columns', 'stacked' or 'interleaved'; got {self.along!r}, {self.order!r}"
            )

    def physical_shape(self, rows: int, columns: int) -> tuple[int, int]:
        """Devices that a weight matrix of (rows, columns) takes: word lines, bit lines."""
        return (2 * rows, columns) if self.along == "rows" else (rows, 2 * columns)

    def place(self, positive: Tensor, negative: Tensor) -> Tensor:
        """Lay two matrices (..., rows, columns) out on one array of ``physical_shape``."""
        dimension = self._dimension
        if self.order == "stacked":
            return torch.cat([positive, negative], dimension)
        return torch.stack([positive, negative], dimension).flatten(dimension - 1, dimension)

    def parts(self, array: Tensor) -> tuple[Tensor, Tensor]:
        """The positive and the negative devices of an array (..., word lines, bit lines); inverse of ``place``."""
        return self._split(array, self._dimension)

    def signed(self, array: Tensor) -> Tensor:
        """What the pairs of an array stand for: positive less negative, (..., rows, columns)."""
        positive, negative = self.parts(array)
        return positive - negative

    def drive(self, inputs: Tensor) -> Tensor:
        """Inputs (..., rows) to voltages at the word lines."""
        if self.along == "columns":
            return inputs
        if self.order == "stacked":
            return torch.cat([inputs, -inputs], -1)
        return torch.stack([inputs, -inputs], -1).flatten(-2)

    def fold_rows(self, array: Tensor, dimension: int = -2) -> Tensor:
        """From what acts on word-line voltages to what acts on inputs: the transpose of ``drive``."""
        if self.along == "columns":
            return array
        positive, negative = self._split(array, dimension)
        return positive - negative

    def bit_lines(self, array: Tensor, dimension: int = -1) -> tuple[Tensor, ...]:
        """The bit lines that make up an output: one, or the positive and the negative one."""
        return (array,) if self.along == "rows" else self._split(array, dimension)

    @property
    def _dimension(self) -> int:
        return -2 if self.along == "rows" else -1

    def _split(self, array: Tensor, dimension: int) -> tuple[Tensor, Tensor]:
        """The two of each pair along a dimension, counted from the end."""
        if self.order == "stacked":
            positive, negative = array.chunk(2, dimension)
        else:
            positive, negative = array.unflatten(dimension, (-1, 2)).unbind(dimension)
        return positive, negative


LAYOUTS: Mapping[str, PairLayout] = {
    "rows stacked": PairLayout("rows", "stacked"),
    "rows interleaved": PairLayout("rows", "interleaved"),
    "columns stacked": PairLayout("columns", "stacked"),
    "columns interleaved": PairLayout("columns", "interleaved"),
}


def find_layout(layout: str | PairLayout) -> PairLayout:
    """A layout by name; a layout passes through.

    Raises:
        CellwrightError: no layout has that name.
    """
    return layout if isinstance(layout, PairLayout) else named("pair layout", layout, LAYOUTS)


@dataclass(frozen=True)
class Tile:
    """The part of a weight matrix that one physical array holds."""

    rows: slice
    columns: slice

    @property
    def shape(self) -> tuple[int, int]:
        return self.rows.stop - self.rows.start, self.columns.stop - self.columns.start


def tiles(rows: int, columns: int, layout: PairLayout, largest: tuple[int, int]) -> tuple[Tile, ...]:
    """Cut a weight matrix (rows, columns) into tiles of at most ``largest`` devices; no pair is split.

    The cuts are as even as can be: short lines lose less.

    Raises:
        CellwrightError: the largest tile has no room for a pair.
    """
    per_row, per_column = layout.physical_shape(1, 1)
    room = largest[0] // per_row, largest[1] // per_column
    if min(room) < 1:
        raise CellwrightError(f"a tile of {largest[0]} x {largest[1]} devices has no room for a pair: make it larger")
    cuts = product(_cuts(rows, room[0]), _cuts(columns, room[1]))
    return tuple(Tile(row, column) for row, column in cuts)


def _cuts(length: int, longest: int) -> list[slice]:
    count = ceil(length / longest)
    edges = [round(index * length / count) for index in range(count + 1)]
    return [slice(start, stop) for start, stop in pairwise(edges)]


Encoding = Literal["balanced", "one-sided"]


@dataclass(frozen=True)
class Pairs:
    """Two target conductances for each weight, in siemens, and the scale: siemens of difference a unit of weight."""

    positive: Tensor
    negative: Tensor
    scale: float


def pairs(weights: Tensor, window: tuple[float, float], encoding: Encoding = "balanced") -> Pairs:
    """Map weights to pairs of conductances, the largest weight to the whole window.

    Args:
        weights: of any shape.
        window: lowest and highest conductance, in siemens.
        encoding: ``balanced``: both devices move apart from the middle of the window, as in Li et al. 2019;
            ``one-sided``: one device stays at the lower end, which takes less current.

    Raises:
        CellwrightError: a weight is not finite; the encoding is unknown.
    """
    if not bool(torch.isfinite(weights).all()):
        raise CellwrightError("a weight is NaN or infinite: such a network cannot be programmed; look at its training")
    low, high = window
    largest = float(weights.abs().max()) if weights.numel() else 0.0
    scale = (high - low) / largest if largest > 0 else high - low
    if encoding == "balanced":
        middle = (low + high) / 2
        return Pairs(middle + weights * scale / 2, middle - weights * scale / 2, scale)
    if encoding == "one-sided":
        return Pairs(low + weights.clamp(min=0) * scale, low + (-weights).clamp(min=0) * scale, scale)
    raise CellwrightError(f"an encoding is 'balanced' or 'one-sided', got {encoding!r}")
