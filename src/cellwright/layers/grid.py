"""Layers of Grid LSTM: blocks along the dimensions of the input and along depth."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

import torch
from torch import nn
from torch.nn.functional import linear

from cellwright.cells.grid import GridLSTM
from cellwright.errors import CellwrightError
from cellwright.layers import checks, parameters
from cellwright.layers.listing import Topology
from cellwright.layers.stages import staged
from cellwright.layers.wavefront import Read, ends_of_depth, order_of, sweep

Tensor: TypeAlias = torch.Tensor


class GridRecurrent(nn.Module):
    """An N-dimensional Grid LSTM: N - 1 dimensions of the input (time, space), and depth, which is the last one.

    Of one dimension it has depth alone; of two, time and depth; of three, the two dimensions of an image and depth.

    The input enters where depth begins: there h of depth is P_h x and m of depth is P_m x (tutorial, equation 50; no
    m where depth has no cell). At all other borders states are zero. The output is the h of depth where depth ends.

    Args:
        cell: a ``GridLSTM``, or its name in the catalogue; it says how many dimensions there are.
        input_size, hidden_size: channels of the input, units of every h and m.
        depth: blocks along depth.
        tied_depth: the blocks along depth have the same weights, and a wavefront crosses all of them. Otherwise each
            has its own, and one layer of blocks is computed after the other.
        device, dtype: of the parameters.

    Parameters are stored as ``Recurrent`` stores them, ``weight_h1_l0`` and so on, with a number for each layer of
    blocks unless depth is tied. ``projection_h`` and ``projection_m`` (hidden_size, input_size) are P_h and P_m.

    Raises:
        CellwrightError: a size or cell that makes no sense.
    """

    def __init__(
        self,
        cell: GridLSTM | str,
        input_size: int,
        hidden_size: int,
        depth: int = 1,
        *,
        tied_depth: bool = True,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        found = checks.walks(checks.cell(cell), "grid")
        if not isinstance(found, GridLSTM):
            raise CellwrightError(f"{found} has one state for all dimensions: build a MultidimensionalRecurrent of it")
        self.cell = found
        self.input_size = checks.positive("input_size", input_size)
        self.hidden_size = checks.positive("hidden_size", hidden_size)
        self.depth = checks.positive("depth", depth)
        self.tied_depth = checks.flag("tied_depth", tied_depth)
        self.sizes = self.cell.sizes(self.input_size, self.hidden_size)
        self._families = parameters.families_in_order(self.cell, self.sizes)
        for suffix in self._suffixes():
            parameters.register(self, self._families, suffix, device, dtype)
        for letter in self._along_depth():
            projection = nn.Parameter(torch.empty(self.hidden_size, self.input_size, device=device, dtype=dtype))
            self.register_parameter(f"projection_{letter}", projection)
        self.reset_parameters()

    @property
    def output_size(self) -> int:
        """Channels of the output."""
        return self.hidden_size

    @property
    def projections(self) -> dict[str, Tensor]:
        """What makes the states that enter at depth 0 of x: P_h and P_m, by the names of these states."""
        return {name: getattr(self, f"projection_{letter}") for letter, name in self._along_depth().items()}

    def reset_parameters(self) -> None:
        """Draw every parameter as ``Recurrent`` does."""
        parameters.draw(self, self.hidden_size)
        for suffix in self._suffixes():
            parameters.start(self, self.cell, self._families, suffix)

    @torch.compiler.disable  # type: ignore[untyped-decorator]  # its many small steps make no graph of torch.compile's
    def forward(self, input: Tensor) -> Tensor:
        """Run the grid over a batch.

        Args:
            input: (batch, channels, *grid) with N - 1 dimensions of the grid: (batch, channels) for depth alone,
                (batch, channels, time), (batch, channels, height, width).

        Returns:
            the output (batch, hidden_size, *grid).

        Raises:
            CellwrightError: shape or dtype do not fit.
        """
        checks.grid(input, self.input_size, self.cell.dimensions - 1)
        checks.same_dtype(input, {}, next(self.parameters(), None))
        shape = tuple(input.shape[2:])
        order = order_of(shape or (1,), (1,) * max(len(shape), 1), input.device)
        x = (input.flatten(2) if shape else input.unsqueeze(2)).permute(2, 0, 1).index_select(0, order.points)
        states = {name: linear(x, projection) for name, projection in self.projections.items()}
        for suffix in self._suffixes():
            states = self._layer(states, shape, suffix)
        output = states[f"h{self.cell.dimensions}"].index_select(0, order.places).permute(1, 2, 0)
        return output.unflatten(2, shape) if shape else output.squeeze(2)

    def _layer(self, entering: Mapping[str, Tensor], shape: tuple[int, ...], suffix: str) -> dict[str, Tensor]:
        """One set of weights along depth: from the states that enter it to those that leave it.

        Both are (points of the input, batch, hidden_size) in order of wavefronts, by name.
        """
        like = next(iter(entering.values()))
        stored = {family.name: getattr(self, family.name + suffix) for family in self._families}
        body = staged(self.cell, tuple(sorted(self.sizes.items()))).bind(stored, like)
        reads = {
            name: Read((self.hidden_size,), (int(name[1:]) - 1,), border=_rows(entering.get(name)))
            for name in self.cell.state_axes()
        }
        depth = self.depth if self.tied_depth else 1
        states = sweep(body, (*shape, depth), like.shape[1], like, reads, {}, {})
        ends = ends_of_depth((*shape, depth), like.device)
        return {name: states[name].index_select(0, ends) for name in entering}

    def _suffixes(self) -> list[str]:
        return [f"_l{layer}" for layer in range(1 if self.tied_depth else self.depth)]

    def _along_depth(self) -> dict[str, str]:
        """The states along depth, h and where there is one m."""
        last = self.cell.dimensions
        return {letter: f"{letter}{last}" for letter in "hm" if f"{letter}{last}" in self.cell.state_axes()}

    def extra_repr(self) -> str:
        tied = "" if self.tied_depth else ", tied_depth=False"
        return f"{self.cell}, {self.input_size}, {self.hidden_size}, depth={self.depth}{tied}"


def _rows(states: Tensor | None) -> Tensor | None:
    """(points, batch, size) as rows."""
    return None if states is None else states.flatten(0, 1)


TOPOLOGIES: Mapping[str, Topology] = {
    "grid-blocks": Topology(
        "a block at each point of time or space and of depth has states of its own in every dimension; drawn skewed, "
        "so that a column of blocks b is a wavefront, which is computed at once",
        "Kalchbrenner, Danihelka & Graves 2016, ICLR, arXiv:1507.01526; tutorial, equations 55 and 56",
        (
            r"X = \begin{bmatrix} h_1 \\ \vdots \\ h_N \end{bmatrix}",
            r"(h_d', m_d') = \mathrm{LSTM}_d(X, m_d), \quad d = 1, \ldots, N",
        ),
        (
            ("", "h_1", "h_2", "h_3"),
            ("", "b_1^2", "b_2^2", "b_3^2"),
            ("b_1^1", "b_2^1", "b_3^1", ""),
            ("x_1", "x_2", "x_3", ""),
        ),
        (
            *((f"x_{t}", f"b_{t}^1") for t in (1, 2, 3)),
            *((f"b_{t}^1", f"b_{t}^2") for t in (1, 2, 3)),
            *((f"b_{t}^2", f"h_{t}") for t in (1, 2, 3)),
            *((f"b_{t}^{layer}", f"b_{t + 1}^{layer}") for layer in (1, 2) for t in (1, 2)),
        ),
        ("grid_parity.py",),
    ),
}  # fmt: skip
