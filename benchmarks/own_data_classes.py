"""Labelled sequences that no one tuned for: the default recipe beside the nearest neighbour, in software.

    python benchmarks/own_data_classes.py [--only SET] [--data FOLDER] [--markdown]

Every set of the folder of data sets is trained on its training half from five seeds and tested on its whole test half,
once. ECG5000 comes as an NPZ file. Of Wafer the training half alone is there: five stratified folds, of which four
train and one is tested, so that each wafer is tested once; a fold has a seed of its own.

Results go to ``own_data_classes.csv`` beside this file, a row a set and seed, after every set; sets that are in it are
not run again. ``docs/classification.md`` shows them.
"""

from __future__ import annotations

import argparse
import csv
import io
import os
import statistics
import time
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

import numpy as np
import torch

from cellwright.data import LabelledSequences, read_labelled, test_file_beside
from cellwright.files import write_atomically
from cellwright.tasks import LabelledTask, train
from cellwright.tasks.folds import folds

HERE = Path(__file__).parent
DATA = Path(os.environ.get("CELLWRIGHT_DATA", HERE.parents[1] / "shared" / "data"))
RESULTS = HERE / "own_data_classes.csv"
SEEDS, FOLDS = 5, 5
FILES = {
    "ECG200": "ucr_small/ECG200_TRAIN.tsv",
    "GunPoint": "ucr_small/GunPoint_TRAIN.tsv",
    "ItalyPowerDemand": "ucr_small/ItalyPowerDemand_TRAIN.tsv",
    "ToeSegmentation1": "ucr_small/ToeSegmentation1_TRAIN.tsv",
    "BasicMotions": "uea_small/BasicMotions_TRAIN.ts",
    "Epilepsy": "uea_small/Epilepsy_TRAIN.ts",
    "JapaneseVowels": "uea_small/JapaneseVowels_TRAIN.ts",
    "PenDigits": "uea_small/PenDigits_TRAIN.ts",
    "StandWalkJump": "uea_small/StandWalkJump_TRAIN.ts",
}
SETS = (*FILES, "ECG5000", "Wafer")
SHOWN = ("balanced accuracy", "accuracy", "1-NN balanced", "1-NN accuracy")


def tasks(name: str, folder: Path) -> Iterator[LabelledTask]:
    """A task for each seed."""
    if name == "Wafer":
        data = read_labelled(folder / "ucr_wafer" / "Wafer_TRAIN.tsv.gz")
        for training, test in folds(data, FOLDS):
            yield LabelledTask(data.select(training), data.select(test))
        return
    if name == "ECG5000":
        known, unseen = (ecg5000(folder, part) for part in ("train", "test"))
    else:
        path = folder / FILES[name]
        beside = test_file_beside(path)
        assert beside is not None
        known, unseen = read_labelled(path), read_labelled(beside)
    for _ in range(SEEDS):
        yield LabelledTask(known, unseen)


def ecg5000(folder: Path, part: str) -> LabelledSequences:
    with np.load(folder / "ecg5000" / "ecg5000.npz") as stored:
        values, labels = stored[f"X_{part}"].astype(np.float64), stored[f"y_{part}"].astype(int).astype(str)
    return LabelledSequences(
        name="ECG5000",
        sequences=tuple(values[:, :, None]),
        labels=tuple(labels.tolist()),
        classes=tuple(sorted(set(labels.tolist()))),
        channels=("value",),
    )


def measured(name: str, seed: int, task: LabelledTask) -> dict[str, object]:
    """One network and the nearest neighbour on the whole test half."""
    recipe, started = task.recipe(), time.perf_counter()
    model = train(task, recipe, seed).model.eval()
    seconds = time.perf_counter() - started
    with torch.no_grad():
        found = task.forecast(model(task.test_inputs(recipe))[0], recipe)[0]
    ours, nearest = task.metrics(found), task.metrics(task.baselines()["nearest"].forecasts)
    training = task.training
    shares = [100 - float(errors[key]) for errors in (ours, nearest) for key in ("balanced_error", "error")]
    return {
        "set": name,
        "seed": seed,
        "train": len(training),
        "test": len(task.tested),
        "classes": len(task.classes),
        "channels": len(training.channels),
        "longest": int(training.lengths.max()),
        **dict(zip(SHOWN, shares, strict=True)),
        "seconds": seconds,
    }


def rows() -> list[dict[str, str]]:
    if not RESULTS.exists():
        return []
    with RESULTS.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def write(found: list[dict[str, object]]) -> None:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, fieldnames=list(found[0]), lineterminator="\n")
    writer.writeheader()
    for row in found:
        writer.writerow({name: f"{item:.2f}" if isinstance(item, float) else item for name, item in row.items()})
    write_atomically(RESULTS, text.getvalue())


def markdown() -> Iterator[str]:
    """A row a set: means over the seeds, the standard deviation of ours."""
    yield "| set | train, test | classes | channels x steps | balanced accuracy | accuracy | 1-NN balanced | 1-NN |"
    yield "|---|---|---|---|---|---|---|---|"
    better = ties = 0
    for name, group in groupby(sorted(rows(), key=lambda row: SETS.index(row["set"])), key=lambda row: row["set"]):
        runs = list(group)
        ours, accuracy, nearest, neighbours = ([float(run[key]) for run in runs] for key in SHOWN)
        means = [statistics.mean(values) for values in (ours, accuracy, nearest, neighbours)]
        better += round(means[0], 1) > round(means[2], 1)
        ties += round(means[0], 1) == round(means[2], 1)
        first = runs[0]
        yield (
            f"| {name} | {first['train']}, {first['test']} | {first['classes']} | "
            f"{first['channels']} x {first['longest']} | {means[0]:.1f} ± {statistics.stdev(ours):.1f} | "
            f"{means[1]:.1f} | {means[2]:.1f} | {means[3]:.1f} |"
        )
    yield ""
    yield f"Better than 1-NN in balanced accuracy: {better}; the same: {ties}."


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", choices=SETS, help="this set alone, anew")
    parser.add_argument("--data", type=Path, default=DATA, help="folder of data sets")
    parser.add_argument("--markdown", action="store_true", help="print the table of what was measured")
    arguments = parser.parse_args()
    if arguments.markdown:
        print("\n".join(markdown()))
        return
    torch.set_num_threads(1)
    kept: list[dict[str, object]] = [dict(row) for row in rows() if row["set"] != arguments.only]
    done = {row["set"] for row in kept}
    for name in SETS if arguments.only is None else (arguments.only,):
        if name in done:
            continue
        for seed, task in enumerate(tasks(name, arguments.data)):
            kept.append(measured(name, seed, task))
            print(kept[-1], flush=True)
        write(kept)


if __name__ == "__main__":
    main()
