"""Cells whose values are maps: an LSTM and a GRU that convolve where others multiply by matrices."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal, TypeAlias

from cellwright.cells import checks
from cellwright.cells.gru import GRU
from cellwright.cells.listing import Listed
from cellwright.cells.lstm import LSTM
from cellwright.cells.notation import UNIT, Cell, Topology, affine, convolution
from cellwright.errors import CellwrightError
from cellwright.program.values import SPATIAL, Axes, Value

KernelSize: TypeAlias = int | tuple[int, ...]


class Convolutional(Cell):
    """What the cells have in common whose input and states are maps: channels by rows by columns, say.

    Attributes:
        dimensions: of a map: 1 (columns), 2 (rows and columns) or 3 (depth, rows and columns).
        kernel_size: of the recurrent kernels: how many neighbours a place sees, odd; a tuple gives one number a
            dimension.
        input_kernel_size: of the kernels that read the input; None for ``kernel_size``.
        dilation: the distance between the neighbours that a kernel sees.
    """

    topology: ClassVar[Topology] = "maps"
    dimensions: Literal[1, 2, 3] = 2
    kernel_size: KernelSize = 3
    input_kernel_size: KernelSize | None = None
    dilation: int = 1

    @property
    def space(self) -> Axes:
        """The axes of a map beside its channels."""
        return SPATIAL[-self.dimensions :]

    @property
    def sequences(self) -> Mapping[str, Axes]:  # type: ignore[override]  # they depend on the dimensions
        """The input of each time step: a map."""
        return {"x": ("feature", *self.space)}

    def state_axes(self) -> dict[str, Axes]:
        """The states with their axes: those of the cell's units are the channels of maps."""
        return {name: (*axes, *self.space) for name, axes in super().state_axes().items()}

    def sizes(self, input_size: int, hidden_size: int, projection_size: int = 0) -> dict[str, int]:
        """Sizes of the axes for a layer of ``hidden_size`` channels reading ``input_size``; maps may have any size."""
        own = self._kernel_sizes("kernel_size", self.kernel_size)
        read = self.kernel_size if self.input_kernel_size is None else self.input_kernel_size
        of_input = self._kernel_sizes("input_kernel_size", read)
        offsets = (*self._offsets(), *self._offsets("input "))
        kernels = dict(zip(offsets, (*own, *of_input), strict=True))
        return super().sizes(input_size, hidden_size, projection_size) | kernels

    def _offsets(self, kind: str = "") -> Axes:
        return tuple(f"{kind}{axis} offset" for axis in self.space)

    def _convolved(self, name: str, value: Value, out: Axes, *, bias: bool) -> Value:
        """A value through the kernel of its name: what ``linear`` is to other cells."""
        is_input = value.operator == "input" and value.name == "x"
        offsets = self._offsets("input " if is_input else "")
        return convolution(name, value, out, offsets=offsets, bias=bias, dilation=self.dilation)

    def _check_maps(self) -> None:
        if self.dimensions not in (1, 2, 3):
            raise CellwrightError(f"dimensions is 1, 2 or 3; got {self.dimensions!r}")
        self._kernel_sizes("kernel_size", self.kernel_size)
        if self.input_kernel_size is not None:
            self._kernel_sizes("input_kernel_size", self.input_kernel_size)
        checks.whole("dilation", self.dilation)

    def _kernel_sizes(self, field: str, given: KernelSize) -> tuple[int, ...]:
        sizes = given if isinstance(given, tuple) else (given,) * self.dimensions
        odd = all(isinstance(size, int) and not isinstance(size, bool) and size > 0 and size % 2 for size in sizes)
        if not odd or len(sizes) != self.dimensions:
            raise CellwrightError(
                f"{field} is an odd number, so that a kernel has a centre, or a tuple of {self.dimensions}; "
                f"got {given!r}"
            )
        return sizes


class ConvLSTM(Convolutional, LSTM):
    """Convolutional LSTM (Shi, Chen, Wang, Yeung, Wong & Woo 2015, NIPS 28, 802, equation 3).

    Every matrix of the LSTM is a kernel, every unit a channel of maps. The fields of ``LSTM`` make its variants; a
    projection is none of them.

    Attributes:
        peephole_weights: with ``peepholes``, one weight for each ``channel``, or for each ``position`` of each channel,
            as the paper's products with W_ci, W_cf and W_co are read, which fixes the size of the maps. i and f see the
            previous c, o the new one.
    """

    peephole_weights: Literal["channel", "position"] = "channel"

    def __post_init__(self) -> None:
        self._check_maps()
        checks.choice("peephole_weights", self.peephole_weights, ("channel", "position"))
        super().__post_init__()
        if self.projection:
            raise CellwrightError("a convolutional LSTM has no projection: read fewer channels out of its output")

    def _seen(self, name: str, x: Value, *recurrent: Value, out: Axes, bias: bool) -> Value:
        return affine(
            name, x, *recurrent, out=out, bias=bias, recurrent_bias=self.recurrent_bias, apply=self._convolved
        )

    def _peephole_axes(self, name: str) -> Axes:
        axes = super()._peephole_axes(name)
        return (*axes, *self.space) if self.peephole_weights == "position" else axes


class ConvGRU(Convolutional, GRU):
    """Convolutional GRU (Ballas, Yao, Pal & Courville 2016, ICLR, arXiv:1511.06432).

    Every matrix of the GRU is a kernel. The authors reset before the recurrent kernel, and their z is 1 - z here.
    """

    def __post_init__(self) -> None:
        self._check_maps()
        super().__post_init__()

    def _seen(self, name: str, *values: Value, bias: bool, recurrent_bias: bool = False) -> Value:
        return affine(name, *values, out=UNIT, bias=bias, recurrent_bias=recurrent_bias, apply=self._convolved)


_SHI = "Shi, Chen, Wang, Yeung, Wong & Woo 2015, NIPS 28, 802"

CATALOGUE: Mapping[str, Listed] = {
    "convlstm": Listed(ConvLSTM(), "convolutional LSTM: kernels for matrices (Keras' ConvLSTM2D)", _SHI),
    "convlstm-peephole": Listed(ConvLSTM(peepholes=True), "convolutional LSTM whose gates see the cell state", _SHI),
    "convgru": Listed(
        ConvGRU(reset="before"),
        "convolutional GRU that resets before the recurrent kernel, as published",
        "Ballas, Yao, Pal & Courville 2016, ICLR, arXiv:1511.06432",
    ),
}
