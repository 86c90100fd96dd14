"""Circuits of the survey's trained airline cell (N = 1, M = 4, 3 steps), judged beside the software."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

import numpy as np
import torch

from cellwright.circuit import technologies
from cellwright.circuit.calibration import Conditions
from cellwright.circuit.circuit import Circuit
from cellwright.circuit.design import Design
from cellwright.circuit.problems import Problem, problem
from cellwright.files import write_atomically
from cellwright.kernels.cache import folder

PICTURES = Path(__file__).parents[2] / "docs" / "images"


@cache
def network(seed: int) -> Problem:
    """Trained once, then kept in the folder for caches."""
    return problem("airline-survey", seed=seed, kept=folder() / "networks")


def circuit_of(seed: int, technology: str, design: Design, operated: Conditions | None = None) -> Circuit:
    """Designed in typical conditions."""
    conditions = Conditions(technologies.find(technology))
    return Circuit.of(network(seed).layer, conditions, design, operated=operated)


def judged(seed: int, circuit: Circuit) -> dict[str, float]:
    """The twin over all test sequences: how far h is from software, and the RMSE of the forecasts."""
    trained = network(seed)
    with torch.no_grad():
        hidden = circuit.twin.run({"x": trained.inputs.transpose(0, 1)})["h"].transpose(0, 1)
    away = hidden - trained.hidden()
    return {
        "h_max": float(away.abs().max()),
        "h_rms": float(away.square().mean().sqrt()),
        "rmse": float(trained.metrics(hidden)["rmse"]),
    }


def simulated(seed: int, circuit: Circuit) -> dict[str, float]:
    """ngspice over the first test sequence: how far h is from the twin and from software."""
    trained = network(seed)
    x = trained.inputs[0]
    spice = circuit.simulate({"x": x.numpy()}).values["h"]
    twin = circuit.twin.run({"x": x})["h"].numpy()
    return {
        "spice_to_twin": float(np.abs(spice - twin).max()),
        "spice_to_software": float(np.abs(spice - trained.hidden()[0].numpy()).max()),
    }


def write(path: Path, rows: Sequence[Mapping[str, object]]) -> None:
    """The rows as they are, numbers with four digits; a column that a row lacks is empty."""
    text = io.StringIO()
    columns = list(dict.fromkeys(name for row in rows for name in row))
    writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({k: f"{v:.4g}" if isinstance(v, float) else v for k, v in row.items()})
    write_atomically(path, text.getvalue())


def kept(path: Path) -> list[dict[str, str]]:
    """The rows that a benchmark wrote; none before it has."""
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))
