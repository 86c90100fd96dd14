"""A trained cell in ngspice beside its twin and the software: accuracy, and what a run costs.

    python benchmarks/circuit/agreement.py [--technology gf180] [--cell gru] [--seeds 5] [--steps 12] [--markdown]

The survey's airline networks (N = 1, M = 4) read consecutive months without a break: 12, or all 50. Ideals are taken
away one at a time: of ``all`` blocks, of ``amplifiers and switches``, of ``switches``, of ``none``: then only supplies,
clocks, references and inputs are ideal. Runs that are in ``agreement.csv`` already are not run again.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

import numpy as np
import torch
from trained import kept, write

from cellwright.circuit import technologies
from cellwright.circuit.calibration import Conditions
from cellwright.circuit.circuit import Circuit, Waveforms
from cellwright.circuit.components import Instance
from cellwright.circuit.problems import Problem, problem
from cellwright.kernels.cache import folder

RESULTS = Path(__file__).with_suffix(".csv")
PAIRS = ("translinear", "sigma", "tanh")
IDEALS: Mapping[str, tuple[str, ...]] = {
    "all": (*PAIRS, "opamp", "switch"),
    "amplifiers and switches": ("opamp", "switch"),
    "switches": ("switch",),
    "none": (),
}
KEYS = ("technology", "cell", "seed", "steps", "ideal")

Row = Mapping[str, object]


@cache
def network(cell: str, seed: int) -> Problem:
    """Trained once, then kept in the folder for caches."""
    return problem("airline-survey", seed=seed, cell=cell, kept=folder() / "networks")


@cache
def built(technology: str, cell: str, seed: int) -> Circuit:
    """In typical conditions."""
    trained = network(cell, seed)
    sizes = {"feature": trained.input_size, "unit": trained.hidden_size}
    return Circuit(trained.cell, trained.state, sizes, Conditions(technologies.find(technology)))


def months(trained: Problem, steps: int) -> torch.Tensor:
    """The first months of the test windows, as one sequence (steps, 1)."""
    windows = trained.inputs[..., 0]
    return torch.cat([windows[:, 0], windows[-1, 1:]])[:steps, None]


def in_software(trained: Problem, x: torch.Tensor, states: Sequence[str]) -> Mapping[str, np.ndarray]:
    """The states after every step, (steps, units)."""
    with torch.no_grad():
        _, _, signals = trained.layer(x[None] if trained.layer.batch_first else x[:, None], record=states)
    return {name: signals[f"{name}_l0"].reshape(len(x), -1).numpy() for name in states}


def measure(technology: str, cell: str, seed: int, steps: int, ideal: str) -> Row:
    """One run."""
    trained, circuit = network(cell, seed), built(technology, cell, seed)
    x = months(trained, steps)
    with torch.no_grad():
        twin = circuit.twin.run({"x": x})
        states = tuple(circuit.wiring.schematic.states)
    software = in_software(trained, x, states)
    start, spent = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    run = circuit.simulate({"x": x.numpy()}, ideal=IDEALS[ideal])
    seconds, now = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    row: dict[str, object] = dict(zip(KEYS, (technology, cell, seed, steps, ideal), strict=True))
    for name in ("h", "c"):
        row |= dict.fromkeys((f"{name}_max", f"{name}_rms", f"{name}_software", f"{name}_twin_software"), "")
        if name in states:
            away, ours = run.values[name] - twin[name].numpy(), run.values[name] - software[name]
            row |= {f"{name}_max": _largest(away), f"{name}_rms": float(np.sqrt(np.mean(away**2)))}
            row[f"{name}_software"] = _largest(ours)
            row[f"{name}_twin_software"] = _largest(twin[name].numpy() - software[name])
    row |= {"seconds": seconds, "processor_seconds": now.ru_utime - spent.ru_utime, "transistors": _transistors(run)}
    return row | {"remedy": "" if run.simulation.remedy is None else run.simulation.remedy.name}


def _largest(values: np.ndarray) -> float:
    return float(np.abs(values).max())


def _transistors(run: Waveforms) -> int:
    """How many the blocks have that are built."""
    built_blocks = {n: b for n, b in run.netlist.blocks.items() if b.kind not in run.netlist.ideal}
    counts = {name: len(block.transistors) for name, block in built_blocks.items()}
    return sum(counts.get(each.block, 0) for each in run.netlist.components if isinstance(each, Instance))


def markdown(rows: Sequence[Mapping[str, str]]) -> str:
    """The table of the documentation: the largest over the networks, and the median of the time."""
    errors_of = "h, most | h, rms | c, most | h to software | twin's h to software"
    lines = [f"| technology | cell | steps | ideal | networks | {errors_of} | seconds |", "|---" * 11 + "|"]
    groups: dict[tuple[str, ...], list[Mapping[str, str]]] = {}
    for row in rows:
        groups.setdefault(tuple(row[key] for key in KEYS if key != "seed"), []).append(row)
    for group, found in groups.items():

        def largest(column: str, found: Sequence[Mapping[str, str]] = found) -> str:
            numbers = [float(row[column]) for row in found if row[column]]
            return f"{max(numbers):.4f}" if numbers else ""

        # The twin is that of the whole circuit: with ideals left there is only the software to compare with.
        whole = group[-1] == "none"
        errors = [largest(column) if whole else "" for column in ("h_max", "h_rms", "c_max")]
        seconds = float(np.median([float(row["seconds"]) for row in found]))
        to_software = largest("h_software"), largest("h_twin_software") if whole else ""
        cells = (*group, str(len(found)), *errors, *to_software, f"{seconds:.1f}")
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--technology", default="generic180", help="name of a technology")
    parser.add_argument("--cell", default="lstm", help="name of a cell with a circuit")
    parser.add_argument("--seeds", type=int, default=5, help="trained networks")
    parser.add_argument("--steps", type=int, default=12, help="months, at most 50")
    parser.add_argument("--ideal", choices=IDEALS, default="none", help="what is left ideal")
    parser.add_argument("--again", action="store_true", help="also run what is in the file")
    parser.add_argument("--markdown", action="store_true", help="print the kept results as a table, measure nothing")
    arguments = parser.parse_args()
    for seed in range(0 if arguments.markdown else arguments.seeds):
        wanted = (arguments.technology, arguments.cell, str(seed), str(arguments.steps), arguments.ideal)
        others = [row for row in kept(RESULTS) if tuple(row[key] for key in KEYS) != wanted]
        if len(others) == len(kept(RESULTS)) or arguments.again:
            row = measure(arguments.technology, arguments.cell, seed, arguments.steps, arguments.ideal)
            print(", ".join(f"{value:.4g}" if isinstance(value, float) else str(value) for value in row.values()))
            write(RESULTS, sorted([*others, row], key=_order))
    print(markdown(kept(RESULTS)))


def _order(row: Mapping[str, object]) -> tuple[object, ...]:
    return (
        row["technology"],
        row["cell"],
        int(str(row["steps"])),
        list(IDEALS).index(str(row["ideal"])),
        int(str(row["seed"])),
    )


if __name__ == "__main__":
    main()
