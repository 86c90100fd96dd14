"""What a simulated chip is made of: for people, each with what it rests on, and as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import torch

from cellwright.crossbar import ChipSettings, Device, Wires, find_device
from cellwright.units import THIN, quantity

_DEFAULT = ChipSettings()

# What the defaults rest on, as `ChipSettings` and `Wires` say; any other value is the choice of whoever runs the study.
_BASIS: Mapping[str, str] = {
    "layout": "chosen: it loses less to the wires than the stacked rows of Li et al. 2019",
    "encoding": "chosen",
    "tile": "cited: the array of Li et al. 2019",
    "tolerance": "assumed",
    "rounds": "assumed",
    "stuck_on": "cited: a yield of 99.8 % (Li et al. 2018, Nature Electronics 1, 52); equal shares are assumed",
    "input_bits": "assumed",
    "output_bits": "assumed",
    "output_range": "chosen",
    "headroom": "chosen with the test months in view",
    "affine": "chosen",
    "wires": "cited: the metal of GF180MCU; assumed: four squares a segment, drivers and sense amplifiers",
}

SETTING_OF_CAUSE: Mapping[str, str] = {
    "programming": "write-verify tolerance",
    "stuck_devices": "stuck devices",
    "input_resolution": "input converters",
    "output_resolution": "output converters",
    "read_noise": "read noise",
    "wires": "resistances",
}
"""The setting, by the names of `chip_settings`, that decides how large a cause of error is."""


def chip_settings(settings: ChipSettings) -> dict[str, str]:
    """The settings of a chip by readable name: value with its unit, and whether it is cited, assumed or chosen."""
    rows, columns = settings.tile
    layout = settings.layout if isinstance(settings.layout, str) else f"{settings.layout.along} {settings.layout.order}"
    correction = "gain and offset of each column, set on training data" if settings.affine else "none"
    return _of_device(find_device(settings.device), settings.read_noise) | {
        name: f"{value}; {_basis(settings, field)}"
        for field, name, value in (
            ("tolerance", "write-verify tolerance", _tolerance(settings)),
            ("rounds", "write-verify rounds", f"{settings.rounds} at most"),
            ("stuck_on", "stuck devices", f"{_percent(settings.stuck_on)} on, {_percent(settings.stuck_off)} off"),
            ("input_bits", "input converters", _bits(settings.input_bits)),
            ("output_bits", "output converters", _bits(settings.output_bits)),
            ("output_range", "output ranges", f"one a {settings.output_range}"),
            ("headroom", "headroom", f"ranges of {settings.headroom:g} times the largest training value"),
            ("affine", "digital correction", correction),
            ("wires", "resistances", _ohms(settings.wires)),
            ("tile", "largest array", f"{rows} × {columns} devices"),
            ("layout", "pairs of devices", layout),
            ("encoding", "encoding of weights", settings.encoding),
        )
    }


def plain_settings(settings: ChipSettings) -> dict[str, Any]:
    """All values of a chip's settings and of its device, in SI units, as numbers, text, lists and mappings."""
    device = find_device(settings.device)
    values = asdict(settings)
    name = settings.device if isinstance(settings.device, str) else type(device).__name__
    return {"device": name, "chip": values | {"device": name}, "device_values": asdict(device)}


def _of_device(device: Device, noisy: bool) -> dict[str, str]:
    low, high = device.window
    middle = torch.tensor((low + high) / 2, dtype=torch.float64)
    noise = device.read_noise(middle).item() / middle.item() if noisy else 0.0
    read = f"{quantity(device.read.voltage, 'V')} for {quantity(device.read.width, 's')}"
    written = f"{_percent(noise)} of the conductance at every read; {_sourced(device, 'read noise')}"
    return {
        "conductance window": f"{quantity(low, 'S')} to {quantity(high, 'S')}; {_sourced(device, 'window')}",
        "read noise": written if noise else "none",
        "largest read pulse": f"{read}; time assumed",
    }


def _sourced(device: Device, what: str) -> str:
    """A device names in words what of it has no source."""
    return "assumed" if what in device.assumed else "cited with the device"


def _basis(settings: ChipSettings, field: str) -> str:
    alike = ("stuck_on", "stuck_off") if field == "stuck_on" else (field,)
    default = all(getattr(settings, name) == getattr(_DEFAULT, name) for name in alike)
    return _BASIS[field] if default else "chosen for this run"


def _tolerance(settings: ChipSettings) -> str:
    if not settings.programming:
        return "every device exactly at its target"
    low, high = find_device(settings.device).window
    return f"{_percent(settings.tolerance)} of the window, {quantity(settings.tolerance * (high - low), 'S')}"


def _bits(bits: int | None) -> str:
    return "ideal" if bits is None else f"{bits} bits" if bits != 1 else "1 bit"


def _ohms(wires: Wires | None) -> str:
    if wires is None:
        return "none"
    lines = (
        f"{quantity(wires.row_segment, 'Ω')} a segment of a word line",
        f"{quantity(wires.column_segment, 'Ω')} of a bit line",
        f"{quantity(wires.driver, 'Ω')} a driver",
        f"{quantity(wires.sense, 'Ω')} a sense amplifier",
    )
    return ", ".join(lines)


def _percent(fraction: float) -> str:
    return f"{100 * fraction:.3g}{THIN}%"
