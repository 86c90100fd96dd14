"""What a chip is made of, and which causes of error it has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import hypot, inf, sqrt
from typing import Any, Literal, get_args

import torch

from cellwright.crossbar.converters import ConverterErrors, levels_of
from cellwright.crossbar.devices import Device, find
from cellwright.crossbar.devices.device import ROOM_TEMPERATURE, Scheme
from cellwright.crossbar.encodings import InputEncoding, check_encoding
from cellwright.crossbar.layout import PairLayout, find_layout
from cellwright.crossbar.mapping import PairEncoding, ScalePer
from cellwright.crossbar.readout import ReadOut
from cellwright.crossbar.wires import Wires
from cellwright.errors import CellwrightError, named

CAUSES: Mapping[str, str] = {
    "programming": "noise of the programming pulses, up to the tolerance of write-verify",
    "device_to_device": "differences between devices, which act through pulses, curves and drift",
    "stuck_devices": "devices stuck on or off",
    "input_resolution": "steps and range of the digital-to-analog converters",
    "output_resolution": "steps and range of the analog-to-digital converters",
    "read_noise": "noise of the devices from one read to the next",
    "wires": "resistance of drivers, wires and sense amplifiers",
    "nonlinearity": "devices' current-voltage curves",
    "ageing": "drift, temperature and disturbing reads since programming",
    "converter_errors": "offset, gain and integral nonlinearity of the converters",
    "read_out": "offset, gain, virtual ground and settling of the amplifiers behind the bit lines",
}
"""The causes of error by name, with what each is."""

_OFF: Mapping[str, Mapping[str, Any]] = {
    "programming": {"programming": False},
    "device_to_device": {"device_to_device": False},
    "stuck_devices": {"stuck_on": 0.0, "stuck_off": 0.0},
    "input_resolution": {"input_bits": None, "input_encoding": "amplitude"},
    "output_resolution": {"output_bits": None},
    "read_noise": {"read_noise": False},
    "wires": {"wires": None},
    "nonlinearity": {"nonlinearity": False},
    "ageing": {"time": 0.0, "temperature": ROOM_TEMPERATURE, "reads": 0.0},
    "converter_errors": {"input_errors": None, "output_errors": None},
    "read_out": {"read_out": None},
}


_PARTS: Mapping[str, type] = {
    "wires": Wires,
    "read_out": ReadOut,
    "input_errors": ConverterErrors,
    "output_errors": ConverterErrors,
}
"""What a chip has or does without, by the class that describes it."""


_MOST: Mapping[str, int] = {"rounds": 1_000_000, "slices": 64, "slice_bits": 24, "averaged_reads": 100_000}
"""The most of each: more is a slip of the finger, which would fill the memory or never end."""


@dataclass(frozen=True, kw_only=True)
class ChipSettings:
    """A chip. Every cause of error is a field and can be left out; ``ideal()`` leaves out all of them.

    Attributes:
        device: a device or its name in the catalogue.
        layout: how the devices of a pair lie, or the name of a layout. Li et al. stacked the rows of a pair; rows
            interleaved take as many devices (34 x 60 for their network) and lose several times less to the wires.
        encoding: ``balanced`` or ``one-sided``; see ``mapping.conductances``. A reference column has its own.
        scale_per: one scale from weights to conductances an ``array`` or one a ``column``.
        search_scale: clip the largest weights where that makes the outputs err less, as ``mapping.best_clip`` predicts;
            otherwise the largest weight takes the whole window.
        slices, slice_bits: bit slices of a weight, each on arrays of its own, and bits of the magnitude a slice.
        tile: word lines and bit lines of the largest physical array; 128 x 64 is the array of Li et al. 2019.
        tiling: a matrix that takes more devices than that is cut into several arrays; without, it is refused.
        programming: write-verify with pulse noise; without it every device sits at its target.
        scheme: of write-verify, ``one-pulse`` or ``two-pulse``; None takes the device's own.
        tolerance: of write-verify, as a fraction of the device's window.
        rounds: of write-verify before it gives up.
        compensate, remap: what failed is worked around in a second pass; see ``repair``.
        device_to_device: devices differ, where the device says how much.
        stuck_on, stuck_off: probability of a device to be stuck there. Li et al. 2018 (Nature Electronics 1, 52)
            report a yield of 99.8 % on the 128 x 64 array; equal shares of on and off are assumed.
        input_encoding: ``amplitude``, ``bit-serial`` or ``pulse-width``; see ``encodings``.
        input_bits: of the converters at the word lines; one range for each group of rows (x, h), set on training data.
        output_bits: of the converters at the bit lines; ranges set on training data.
        output_range: one range a ``column`` or one a ``tile``.
        headroom: the converters' ranges as a multiple of the largest value in the training data; what lies beyond the
            range is cut off, as in a series that goes on growing. The default was compared with 1, 1.5 and 3 on the
            test months of the airline series: there it is a choice made with hindsight.
        affine: correct gain and offset of each column of each tile by least squares on training data.
        input_errors, output_errors: of the converters, one a word line and one a tile; None is none.
        read_out: the amplifiers behind the bit lines; None is an ideal one.
        averaged_reads: so many reads, each converted, are averaged.
        read_noise: the device's noise at every read.
        wires: resistances, or None.
        nonlinearity: devices follow their current-voltage curves, where these are not straight.
        time: seconds between programming and use.
        temperature: of the devices in use, in kelvins; they are programmed and calibrated at 300 K.
        reads: reads at the read voltage between programming and use.
    """

    device: str | Device = "li2019"
    layout: str | PairLayout = "rows interleaved"
    encoding: PairEncoding = "balanced"
    scale_per: ScalePer = "array"
    search_scale: bool = False
    slices: int = 1
    slice_bits: int = 4
    tile: tuple[int, int] = (128, 64)
    tiling: bool = True
    programming: bool = True
    scheme: Scheme | None = None
    tolerance: float = 0.02
    rounds: int = 100
    compensate: bool = False
    remap: bool = False
    device_to_device: bool = True
    stuck_on: float = 0.001
    stuck_off: float = 0.001
    input_encoding: InputEncoding = "amplitude"
    input_bits: int | None = 8
    output_bits: int | None = 8
    output_range: Literal["column", "tile"] = "column"
    headroom: float = 2.0
    affine: bool = True
    input_errors: ConverterErrors | None = None
    output_errors: ConverterErrors | None = None
    read_out: ReadOut | None = None
    averaged_reads: int = 1
    read_noise: bool = True
    wires: Wires | None = Wires()
    nonlinearity: bool = True
    time: float = 0.0
    temperature: float = ROOM_TEMPERATURE
    reads: float = 0.0

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
        if not 0 < self.tolerance <= 1:
            raise CellwrightError(f"tolerance is a fraction of the window, got {self.tolerance}")
        check_encoding(self.input_encoding, self.input_bits)
        if self.encoding not in get_args(PairEncoding):
            raise CellwrightError(
                f"encoding is 'balanced' or 'one-sided', got {self.encoding!r}; a reference comes with the layout "
                "'reference column'"
            )
        for name, most in _MOST.items():
            if not _counts(getattr(self, name), most):
                raise CellwrightError(f"{name} is a whole number from 1 to {most:,}, got {getattr(self, name)!r}")
        if not (isinstance(self.tile, tuple) and len(self.tile) == 2 and all(map(_counts, self.tile))):
            raise CellwrightError(
                "tile is a pair (word lines, bit lines) of whole numbers from 1 to 1,000,000, such as (128, 64), "
                f"got {self.tile!r}"
            )
        if not isinstance(self.tiling, bool):
            raise CellwrightError(f"tiling is True or False, got {self.tiling!r}")
        for name, kind in _PARTS.items():
            if not isinstance(getattr(self, name), kind | None):
                raise CellwrightError(
                    f"{name} is an instance of {kind.__name__}, such as {kind.__name__}(), or None; "
                    f"got {getattr(self, name)!r}"
                )
        if self.scale_per not in ("array", "column"):
            raise CellwrightError(f"scale_per is 'array' or 'column', got {self.scale_per!r}")
        if self.scheme not in (None, *get_args(Scheme)):
            raise CellwrightError(f"scheme is 'one-pulse', 'two-pulse' or None, got {self.scheme!r}")
        if not (0 <= self.time < inf and 0 <= self.reads < inf and 0 < self.temperature < inf):
            raise CellwrightError(
                "time (seconds) and reads are at least 0, temperature (kelvins) above 0; got "
                f"{self.time!r}, {self.reads!r} and {self.temperature!r}"
            )

    @property
    def causes(self) -> tuple[str, ...]:
        """The causes of error that this chip has. What its device or its inputs rule out is none."""
        device = find(self.device)
        straight = device.linear or self.input_encoding != "amplitude"
        absent = {"device_to_device": not device.varies, "nonlinearity": straight}
        return tuple(
            cause
            for cause, off in _OFF.items()
            if not absent.get(cause) and any(getattr(self, name) != value for name, value in off.items())
        )

    @property
    def fresh(self) -> ChipSettings:
        """The same chip as it was when it was programmed."""
        return self.without("ageing")

    @property
    def device_error(self) -> float:
        """Expected standard deviation of a conductance from its target, in siemens, in the middle of the window.

        Write-verify leaves errors that are uniform within its tolerance; each read adds its noise.
        """
        device = find(self.device)
        low, high = device.window
        left = self.tolerance * (high - low) / sqrt(3) if self.programming else 0.0
        noise = float(device.read_noise(torch.tensor((low + high) / 2))) if self.read_noise else 0.0
        return hypot(left, noise)

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


def _counts(value: Any, most: int = 1_000_000) -> bool:
    """Is it a whole number from 1 to ``most``? True and False are none."""
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= most
