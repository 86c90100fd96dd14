"""What a multiplier does, found out by ngspice: the current over its two factors, and the product it stands for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np

from cellwright.circuit.blocks.multiplier import Multiplier, Places
from cellwright.circuit.calibration import Conditions, Laboratory, bias_components, swept
from cellwright.circuit.components import GROUND, MIDDLE, Behaviour, Component, Source, line
from cellwright.circuit.design import Design
from cellwright.circuit.table import Table
from cellwright.errors import CellwrightError

_EDGE = 1e-9
"""V, by which a point of a grid may lie beyond a limit."""


@dataclass(frozen=True)
class Multiplication:
    """A multiplier's current as k (x - shift) y + offset, where x and y are V against half the supply.

    Attributes:
        multiplier: a single one.
        current: of a one by a one, A: k times the volts of both.
        shift: V, where the first factor is zero.
        offsets: A, by the direction of the current; a device on the row of ones takes it away.
        error: the largest departure within ones (from 0 where the first factor is a gate), beside ``current``.
        tables: A, over x and y in V, by the direction of the current.
    """

    multiplier: Multiplier
    current: float
    shift: float
    offsets: Mapping[int, float]
    error: float
    tables: Mapping[int, Table]

    @property
    def unit(self) -> float:
        """V of a one at a factor that is scaled for the multiplier."""
        return self.multiplier.unit


def multiplication(laboratory: Laboratory) -> Multiplication | None:
    """What the multiplier of a laboratory's design does; None if it has none."""
    multiplier = laboratory.design.products
    return None if multiplier is None else measured(multiplier, laboratory.design, laboratory.conditions)


@cache
def measured(multiplier: Multiplier, design: Design, conditions: Conditions) -> Multiplication:
    """Sweep a multiplier in both directions and fit the product that it comes nearest to."""
    x, y, current = sweep(multiplier, design, conditions, 1)
    backward = sweep(multiplier, design, conditions, -1)[2]
    one, other = (design.scale if reader == "voltage" else multiplier.unit for reader in multiplier.factors)
    second = np.abs(y) <= other + _EDGE
    shifts = x[(x >= 0) & (x <= x[-1] - one + _EDGE)] if "shifted" in multiplier.factors else np.zeros(1)

    def fitted(values: np.ndarray, shift: float) -> tuple[float, float, float]:
        """The error, the current of a one by a one, and the offset."""
        first = (x - shift >= (-one if multiplier.four_quadrant else 0) - _EDGE) & (x - shift <= one + _EDGE)
        product = np.outer(x[first] - shift, y[second]) / (one * other)
        slope, offset = np.polyfit(product.ravel(), values[np.ix_(first, second)].ravel(), 1)
        departure = np.abs(values[np.ix_(first, second)] - slope * product - offset).max()
        return (float(departure / slope) if slope > 0 else float("inf")), float(slope), float(offset)

    shift = min(map(float, shifts), key=lambda shift: fitted(current, shift)[0])
    error, full, offset = fitted(current, shift)
    if error == float("inf"):
        raise CellwrightError(
            f"{multiplier.kind} gives no product in {conditions.technology.name}: its current does not grow with both "
            "factors; choose other dimensions or voltages"
        )
    axes = [(float(axis[0]), float(axis[-1])) for axis in (x, y)]
    tables = {1: Table(axes, current), -1: Table(axes, backward)}
    offsets = {1: offset, -1: fitted(-backward, shift)[2] * -1}
    return Multiplication(multiplier, full, shift, offsets, error, tables)


def sweep(
    multiplier: Multiplier, design: Design, conditions: Conditions, direction: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Both factors' volts against half the supply, and the current that is drawn over both."""
    middle = conditions.technology.middle
    x, y = (np.arange(round(low / step), round(high / step) + 1) * step for low, high, step in multiplier.grids)
    places = Places("first", "second", "turned", "out")
    components: list[Component] = [
        *bias_components(design),
        Source("first", "V", "first", GROUND, f"{middle:g}", "input"),
        Source("second", "V", "second", GROUND, f"{middle:g}", "input"),
        Behaviour("turned", "V", "turned", GROUND, f"{2 * middle:g}-v(second)"),
        Source("out", "V", MIDDLE, "out", "0", "measurement"),
        *multiplier.placed("1", places, direction),
    ]
    # The second factor in the outer loop: a circuit that switches with its sign is switched once.
    ranges = (
        f"V{name} {middle + axis[0]:g} {middle + axis[-1]:g} {axis[1] - axis[0]:g}"
        for name, axis in (("first", x), ("second", y))
    )
    netlist = "\n".join([
        *conditions.header(f"transfer of {multiplier.kind}"),
        multiplier.subcircuit(),
        design.opamp.subcircuit(),
        *map(line, components),
        ".save i(Vout)",
        ".options reltol=1e-5",
        f".dc {' '.join(ranges)}",
        ".end",
    ])  # fmt: skip
    return x, y, swept(netlist, ("i(vout)",))["i(vout)"].reshape(len(y), len(x)).T
