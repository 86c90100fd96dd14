"""What a multiplier does, found out by ngspice: the current over its two factors, and the product it stands for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np

from cellwright.circuit.blocks.multiplier import Multiplier, Places
from cellwright.circuit.calibration import Laboratory, bias_components, swept
from cellwright.circuit.components import GROUND, MIDDLE, Behaviour, Component, Source, line
from cellwright.circuit.conditions import Conditions
from cellwright.circuit.design import Design
from cellwright.circuit.table import Table
from cellwright.errors import CellwrightError

_EDGE = 1e-9
"""V, by which a point of a grid may lie beyond a limit."""

_LOWERED = 2e-3
"""V, by which a virtual ground is lowered to find what hangs there."""


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
        conductances: S, what hangs at the virtual ground, over the same: an ohmic transistor's source does.
    """

    multiplier: Multiplier
    current: float
    shift: float
    offsets: Mapping[int, float]
    error: float
    tables: Mapping[int, Table]
    conductances: Mapping[int, Table]

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
    lowered = {direction: sweep(multiplier, design, conditions, direction, _LOWERED)[2] for direction in (1, -1)}
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
    conductances = {
        direction: Table(axes, (values - lowered[direction]) / _LOWERED)
        for direction, values in ((1, current), (-1, backward))
    }
    offsets = {1: offset, -1: fitted(-backward, shift)[2] * -1}
    return Multiplication(multiplier, full, shift, offsets, error, tables, conductances)


def sweep(
    multiplier: Multiplier, design: Design, conditions: Conditions, direction: int, lowered: float = 0.0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Both factors' volts against half the supply, and the current that is drawn over both.

    Args:
        direction: -1 for a current into the virtual ground.
        lowered: V by which the virtual ground lies below half the supply.
    """
    middle = conditions.technology.middle
    x, y = (np.arange(round(low / step), round(high / step) + 1) * step for low, high, step in multiplier.grids)
    components: list[Component] = [
        *bias_components(design),
        Source("second", "V", "second", GROUND, f"{middle:g}", "input"),
        Behaviour("turned", "V", "turned", GROUND, f"{2 * middle:g}-v(second)"),
    ]
    # Multipliers side by side have the first factors: sweeping back from the last to the first would be a leap that
    # ngspice takes with hundreds of iterations.
    for index, first in enumerate(x):
        places = Places(f"first{index}", "second", "turned", f"out{index}")
        components += [
            Source(places.first, "V", places.first, GROUND, f"{middle + first:.9g}", "input"),
            Source(places.out, "V", MIDDLE, places.out, f"{lowered:g}", "measurement"),
            *multiplier.placed(str(index), places, direction),
        ]
    names = tuple(f"i(vout{index})" for index in range(len(x)))
    step = y[1] - y[0]
    netlist = "\n".join([
        *conditions.header(f"transfer of {multiplier.kind}"),
        multiplier.subcircuit(),
        design.opamp.subcircuit(),
        *map(line, components),
        f".save {' '.join(names)}",
        ".options reltol=1e-5",
        # A little beyond the last point, lest rounding lose it.
        f".dc Vsecond {middle + y[0]:.9g} {middle + y[-1] + step / 100:.9g} {step:.9g}",
        ".end",
    ])  # fmt: skip
    found = swept(netlist, names)
    return x, y, np.stack([found[name] for name in names])
