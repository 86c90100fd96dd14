"""What departures of transistors do to multipliers: offsets of both factors, a factor of the current, and an offset.

A multiplier that brings an amplifier of its own is told apart from it: that one's offset is drawn as those of all
amplifiers are, and what it does to the current is a table over both factors.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache

import numpy as np
import torch

from cellwright.circuit.blocks.multiplier import Places
from cellwright.circuit.calibration import Laboratory, bias_components, swept
from cellwright.circuit.components import GROUND, MIDDLE, Behaviour, Component, Instance, Source, line
from cellwright.circuit.products import Multiplication, multiplication
from cellwright.circuit.sensitivities import (
    THRESHOLD_SHIFT,
    Sensitivities,
    amplifier_sensitivities,
    fitted_effects,
    shifted,
)
from cellwright.circuit.table import Table

Shifts = Mapping[str, float]

_POINTS = 5
"""Of each factor, where multipliers with shifted transistors are measured, from its lowest to its highest value."""


@cache
def multiplier_sensitivities(laboratory: Laboratory, direction: int) -> Sensitivities:
    """Those of a design's multiplier, a single one.

    The effects are V at the first and at the second factor, the logarithm of the current's factor, and A.

    Args:
        direction: -1 for a current into the virtual ground.
    """
    known = _known(laboratory)
    axes = _axes(laboratory, known)
    arguments = [torch.from_numpy(each).requires_grad_() for each in np.meshgrid(*axes, indexing="ij")]
    with torch.enable_grad():  # whoever asks may have switched it off
        nominal = known.tables[direction](*arguments)
        first, second = torch.autograd.grad(nominal.sum(), arguments)
    bases = {"first_offset": first, "second_offset": second, "gain": nominal, "offset": torch.ones_like(nominal)}
    # Least squares weigh the amperes of all effects alike: a current of the scale of ones keeps the matrix even.
    scaled = {name: basis.detach().numpy() / _UNITS.get(name, 1.0) for name, basis in bases.items()}
    found = fitted_effects(known.multiplier.matched, _currents(laboratory, direction, axes), scaled)
    units = np.array([_UNITS.get(name, 1.0) for name in bases])[:, None]
    return replace(found, threshold=found.threshold / units, factor=found.factor / units)


_UNITS = {"offset": 1e9}


@cache
def amplifier_influence(laboratory: Laboratory, direction: int) -> Table | None:
    """What the offset of a multiplier's own amplifier does to the current, S, over both factors; None without one."""
    known = _known(laboratory)
    if not known.multiplier.own_amplifier:
        return None
    axes = [np.linspace(*ends, 2 * _POINTS - 1) for ends in known.tables[direction].axes]
    up, down = _swept(laboratory, direction, axes, [{"vt_m1": s * THRESHOLD_SHIFT} for s in (1, -1)], True)
    offset = amplifier_sensitivities(laboratory).threshold[0, 1] * THRESHOLD_SHIFT
    return Table(known.tables[direction].axes, (up - down) / (2 * offset))


def _known(laboratory: Laboratory) -> Multiplication:
    known = multiplication(laboratory)
    assert known is not None, "a translinear design has no multiplier"
    return known


def _axes(laboratory: Laboratory, known: Multiplication) -> list[np.ndarray]:
    scale = laboratory.design.scale
    ones = [scale if reader == "voltage" else known.unit for reader in known.multiplier.factors]
    lowest = -ones[0] if known.multiplier.four_quadrant else 0.0
    return [known.shift + np.linspace(lowest, ones[0], _POINTS), np.linspace(-ones[1], ones[1], _POINTS)]


def _currents(laboratory: Laboratory, direction: int, axes: Sequence[np.ndarray]) -> np.ndarray:
    """The current with each of the multiplier's shifts, (shifts, first, second)."""
    return _swept(laboratory, direction, axes, shifted(_known(laboratory).multiplier.matched), False)


def _swept(
    laboratory: Laboratory, direction: int, axes: Sequence[np.ndarray], shifts: Sequence[Shifts], own_amplifier: bool
) -> np.ndarray:
    """Multipliers side by side, each with shifted transistors of its own or of its amplifier."""
    design, conditions, multiplier = laboratory.design, laboratory.conditions, _known(laboratory).multiplier
    middle, paths = conditions.technology.middle, _path(axes)
    components: list[Component] = [
        *bias_components(design),
        Source("point", "V", "point", GROUND, "0", "input"),
        *(
            Behaviour(n, "V", n, GROUND, _through(middle + path))
            for n, path in zip(("first", "second"), paths, strict=True)
        ),
        Behaviour("turned", "V", "turned", GROUND, f"{2 * middle:g}-v(second)"),
    ]
    for index, shift in enumerate(shifts):
        out, subject = f"out{index}", f"{index}{multiplier.own_amplifier}" if own_amplifier else str(index)
        components.append(Source(out, "V", MIDDLE, out, "0", "measurement"))
        for each in multiplier.placed(str(index), Places("first", "second", "turned", out), direction):
            if isinstance(each, Instance) and each.name == subject:
                each = replace(each, parameters=shift)
            components.append(each)
    names = tuple(f"i(vout{index})" for index in range(len(shifts)))
    netlist = "\n".join([
        *conditions.header(f"shifted transistors of {multiplier.kind}"),
        multiplier.subcircuit(departures=True),
        design.opamp.subcircuit(departures=True),
        *map(line, components),
        f".save {' '.join(names)}",
        ".options reltol=1e-6",
        f".dc Vpoint 0 {len(paths[0]) - 1} 1",
        ".end",
    ])  # fmt: skip
    found = swept(netlist, names)
    return np.stack([_on_grid(found[name], axes) for name in names])


def _path(axes: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Both factors from point to point through the whole grid, each a neighbour of that before: a leap costs ngspice
    hundreds of iterations."""
    first, second = axes
    there_and_back = [first[:: 1 if index % 2 == 0 else -1] for index in range(len(second))]
    return np.concatenate(there_and_back), np.repeat(second, len(first))


def _on_grid(values: np.ndarray, axes: Sequence[np.ndarray]) -> np.ndarray:
    """What was found along that path, (first, second)."""
    found = values.reshape(len(axes[1]), len(axes[0])).copy()
    found[1::2] = found[1::2, ::-1]
    return found.T


def _through(path: np.ndarray) -> str:
    points = ", ".join(f"{index}, {volts:.9g}" for index, volts in enumerate(path))
    return f"pwl(v(point), {points})"
