"""What the command line says of devices: the catalogue, the numbers of one, and a new one from measured pulses."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from cellwright.crossbar.devices import Device, Pulse, catalogue, find
from cellwright.crossbar.devices.stored import device_json
from cellwright.crossbar.fitting import Fit, fit, read_pulses
from cellwright.errors import CellwrightError, shown
from cellwright.files import write_atomically
from cellwright.report.canvas import png, svg
from cellwright.report.device_fit import device_fit
from cellwright.units import area, quantity, significant

_UNITS: Mapping[str, str] = {
    **dict.fromkeys(("window", "off", "intercept", "programming_noise", "lowest", "highest", "step", "largest"), "S"),
    **dict.fromkeys(("slope", "transistor_slope"), "S/V"),
    **dict.fromkeys(("gate_window", "gate_step", "threshold", "verify_gate", "read_gate"), "V"),
    **dict.fromkeys(("disturb_voltage", "voltage_scale"), "V"),
    **dict.fromkeys(("first_read", "read_width", "retention_time"), "s"),
    **dict.fromkeys(("activation_energy", "retention_energy"), "eV"),
    "pulse_current": "A",
}
LONGEST_NAME = 200
"""Bytes: file systems have 255, of which endings and the names of drafts take some."""

_WORDS = ("citation", "assumed", "spread")


def list_devices(console: Console) -> None:
    """Print the catalogue."""
    table = Table(box=None, pad_edge=False)
    for heading in ("name", "what it is", "window", "source"):
        table.add_column(heading)
    for name, device in catalogue().items():
        table.add_row(name, _title(device), _shown("window", device.window), device.citation.split(",")[0])
    console.print(table)


def show_device(name: str, console: Console) -> None:
    """Print the numbers of a device, what differs among devices, and where all of it comes from."""
    device = find(name)
    console.print(Text(f"{name}: {_title(device)}\n"))
    table = Table(box=None, pad_edge=False)
    for heading in ("number", "value", "from device to device"):
        table.add_column(heading)
    for entry in fields(device):
        if entry.name not in _WORDS:
            part = device.spread.get(entry.name)
            spread = "" if part is None else f"± {significant(100 * part)} %"
            table.add_row(entry.name.replace("_", " "), _shown(entry.name, getattr(device, entry.name)), spread)
    console.print(table)
    console.print(Text(f"\nSource: {device.citation}.\nAssumed: {device.assumed}."))


def fit_device(pulses: Path, out: Path, name: str, *, overwrite: bool, console: Console) -> None:
    """Fit a device to measured pulses; write NAME.json, NAME-residuals.csv, NAME.svg and NAME.png; print the numbers.

    Raises:
        CellwrightError: the pulses cannot be read or fitted; the device is there already; the folder cannot be written.
    """
    name = name or pulses.stem
    if Path(name).name != name or name.startswith(".") or len(name.encode()) > LONGEST_NAME:
        raise CellwrightError(
            f"{shown(name)} is no name of a device: expected a file name without folders, {LONGEST_NAME} bytes at most"
        )
    stored = out / f"{name}.json"
    if stored.exists() and not overwrite:
        raise CellwrightError(f"{stored} is there already: choose another --name, or replace it with --overwrite")
    digest = hashlib.sha256(pulses.read_bytes()).hexdigest() if pulses.is_file() else ""
    found = fit(read_pulses(pulses), f"fitted by cellwright to {pulses.name}")
    figure = device_fit(found)
    try:
        write_atomically(out / f"{name}.svg", svg(figure, name))
        write_atomically(out / f"{name}.png", png(figure))
        write_atomically(out / f"{name}-residuals.csv", _residuals_csv(found))
        write_atomically(stored, device_json(found.device, {"fit": _described(found, pulses.name, digest)}))
    except OSError as error:
        raise CellwrightError(f"cannot write to {out}: {error.strerror}; name another folder with --out") from error
    _print_fit(found, stored, console)


def _described(found: Fit, source: str, digest: str) -> dict[str, Any]:
    return {
        "pulses": source,
        "sha256": digest,
        "devices": len(found.fitted),
        "residual": found.residual,
        "residual_of_window": found.residual_fraction,
        "parameters": {name: asdict(parameter) for name, parameter in found.parameters.items()},
    }


def _residuals_csv(found: Fit) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("device", "pulse", "conductance_S", "residual_S"))
    for one in found.fitted:
        for pulse, conductance, residual in zip(one.train.pulse, one.train.conductance, one.residual, strict=True):
            missed = "" if residual != residual else repr(float(residual))  # NaN: the law says nothing of it
            writer.writerow((one.train.device, int(pulse), repr(float(conductance)), missed))
    return text.getvalue()


def _print_fit(found: Fit, stored: Path, console: Console) -> None:
    pulses = sum(len(one.train.pulse) for one in found.fitted)
    devices = len(found.fitted)
    console.print(
        Text(f"{_title(found.device)}\nFitted to {pulses} pulses of {devices} device{'s' * (devices != 1)}.\n")
    )
    table = Table(box=None, pad_edge=False)
    for heading in ("number", "value", "error of the fit", "from device to device"):
        table.add_column(heading)
    for name, parameter in found.parameters.items():
        spread = "" if parameter.spread is None else f"± {significant(100 * parameter.spread)} %"
        value, error = (_number(number, parameter.unit) for number in (parameter.value, parameter.error))
        table.add_row(name.replace("_", " "), value, f"± {error}", spread)
    console.print(table)
    console.print(
        Text(
            f"\nResidual after one pulse, root mean square: {quantity(found.residual, 'S')}, "
            f"{significant(100 * found.residual_fraction)} % of the window, {_shown('window', found.device.window)}.\n"
            f"Use it: --device {stored}"
        ),
        soft_wrap=True,
    )


def _title(device: Device) -> str:
    return (type(device).__doc__ or type(device).__name__).strip().splitlines()[0].rstrip(".").split(",")[0]


def _shown(name: str, value: Any) -> str:
    if name == "area":
        return area(value)
    if isinstance(value, Pulse):
        return f"{quantity(value.voltage, 'V')} for {quantity(value.width, 's')}"
    if isinstance(value, tuple) and value == (0, 0):
        return "none"
    if isinstance(value, tuple):
        return " to ".join(_shown(name, end) for end in value)
    if isinstance(value, float) and value in (float("inf"), float("-inf")):
        return "without end" if name in ("endurance", "retention_time") else "infinite"
    return _number(value, _UNITS.get(name, "")) if isinstance(value, int | float) else str(value)


def _number(value: float, unit: str) -> str:
    return quantity(value, unit) if unit else significant(value)
