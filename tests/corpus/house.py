"""The folder in which every bad input is tried: good files, and results of earlier commands, which nothing may touch.

Nothing in it is trained: the networks have the weights that they were made with.
"""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import safetensors.torch
import torch

from cellwright.crossbar.devices import find as find_device
from cellwright.crossbar.devices.stored import device_json
from cellwright.learning.checkpoint import write_checkpoint
from cellwright.studies.files import own_file
from cellwright.studies.job import Job, RunSettings
from cellwright.tasks.chunks import Chunks
from cellwright.tasks.classifier import Classifier
from cellwright.tasks.encoding import Encoding, WindowShape
from cellwright.tasks.forecaster import Forecaster
from cellwright.tasks.intervals import Interval
from cellwright.tasks.stored import StoredClassifier, StoredForecaster

ROWS = 80

CELL = """from cellwright.cells import Cell, affine, tanh

class Mine(Cell):
    '''A tanh unit.'''
    def step(self, x, h):
        return tanh(affine('h', x, h))
"""


def build(folder: Path) -> None:
    """Fill an empty folder, which is the working folder."""
    (folder / "good.csv").write_text(_csv(), encoding="utf-8")
    (folder / "beats.tsv").write_text(_ucr(), encoding="utf-8")
    (folder / "beats.ts").write_text(_uea(), encoding="utf-8")
    (folder / "cell.py").write_text(CELL, encoding="utf-8")
    (folder / "device.json").write_text(device_json(find_device("rram")), encoding="utf-8")
    (folder / "pulses.csv").write_text(_pulses(), encoding="utf-8")
    _run_on_a_file(folder / "runs/good-sales")
    _run_on_sequences(folder / "runs/beats-classify")
    _run_on_airline(folder / "runs/airline-best")


def _csv() -> str:
    days = (f"2024-{1 + index // 28:02d}-{1 + index % 28:02d}" for index in range(ROWS))
    sales = (50 + 10 * math.sin(index) + index % 7 for index in range(ROWS))
    rows = (f"{day},{value:.3f},{i % 5},{i % 2}\n" for i, (day, value) in enumerate(zip(days, sales, strict=True)))
    return "day,sales,price,holiday\n" + "".join(rows)


def _sequences() -> list[tuple[str, list[float]]]:
    return [("up" if number % 2 else "down", [number + math.sin(step) for step in range(6)]) for number in range(8)]


def _ucr() -> str:
    return "".join("\t".join([label, *(f"{value:.4f}" for value in values)]) + "\n" for label, values in _sequences())


def _uea() -> str:
    head = "@problemName beats\n@timeStamps false\n@univariate true\n@equalLength true\n@seriesLength 6\n"
    lines = (",".join(f"{value:.4f}" for value in values) + f":{label}\n" for label, values in _sequences())
    return f"{head}@classLabel true up down\n@data\n" + "".join(lines)


def _pulses() -> str:
    """A device that goes up in twenty steps and down in as many, again and again."""
    volts = ([1.2] * 20 + [-1.4] * 20) * 5
    states = np.cumsum([0.0] + [2.0 if volt > 0 else -2.0 for volt in volts]) + 10
    rows = (
        f"{pulse},{volt},{state:g}\n" for pulse, (volt, state) in enumerate(zip([0.0, *volts], states, strict=True))
    )
    return "pulse,voltage,conductance_uS\n" + "".join(rows)


def _run_on_a_file(folder: Path) -> None:
    """What ``cellwright run good.csv --target sales --inputs price --time day`` leaves, as far as others read it."""
    shape = WindowShape(target="sales", inputs=("price",), lookback=4, horizon=2)
    rng = np.random.default_rng(0)
    encoding = Encoding.fit(shape, rng.normal(size=(20, shape.length, 2)) + 50)
    torch.manual_seed(0)
    network = Forecaster("lstm", encoding.features_per_step, 3, 2)
    stored = StoredForecaster(
        encoding=encoding,
        interval=Interval(level=0.9, low=(-1.0, -2.0), high=(1.0, 2.0)),
        cell="lstm",
        hidden_size=3,
        time="day",
        delimiter="",
        networks={0: network},
    )
    for name, content in stored.files().items():
        _write(folder / name, content)
    file = own_file("good.csv", target="sales", inputs="price", time="day", horizon=2, lookback=4)
    job = Job(RunSettings(task="good.csv", seeds=1, chips=2, file=file))
    _write(folder / "settings.json", json.dumps(job.described(), indent=2).encode())
    _write(folder / "model.safetensors", safetensors.torch.save(dict(network.state_dict())))
    _write(folder / "result.json", b"{}\n")
    _write(folder / "report.html", b"<!doctype html><title>earlier</title>\n")


def _run_on_sequences(folder: Path) -> None:
    """What ``cellwright predict`` reads of ``cellwright run beats.tsv --task classify``."""
    chunks = Chunks.fit([np.array(values)[:, None] for _, values in _sequences()], 3, differences=True)
    torch.manual_seed(0)
    stored = StoredClassifier(
        classes=("down", "up"),
        channels=("value",),
        chunks=chunks,
        bidirectional=False,
        pooling="last",
        cell="lstm",
        hidden_size=3,
        networks={0: Classifier("lstm", chunks.features, 3, 2, bidirectional=False)},
    )
    for name, content in stored.files().items():
        _write(folder / name, content)


def _run_on_airline(folder: Path) -> None:
    """What ``cellwright run airline --seeds 1 --chips 2`` leaves where it was stopped at once."""
    job = Job(RunSettings(task="airline", seeds=1, chips=2))
    _write(folder / "settings.json", (json.dumps(job.described(), indent=2) + "\n").encode())
    (folder / "checkpoints").mkdir()
    write_checkpoint(folder / "checkpoints/0-train.checkpoint", {}, {})
    _write(folder / "result.json", b"{}\n")


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
