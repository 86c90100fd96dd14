"""Wafers through the circuit: all of them through its twin, cross-validated, and some in ngspice.

    python benchmarks/circuit/wafer.py [--only twin|one-step|sequence] [--kept FOLDER] [--data FOLDER]
        [--at-once N] [--markdown]

Five stratified folds of the thousand wafers: each is tested by a network that saw the other 800. ``wafer-one-step`` has
152 inputs and 4 units; what multiplies a state is dead and is not built. ``wafer-sequence`` has one input and one unit,
over 152 steps; its network is trained as an LSTM, and with departures of the circuit, as ``held_lstm.py`` has them.

``wafer.csv`` has a row a network and fold, of the software and of the twin; ``wafer_spice.csv`` a row a wafer in
ngspice, with its errors against the twin. Both are written as rows come, and rows that are there are not made again.
``docs/circuit-training.md`` shows them. Speeds depend on what else the machine does.
"""

from __future__ import annotations

import argparse
import csv
import io
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from functools import cache
from itertools import product
from pathlib import Path

import numpy as np
import torch

from cellwright.cells import catalogue
from cellwright.circuit import technologies
from cellwright.circuit.calibration import Conditions
from cellwright.circuit.circuit import Circuit
from cellwright.circuit.problems import Problem, problem
from cellwright.files import write_atomically
from cellwright.program import from_zero_states
from cellwright.tasks.wafer import ABNORMAL, FOLDS, WaferTask

HERE = Path(__file__).parent
ALL, SIMULATED = HERE / "wafer.csv", HERE / "wafer_spice.csv"
KEPT = HERE.parents[1] / "runs" / "circuit-networks"
OWN = HERE / "held_lstm.py"
NETWORKS = {"lstm": "", "held": f"{OWN}:HeldLSTM", "measured": f"{OWN}:MeasuredLSTM"}
TESTED = (("wafer-one-step", "lstm"), *(("wafer-sequence", network) for network in NETWORKS))
A_FOLD = {"wafer-one-step": 20, "wafer-sequence": 2}
"""Wafers of each fold that ngspice computes, half of them abnormal."""

TIMEOUT = 3600.0

Row = dict[str, str]


class Bench:
    """Where networks and data are."""

    def __init__(self, kept: Path, data: Path | None) -> None:
        self.kept, self.data = kept, data

    @cache  # noqa: B019
    def problem(self, name: str, network: str, fold: int) -> Problem:
        return problem(name, fold=fold, cell=NETWORKS[network], kept=self.kept, data=self.data)

    @cache  # noqa: B019
    def circuit(self, name: str, network: str, fold: int) -> Circuit:
        """In generic180, of the default design; a single step without what is dead in it."""
        own, cell = self.problem(name, network, fold), catalogue()["lstm"]
        return Circuit(
            cell,
            own.state,
            own.layer.layer_sizes(0),
            Conditions(technologies.find("generic180")),
            program=from_zero_states(cell.program()) if own.steps == 1 else None,
        )

    @cache  # noqa: B019
    def twin(self, name: str, network: str, fold: int) -> dict[str, torch.Tensor]:
        """Every signal of every wafer of the fold, (steps, wafers, units)."""
        inputs = self.problem(name, network, fold).inputs
        with torch.no_grad():
            return self.circuit(name, network, fold).twin.run({"x": inputs.transpose(0, 1)})


def counted(found: torch.Tensor, task: WaferTask) -> Row:
    """How many wafers of each class were tested and found, from which every figure follows."""
    is_abnormal, right = task.truth == task.classes.index(ABNORMAL), found == task.truth
    return {
        "abnormal": str(int(is_abnormal.sum())),
        "abnormal_found": str(int((is_abnormal & right).sum())),
        "normal": str(int((~is_abnormal).sum())),
        "normal_found": str(int((~is_abnormal & right).sum())),
    }


