"""Chips of the survey's airline cell, as made and trimmed: how far their forecasts are from the software's.

    python benchmarks/circuit/trim_airline.py [--technology generic180] [--chips 200] [--seeds 5] [--spice 0] [--again]
        [--markdown]

Five trained networks (N = 1, M = 4, 3 steps). A chip is trimmed on random sequences, of which the network knows
nothing, and judged by all forecasts of the test: the RMSE, in thousand passengers, less that of the software, and the
root mean square of h's departure from it. Rows that are in ``trim_airline.csv`` beside this file are not measured
again. With ``--spice`` as many chips of the first network run in ngspice, over the first test sequence, with the trims
that were found for them. ``docs/circuit-mismatch.md`` shows what comes out.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from trained import circuit_of, kept, network, write

from cellwright.circuit.circuit import Circuit
from cellwright.circuit.design import Design
from cellwright.circuit.mismatch import Mismatch
from cellwright.circuit.tester import trim_chips
from cellwright.circuit.trim import Trim
from cellwright.tasks import SeriesTask

FILE = Path(__file__).with_suffix(".csv")
REACH = 5.18
"""1 % of the series' range, thousand passengers."""
SHARES = {"least": 0.0, "p5": 0.05, "p50": 0.5, "p95": 0.95, "most": 1.0}
DRAW = 0

Row = dict[str, object]


def trims(seed: int, technology: str, circuit: Circuit, chips: int) -> Trim:
    """Found with the same draws that ``judged`` has."""
    trained = network(seed)
    assert isinstance(trained.task, SeriesTask)
    known = trained.task.training_data(trained.recipe).train.inputs
    return trim_chips(circuit, trained.layer, Mismatch(technology, DRAW), range(chips), known)


def judged(seed: int, technology: str, circuit: Circuit, chips: int) -> Row:
    """What chips make of the test."""
    trained = network(seed)
    twin = circuit.chips(Mismatch(technology, DRAW), range(chips))
    with torch.no_grad():
        hidden = twin.run({"x": trained.inputs.transpose(0, 1)})["h"].permute(2, 1, 0, 3)
    apart = trained.metrics(hidden)["rmse"].numpy() - trained.software()["rmse"]
    departures = (hidden - trained.hidden()).square().mean((1, 2, 3)).sqrt().numpy()
    row: Row = {name: float(np.quantile(apart, share)) for name, share in SHARES.items()}
    row["within"] = float(np.mean(abs(apart) <= REACH))
    return row | {f"h_{name}": float(np.quantile(departures, share)) for name, share in SHARES.items()}


def measured(seed: int, technology: str, chips: int) -> list[Row]:
    """The rows of a network."""
    circuit = circuit_of(seed, technology, Design())
    start = time.perf_counter()
    trim = trims(seed, technology, circuit, chips)
    seconds = time.perf_counter() - start
    found = []
    for treatment, each, took in (("as made", circuit, 0.0), ("trimmed", circuit.trimmed(trim), seconds)):
        row: Row = {"technology": technology, "seed": seed, "chips": chips, "treatment": treatment}
        row |= {"software": network(seed).software()["rmse"]} | judged(seed, technology, each, chips)
        found.append(row | {"seconds": took})
        print(found[-1], flush=True)
    return found


def simulate(technology: str, chips: int) -> None:
    """Chips of the first network in ngspice: h beside software, root mean square over steps and units."""
    circuit, trained, mismatch = circuit_of(0, technology, Design()), network(0), Mismatch(technology, DRAW)
    trim, x = trims(0, technology, circuit, chips), trained.inputs[0]
    software = trained.hidden()[0].numpy()
    for chip in range(chips):
        said = []
        for each in (circuit, circuit.trimmed(trim.chip(chip))):
            spice = each.simulate({"x": x.numpy()}, mismatch=mismatch, chip=chip).values["h"]
            twin = each.chips(mismatch, [chip]).run({"x": x})["h"].squeeze(-2).numpy()
            said += [float(np.sqrt(np.mean(np.square(value - software)))) for value in (spice, twin)]
        print("chip {}: as made {:.4f} (twin {:.4f}), trimmed {:.4f} (twin {:.4f})".format(chip, *said), flush=True)


def markdown(rows: Sequence[Mapping[str, str]]) -> str:
    """The table of the documentation."""
    lines = [
        "| technology | network | software | as made, 5 % / median / 95 % | within 1 % | trimmed | farthest | within |"
    ]
    lines.append("|---" * 8 + "|")
    for made in rows:
        if made["treatment"] != "as made":
            continue
        trimmed = next(row for row in rows if _chips(row) == _chips(made) and row["treatment"] == "trimmed")
        farthest = max(abs(float(trimmed[name])) for name in ("least", "most"))
        cells = [made["technology"], made["seed"], f"{float(made['software']):.1f}"]
        cells += [_spread(made), f"{100 * float(made['within']):.0f} %", _spread(trimmed), f"{farthest:.1f}"]
        lines.append(f"| {' | '.join(cells)} | {100 * float(trimmed['within']):.1f} % |")
    return "\n".join(lines)


def _chips(row: Mapping[str, str]) -> tuple[str, str]:
    return row["technology"], row["seed"]


def _spread(row: Mapping[str, str]) -> str:
    return " / ".join(f"{float(row[name]):+.1f}" for name in ("p5", "p50", "p95"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--technology", default="generic180")
    parser.add_argument("--chips", type=int, default=200)
    parser.add_argument("--seeds", type=int, default=5, help="of networks")
    parser.add_argument("--spice", type=int, default=0, help="chips that run in ngspice, too")
    parser.add_argument("--again", action="store_true", help="measure this technology anew")
    parser.add_argument("--markdown", action="store_true", help="print the table of what is measured already")
    given = parser.parse_args()
    if given.markdown:
        print(markdown(kept(FILE)))
        return
    rows: list[Row] = [dict(row) for row in kept(FILE)]
    if given.again:
        rows = [row for row in rows if row["technology"] != given.technology]
    done = {(row["technology"], str(row["seed"])) for row in rows}
    for seed in range(given.seeds):
        if (given.technology, str(seed)) not in done:
            rows += measured(seed, given.technology, given.chips)
            write(FILE, rows)
    if given.spice:
        simulate(given.technology, given.spice)


if __name__ == "__main__":
    main()
