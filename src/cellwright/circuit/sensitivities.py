"""What departures of transistors do to blocks: each transistor is shifted by itself, and the block swept again.

A block with mismatch is the nominal block with offsets at its inputs and factors in its currents. To first order the
offsets and the logarithms of the factors are sums over the transistors, each with a sensitivity to its threshold and
one to its current factor. Factors are applied as exponentials, one after the other as the currents go through the
block, so that what is left is of second order in the offsets alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import product

import numpy as np
import torch

from cellwright.circuit.blocks.block import Block
from cellwright.circuit.blocks.pairs import Pairs
from cellwright.circuit.calibration import Laboratory, bias_components, pair_instance, swept
from cellwright.circuit.components import GROUND, MIDDLE, SUPPLY, Behaviour, Component, Instance, Mosfet, Source, line
from cellwright.circuit.table import Table

Tensor = torch.Tensor

THRESHOLD_SHIFT, FACTOR_SHIFT = 1e-3, 0.01
"""V and relative: by how much a transistor is shifted, either way, to find what it does."""


@dataclass(frozen=True)
class Sensitivities:
    """Of a block, each (effects, transistors).

    Attributes:
        effects: their names.
        transistors: of the block, in its order.
        threshold: by one volt of threshold.
        factor: by a current factor of e.
        left: for each transistor, the root mean square of what the effects do not explain of a shifted threshold,
            beside the root mean square of what it does.
    """

    effects: tuple[str, ...]
    transistors: tuple[Mosfet, ...]
    threshold: np.ndarray
    factor: np.ndarray
    left: np.ndarray

    def effect(self, drawn: Mapping[str, np.ndarray], bias: Mapping[str, np.ndarray] | None = None) -> np.ndarray:
        """What draws come to, (effects, ...).

        Args:
            drawn: ``vt_<transistor>`` (V) and ``mu_<transistor>`` (a factor), arrays of one shape.
            bias: ``vt`` and ``mu`` of the transistor that makes the block's bias voltage, arrays that broadcast
                against it: the same shift of it and of the transistors that it feeds does nothing.
        """
        total = np.zeros(())
        for index, each in enumerate(self.transistors):
            vt, factor = drawn[f"vt_{each.name}"], np.log(drawn[f"mu_{each.name}"])
            if bias is not None and each.gate == "bias":
                vt, factor = vt - bias["vt"], factor - np.log(bias["mu"])
            shift = np.multiply.outer(self.threshold[:, index], vt)
            total = total + shift + np.multiply.outer(self.factor[:, index], factor)
        return total


_GATES, _VALUES = np.arange(-2, 3) * 0.06, np.arange(-2, 3) * 0.08
"""V, where pairs with shifted transistors are measured: from what is nearly off to what is nearly on."""


@cache
def pair_sensitivities(laboratory: Laboratory, kind: type[Pairs]) -> Sensitivities:
    """Those of one kind of pairs; copies side by side have the same, with draws of their own.

    The effects are V between the gates of the sigma pair and of the tanh pair, the logarithm of the current's factor,
    and that of the factor by which the last mirror returns one half of the current.
    """
    block = laboratory.design.paired(kind)
    axes = [axis for port, axis in (("sigma", _GATES), ("value", _VALUES)) if port in block.inputs]
    table = laboratory.pair(kind, 1, 1)
    arguments = [torch.from_numpy(each).requires_grad_() for each in np.meshgrid(*axes, indexing="ij")]
    with torch.enable_grad():  # whoever asks may have switched it off
        nominal = table(*arguments)
        slopes = dict(zip(block.inputs[::2], torch.autograd.grad(nominal.sum(), arguments), strict=True))
    nothing = torch.zeros_like(nominal)
    bases = {
        "sigma_offset": slopes.get("sigma", nothing),
        "value_offset": slopes.get("value", nothing),
        "gain": nominal,
        "mirror": (nominal - envelope(table, arguments)) / 2 if "value" in slopes else nothing,
    }
    return fitted_effects(
        block.transistors, _shifted_pairs(laboratory, block), {n: b.detach().numpy() for n, b in bases.items()}
    )


def envelope(table: Table, arguments: Sequence[Tensor]) -> Tensor:
    """What a pair's current is where its value is far from zero: the sum of the halves whose difference it is."""
    *gate, value = arguments
    low, high = (torch.full_like(value, edge) for edge in table.axes[-1])
    return (table(*gate, high) - table(*gate, low)) / 2