def through_the_twin(bench: Bench) -> None:
    """All wafers in software and through the twin, a fold after another."""
    found = read(ALL)
    done = {(row["problem"], row["network"], row["fold"]) for row in found}
    for (name, network), fold in product(TESTED, range(FOLDS - 1, -1, -1)):
        if (name, network, str(fold)) in done:
            continue
        own, twin = bench.problem(name, network, fold), bench.twin(name, network, fold)
        assert isinstance(own.task, WaferTask)
        software, hidden = own.hidden(), twin["h"].transpose(0, 1)
        about = {"problem": name, "network": network, "fold": str(fold)}
        departure = {"h_departs": f"{float((hidden - software).abs().max()):.4f}"}
        found += [
            about | {"by": "software"} | counted(own.answers(software), own.task),
            about | {"by": "twin"} | counted(own.answers(hidden), own.task) | departure,
        ]
        write(ALL, found)
        print(*found[-2:], sep="\n", flush=True)


def in_ngspice(bench: Bench, name: str, network: str, at_once: int) -> None:
    """Some wafers of each fold, of both classes: each one's errors against the twin, and what it is taken for."""
    found = read(SIMULATED)
    done = {(row["problem"], row["network"], row["fold"], row["wafer"]) for row in found}
    with ThreadPoolExecutor(at_once) as pool:
        runs = []
        for fold, wafers in ordered(bench, name, network):
            if (name, network, str(fold), str(wafers[0])) not in done:
                bench.twin(name, network, fold)  # here, as threads would each make their own
                runs.append(pool.submit(simulated, bench, name, network, fold, wafers))
        for run in as_completed(runs):
            found += run.result()
            write(SIMULATED, found)
            print(found[-1], flush=True)


def ordered(bench: Bench, name: str, network: str) -> Iterator[tuple[int, list[int]]]:
    """What to run, by fold: wafers whose one step shares a run, or single ones; a cut list has something of all."""
    chosen = {}
    for fold in range(FOLDS - 1, -1, -1):
        task = bench.problem(name, network, fold).task
        assert isinstance(task, WaferTask)
        abnormal = task.truth == task.classes.index(ABNORMAL)
        half = A_FOLD[name] // 2
        pairs = torch.stack([torch.where(of_class)[0][:half] for of_class in (abnormal, ~abnormal)], dim=1)
        chosen[fold] = pairs.flatten().tolist()
        if name == "wafer-one-step":
            yield fold, chosen[fold]
    if name == "wafer-sequence":
        for place in range(A_FOLD[name]):
            yield from ((fold, [wafers[place]]) for fold, wafers in chosen.items())


def simulated(bench: Bench, name: str, network: str, fold: int, wafers: Sequence[int]) -> list[Row]:
    """One run. A circuit of a single step keeps nothing from step to step: its wafers follow one another."""
    own, circuit, twin = (part(name, network, fold) for part in (bench.problem, bench.circuit, bench.twin))
    inputs = own.inputs[list(wafers)]
    started = time.perf_counter()
    values = circuit.simulate({"x": inputs.flatten(0, 1).numpy()}, timeout=TIMEOUT).values
    seconds = (time.perf_counter() - started) / len(wafers)
    found = []
    cell_state = circuit.wiring.schematic.results["c"].name
    software, hidden = own.hidden(), twin["h"].transpose(0, 1)
    for place, wafer in enumerate(wafers):
        steps = slice(place * own.steps, (place + 1) * own.steps)
        errors = {
            state: values[signal][steps] - twin[signal][:, wafer].numpy()
            for state, signal in (("h", "h"), ("c", cell_state))
        }
        spice = torch.from_numpy(np.ascontiguousarray(values["h"][steps]))[None]
        one = own.subset([wafer])
        assert isinstance(one.task, WaferTask)
        names = one.task.classes
        found.append(
            {"problem": name, "network": network, "fold": str(fold), "wafer": str(wafer)}
            | {"truth": str(names[int(one.task.truth[0])])}
            | {
                by: str(names[int(one.answers(outputs)[0])])
                for by, outputs in (("software", software[[wafer]]), ("twin", hidden[[wafer]]), ("spice", spice))
            }
            | {f"{state}_max": f"{np.abs(error).max():.5f}" for state, error in errors.items()}
            | {f"{state}_rms": f"{np.sqrt((error**2).mean()):.5f}" for state, error in errors.items()}
            | {"seconds": f"{seconds:.1f}"}
        )
    return found


