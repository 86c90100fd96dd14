"""What a simulated chip is made of: for people, each with what it rests on, and as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import torch

from cellwright.crossbar import ChipSettings, Device, ReadOut, Wires, find_device
from cellwright.units import THIN, quantity

_DEFAULT = ChipSettings()

# What the defaults rest on, as `ChipSettings` and `Wires` say; any other value is the choice of whoever runs the study.
_BASIS: Mapping[str, str] = {
    "layout": "chosen: it loses less to the wires than the stacked rows of Li et al. 2019",
    "encoding": "chosen",
    "scale_per": "chosen",
    "search_scale": "chosen",
    "slices": "chosen",
    "scheme": "the device's",
    "compensate": "chosen",
    "input_encoding": "chosen",
    "input_errors": "left out",
    "output_errors": "left out",
    "read_out": "left out",
    "averaged_reads": "chosen",
    "time": "chosen",
    "tile": "cited: the array of Li et al. 2019",
    "tolerance": "assumed",
    "rounds": "assumed",
    "stuck_on": "cited: a yield of 99.8 % (Li et al. 2018, Nature Electronics 1, 52); equal shares are assumed",
    "input_bits": "assumed",
    "output_bits": "assumed",
    "output_range": "chosen",
    "headroom": "chosen on the airline series, with its test months in view",
    "affine": "chosen",
    "wires": "cited: the metal of GF180MCU; assumed: four squares a segment, drivers and sense amplifiers",
}

_TOGETHER: Mapping[str, tuple[str, ...]] = {
    "stuck_on": ("stuck_on", "stuck_off"),
    "scale_per": ("scale_per", "search_scale"),
    "tile": ("tile", "tiling"),
    "slices": ("slices", "slice_bits"),
    "compensate": ("compensate", "remap"),
    "input_errors": ("input_errors", "output_errors"),
    "time": ("time", "temperature", "reads"),
}
"""Fields that are told together, by the first of them."""

SETTING_OF_CAUSE: Mapping[str, str] = {
    "programming": "write-verify tolerance",
    "stuck_devices": "stuck devices",
    "input_resolution": "input converters",
    "output_resolution": "output converters",
    "read_noise": "read noise",
    "wires": "resistances",
    "device_to_device": "differences between devices",
    "nonlinearity": "current-voltage curves",
    "ageing": "age in use",
    "converter_errors": "errors of the converters",
    "read_out": "amplifiers",
}
"""The setting, by the names of `chip_settings`, that decides how large a cause of error is."""


def chip_settings(settings: ChipSettings) -> dict[str, str]:
    """The settings of a chip by readable name: value with its unit, and whether it is cited, assumed or chosen."""
    rows, columns = settings.tile
    device = find_device(settings.device)
    layout = settings.layout if isinstance(settings.layout, str) else f"{settings.layout.along} {settings.layout.order}"
    correction = "gain and offset of each column, set on training data" if settings.affine else "none"
    return (
        _of_device(device, settings.read_noise)
        | {
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
                ("tile", "largest array", f"{rows} × {columns} devices{', no tiling' * (not settings.tiling)}"),
                ("layout", "pairs of devices", layout),
                ("encoding", "encoding of weights", settings.encoding),
                ("scale_per", "scale of weights", f"one a {settings.scale_per}{', searched' * settings.search_scale}"),
                ("slices", "bit slices", _slices(settings)),
                ("scheme", "write-verify scheme", settings.scheme or device.scheme),
                ("compensate", "repair", _repair(settings)),
                ("input_encoding", "input encoding", settings.input_encoding),
                ("input_errors", "errors of the converters", _converter_errors(settings)),
                ("read_out", "amplifiers", _amplifiers(settings.read_out)),
                ("averaged_reads", "averaged reads", str(settings.averaged_reads)),
                ("time", "age in use", _age(settings)),
            )
        }
        | _of_instances(settings, device)
    )


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
    alike = _TOGETHER.get(field, (field,))
    default = all(getattr(settings, name) == getattr(_DEFAULT, name) for name in alike)
    return _BASIS[field] if default else "chosen for this run"


def _slices(settings: ChipSettings) -> str:
    return "one" if settings.slices == 1 else f"{settings.slices}, of {settings.slice_bits} bits"


def _repair(settings: ChipSettings) -> str:
    chosen = {"partners make up for failed devices": settings.compensate, "rows are moved": settings.remap}
    return ", ".join(what for what, on in chosen.items() if on) or "none"


def _converter_errors(settings: ChipSettings) -> str:
    ends = {"input": settings.input_errors, "output": settings.output_errors}
    found = [
        f"{end}: offset {_percent(errors.offset)}, gain {_percent(errors.gain)}, nonlinearity {_percent(errors.inl)}"
        for end, errors in ends.items()
        if errors is not None
    ]
    return "; ".join(found) + " of full scale, standard deviations" if found else "none"


def _amplifiers(read_out: ReadOut | None) -> str:
    if read_out is None:
        return "ideal"
    return (
        f"{quantity(read_out.feedback, 'Ω')} feedback, gain {read_out.open_loop_gain:g}, offset "
        f"{quantity(read_out.offset, 'V')}, gain error {_percent(read_out.gain_error)}, "
        f"{quantity(read_out.bandwidth, 'Hz')}"
    )


def _age(settings: ChipSettings) -> str:
    if settings == settings.fresh:
        return "new"
    reads = f", {settings.reads:g} reads" if settings.reads else ""
    return f"{quantity(settings.time, 's')} after programming, at {settings.temperature:g}{THIN}K{reads}"


def _of_instances(settings: ChipSettings, device: Device) -> dict[str, str]:
    """What only some devices have."""
    differ = "none" if not device.varies else "as the device says" if settings.device_to_device else "left out"
    curved = not device.linear and settings.nonlinearity
    return {
        "differences between devices": differ,
        "current-voltage curves": "as the device says" if curved else "straight",
    }


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
        *(
            f"{what} {'at both ends' if end == 'both' else f'at the {end}'}"
            for what, end, usual in (("driven", wires.drive, Wires.drive), ("sensed", wires.read, Wires.read))
            if end != usual
        ),
    )
    return ", ".join(lines)


def _percent(fraction: float) -> str:
    return f"{100 * fraction:.3g}{THIN}%"
