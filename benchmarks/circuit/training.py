"""Training through the twin: what a circuit loses to its curves, and what training with them gives back.

    python benchmarks/circuit/training.py [--seeds 5] [--epochs 60] [--chips 5] [--kept FOLDER] [--markdown]

Networks of the survey's recipe for the airline series are trained in software, then judged in software and through the
twin of their circuit in generic180, of two designs: the default one, which takes c as tanh(c / 4) * 4 before the forget
gate, and one with a single block for that product, which takes it as tanh(c). Each is then trained on, by Adam on all
training months together, through the twin and, for comparison, in software for as long; both are judged again. The test
months choose nothing.

A chip with mismatch has a twin of its own, through which its weights are trained: ``training_chips.csv`` has a row a
chip, of the first network and the default design.

``training.csv`` beside this file has a row a seed and design, written as it comes; rows that are there are not made
again. ``docs/circuit-training.md`` shows them.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from trained import kept, write

from cellwright.circuit import technologies
from cellwright.circuit.calibration import Conditions, Laboratory
from cellwright.circuit.departures import Chips
from cellwright.circuit.design import Design
from cellwright.circuit.layer import TwinLayer
from cellwright.circuit.mismatch import Mismatch
from cellwright.circuit.problems import Problem, problem
from cellwright.circuit.twin import Twin

HERE = Path(__file__).parent
RESULTS, OF_CHIPS = HERE / "training.csv", HERE / "training_chips.csv"
KEPT = HERE.parents[1] / "runs" / "circuit-networks"
PROBLEM = "airline-survey"
DESIGNS = {"default": Design(), "single block": Design(linear_range=1.0)}
LEARNING_RATE = 0.003
CHIP_EPOCHS = 30
FIGURES = {
    "software": "in software",
    "twin": "in the twin",
    "twin_after_software": "in the twin, trained on in software",
    "twin_after_twin": "in the twin, trained on through it",
}

Row = dict[str, str]


def rmse(network: nn.Module, own: Problem) -> float:
    """Root mean squared error of the test months, in the task's unit."""
    with torch.no_grad():
        outputs, _ = network(own.inputs)
    return float(own.task.metrics(own.task.forecast(outputs, own.recipe))["rmse"])


def trained_on(network: nn.Module, own: Problem, epochs: int) -> nn.Module:
    """The network after further training on the months before the test's."""
    months = own.task.training_data(own.recipe).everything
    inputs, targets = months.inputs.double(), months.targets.double()
    loss = own.task.loss(own.recipe)
    network.requires_grad_(True)
    optimizer = torch.optim.Adam(network.parameters(), lr=LEARNING_RATE)
    for _ in range(epochs):
        optimizer.zero_grad()
        error: Tensor = loss(network(inputs)[0], targets)
        error.backward()
        optimizer.step()
    return network


def measured(seed: int, name: str, epochs: int, networks: Path) -> Row:
    own = problem(PROBLEM, seed=seed, kept=networks)
    laboratory = Laboratory(DESIGNS[name], Conditions(technologies.find("generic180")))

    def circuit_of(network: nn.Module) -> nn.Module:
        made = own.with_layer(TwinLayer(network.recurrent, laboratory))
        made.dense.load_state_dict(network.dense.state_dict())
        return made

    software = trained_on(own.with_layer(own.layer), own, epochs)
    twin = circuit_of(own.network)
    row = {"seed": str(seed), "design": name, "epochs": str(epochs)}
    row |= {"software": f"{rmse(own.network, own):.3f}", "twin": f"{rmse(twin, own):.3f}"}
    row |= {"software_after_software": f"{rmse(software, own):.3f}"}
    row |= {"twin_after_software": f"{rmse(circuit_of(software), own):.3f}"}
    return row | {"twin_after_twin": f"{rmse(trained_on(twin, own, epochs), own):.3f}"}


def of_chip(chip: int, networks: Path) -> Row:
    """One chip's twin before and after training on through it."""
    own = problem(PROBLEM, seed=0, kept=networks)
    laboratory = Laboratory(DESIGNS["default"], Conditions(technologies.find("generic180")))
    drawn = Chips(laboratory, Mismatch("generic180", 0), [chip])
    network = own.with_layer(TwinLayer(own.layer, laboratory, twin=lambda *built: Twin(*built, drawn)))
    row = {"chip": str(chip), "epochs": str(CHIP_EPOCHS), "before": f"{rmse(network, own):.3f}"}
    return row | {"after": f"{rmse(trained_on(network, own, CHIP_EPOCHS), own):.3f}"}


def in_order(found: Sequence[Row]) -> list[Row]:
    return sorted(found, key=lambda row: (row.get("design", ""), int(row.get("seed") or row["chip"])))


def markdown() -> Iterator[str]:
    """The table of ``docs/circuit-training.md``: means over seeds, and standard deviations."""
    yield f"| design | seeds | {' | '.join(FIGURES.values())} |"
    yield "|---" * (2 + len(FIGURES)) + "|"
    for name in DESIGNS:
        own = [row for row in kept(RESULTS) if row["design"] == name]
        columns = [spread([float(row[figure]) for row in own]) for figure in FIGURES]
        yield f"| {name} | {len(own)} | {' | '.join(columns)} |"
    yield ""
    yield from ("| chip | as the network is | trained on through its twin |", "|---|---|---|")
    yield from (f"| {row['chip']} | {row['before']} | {row['after']} |" for row in kept(OF_CHIPS))


def spread(values: Sequence[float]) -> str:
    return f"{statistics.mean(values):.2f} ± {statistics.stdev(values) if len(values) > 1 else 0:.2f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=5, help="networks a design")
    parser.add_argument("--epochs", type=int, default=60, help="of further training")
    parser.add_argument("--chips", type=int, default=5, help="with mismatch")
    parser.add_argument("--kept", type=Path, default=KEPT, help="folder of trained networks")
    parser.add_argument("--markdown", action="store_true", help="print the table of what was measured")
    arguments = parser.parse_args()
    if arguments.markdown:
        print("\n".join(markdown()))
        return
    torch.set_num_threads(1)
    found = kept(RESULTS)
    for seed in range(arguments.seeds):
        for name in DESIGNS:
            if (str(seed), name) not in {(row["seed"], row["design"]) for row in found}:
                found.append(measured(seed, name, arguments.epochs, arguments.kept))
                write(RESULTS, in_order(found))
                print(found[-1], flush=True)
    chips = kept(OF_CHIPS)
    for chip in range(arguments.chips):
        if str(chip) not in {row["chip"] for row in chips}:
            chips.append(of_chip(chip, arguments.kept))
            write(OF_CHIPS, in_order(chips))
            print(chips[-1], flush=True)


if __name__ == "__main__":
    main()
