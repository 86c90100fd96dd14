"""A device as a file of plain numbers, NAME.json."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from cellwright.crossbar.devices.device import Device, Pulse
from cellwright.crossbar.devices.filament import Filament, SinhFilament
from cellwright.crossbar.devices.gate_controlled import GateControlled
from cellwright.crossbar.devices.pcm import PhaseChange
from cellwright.crossbar.tables import read_text
from cellwright.errors import CellwrightError, named

KINDS: Mapping[str, type[Device]] = {
    "gate-controlled": GateControlled,
    "filament": Filament,
    "sinh filament": SinhFilament,
    "phase change": PhaseChange,
}
"""The laws that a file can name."""

_PULSES = ("read", "set_pulse", "reset_pulse")
_PAIRS = ("window", "gate_window")
_INFINITE = ("inf", "-inf")
_TEXTS = ("citation", "assumed", "scheme")


def device_json(device: Device, more: Mapping[str, Any] | None = None) -> str:
    """A device as JSON: its kind, its numbers in SI units, and what else is to be kept with them.

    Raises:
        CellwrightError: the device follows a law of its own.
    """
    kind = next((name for name, law in KINDS.items() if type(device) is law), None)
    if kind is None:
        raise CellwrightError(
            f"{type(device).__name__} follows a law of its own: name it FILE.py:NAME instead of writing it down"
        )
    values = {entry.name: _plain(getattr(device, entry.name)) for entry in fields(device)}
    return json.dumps({"cellwright": "device", "kind": kind, "values": values, **(more or {})}, indent=2) + "\n"


def load_device(path: Path) -> Device:
    """The device in a file that ``device_json`` made.

    Raises:
        CellwrightError: there is no such file; it is no device; a value is missing, unknown or absurd.
    """
    text = read_text(path)
    try:
        content = json.loads(text)
    except json.JSONDecodeError as error:
        raise CellwrightError(f"{path.name}, line {error.lineno} is no JSON: {error.msg}") from error
    if not isinstance(content, dict) or content.get("cellwright") != "device":
        raise CellwrightError(f"{path.name} is no device: expected a file that `cellwright device fit` wrote")
    law = named("kind of device", str(content.get("kind")), KINDS)
    values = content.get("values")
    known = {entry.name for entry in fields(law)}
    if not isinstance(values, dict) or values.keys() - known:
        unknown = ", ".join(sorted(values.keys() - known)) if isinstance(values, dict) else repr(values)
        raise CellwrightError(f"{path.name}: a {content['kind']} device has no {unknown}")
    try:
        return law(**{name: _value(name, value) for name, value in values.items()})
    except CellwrightError as error:
        raise CellwrightError(f"{path.name}: {error}") from error
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise CellwrightError(f"{path.name} is no complete device: {error}") from error


def _plain(value: Any) -> Any:
    if isinstance(value, Pulse):
        return {"voltage": value.voltage, "width": value.width}
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and math.isinf(value):
        return str(value)  # JSON has no infinity
    return value


def _value(name: str, value: Any) -> Any:
    if name in _TEXTS:
        return str(value)
    if name in _PULSES:
        return Pulse(_number(name, value["voltage"]), _number(name, value["width"]))
    if name in _PAIRS:
        low, high = value
        return _number(name, low), _number(name, high)
    if name == "spread":
        return {key: _number(key, part) for key, part in value.items()}
    return _number(name, value)


def _number(name: str, value: Any) -> float:
    if value in _INFINITE:
        return float(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise CellwrightError(f"{name} is {value!r}: expected a number")
    return float(value)
