"""The survey's two networks for wafers in software, cross-validated, beside the nearest neighbour.

    python benchmarks/circuit/wafer_software.py [--data FOLDER] [--kept FOLDER] [--seeds 3] [--markdown]

Five stratified folds of the thousand wafers of the archive's training half: each is tested by networks that saw the
other 800. Results go to ``wafer_software.csv`` beside this file, a row a problem, fold and seed, as soon as there is
one; rows that are in it are not measured again. The trained networks stay in ``--kept``, where
`cellwright.circuit.problems.problem` finds them. ``docs/circuit-problems.md`` shows the results.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import torch
from trained import kept, write

from cellwright.circuit.problems import Problem, problem
from cellwright.data import LabelledSequences
from cellwright.tasks.wafer import ABNORMAL, FOLDS, WaferTask, read_wafers, wafer_folds

HERE = Path(__file__).parent
RESULTS = HERE / "wafer_software.csv"
KEPT = HERE.parents[1] / "runs" / "circuit-networks"
PROBLEMS = ("wafer-one-step", "wafer-sequence")
RULES = {"nearest": "1-nearest neighbour (Euclid)", "commonest": "commonest class"}

Row = dict[str, str]


def counted(found: torch.Tensor, task: WaferTask) -> Row:
    """How many wafers of each class were tested and found, from which every figure follows."""
    truth, abnormal = task.truth, task.classes.index(ABNORMAL)
    is_abnormal, right = truth == abnormal, found == truth
    return {
        "abnormal": str(int(is_abnormal.sum())),
        "abnormal_found": str(int((is_abnormal & right).sum())),
        "normal": str(int((~is_abnormal).sum())),
        "normal_found": str(int((~is_abnormal & right).sum())),
    }


def of_network(name: str, fold: int, seed: int, data: Path | None, networks: Path) -> Row:
    trained: Problem = problem(name, fold=fold, seed=seed, data=data, kept=networks)
    assert isinstance(trained.task, WaferTask)
    return (
        {"rule": name, "fold": str(fold), "seed": str(seed)}
        | counted(trained.answers(trained.hidden()), trained.task)
        | {"largest_weight": f"{trained.largest_weight:.3f}"}
    )


def of_baselines(fold: int, wafers: LabelledSequences) -> Iterator[Row]:
    task = wafer_folds(wafers)[fold]
    for name, rule in task.baselines().items():
        yield {"rule": name, "fold": str(fold), "seed": ""} | counted(rule.forecasts, task)


def in_order(found: Sequence[Row]) -> list[Row]:
    order = (*RULES, *PROBLEMS)
    return sorted(found, key=lambda row: (order.index(row["rule"]), row["seed"], row["fold"]))


def measure(seeds: int, data: Path | None, networks: Path) -> None:
    """Every row that is not there yet, the quick ones first."""
    found, wafers = kept(RESULTS), read_wafers(data)
    done = {(row["rule"], row["fold"], row["seed"]) for row in found}
    for fold in range(FOLDS):
        if ("nearest", str(fold), "") not in done:
            found.extend(of_baselines(fold, wafers))
    for name in PROBLEMS:
        for seed in range(seeds):
            for fold in range(FOLDS):
                if (name, str(fold), str(seed)) in done:
                    continue
                found.append(of_network(name, fold, seed, data, networks))
                print(found[-1], flush=True)
                write(RESULTS, in_order(found))
    write(RESULTS, in_order(found))


def shares(some: Sequence[Row]) -> tuple[float, float, float]:
    """Abnormal recall, balanced accuracy and accuracy over rows together, in per cent."""
    abnormal, abnormal_found, normal, normal_found = (
        sum(int(row[name]) for row in some) for name in ("abnormal", "abnormal_found", "normal", "normal_found")
    )
    recalls = abnormal_found / abnormal, normal_found / normal
    accuracy = (abnormal_found + normal_found) / (abnormal + normal)
    return 100 * recalls[0], 50 * sum(recalls), 100 * accuracy


def markdown() -> Iterator[str]:
    """A row a rule: all folds of a seed together, then the mean and standard deviation over seeds."""
    yield "| rule | seeds | abnormal recall | balanced accuracy | accuracy | by fold, balanced | largest weight |"
    yield "|---|---|---|---|---|---|---|"
    measured = kept(RESULTS)
    for rule in (*PROBLEMS, *RULES):
        own = [row for row in measured if row["rule"] == rule]
        if not own:
            continue
        by_seed = [shares(some) for some in grouped(own, lambda row: row["seed"])]
        by_fold = [statistics.mean(shares([row])[1] for row in some) for some in grouped(own, lambda row: row["fold"])]
        largest = max((float(row["largest_weight"]) for row in own if row["largest_weight"]), default=None)
        columns = [_spread([shares_of[place] for shares_of in by_seed]) for place in range(3)]
        yield (
            f"| {RULES.get(rule, rule)} | {len(by_seed) if largest else ''} | {' | '.join(columns)} | "
            f"{', '.join(f'{share:.1f}' for share in by_fold)} | {'' if largest is None else f'{largest:.2f}'} |"
        )


def grouped(some: Sequence[Row], key: Callable[[Row], str]) -> list[list[Row]]:
    return [[row for row in some if key(row) == value] for value in sorted({key(row) for row in some})]


def _spread(values: Sequence[float]) -> str:
    deviation = f" ± {statistics.stdev(values):.1f}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.1f}{deviation}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, help="folder of data sets; by default CELLWRIGHT_DATA")
    parser.add_argument("--kept", type=Path, default=KEPT, help="folder of trained networks")
    parser.add_argument("--seeds", type=int, default=3, help="networks a fold")
    parser.add_argument("--markdown", action="store_true", help="print the table of what was measured")
    arguments = parser.parse_args()
    if arguments.markdown:
        print("\n".join(markdown()))
        return
    torch.set_num_threads(1)
    measure(arguments.seeds, arguments.data, arguments.kept)


if __name__ == "__main__":
    main()
