"""The survey's Table 4 again: the designs that it compares and ours, in open technologies, seed by seed.

    python benchmarks/circuit/table4.py [--technologies generic180,gf180] [--seeds 5] [--chips 200] [--spice]
        [--markdown]

The airline series as the survey has it (N = 1, M = 4, 3 steps). The circuit is the twin over all 48 test sequences;
with ``--spice``, ngspice runs the first one of seed 0. A chip is trimmed as a tester does it (``circuit/tester.py``).
Rows that are in ``table4.csv`` beside this file are not measured again; ``docs/circuit-designs.md`` shows them.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from trained import circuit_of, judged, kept, network, simulated, write

from cellwright.circuit.circuit import Circuit
from cellwright.circuit.design import Design
from cellwright.circuit.mismatch import Mismatch
from cellwright.circuit.power import circuit_cost
from cellwright.circuit.tester import trim_chips
from cellwright.errors import CellwrightError
from cellwright.tasks import SeriesTask

RESULTS = Path(__file__).with_suffix(".csv")
DESIGNS = {
    "ours (translinear)": Design(),
    "voltage-based (gilbert)": Design(multiplier="gilbert"),
    "current-based (ohmic)": Design(multiplier="ohmic", scale=0.07),
}
PUBLISHED = (
    ("survey, current-based [13]", "55.26 %", "47.33 %", "105.9 mW", "77.33 um2"),
    ("survey, voltage-based [2]", "10.05 %", "10.99 %", "225.67 mW", "108.60 um2"),
)
RANGE = 518
PERCENTILES = (5, 50, 95)
DRAW = 0

Row = dict[str, object]


def measured(design: str, technology: str, seed: int, chips: int, spice: bool) -> Row:
    """One network in one design: errors in thousand passengers."""
    trained, circuit = network(seed), circuit_of(seed, technology, DESIGNS[design])
    cost = circuit_cost(circuit, {"x": trained.inputs[0].numpy()})
    found = judged(seed, circuit)
    row: Row = {"design": design, "technology": technology, "seed": seed, "software": trained.software()["rmse"]}
    row |= {"circuit": found["rmse"], "h_max": found["h_max"], "h_rms": found["h_rms"]}
    row |= {"mw": 1e3 * cost.power_w, "um2": 1e12 * (cost.area_m2 or 0.0)}
    names = [f"{kind}_p{p}" for kind in ("untrimmed", "trimmed") for p in PERCENTILES]
    row |= dict.fromkeys(("chips", *names, "spice_to_twin", "spice_to_software"), "")
    row |= {"chips": chips} | dict(zip(names, spread(seed, technology, circuit, chips), strict=True))
    if spice and seed == 0:
        try:
            row |= simulated(seed, circuit)
        except CellwrightError as error:
            print(f"{design}, {technology}: {error}", flush=True)
    return row


def spread(seed: int, technology: str, circuit: Circuit, chips: int) -> list[float]:
    """Percentiles of the RMSE over chips with mismatch, as they are and trimmed."""
    trained, mismatch, numbers = network(seed), Mismatch(technology, DRAW), range(chips)
    assert isinstance(trained.task, SeriesTask)
    known = trained.task.training_data(trained.recipe).train.inputs
    trimmed = circuit.trimmed(trim_chips(circuit, trained.layer, mismatch, numbers, known))
    rmse = []
    for each in (circuit, trimmed):
        with torch.no_grad():
            hidden = each.chips(mismatch, numbers).run({"x": trained.inputs.transpose(0, 1)})["h"]
            rmse.append(trained.metrics(hidden.permute(2, 1, 0, 3))["rmse"].numpy())
    return [float(value) for each in rmse for value in np.percentile(each, PERCENTILES)]


def markdown(rows: Sequence[dict[str, str]]) -> str:
    """The table of the documentation: medians over the seeds."""
    lines = ["| design | technology | software | circuit | apart, at most | over mismatch | trimmed | power | area |"]
    lines.append("|---" * 9 + "|")
    for design, technology in dict.fromkeys((row["design"], row["technology"]) for row in rows):
        own = [row for row in rows if (row["design"], row["technology"]) == (design, technology)]
        software, circuit = (_passengers(own, name) for name in ("software", "circuit"))
        spreads = (_spread(own, kind) for kind in ("untrimmed", "trimmed"))
        power, area = _median(own, "mw"), _median(own, "um2")
        apart = max(abs(float(row["circuit"]) - float(row["software"])) for row in own)
        cells = (design, technology, software, circuit, f"{apart:.1f}", *spreads, f"{power:.2f} mW", f"{area:,.0f} um2")
        lines.append(f"| {' | '.join(cells)} |")
    for name, software, circuit, milliwatts, area in PUBLISHED:
        lines.append(f"| {name} | TSMC 180 nm | {software} | {circuit} | | | | {milliwatts} | {area} |")
    return "\n".join(lines)


def _median(rows: Sequence[dict[str, str]], name: str) -> float:
    return float(np.median([float(row[name]) for row in rows if row[name]] or [np.nan]))


def _passengers(rows: Sequence[dict[str, str]], name: str) -> str:
    return f"{_median(rows, name):.1f} ({100 * _median(rows, name) / RANGE:.2f} %)"


def _spread(rows: Sequence[dict[str, str]], kind: str) -> str:
    low, median, high = (_median(rows, f"{kind}_p{p}") for p in PERCENTILES)
    return "" if np.isnan(median) else f"{median:.1f} [{low:.1f} to {high:.1f}]"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--technologies", default="generic180", help="names with commas between them")
    parser.add_argument("--seeds", type=int, default=5, help="of networks")
    parser.add_argument("--chips", type=int, default=200, help="with mismatch")
    parser.add_argument("--spice", action="store_true", help="ngspice, too: minutes with the ohmic design")
    parser.add_argument("--markdown", action="store_true", help="print the table of what is measured already")
    options = parser.parse_args()
    rows: list[Row] = [dict(row) for row in kept(RESULTS)]
    if not options.markdown:
        done = {(row["design"], row["technology"], str(row["seed"])) for row in rows}
        for seed in range(options.seeds):
            for technology in options.technologies.split(","):
                for design in DESIGNS:
                    if (design, technology, str(seed)) not in done:
                        try:
                            rows.append(measured(design, technology, seed, options.chips, options.spice))
                        except CellwrightError as error:
                            print(f"{design}, {technology}: {error}", flush=True)
                            continue
                        write(RESULTS, rows)
                        print(rows[-1], flush=True)
    print(markdown(kept(RESULTS)))


if __name__ == "__main__":
    main()