def read(file: Path) -> list[Row]:
    if not file.exists():
        return []
    with file.open(encoding="utf-8", newline="") as text:
        return list(csv.DictReader(text))


def write(file: Path, found: Sequence[Row]) -> None:
    text = io.StringIO(newline="")
    columns = list(dict.fromkeys(name for row in found for name in row))
    writer = csv.DictWriter(text, fieldnames=columns, lineterminator="\n", restval="")
    writer.writeheader()
    writer.writerows(found)
    write_atomically(file, text.getvalue())


def markdown() -> Iterator[str]:
    """The tables of ``docs/circuit-training.md``."""
    yield "| problem | network | by | wafers | abnormal recall | balanced accuracy | by fold |"
    yield "|---|---|---|---|---|---|---|"
    measured = read(ALL)
    for key in dict.fromkeys((row["problem"], row["network"], row["by"]) for row in measured):
        own = sorted(
            (row for row in measured if (row["problem"], row["network"], row["by"]) == key), key=lambda row: row["fold"]
        )
        wafers = sum(int(row["abnormal"]) + int(row["normal"]) for row in own)
        recall, balanced = shares(own)
        folds = ", ".join(f"{shares([row])[1]:.1f}" for row in own)
        yield f"| {' | '.join(key)} | {wafers} | {recall:.1f} | {balanced:.1f} | {folds} |"
    yield ""
    yield "| problem | network | in ngspice | as the twin | h max | h rms | c max | seconds a wafer |"
    yield "|---|---|---|---|---|---|---|---|"
    runs = read(SIMULATED)
    for key2 in dict.fromkeys((row["problem"], row["network"]) for row in runs):
        some = [row for row in runs if (row["problem"], row["network"]) == key2]
        same = sum(row["spice"] == row["twin"] for row in some)
        h, c = (max(float(row[f"{state}_max"]) for row in some) for state in "hc")
        rms = np.sqrt(np.mean([float(row["h_rms"]) ** 2 for row in some]))
        seconds = np.mean([float(row["seconds"]) for row in some])
        yield f"| {' | '.join(key2)} | {len(some)} | {same} | {h:.4f} | {rms:.4f} | {c:.4f} | {seconds:.0f} |"


def shares(some: Sequence[Row]) -> tuple[float, float]:
    """Abnormal recall and balanced accuracy over rows together, in per cent."""
    abnormal, abnormal_found, normal, normal_found = (
        sum(int(row[name]) for row in some) for name in ("abnormal", "abnormal_found", "normal", "normal_found")
    )
    return 100 * abnormal_found / abnormal, 50 * (abnormal_found / abnormal + normal_found / normal)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", choices=("twin", "one-step", "sequence"), help="a part; by default all")
    parser.add_argument("--network", choices=tuple(NETWORKS), default="held", help="of the sequences in ngspice")
    parser.add_argument("--kept", type=Path, default=KEPT, help="folder of trained networks")
    parser.add_argument("--data", type=Path, help="folder of data sets; by default CELLWRIGHT_DATA")
    parser.add_argument("--at-once", type=int, default=2, help="runs of ngspice at the same time")
    parser.add_argument("--markdown", action="store_true", help="print the tables of what was measured")
    arguments = parser.parse_args()
    if arguments.markdown:
        print("\n".join(markdown()))
        return
    torch.set_num_threads(1)
    bench = Bench(arguments.kept, arguments.data)
    if arguments.only in (None, "twin"):
        through_the_twin(bench)
    if arguments.only in (None, "one-step"):
        in_ngspice(bench, "wafer-one-step", "lstm", arguments.at_once)
    if arguments.only in (None, "sequence"):
        in_ngspice(bench, "wafer-sequence", arguments.network, arguments.at_once)


if __name__ == "__main__":
    main()
