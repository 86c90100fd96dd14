"""Measured pulses: a CSV file with the conductance of devices after each pulse."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cellwright.crossbar.devices.device import LARGEST_CONDUCTANCE
from cellwright.crossbar.tables import Row, read_rows
from cellwright.errors import CellwrightError

Floats = NDArray[np.float64]

_VOLTS = {"v": 1.0, "mv": 1e-3}
_SIEMENS = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ns": 1e-9}
_UNITS: Mapping[str, Mapping[str, float]] = {
    "pulse": {},
    "device": {},
    "voltage": _VOLTS,
    "gate_voltage": _VOLTS,
    "conductance": _SIEMENS,
}
_KNOWN = {"voltage": "V, mV", "gate_voltage": "V, mV", "conductance": "S, mS, uS, nS"}
_LARGEST_VOLTAGE = 100.0
_LARGEST_NUMBER = 2**53  # beyond, a float has gaps between whole numbers
_EXPECTED = "pulse, conductance (or conductance_uS) and voltage or gate_voltage, perhaps device"


@dataclass(frozen=True, kw_only=True)
class Train:
    """The pulses of one device in their order; arrays have one entry a pulse.

    Attributes:
        device: its name in the file.
        pulse: numbers, each one more than the last.
        voltage: of the pulse, in volts: above 0 for SET, below for RESET, 0 for a read alone. None: not in the file.
        gate_voltage: of the series transistor during the pulse, in volts. None: not in the file.
        conductance: after the pulse, in siemens.
    """

    device: str
    pulse: NDArray[np.int64]
    voltage: Floats | None
    gate_voltage: Floats | None
    conductance: Floats


def read_pulses(path: Path) -> tuple[Train, ...]:
    """Read measured pulses.

    Args:
        path: a CSV file with a heading: ``pulse``, ``conductance``, ``voltage`` or ``gate_voltage`` or both, and
            ``device`` where there are several. A unit may follow the name: ``conductance_uS``, ``voltage (mV)``;
            without one, numbers are in siemens and volts. Lines with # are comments.

    Raises:
        CellwrightError: a column is missing; a number is missing, no number or absurd; a pulse is missing, or
            its number is not whole.
    """
    heading, *rows = read_rows(path)
    columns = _columns(heading)
    if not rows:
        raise CellwrightError(f"{path.name} has a heading and no pulses: expected a row a pulse below it")
    lines: dict[str, list[Row]] = {}
    for row in rows:
        if len(row.cells) != len(heading.cells):
            raise CellwrightError(
                f"{row.file}, line {row.line} has {len(row.cells)} columns and its heading {len(heading.cells)}: "
                "expected as many"
            )
        name = row.cells[columns["device"][0]] if "device" in columns else ""
        lines.setdefault(name, []).append(row)
    return tuple(_train(name, own, columns) for name, own in lines.items())


def _columns(heading: Row) -> dict[str, tuple[int, float]]:
    """Index and unit of every known column; others are left alone."""
    found: dict[str, tuple[int, float]] = {}
    for index, title in enumerate(heading.cells):
        plain = re.sub(r"[^\wµμ]+", "_", title.lower()).strip("_")
        name = max((name for name in _UNITS if plain == name or plain.startswith(f"{name}_")), key=len, default=None)
        if name is None:
            continue
        if name in found:
            raise CellwrightError(f"{heading.file} has two columns of {name}: keep one of them")
        unit = plain.removeprefix(name).strip("_")
        if unit and unit not in _UNITS[name]:
            known = _KNOWN.get(name, "none")
            raise CellwrightError(f"{heading.file}: the column {title!r} has an unknown unit; known are {known}")
        found[name] = index, _UNITS[name].get(unit, 1.0)
    if not {"pulse", "conductance"} <= found.keys() or not {"voltage", "gate_voltage"} & found.keys():
        raise CellwrightError(
            f"{heading.file} has the columns {', '.join(heading.cells)}; expected {_EXPECTED}, in its first line"
        )
    return found


def _train(name: str, rows: list[Row], columns: Mapping[str, tuple[int, float]]) -> Train:
    def numbers(what: str) -> Floats:
        index, unit = columns[what]
        return np.array([row.number(index, what) * unit for row in rows])

    conductance, pulse = numbers("conductance"), _numbered(name, rows, numbers("pulse"))
    for row, siemens in zip(rows, conductance, strict=True):
        if not 0 <= siemens <= LARGEST_CONDUCTANCE:
            raise CellwrightError(
                f"{row.file}, line {row.line}: a conductance of {siemens:g} S is that of no device: "
                "expected siemens, or a unit in the heading such as conductance_uS"
            )
    volts = {what: numbers(what) for what in ("voltage", "gate_voltage") if what in columns}
    for what, values in volts.items():
        for row, value in zip(rows, values, strict=True):
            if abs(value) > _LARGEST_VOLTAGE:
                raise CellwrightError(
                    f"{row.file}, line {row.line}: a {what} of {value:g} V is beyond any device: expected volts, or a "
                    f"unit in the heading such as {what}_mV"
                )
    return Train(
        device=name,
        pulse=pulse,
        voltage=volts.get("voltage"),
        gate_voltage=volts.get("gate_voltage"),
        conductance=conductance,
    )


def _numbered(name: str, rows: list[Row], pulse: Floats) -> NDArray[np.int64]:
    of = f" of device {name}" if name else ""
    for row, number in zip(rows, pulse, strict=True):
        if not number.is_integer() or abs(number) > _LARGEST_NUMBER:
            raise CellwrightError(
                f"{row.file}, line {row.line}: pulse {number:g}{of}: expected a whole number, one more at every pulse"
            )
    for row, before, after in zip(rows[1:], pulse, pulse[1:], strict=False):
        if after == before + 1:
            continue
        gap = after > before + 1
        lost = (
            f"pulse {before + 1:.0f}{of} is"
            if after == before + 2
            else f"pulses {before + 1:.0f} to {after - 1:.0f}{of} are"
        )
        what = f"{lost} missing" if gap else f"pulse {after:g}{of} comes after"
        raise CellwrightError(
            f"{row.file}, line {row.line}: {what}{'' if gap else f' {before:g}'}: pulses of a device are numbered one "
            "by one, on through all cycles"
        )
    return pulse.astype(np.int64)
