"""Where weights lie on an array: pairs of devices, rows and columns, tiles.

A weight is the difference of two conductances. How the two devices of a pair lie is data: rows stacked is what
Li et al. 2019 did, driving [x; -x] (their LSTM of 15 units, 1 input and 1 bias took 34 x 60 devices); interleaved rows
put the two next to each other, where the wires treat them alike; columns take the difference of two currents; with a
reference column all columns of a tile share their second device.
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
            currents are subtracted before they are converted; ``reference``: one column in the middle of the tile is
            subtracted from all others.
        order: ``stacked``: all positive devices, then all negative ones; ``interleaved``: pair by pair. A reference
            column has no order.
    """

    along: Literal["rows", "columns", "reference"]
    order: Literal["stacked", "interleaved", ""] = ""

    def __post_init__(self) -> None:
        orders = ("",) if self.along == "reference" else ("stacked", "interleaved")
        if self.along not in ("rows", "columns", "reference") or self.order not in orders:
            raise CellwrightError(
                "a pair lies along 'rows' or 'columns', 'stacked' or 'interleaved', or along a 'reference' column; "
                f"got {self.along!r}, {self.order!r}"
            )

    def physical_shape(self, rows: int, columns: int) -> tuple[int, int]:
        """Devices that a weight matrix of (rows, columns) takes on one array: word lines, bit lines."""
        if self.along == "reference":
            return rows, columns + 1
        return (2 * rows, columns) if self.along == "rows" else (rows, 2 * columns)

    def room(self, largest: tuple[int, int]) -> tuple[int, int]:
        """Rows and columns of the largest weight matrix that an array of (word lines, bit lines) has room for."""
        if self.along == "reference":
            return largest[0], largest[1] - 1
        return (largest[0] // 2, largest[1]) if self.along == "rows" else (largest[0], largest[1] // 2)

    def place(self, positive: Tensor, negative: Tensor) -> Tensor:
        """Lay two matrices (..., rows, columns) out on one array of ``physical_shape``.

        The columns of ``negative`` are alike with a reference column.
        """
        if self.along == "reference":
            before, after = positive.tensor_split([_middle(positive.shape[-1])], -1)
            return torch.cat([before, negative[..., :1], after], -1)
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
        if self.along != "rows":
            return inputs
        if self.order == "stacked":
            return torch.cat([inputs, -inputs], -1)
        return torch.stack([inputs, -inputs], -1).flatten(-2)

    def row_of_lines(self, rows: int) -> Tensor:
        """(word lines,): the row of the weight matrix that each word line belongs to."""
        return self.drive(torch.arange(1, rows + 1)).abs() - 1

    def fold_rows(self, array: Tensor, dimension: int = -2) -> Tensor:
        """From what acts on word-line voltages to what acts on inputs: the transpose of ``drive``."""
        if self.along != "rows":
            return array
        positive, negative = self._split(array, dimension)
        return positive - negative

    def fold_squares(self, array: Tensor, dimension: int = -2) -> Tensor:
        """The same for what acts on squares or other even powers of the voltages."""
        if self.along != "rows":
            return array
        positive, negative = self._split(array, dimension)
        return positive + negative

    def combine(self, lines: Tensor, dimension: int = -1) -> Tensor:
        """Currents of the bit lines to outputs: the currents of a pair of lines are subtracted."""
        if self.along == "rows":
            return lines
        positive, negative = self._split(lines, dimension)
        return positive - negative

    @property
    def _dimension(self) -> int:
        return -2 if self.along == "rows" else -1

    def _split(self, array: Tensor, dimension: int) -> tuple[Tensor, Tensor]:
        """The two of each pair along a dimension, counted from the end."""
        if self.along == "reference":
            middle = _middle(array.shape[dimension] - 1)
            before, reference, after = array.tensor_split([middle, middle + 1], dimension)
            rest = torch.cat([before, after], dimension)
            return rest, reference.expand_as(rest)
        if self.order == "stacked":
            positive, negative = array.chunk(2, dimension)
        else:
            positive, negative = array.unflatten(dimension, (-1, 2)).unbind(dimension)
        return positive, negative


def _middle(columns: int) -> int:
    """Where the reference column lies: half of the columns are nearer to the drivers than it is."""
    return columns // 2


LAYOUTS: Mapping[str, PairLayout] = {
    "rows stacked": PairLayout("rows", "stacked"),
    "rows interleaved": PairLayout("rows", "interleaved"),
    "columns stacked": PairLayout("columns", "stacked"),
    "columns interleaved": PairLayout("columns", "interleaved"),
    "reference column": PairLayout("reference"),
}


def find_layout(layout: str | PairLayout) -> PairLayout:
    """A layout by name; a layout passes through.

    Raises:
        CellwrightError: no layout has that name.
    """
    return layout if isinstance(layout, PairLayout) else named("pair layout", layout, LAYOUTS)


@dataclass(frozen=True)
class Place:
    """The part of a weight matrix that one physical array holds; ``bit_slice`` counts the slices of a weight."""

    rows: slice
    columns: slice
    bit_slice: int = 0

    @property
    def shape(self) -> tuple[int, int]:
        return self.rows.stop - self.rows.start, self.columns.stop - self.columns.start


def tiles(rows: int, columns: int, layout: PairLayout, largest: tuple[int, int], slices: int = 1) -> tuple[Place, ...]:
    """Cut a weight matrix into tiles of at most ``largest`` (word lines, bit lines); no pair is split.

    The cuts are as even as can be: short lines lose less. Each bit slice takes tiles of its own.

    Raises:
        CellwrightError: the largest tile has no room for a pair.
    """
    room = layout.room(largest)
    if min(room) < 1:
        raise CellwrightError(f"a tile of {largest[0]} x {largest[1]} devices has no room for a pair: make it larger")
    cuts = product(range(slices), _cuts(rows, room[0]), _cuts(columns, room[1]))
    return tuple(Place(row, column, index) for index, row, column in cuts)


def check_whole(name: str, rows: int, columns: int, layout: PairLayout, largest: tuple[int, int]) -> None:
    """Refuse a weight matrix of (rows, columns), the bias row counted, that does not fit one array as a whole.

    Raises:
        CellwrightError: naming it, what it takes and what there is.
    """
    lines, bits = layout.physical_shape(rows, columns)
    if lines > largest[0] or bits > largest[1]:
        raise CellwrightError(
            f"array {name!r} has {rows} x {columns} weights and takes {lines} x {bits} devices, but the largest array "
            f"has {largest[0]} x {largest[1]} and tiling is off: make the network smaller, the tile at least "
            f"{lines} x {bits}, or switch tiling on"
        )


def _cuts(length: int, longest: int) -> list[slice]:
    count = ceil(length / longest)
    edges = [round(index * length / count) for index in range(count + 1)]
    return [slice(start, stop) for start, stop in pairwise(edges)]
