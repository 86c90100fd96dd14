"""Descriptions of trained networks that someone has damaged: one line of ours, whatever is in them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from cellwright.errors import CellwrightError
from cellwright.tasks.chunks import Chunks
from cellwright.tasks.classifier import Classifier
from cellwright.tasks.encoding import Encoding, WindowShape
from cellwright.tasks.forecaster import Forecaster
from cellwright.tasks.intervals import Interval
from cellwright.tasks.stored import ABOUT, Stored, StoredClassifier, StoredForecaster, read_stored


def written(stored: Stored, folder: Path) -> dict[str, Any]:
    for name, content in stored.files().items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(content)
    return json.loads((folder / ABOUT).read_text())


def forecaster() -> StoredForecaster:
    torch.manual_seed(0)
    windows = np.random.default_rng(0).normal(size=(40, 9, 2))
    encoding = Encoding.fit(WindowShape(target="y", inputs=("x",), lookback=3, horizon=2, season=3), windows)
    network = Forecaster("gru", encoding.features_per_step, 2, 2)
    interval = Interval(level=0.9, low=(-1.0, -2.0), high=(1.0, 2.0))
    return StoredForecaster(
        encoding=encoding, interval=interval, cell="gru", hidden_size=2, time="", delimiter="", networks={3: network}
    )


def classifier() -> StoredClassifier:
    sequences = list(np.random.default_rng(0).normal(size=(6, 8, 2)))
    chunks = Chunks.fit(sequences, 4, differences=True)
    network = Classifier("lstm", chunks.features, 2, 3, bidirectional=True, pooling="mean")
    return StoredClassifier(
        classes=("a", "b", "c"), channels=("p", "q"), chunks=chunks, bidirectional=True, pooling="mean", cell="lstm",
        hidden_size=2, networks={0: network, 1: network},
    )  # fmt: skip


def test_networks_come_back_as_they_were(tmp_path: Path) -> None:
    one, other = forecaster(), classifier()
    for name, stored in (("one", one), ("other", other)):
        (tmp_path / name).mkdir()
        written(stored, tmp_path / name)
    again, also = read_stored(tmp_path / "one"), read_stored(tmp_path / "other")
    assert isinstance(again, StoredForecaster)
    assert isinstance(also, StoredClassifier)
    windows = np.random.default_rng(1).normal(size=(5, 9, 2))
    assert np.array_equal(again.forecast(windows), one.forecast(windows))
    sequences = tuple(np.random.default_rng(2).normal(size=(3, 7, 2)))
    assert np.array_equal(also.probabilities(sequences), other.probabilities(sequences))


def paths(tree: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a description."""
    found = [at] if at else []
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in items:
        found += paths(value, (*at, key))
    return found


WRONG = (None, -1, 0, 10**12, float("nan"), "x" * 50, [], {}, True, [[1]])


@pytest.mark.parametrize("make", [forecaster, classifier])
def test_whatever_stands_in_a_description_no_error_but_ours_comes(make: Any, tmp_path: Path) -> None:
    about = written(make(), tmp_path)
    refused = 0
    for place in paths(about):
        for value in (*WRONG, "gone"):
            changed = json.loads(json.dumps(about))
            parent = changed
            for key in place[:-1]:
                parent = parent[key]
            if value == "gone":
                del parent[place[-1]]
            else:
                parent[place[-1]] = value
            (tmp_path / ABOUT).write_text(json.dumps(changed))
            try:
                stored = read_stored(tmp_path)
            except CellwrightError:
                refused += 1
            else:
                # What is believed has to work.
                if isinstance(stored, StoredForecaster):
                    stored.forecast(np.zeros((1, stored.encoding.shape.length, len(stored.encoding.shape.columns))))
                else:
                    stored.probabilities((np.zeros((8, len(stored.channels))),))
    assert refused > 100