def _shifted_pairs(laboratory: Laboratory, block: Pairs) -> np.ndarray:
    """The current of the block with each of its shifts, (shifts, gates, values)."""
    middle = laboratory.conditions.technology.middle
    shifts = shifted(block.transistors)
    components: list[Component] = [
        *bias_components(laboratory.design),
        *(Source(n, "V", n, GROUND, f"{v:.9g}", "reference") for n, v in laboratory.references.items()),
        Source("gate", "V", "gate", GROUND, f"{middle:g}", "input"),
        Source("value", "V", "value_in", GROUND, f"{middle:g}", "input"),
    ]
    for index, shift in enumerate(shifts):
        out = f"out{index}"
        instance = pair_instance(str(index), block, "gate", 1, "value_in", 1, out)
        components += [Source(out, "V", MIDDLE, out, "0", "measurement"), replace(instance, parameters=shift)]
    grids = [
        (source, middle + axis)
        for port, source, axis in (("value", "Vvalue", _VALUES), ("sigma", "Vgate", _GATES))
        if port in block.inputs
    ]
    currents = tuple(f"i(vout{index})" for index in range(len(shifts)))
    found = _sweep(laboratory, f"shifted transistors of {block.kind}", block, components, currents, grids)
    # The first axis of a sweep runs fastest.
    return np.stack([found[name].reshape([len(axis) for _, axis in reversed(grids)]) for name in currents])


@cache
def amplifier_sensitivities(laboratory: Laboratory) -> Sensitivities:
    """Those of the amplifier: one effect, the offset by which its minus input lies below its plus input, V."""
    design, middle = laboratory.design, laboratory.conditions.technology.middle
    load = 0.2 * design.amplifier_current * design.opamp.drive
    shifts = shifted(design.opamp.transistors)
    components: list[Component] = [
        *bias_components(design),
        Source("target", "V", "target", GROUND, f"{middle:g}", "input"),
        Source("load", "I", "drawn", GROUND, "0", "input"),
        Source("drawn", "V", "drawn", GROUND, "0", "measurement"),
    ]
    for index, shift in enumerate(shifts):
        out, minus = f"out{index}", f"minus{index}"
        components += [
            Behaviour(minus, "V", minus, GROUND, f"v({out})-v(target)+{middle:g}"),
            Instance(str(index), "opamp", (MIDDLE, minus, out, "opamp_bias", SUPPLY), shift),
            Behaviour(f"load{index}", "I", out, GROUND, "-i(Vdrawn)"),
        ]
    names = tuple(f"v(minus{index})" for index in range(len(shifts)))
    sweep = [("Vtarget", middle + np.arange(-2, 3) * 0.1), ("Iload", load * np.arange(-1, 2))]
    found = _sweep(laboratory, "shifted transistors of an amplifier", design.opamp, components, names, sweep)
    errors = middle - np.stack([found[name] for name in names])
    return fitted_effects(design.opamp.transistors, errors, {"offset": np.ones_like(errors[0])})


def shifted(transistors: Sequence[Mosfet]) -> list[dict[str, float]]:
    """Parameters of instances: each transistor's threshold and then its factor, up and then down."""
    shifts = []
    for each, (name, nominal, shift), sign in product(
        transistors, (("vt", 0.0, THRESHOLD_SHIFT), ("mu", 1.0, FACTOR_SHIFT)), (1, -1)
    ):
        shifts.append({f"{name}_{each.name}": nominal + sign * shift})
    return shifts


def _sweep(
    laboratory: Laboratory,
    title: str,
    block: Block,
    components: Sequence[Component],
    names: tuple[str, ...],
    sweep: Sequence[tuple[str, np.ndarray]],
) -> dict[str, np.ndarray]:
    steps = [(name, axis[0], axis[-1], axis[1] - axis[0]) for name, axis in sweep]
    # A little beyond the last point, lest rounding lose it.
    axes = " ".join(f"{name} {first:.9g} {last + step / 100:.9g} {step:.9g}" for name, first, last, step in steps)
    netlist = "\n".join([
        *laboratory.conditions.header(title),
        block.subcircuit(departures=True),
        *map(line, components),
        f".save {' '.join(names)}",
        ".options reltol=1e-6",
        f".dc {axes}",
        ".end",
    ])  # fmt: skip
    return swept(netlist, names)


def fitted_effects(
    transistors: tuple[Mosfet, ...], tables: np.ndarray, bases: Mapping[str, np.ndarray]
) -> Sensitivities:
    """The effects that explain the central differences of shifted tables best, by least squares."""
    used = [name for name, basis in bases.items() if np.any(basis)]
    matrix = np.stack([bases[name].ravel() for name in used], axis=1)
    up, down = tables[0::2], tables[1::2]
    slopes = (up - down).reshape(len(up), -1).T / 2
    slopes = slopes / np.tile((THRESHOLD_SHIFT, FACTOR_SHIFT), len(up) // 2)
    solved = np.linalg.lstsq(matrix, slopes, rcond=None)[0]
    found = np.zeros((len(bases), slopes.shape[1]))
    found[[list(bases).index(name) for name in used]] = solved
    rms = np.sqrt(np.mean(slopes**2, axis=0))
    left = np.sqrt(np.mean((slopes - matrix @ solved) ** 2, axis=0)) / np.where(rms > 0, rms, 1)
    return Sensitivities(tuple(bases), transistors, found[:, 0::2], found[:, 1::2], left[0::2])
