"""Recurrent layers over maps: any convolutional cell, on images, signals and volumes that change with time."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from math import prod
from typing import Any, ClassVar

import torch

from cellwright.cells import Cell
from cellwright.cells import Topology as CellTopology
from cellwright.errors import CellwrightError
from cellwright.layers import checks
from cellwright.layers.listing import Topology
from cellwright.layers.recurrent import Recurrent
from cellwright.layers.scan import Scanned, scan
from cellwright.layers.sequences import Masks
from cellwright.layers.stack import scan_outside_of_graphs
from cellwright.program import Family
from cellwright.program.storage import size_of
from cellwright.program.values import SPATIAL, Axes

Tensor = torch.Tensor

TOPOLOGIES: Mapping[str, Topology] = {
    "convolutional": Topology(
        "states are maps; a place sees its neighbours of this layer's step before and of the layer below",
        "Shi, Chen, Wang, Yeung, Wong & Woo 2015, NIPS 28, 802",
        (
            r"H_t^1 = f(W^1 * X_t,\; U^1 * H_{t-1}^1)",
            r"H_t^2 = f(W^2 * H_t^1,\; U^2 * H_{t-1}^2)",
        ),
        (("H_1^2", "H_2^2", "H_3^2"), ("H_1^1", "H_2^1", "H_3^1"), ("X_1", "X_2", "X_3")),
        (
            *((f"X_{t}", f"H_{t}^1") for t in (1, 2, 3)),
            *((f"H_{t}^1", f"H_{t}^2") for t in (1, 2, 3)),
            *((f"H_{t}^{layer}", f"H_{t + 1}^{layer}") for layer in (1, 2) for t in (1, 2)),
        ),
        ("moving_digits.py",),
    ),
}


class ConvolutionalRecurrent(Recurrent):
    """A stack of recurrent layers of one convolutional cell.

    It does with maps (channels, *space) what ``Recurrent`` does with vectors: input and output are
    (time, batch, channels, *space), or batch first as set, or without the batch for one sequence. Initial and final
    states are (layers * directions, batch, channels, *space). Lengths, resets, recorded signals and ``step`` are those
    of ``Recurrent``. Maps may have any size, at each call another, unless the cell has weights for each position.

    Args:
        cell: a cell of maps, its name in the catalogue (``convlstm``), or ``FILE.py:CLASS``.
        input_channels, hidden_channels: of the input's maps, and of each layer's states.
        num_layers, batch_first, dropout, bidirectional: as in ``Recurrent``.
        map_size: of the maps, (rows, columns) for two dimensions: for cells with weights for each position.
        device, dtype: of the parameters.

    Parameters are stored in the layout of ``torch.nn.Conv2d`` and its like, gates concatenated in ``cell.gates``
    order: ``weight_ih_l0`` is (gates * hidden_channels, input_channels, rows, columns of the kernel).

    Raises:
        CellwrightError: a size or probability that makes no sense; a cell that reads no maps.
    """

    _topology: ClassVar[CellTopology] = "maps"

    def __init__(
        self,
        cell: Cell | str,
        input_channels: int,
        hidden_channels: int,
        num_layers: int = 1,
        *,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        map_size: int | Sequence[int] | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        checks.positive("input_channels", input_channels)
        checks.positive("hidden_channels", hidden_channels)
        self.map_size = None if map_size is None else _whole(map_size)  # before the sizes of layers are asked for
        super().__init__(
            cell,
            input_channels,
            hidden_channels,
            num_layers,
            batch_first=batch_first,
            dropout=dropout,
            bidirectional=bidirectional,
            device=device,
            dtype=dtype,
        )
        named = self.cell.program().named
        self._map_signals = frozenset(name for name, value in named.items() if set(self.space) <= set(value.axes))

    @property
    def space(self) -> Axes:
        """The axes of a map beside its channels."""
        return tuple(axis for axis in self.cell.sequences["x"] if axis in SPATIAL)

    @property
    def output_channels(self) -> int:
        """Channels of the output: those of the cell's first state, once a direction."""
        return self.output_size

    def layer_sizes(self, layer: int) -> dict[str, int]:
        """Sizes of the cell's axes in one layer; those of the maps only where the layer has a ``map_size``."""
        if self.map_size is None:
            return super().layer_sizes(layer)
        if len(self.map_size) != len(self.space):
            raise CellwrightError(f"map_size is one number for each of {', '.join(self.space)}; got {self.map_size}")
        return super().layer_sizes(layer) | dict(zip(self.space, self.map_size, strict=True))

    def extra_repr(self) -> str:
        return super().extra_repr() + (f", map_size={self.map_size}" if self.map_size else "")

    def _families(self, layer: int) -> list[Family]:
        fixed = [p.attributes["family"] for p in self.cell.program().parameters if set(p.axes) & set(SPATIAL)]
        if fixed and self.map_size is None:
            raise CellwrightError(
                f"{self.cell} has weights for each position ({fixed[0]}): give the size of the maps, "
                f"map_size=({', '.join(f'{axis}s' for axis in self.space)})"
            )
        return super()._families(layer)

    def _fan_in(self) -> int:
        kernels = [family for family in self._families(0) if family.name == "weight_hh"]
        return prod(kernels[0].shape[1:]) if kernels else self.hidden_size

    def reset_parameters(self) -> None:
        """Draw every kernel as ``torch.nn.Conv2d`` does, from U(-1/√K, 1/√K) for K weights that lead to a channel.

        Biases and elementwise weights have the K of the recurrent kernel. Those that the cell starts at a value of its
        own are then set to it.
        """
        super().reset_parameters()
        for layer, suffix in self.directions():
            for family in self._families(layer):
                if len(family.shape) > 2:
                    with torch.no_grad():
                        getattr(self, family.name + suffix).mul_(math.sqrt(self._fan_in() / prod(family.shape[1:])))

    def _check_input(self, input: Any) -> None:
        checks.maps(input, self.input_size, self.space, self.map_size, self.batch_first)

    def _state_sizes(self) -> dict[str, int]:
        """The states' channels."""
        sizes = self.layer_sizes(0)
        channels = {n: tuple(a for a in axes if a not in SPATIAL) for n, axes in self.cell.state_axes().items()}
        return {name: prod(size_of(axes, sizes)) for name, axes in channels.items()}

    def _state_shapes(self, x: Tensor) -> dict[str, tuple[int, ...]]:
        return {name: (channels, *x.shape[3:]) for name, channels in self._state_sizes().items()}

    def _is_worth_ordering(self, rows: int) -> bool:
        return False

    def _scan(
        self,
        layer: int,
        suffix: str,
        inputs: Mapping[str, Tensor],
        start: Mapping[str, Tensor],
        masks: Masks,
        record: Sequence[str],
    ) -> Scanned:
        """The time loop carries flat states; outside of it they are maps."""
        space = inputs["x"].shape[3:]
        sizes = dict(self._sizes[layer]) | dict(zip(self.space, space, strict=True))
        flat = {name: state.flatten(2) for name, state in start.items()}
        stored = self.stored(layer, suffix)
        run = scan_outside_of_graphs if torch.compiler.is_compiling() else scan
        scanned = run(self.running_cell, tuple(sorted(sizes.items())), stored, inputs, flat, masks, record)

        def as_maps(tensor: Tensor) -> Tensor:
            return tensor.unflatten(2, (-1, *space))

        return Scanned(
            as_maps(scanned.output),
            {name: as_maps(state) for name, state in scanned.states.items()},
            {name: as_maps(t) if name in self._map_signals else t for name, t in scanned.recorded.items()},
        )


def _whole(given: int | Sequence[int]) -> tuple[int, ...]:
    sizes = tuple(given) if isinstance(given, Sequence) else (given,)
    return tuple(checks.positive("map_size", size) for size in sizes)
