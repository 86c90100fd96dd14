"""A device as a file of plain numbers, NAME.json."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

from cellwright.crossbar.devices.device import Device, Pulse
from cellwright.crossbar.devices.filament import Filament, SinhFilament
from cellwright.crossbar.devices.gate_controlled import GateControlled
from cellwright.crossbar.devices.pcm import PhaseChange
from cellwright.crossbar.tables import read_text
from cellwright.errors import CellwrightError, as_clause, named

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
_EXPECTED = "a file that `cellwright device fit` wrote"
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
        raise CellwrightError(
            f"{path.name}, line {error.lineno} is no JSON ({as_clause(error.msg)}): expected {_EXPECTED}"
        ) from error
    except RecursionError as error:
        raise CellwrightError(f"{path.name} is nested too deep: expected {_EXPECTED}") from error
    if not isinstance(content, dict) or content.get("cellwright") != "device":
        raise CellwrightError(f"{path.name} is no device: expected {_EXPECTED}")
    try:
        return _device(content)
    except CellwrightError as error:
        raise CellwrightError(f"{path.name}: {error}") from error


def _device(content: Mapping[str, Any]) -> Device:
    law = named("kind of device", str(content.get("kind")), KINDS)
    values = content.get("values")
    if not isinstance(values, dict):
        raise CellwrightError("it has no values by name: expected the numbers of a device")
    known = {entry.name: entry for entry in fields(law)}
    for name in values:
        named(f"number of a {content['kind']} device", name, known)
    lacking = [
        name
        for name, entry in known.items()
        if entry.init and entry.default is MISSING and entry.default_factory is MISSING and name not in values
    ]
    if lacking:
        raise CellwrightError(f"{', '.join(lacking)} {'is' if len(lacking) == 1 else 'are'} missing")
    return law(**{name: _value(name, value) for name, value in values.items()})


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
        if not isinstance(value, dict) or value.keys() != {"voltage", "width"}:
            raise CellwrightError(f"{name} is {value!r}: expected a voltage and a width")
        return Pulse(_number(name, value["voltage"]), _number(name, value["width"]))
    if name in _PAIRS:
        if not isinstance(value, list) or len(value) != 2:
            raise CellwrightError(f"{name} is {value!r}: expected two numbers")
        return _number(name, value[0]), _number(name, value[1])
    if name == "spread":
        if not isinstance(value, dict):
            raise CellwrightError(f"{name} is {value!r}: expected numbers by name")
        return {key: _number(key, part) for key, part in value.items()}
    return _number(name, value)


def _number(name: str, value: Any) -> float:
    if isinstance(value, str) and value in _INFINITE:
        return float(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise CellwrightError(f"{name} is {value!r}: expected a number")
    return float(value)
