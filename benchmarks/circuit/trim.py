"""Chips by the thousand through the twin: what mismatch does to h and c, as made and when trimmed.

    python benchmarks/circuit/trim.py [--technology generic180] [--chips 1000] [--trimmed 200]

An LSTM with one input, four units and random weights, that of ``mismatch.py`` with the number 0. Sequences for
calibration and those on which chips are judged (4 of 12 steps) are drawn apart. A chip's error is the root mean square
of its departure from software over steps, sequences and units. Results go to ``trim.csv`` beside this file;
``docs/circuit-mismatch.md`` shows them.
"""

from __future__ import annotations

import argparse
import csv
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from mismatch import SIGNALS, network
from trained import kept

from cellwright import Recurrent
from cellwright.circuit.circuit import Circuit
from cellwright.circuit.mismatch import Mismatch
from cellwright.circuit.trim import Trim, TrimSettings, calibrate

Tensor = torch.Tensor

FILE = Path(__file__).with_suffix(".csv")
COLUMNS = ("technology", "chips", "treatment", "signal", "p5", "p50", "p95", "seconds")
SEED = 11
TREATMENTS = {
    "8 bits": TrimSettings(),
    "6 bits": TrimSettings(bits=6),
    "8 bits, no taps": TrimSettings(gain=False),
}


def drawn(layer: Recurrent, steps: int, sequences: int, seed: int) -> tuple[Tensor, dict[str, Tensor]]:
    """Sequences, (steps, sequences, 1), and the states that software makes of them."""
    x = 2 * torch.rand(steps, sequences, 1, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)) - 1
    with torch.no_grad():
        states = [layer(x[: step + 1])[1] for step in range(steps)]
    return x, {name: torch.stack([state[i].squeeze(0) for state in states]) for i, name in enumerate(SIGNALS)}


def errors(values: Mapping[str, Tensor], targets: Mapping[str, Tensor], signal: str) -> np.ndarray:
    """Of each chip."""
    departure = values[signal] - targets[signal].unsqueeze(-2)
    return departure.square().mean((0, 1, 3)).sqrt().numpy()


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--technology", default="generic180")
    parser.add_argument("--chips", type=int, default=1000)
    parser.add_argument("--trimmed", type=int, default=200)
    parser.add_argument("--markdown", action="store_true", help="print the results that are there")
    given = parser.parse_args()
    if given.markdown:
        print("\n".join(f"| {' | '.join(row.values())} |" for row in kept(FILE)))
        return
    circuit, _, _, layer = network(0, 1, given.technology)
    mismatch = Mismatch(given.technology, SEED)
    x, targets = drawn(layer, 12, 4, 1)
    known, wanted = drawn(layer, 6, 8, 2)

    def run(of: Circuit, chips: int, inputs: Tensor) -> dict[str, Tensor]:
        with torch.no_grad():
            return of.chips(mismatch, range(chips)).run({"x": inputs})

    rows: list[list[object]] = []

    def judge(of: Circuit, chips: int, treatment: str, start: float) -> None:
        values = run(of, chips, x)
        took = time.perf_counter() - start
        for name in SIGNALS:
            shares = np.quantile(errors(values, targets, name), (0.05, 0.5, 0.95))
            rows.append([given.technology, chips, treatment, name, *(f"{each:.4f}" for each in shares), f"{took:.1f}"])
            print(*rows[-1])

    judge(circuit, given.chips, "as made", time.perf_counter())
    for treatment, settings in TREATMENTS.items():
        start = time.perf_counter()

        def measure(trim: Trim) -> dict[str, Tensor]:
            return run(circuit.trimmed(trim), given.trimmed, known)

        trim = calibrate(circuit.twin, {"x": known}, wanted, measure, given.trimmed, settings)
        judge(circuit.trimmed(trim), given.trimmed, treatment, start)
    with FILE.open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([COLUMNS, *rows])


if __name__ == "__main__":
    main()
