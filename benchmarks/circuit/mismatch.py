"""Mismatch in ngspice and in the twin: the same draws for both, cell by cell.

    python benchmarks/circuit/mismatch.py [--technology generic180] [--cells 50] [--steps 6] [--jobs 2]
        [--markdown]

Five LSTMs with one input, four units and random weights, in as many chips each as make up the cells. Every transistor
of every chip has a draw of its own: those of pairs, amplifiers, switches and bias generators. What ngspice and the twin
make of h and c goes to ``mismatch.csv`` beside this file, a row a number; cells that are there already are not run
again. ``docs/circuit-mismatch.md`` shows what comes out.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from functools import partial
from pathlib import Path

import numpy as np
import torch

from cellwright import Recurrent
from cellwright.cells import catalogue
from cellwright.circuit import technologies
from cellwright.circuit.calibration import Conditions
from cellwright.circuit.circuit import Circuit
from cellwright.circuit.mismatch import Mismatch
from cellwright.errors import CellwrightError

FILE = Path(__file__).with_suffix(".csv")
COLUMNS = (
    *("technology", "network", "chip", "signal", "step", "unit", "software"),
    *("nominal_circuit", "nominal_twin", "circuit", "twin"),
)
HEADING = """| technology | cells | | rms error in ngspice | in the twin | correlation | rms difference | largest |
|---|---|---|---|---|---|---|---|"""
NETWORKS = 5
SIGNALS = ("h", "c")
SEED = 7


def network(seed: int, steps: int, technology: str) -> tuple[Circuit, torch.Tensor, dict[str, np.ndarray], Recurrent]:
    """A circuit with random weights, its input, (steps, 1), h and c in software, (steps, units), and the layer."""
    torch.manual_seed(seed)
    layer = Recurrent("lstm", 1, 4, dtype=torch.float64)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.copy_((0.8 * torch.randn_like(parameter)).clip(-2, 2))
        x = 2 * torch.rand(steps, 1, dtype=torch.float64) - 1
        states = [layer(x[: step + 1, None])[1] for step in range(steps)]
    stored = {key.removesuffix("_l0"): value for key, value in layer.state_dict().items()}
    conditions = Conditions(technologies.find(technology))
    circuit = Circuit(catalogue()["lstm"], stored, {"feature": 1, "unit": 4}, conditions)
    software = {name: np.stack([s[i].reshape(-1).numpy() for s in states]) for i, name in enumerate(SIGNALS)}
    return circuit, x, software, layer


def cells(
    number: int, count: int, steps: int, technology: str, jobs: int, done: set[tuple[int, int]]
) -> Iterator[list[object]]:
    """The rows of a network's chips, as they are finished."""
    circuit, x, software, _ = network(number, steps, technology)
    mismatch = Mismatch(technology, SEED)
    chips = [chip for chip in range(number * count, (number + 1) * count) if (number, chip) not in done]
    if not chips:
        return
    given = {"x": x.numpy()}
    references = software, circuit.simulate(given).values, _numbers(circuit.twin.run({"x": x}))
    twins = _numbers(circuit.chips(mismatch, chips).run({"x": x}))
    with ThreadPoolExecutor(jobs) as pool:
        runs = {pool.submit(partial(circuit.simulate, given, mismatch=mismatch, chip=chip)): chip for chip in chips}
        for run in as_completed(runs):
            chip = runs[run]
            try:
                found = run.result().values
            except CellwrightError as error:
                print(f"chip {chip}: {error}")
                continue
            twin = {name: twins[name][:, chips.index(chip)] for name in SIGNALS}
            for name in SIGNALS:
                for step, unit in np.ndindex(steps, 4):
                    numbers = [each[name][step, unit] for each in (*references, found, twin)]
                    yield [technology, number, chip, name, step, unit, *(f"{each:.6f}" for each in numbers)]


def _numbers(values: dict[str, torch.Tensor]) -> dict[str, np.ndarray]:
    return {name: value.numpy() for name, value in values.items()}


def read(technology: str) -> list[dict[str, str]]:
    """The rows that are there."""
    if not FILE.is_file():
        return []
    with FILE.open(newline="") as file:
        return [row for row in csv.DictReader(file) if row["technology"] == technology]


def report(technology: str) -> Iterator[str]:
    """Errors that mismatch makes, in ngspice and in the twin, each against its own nominal circuit or against software:
    rows of the documentation's table."""
    rows = read(technology)
    count = len({(row["network"], row["chip"]) for row in rows})
    for name in SIGNALS:
        own = [row for row in rows if row["signal"] == name]
        if not own:
            continue
        software, nominal_circuit, nominal_twin, circuit, twin = (
            np.array([float(row[column]) for row in own]) for column in COLUMNS[6:]
        )
        for label, one, other in (
            ("the nominal circuit", circuit - nominal_circuit, twin - nominal_twin),
            ("software", circuit - software, twin - software),
        ):
            rms, foretold, left = (float(np.sqrt(np.mean(each**2))) for each in (one, other, one - other))
            correlation = np.corrcoef(one, other)[0, 1]
            numbers = f"{rms:.4f} | {foretold:.4f} | {correlation:.4f} | {left:.4f} ({100 * left / rms:.1f} %)"
            most = f"{abs(one - other).max():.4f}"
            yield f"| {technology} | {count} | {name} against {label} | {numbers} | {most} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--technology", default="generic180")
    parser.add_argument("--cells", type=int, default=50)
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--markdown", action="store_true", help="print the table of what is measured already")
    given = parser.parse_args()
    if given.markdown:
        print(HEADING)
        print("\n".join(row for technology in technologies.catalogue() for row in report(technology)))
        return
    done = {(int(row["network"]), int(row["chip"])) for row in read(given.technology)}
    new = not FILE.is_file()
    with FILE.open("a", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        if new:
            writer.writerow(COLUMNS)
        for number in range(NETWORKS):
            for row in cells(number, given.cells // NETWORKS, given.steps, given.technology, given.jobs, done):
                writer.writerow(row)
                file.flush()
    print("\n".join([HEADING, *report(given.technology)]))


if __name__ == "__main__":
    main()
