"""Layers that scan grids, that is, images, volumes and the like, from any of their corners."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeAlias

import torch
from torch import nn

from cellwright.cells.multidimensional import MultidimensionalLSTM
from cellwright.errors import CellwrightError
from cellwright.layers import checks, parameters
from cellwright.layers.listing import Topology
from cellwright.layers.stages import staged
from cellwright.layers.wavefront import Read, order_of, sweep
from cellwright.program.storage import size_of

Tensor: TypeAlias = torch.Tensor
Signs: TypeAlias = tuple[int, ...]


class MultidimensionalRecurrent(nn.Module):
    """Scans a grid of any number of dimensions with a multidimensional LSTM, from one corner or several.

    All points of a wavefront, of all samples, are evaluated at once, and W x of all points before the scan.

    Args:
        cell: a ``MultidimensionalLSTM``, or its name in the catalogue; it says how many dimensions there are.
        input_size, hidden_size: channels of the input, units of each direction.
        directions: ``forward`` scans from the first corner alone, ``all`` from each of the 2^D corners; or those that
            are wanted, each as 1 or -1 for each dimension: ``[(1, 1), (-1, -1)]``. Each has weights of its own.
        combine: how the directions' outputs are combined: ``concatenate`` (Graves, Fernández & Schmidhuber 2007), or
            ``sum`` (as the layers above do in Graves & Schmidhuber 2009).
        proj_size: size of the projected output, for cells with a projection.
        device, dtype: of the parameters.

    Parameters are stored as ``Recurrent`` stores them, with a suffix for the dimensions that are walked backwards:
    ``weight_ih_l0``, ``weight_ih_l0_reverse0``, ``weight_ih_l0_reverse01``.

    Raises:
        CellwrightError: a size, direction or cell that makes no sense.
    """

    def __init__(
        self,
        cell: MultidimensionalLSTM | str,
        input_size: int,
        hidden_size: int,
        *,
        directions: Literal["forward", "all"] | Sequence[Sequence[int]] = "forward",
        combine: Literal["concatenate", "sum"] = "concatenate",
        proj_size: int = 0,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        found = checks.walks(checks.cell(cell), "grid")
        if not isinstance(found, MultidimensionalLSTM):
            raise CellwrightError(f"{found} has states for each dimension: build a GridRecurrent of it")
        self.cell = found
        self.input_size = checks.positive("input_size", input_size)
        self.hidden_size = checks.positive("hidden_size", hidden_size)
        self.proj_size = checks.projection(proj_size, hidden_size)
        checks.projection_of(self.cell, proj_size)
        self.directions = _directions(directions, self.cell.dimensions)
        self.combine = checks.choice("combine", combine, ("concatenate", "sum"))
        self.sizes = self.cell.sizes(self.input_size, self.hidden_size, self.proj_size)
        self._families = parameters.families_in_order(self.cell, self.sizes)
        for signs in self.directions:
            parameters.register(self, self._families, _suffix(signs), device, dtype)
        self.reset_parameters()

    @property
    def output_size(self) -> int:
        """Channels of the output."""
        size = self.cell.state_sizes(self.sizes)["h"]
        return size * (len(self.directions) if self.combine == "concatenate" else 1)

    def reset_parameters(self) -> None:
        """Draw every parameter as ``Recurrent`` does."""
        parameters.draw(self, self.hidden_size)
        for signs in self.directions:
            parameters.start(self, self.cell, self._families, _suffix(signs))

    @torch.compiler.disable  # type: ignore[untyped-decorator]  # its many small steps make no graph of torch.compile's
    def forward(self, input: Tensor) -> Tensor:
        """Scan a batch of grids.

        Args:
            input: (batch, channels, *grid), as torch's convolutions take it: (batch, channels, height, width) in two
                dimensions.

        Returns:
            the output (batch, output_size, *grid); channels of direction after direction where they are concatenated.

        Raises:
            CellwrightError: shape or dtype do not fit.
        """
        checks.grid(input, self.input_size, self.cell.dimensions)
        checks.same_dtype(input, {}, next(self.parameters(), None))
        points = input.flatten(2).permute(2, 0, 1)
        outputs = [self._scan(points, tuple(input.shape[2:]), signs) for signs in self.directions]
        output = torch.cat(outputs, -1) if self.combine == "concatenate" else torch.stack(outputs).sum(0)
        return output.permute(1, 2, 0).unflatten(2, input.shape[2:])

    def _scan(self, points: Tensor, shape: tuple[int, ...], signs: Signs) -> Tensor:
        """The output (points, batch, size) of one direction, from the input (points, batch, channels)."""
        order = order_of(shape, signs, points.device)
        stored = {family.name: getattr(self, family.name + _suffix(signs)) for family in self._families}
        step = staged(self.cell, tuple(sorted(self.sizes.items())))
        loop = step.loop(stored, {"x": points.index_select(0, order.points)}, points, ())
        batch, dimensions = points.shape[1], tuple(range(len(shape)))
        reads = {n: Read(size_of(axes, self.sizes), dimensions, True) for n, axes in self.cell.state_axes().items()}
        states = sweep(loop.body, shape, batch, points, reads, loop.per_step, loop.fixed)
        return states["h"].flatten(2).index_select(0, order.places)

    def extra_repr(self) -> str:
        return f"{self.cell}, {self.input_size}, {self.hidden_size}, directions={len(self.directions)}"


def _directions(given: object, dimensions: int) -> tuple[Signs, ...]:
    listed: Any = given.tolist() if hasattr(given, "tolist") else given
    if listed == "forward":
        return ((1,) * dimensions,)
    if listed == "all":
        return tuple(itertools.product((1, -1), repeat=dimensions))
    try:
        found = tuple(tuple(signs) for signs in listed)
    except TypeError:
        found = ()
    fits = all(len(signs) == dimensions and all(sign in (1, -1) for sign in signs) for signs in found)
    if isinstance(listed, str) or not found or not fits or len(set(found)) < len(found):
        example = ", ".join(["1"] * (dimensions - 1) + ["-1"]) + "," * (dimensions == 1)
        raise CellwrightError(
            f"directions is 'forward', 'all' or a list of different directions such as ({example}), one sign for each "
            f"of {dimensions} dimensions; got {listed!r}"
        )
    return found


def _suffix(signs: Signs) -> str:
    reverse = "".join(str(k) for k, sign in enumerate(signs) if sign < 0)
    return f"_l0_reverse{reverse}" if reverse else "_l0"


TOPOLOGIES: Mapping[str, Topology] = {
    "multidimensional": Topology(
        "a cell at each point of a grid reads the states of its neighbour in each dimension; drawn skewed, so that a "
        "column is a wavefront, which is computed at once",
        "Graves, Fernández & Schmidhuber 2007, ICANN, LNCS 4668, 549; tutorial, equations 53 and 54",
        (
            r"X = \begin{bmatrix} x \\ h_1 \\ \vdots \\ h_N \end{bmatrix}",
            r"c = \sum_{d=1}^{N} f_d \odot c_d + i \odot g",
        ),
        (
            ("h_11", "h_12", "h_13", "", ""),
            ("", "h_21", "h_22", "h_23", ""),
            ("", "", "h_31", "h_32", "h_33"),
        ),
        (
            *((f"h_{i}{j}", f"h_{i}{j + 1}") for i in (1, 2, 3) for j in (1, 2)),
            *((f"h_{i}{j}", f"h_{i + 1}{j}") for i in (1, 2) for j in (1, 2, 3)),
        ),
        ("digits_by_scanning.py",),
    ),
}  # fmt: skip
