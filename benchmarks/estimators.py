"""The classifier beside classifiers of scikit-learn on small known sets, all chosen on the training half alone.

    python benchmarks/estimators.py [FOLDER]

FOLDER has the files of the UCR archive (``NAME_TRAIN.tsv``, ``NAME_TEST.tsv``); by default ``ucr_small`` in the
folder that CELLWRIGHT_DATA names. The parameters of each method are chosen by five-fold cross-validation on TRAIN; then
it is fitted to TRAIN and scored on TEST once (the network with five seeds). Results go to ``estimators.csv`` beside
this file; ``--markdown`` prints them as the table of ``docs/scikit-learn.md``.
"""

from __future__ import annotations

import csv
import os
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

HERE = Path(__file__).parent
TABLE = HERE / "estimators.csv"
SETS = ("ItalyPowerDemand", "ECG200", "GunPoint", "ToeSegmentation1")
SEEDS = range(5)


def main() -> None:
    if "--markdown" in sys.argv:
        print(markdown())
        return
    given = [argument for argument in sys.argv[1:] if not argument.startswith("--")]
    folder = Path(given[0]) if given else Path(os.environ.get("CELLWRIGHT_DATA", "")) / "ucr_small"
    rows = [row for name in SETS for row in scores(folder, name)]
    with TABLE.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def scores(folder: Path, name: str) -> list[dict[str, str]]:
    """A row a method: what was chosen, its score in the folds, on TEST, and the seconds of the search."""
    from sklearn.base import clone
    from sklearn.model_selection import GridSearchCV, StratifiedKFold

    rows = []
    (X, y), (test, truth) = (
        (table[:, 1:].astype(np.float32), table[:, 0].astype(int))
        for table in (np.loadtxt(folder / f"{name}_{half}.tsv") for half in ("TRAIN", "TEST"))
    )
    for method, estimator, grid in methods():
        start = time.process_time()
        search = GridSearchCV(estimator, grid, cv=StratifiedKFold(5, shuffle=True, random_state=0)).fit(X, y)
        seconds = time.process_time() - start
        # The seed of the network, whether it stands alone or at the end of a pipeline; no other method draws.
        known = search.best_estimator_.get_params()
        seeded = [key for key in ("random_state", "recurrentclassifier__random_state") if key in known]
        found = []
        for seed in SEEDS if seeded else (0,):
            best = clone(search.best_estimator_).set_params(**dict.fromkeys(seeded, seed))
            found.append(best.fit(X, y).score(test, truth))
        rows.append({
            "set": name,
            "method": method,
            "chosen": chosen(search.best_params_),
            "folds": f"{search.best_score_:.4f}",
            "test": f"{statistics.mean(found):.4f}",
            "test_std": f"{statistics.stdev(found):.4f}" if len(found) > 1 else "",
            "seconds": f"{seconds:.0f}",
        })  # fmt: skip
        print(rows[-1], flush=True)
    return rows


def chosen(parameters: dict[str, Any]) -> str:
    """``cell=gru width=4``."""
    plain = {key.split("__")[-1]: value for key, value in parameters.items()}
    plain |= plain.pop("kw_args", {})
    return " ".join(f"{key}={value}" for key, value in plain.items())


def methods() -> list[tuple[str, object, dict[str, list[object]]]]:
    """Name, estimator, and the parameters to choose from."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer, StandardScaler

    from cellwright import RecurrentClassifier

    logistic = make_pipeline(StandardScaler(), LogisticRegression(max_iter=5000))
    network = RecurrentClassifier(random_state=0)
    chunked = make_pipeline(FunctionTransformer(at_once, kw_args={"width": 1}), network)
    widths = [{"width": width} for width in (2, 4, 8)]
    cells = ["lstm", "gru"]
    return [
        ("nearest neighbours", KNeighborsClassifier(), {"n_neighbors": [1, 3, 5]}),
        ("logistic regression", logistic, {"logisticregression__C": [0.001, 0.01, 0.1, 1.0, 10.0]}),
        ("`RecurrentClassifier`", network, {"cell": cells}),
        (
            "the same, steps at once",
            chunked,
            {"functiontransformer__kw_args": widths, "recurrentclassifier__cell": cells},
        ),
    ]


def at_once(X: NDArray[np.float32], width: int) -> NDArray[np.float32]:
    """(samples, time) as steps of ``width`` time steps; the last one repeats the last value where it has none."""
    return np.pad(X, ((0, 0), (0, -X.shape[1] % width)), mode="edge").reshape(len(X), -1, width)


def markdown() -> str:
    """The table, a row a set and a column a method."""
    with TABLE.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    names = list(dict.fromkeys(row["method"] for row in rows))
    lines = ["| set | " + " | ".join(names) + " |", "|---" * (len(names) + 1) + "|"]
    for name in dict.fromkeys(row["set"] for row in rows):
        cells = []
        for row in (row for row in rows if row["set"] == name):
            spread = f" ± {100 * float(row['test_std']):.1f}" if row["test_std"] else ""
            cells.append(f"{100 * float(row['test']):.1f}{spread} ({row['chosen']})")
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
