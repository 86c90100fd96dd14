"""Draws ``docs/images/circuit-mismatch.png`` from ``mismatch.csv``: what mismatch does in ngspice and in the twin."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from mismatch import SIGNALS, read

from cellwright.files import write_atomically
from cellwright.report.canvas import CHIP, MUTED, SOFTWARE, new_figure, png, style

FIGURE = Path(__file__).parents[2] / "docs" / "images" / "circuit-mismatch.png"


def main() -> None:
    rows = read("generic180")
    with style():
        figure = new_figure(760, 340)
        for axes, name, colour in zip(figure.subplots(1, 2), SIGNALS, (SOFTWARE, CHIP), strict=True):
            own = [row for row in rows if row["signal"] == name]
            circuit, twin = (
                np.array([float(row[kind]) - float(row[f"nominal_{kind}"]) for row in own])
                for kind in ("circuit", "twin")
            )
            reach = 1.05 * np.abs(circuit).max()
            axes.plot([-reach, reach], [-reach, reach], color=MUTED, linewidth=0.8)
            axes.plot(circuit, twin, ".", color=colour, markersize=2)
            axes.set(xlabel=f"error of {name} in ngspice", ylabel=f"error of {name} in the twin", aspect="equal")
        write_atomically(FIGURE, png(figure))


if __name__ == "__main__":
    main()
