"""Accuracy against the area of the holds' capacitors: what charge left behind by switches costs.

    python benchmarks/circuit/hold_area.py [--technology generic180] [--seeds 3] [--markdown]

The twin runs all test sequences of the survey's airline networks with hold capacitances of 0.1 to 20 pF, and with
holds that do nothing to the voltage; ngspice runs the first sequence of one network with some of them. Results go to
``hold_area.csv`` beside this file, the picture to ``docs/images/circuit-hold-area.png``; ``docs/circuit-cost.md`` shows
them.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from trained import PICTURES, circuit_of, judged, kept, network, simulated, write

from cellwright.circuit.area import pieces
from cellwright.circuit.circuit import Circuit
from cellwright.circuit.design import Design
from cellwright.circuit.table import Table
from cellwright.files import write_atomically
from cellwright.report.canvas import CHIP, MUTED, SOFTWARE, new_figure, png, style
from cellwright.units import area as square_metres

RESULTS = Path(__file__).with_suffix(".csv")
PICOFARADS = (0.1, 0.3, 1.0, 2.0, 5.0, 10.0, 20.0)
SIMULATED = (0.1, 1.0, 20.0)
PUBLISHED = (77.33e-12, 108.60e-12)
"""m2: the survey's table 4, current-based and voltage-based circuit."""


def areas(seed: int, circuit: Circuit) -> dict[str, float]:
    """Of the holds' capacitors, and of everything that is counted, um2."""
    netlist = circuit.netlist({"x": network(seed).inputs[0].numpy()})
    found = pieces(netlist)
    holds = sum(each.area for each in found if each.kind == "capacitors" and not each.block)
    return {"hold_um2": 1e12 * holds, "all_um2": 1e12 * sum(each.area for each in found)}


def with_ideal_holds(circuit: Circuit) -> Circuit:
    """Its laboratory's table of the hold replaced by a straight line, before it is first asked for."""
    ((first, last),) = circuit.laboratory.hold.axes
    vars(circuit.laboratory)["hold"] = Table([(first, last)], np.linspace(first, last, 20))
    return circuit


def measure(technology: str, seeds: int) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for picofarads in (*PICOFARADS, None):
        for seed in range(seeds):
            design = Design() if picofarads is None else replace(Design(), hold_capacitance=picofarads * 1e-12)
            circuit = circuit_of(seed, technology, design)
            area = areas(seed, circuit)
            if picofarads is None:
                circuit, area = with_ideal_holds(circuit), dict.fromkeys(area, float("nan"))
            hold = "ideal" if picofarads is None else f"{picofarads:g}"
            row: dict[str, object] = {"technology": technology, "hold_pf": hold, "seed": seed} | area
            row |= judged(seed, circuit)
            row |= dict.fromkeys(("spice_to_twin", "spice_to_software"), "")
            if seed == 0 and picofarads in SIMULATED:
                row |= simulated(seed, circuit)
            rows.append(row)
            print(", ".join(f"{value:.4g}" if isinstance(value, float) else str(value) for value in row.values()))
            write(RESULTS, rows)
    return rows


def column(rows: Sequence[dict[str, str]], name: str, hold: str) -> list[float]:
    """What the networks have with a hold capacitance, as far as it was measured."""
    return [float(row[name]) for row in rows if row["hold_pf"] == hold and row[name]]


def picture(rows: Sequence[dict[str, str]]) -> None:
    holds = [f"{each:g}" for each in PICOFARADS]
    area = [float(np.mean(column(rows, "hold_um2", hold))) for hold in holds]
    low, high = (each * 1e12 for each in PUBLISHED)
    with style():
        figure = new_figure(640, 380)
        axes = figure.subplots()
        for name, summary, label, colour in (("h_max", max, "largest", CHIP), ("h_rms", np.mean, "rms", SOFTWARE)):
            axes.plot(area, [summary(column(rows, name, hold)) for hold in holds], "o-", color=colour, label=label)
            axes.axhline(
                summary(column(rows, name, "ideal")), color=colour, linestyle=":", label=f"{label}, ideal holds"
            )
        axes.axvspan(low, high, color=MUTED, alpha=0.4, label="the survey's whole circuits, 77 to 109 µm²")
        for hold, x in zip(holds, area, strict=True):
            axes.annotate(
                f"{hold} pF", (x, max(column(rows, "h_max", hold))), textcoords="offset points", xytext=(0, 7)
            )
        axes.set(xscale="log", xlabel="area of the 16 hold capacitors, µm²", xlim=(50, 7e5), ylim=(0, None))
        axes.set_ylabel("error of h beside software")
        axes.grid(visible=True)
        axes.xaxis.set_major_formatter("{x:,.0f}")
        axes.legend(loc="upper right")
    write_atomically(PICTURES / "circuit-hold-area.png", png(figure))


def markdown(rows: Sequence[dict[str, str]]) -> str:
    """The table of the documentation: the largest over the networks, and means."""
    lines = [
        "| hold, pF | hold capacitors | all that is counted | h, largest | h, rms | RMSE | ngspice beside the twin |"
    ]
    lines.append("|---|---|---|---|---|---|---|")
    for hold in (*(f"{each:g}" for each in PICOFARADS), "ideal"):
        shown = [square_metres(1e-12 * float(np.mean(column(rows, name, hold)))) for name in ("hold_um2", "all_um2")]
        spice = "".join(f"{each:.4f}" for each in column(rows, "spice_to_twin", hold))
        lines.append(
            f"| {hold} | {' | '.join(shown)} | {max(column(rows, 'h_max', hold)):.4f} "
            f"| {np.mean(column(rows, 'h_rms', hold)):.4f} | {np.mean(column(rows, 'rmse', hold)):.2f} | {spice} |"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--technology", default="generic180", help="name of a technology")
    parser.add_argument("--seeds", type=int, default=3, help="trained networks")
    parser.add_argument("--markdown", action="store_true", help="print the kept results as a table, measure nothing")
    arguments = parser.parse_args()
    if not arguments.markdown:
        measure(arguments.technology, arguments.seeds)
        picture(kept(RESULTS))
    print(markdown(kept(RESULTS)))


if __name__ == "__main__":
    main()
