"""What the three ways to multiply give over their voltages, and how far each is from a product.

    python benchmarks/circuit/multipliers.py [--technology generic180]

The picture goes to ``docs/images/circuit-multipliers.png``, the figures to the screen; ``docs/circuit-designs.md``
shows both.
"""

from __future__ import annotations

import argparse

import numpy as np
import torch
from table4 import DESIGNS
from trained import PICTURES

from cellwright.circuit import technologies
from cellwright.circuit.blocks.ohmic import Ohmic
from cellwright.circuit.blocks.pairs import Translinear
from cellwright.circuit.calibration import Conditions, Laboratory
from cellwright.circuit.products import multiplication, sweep
from cellwright.report.canvas import CHIP, MUTED, RULE, SOFTWARE, new_figure, png, style

FIRST = (0.0, 0.25, 0.5, 0.75, 1.0)
REACH = 1.5
PUBLISHED = 0.45


def currents(laboratory: Laboratory, first: float, second: np.ndarray) -> np.ndarray:
    """What the design's product of two numbers comes to, a number again."""
    design, y = laboratory.design, torch.from_numpy(second)
    made = multiplication(laboratory)
    if made is not None:
        one, other = (design.scale if reader == "voltage" else made.unit for reader in made.multiplier.factors)
        drawn = made.tables[1](torch.tensor(made.shift + first * one, dtype=torch.float64), y * other)
        return ((drawn - made.offsets[1]) / made.current).numpy()
    constants, linear = laboratory.constants, design.linear_range
    gate = constants.sigma_slope * float(np.log(max(first, 1e-6) / max(1 - first, 1e-6)))
    table = laboratory.pair(Translinear, 1, 1)
    drawn = table(torch.tensor(gate, dtype=torch.float64), y * linear * constants.tanh_slope)
    return (drawn / (design.pair_current * constants.amplitude * linear)).numpy()


def published(conditions: Conditions) -> float:
    """The ohmic transistor's departure from a product at the survey's voltages, beside its largest current."""
    step = PUBLISHED / 9
    multiplier = Ohmic(unit=PUBLISHED, grids=((0.0, PUBLISHED, step), (-PUBLISHED, PUBLISHED, step)))
    x, y, current = sweep(multiplier, DESIGNS["current-based (ohmic)"], conditions, 1)
    product = np.outer(x, y)
    slope = (product * current).sum() / (product**2).sum()
    return float(np.abs(current - slope * product).max() / np.abs(current).max())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--technology", default="generic180", help="by its name")
    options = parser.parse_args()
    conditions = Conditions(technologies.find(options.technology))
    second = np.linspace(-REACH, REACH, 121)
    ones = np.abs(second) <= 1
    with style():
        figure = new_figure(760, 290)
        for axes, (name, design) in zip(figure.subplots(1, 3, sharey=True), DESIGNS.items(), strict=True):
            curves = [currents(Laboratory(design, conditions), first, second) for first in FIRST]
            away = [np.abs(curve - first * second) for curve, first in zip(curves, FIRST, strict=True)]
            within, beyond = max(each[ones].max() for each in away), max(each.max() for each in away)
            print(f"{name}: departs from a product by {within:.4f} within 1 x 1, {beyond:.4f} within 1 x {REACH:g}")
            for curve, first in zip(curves, FIRST, strict=True):
                axes.plot(second, first * second, color=SOFTWARE, linewidth=0.8, linestyle="--")
                axes.plot(second, curve, color=CHIP, linewidth=1.4)
                axes.text(REACH, first * REACH, f" {first:g}", color=MUTED, fontsize=7, va="center")
            axes.axhline(0, color=RULE, zorder=0)
            axes.set(title=name, xlabel="second factor")
        figure.axes[0].set_ylabel("product (lines: first factor)")
        PICTURES.joinpath("circuit-multipliers.png").write_bytes(png(figure))
    print(f"ohmic at the survey's voltages: {100 * published(conditions):.0f} % of full scale")


if __name__ == "__main__":
    main()
