"""The survey's problems as data for a circuit (Smagulova & James 2019, section 3.1.1, figure 6).

A circuit, or its twin, takes the place of the recurrent layer and is judged by the same metric as the software, beside
the same baselines.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from torch import nn

from cellwright.cells import catalogue as cells
from cellwright.circuit.stored_networks import Origin, check_trained_for, described, kept_network
from cellwright.circuit.trained_problem import Problem, of_network
from cellwright.errors import CellwrightError, named, shown
from cellwright.layers.weights import load_weights
from cellwright.tasks import LabelledTask, Recipe, SeriesTask, find, train
from cellwright.tasks.wafer import WaferRecipe, WaferTask, read_wafers, train_restarts, wafer_folds

__all__ = ["PROBLEMS", "Listed", "Problem", "of_network", "problem"]


@dataclass(frozen=True)
class Listed:
    """A problem by its name: what it is, and the task and recipe that it is made of; the wafers' task has folds."""

    title: str
    recipe: str
    task: str


PROBLEMS: Mapping[str, Listed] = MappingProxyType(
    {
        "airline": Listed("passengers a month ahead: the default recipe, 5 steps, N = 2, M = 4", "best", "airline"),
        "airline-survey": Listed("passengers a month ahead: 3 steps, N = 1, M = 4", "survey", "airline"),
        "wafer-one-step": Listed("wafers, normal or not: 1 step, N = 152, M = 4", "one-step", "wafer"),
        "wafer-sequence": Listed("wafers, normal or not: 152 steps, N = 1, M = 1", "sequence", "wafer"),
    }
)
"""The problems that circuits are generated for."""


def problem(
    name: str,
    *,
    seed: int = 0,
    fold: int = 0,
    cell: str = "",
    kept: str | Path | None = None,
    model: str | Path | None = None,
    data: str | Path | None = None,
) -> Problem:
    """A problem with a trained network.

    Args:
        name: one of `PROBLEMS`.
        seed: of the network.
        fold: of the wafers, from 0: those that are tested; the network has seen none of them.
        cell: in the place of the recipe's; a name, or ``FILE.py:CLASS``.
        kept: a folder where trained networks are kept and looked for; by default none is.
        model: a file of weights, or the folder of a finished ``cellwright run``, instead of training.
        data: the folder of data sets, for wafers; by default `cellwright.data.known.data_folder`.

    Raises:
        CellwrightError: no such problem, fold, cell or file; the data is not there; a model of something else.
    """
    listed = named("problem", name, PROBLEMS)
    task: SeriesTask | LabelledTask
    if listed.task == "wafer":
        task, part = _wafers(None if data is None else Path(data), fold), fold
    else:
        task, part = _series(listed.task), None
    recipe = task.recipe(listed.recipe)
    file, about = (None, {}) if model is None else described(Path(model))
    cell = cell or _cell_of(about) or recipe.cell
    if file is None:
        origin = Origin(task=task, recipe=recipe, cell=cell, seed=seed, fold=part)
        network = kept_network(
            origin, _blank(task, recipe, cell), None if kept is None else Path(kept), lambda: _trained(origin)
        )
    else:
        check_trained_for(file, about, task.name, recipe.name, part)
        network = _blank(task, recipe, cell)
        load_weights(network, file)
        seed = int(about.get("seed", seed))
    return of_network(name, task, recipe, network, seed=seed, fold=part)


def _cell_of(about: Mapping[str, Any]) -> str:
    """The cell that a file says that its network has; empty where it does not say.

    Raises:
        CellwrightError: it is none of the catalogue: no code is run because a file of weights names it.
    """
    cell = str(about.get("cell", ""))
    if cell and cell not in cells():
        raise CellwrightError(f"the model has the cell {shown(cell)}, which is none of the catalogue: name it as cell")
    return cell


def _series(name: str) -> SeriesTask:
    task = find(name)
    assert isinstance(task, SeriesTask)
    return task


def _wafers(data: Path | None, fold: int) -> WaferTask:
    tasks = wafer_folds(read_wafers(data))
    if not 0 <= fold < len(tasks):
        raise CellwrightError(f"fold {fold} of the wafers: expected 0 to {len(tasks) - 1}")
    return tasks[fold]


def _blank(task: SeriesTask | LabelledTask, recipe: Recipe, cell: str) -> nn.Module:
    """A network of the recipe's sizes, whose weights are to be replaced."""
    if isinstance(recipe, WaferRecipe):
        recipe = replace(recipe, draws=0)  # a search for first weights takes seconds
    return task.build(recipe, 0, cell)


def _trained(origin: Origin) -> nn.Module:
    if isinstance(origin.task, WaferTask) and isinstance(origin.recipe, WaferRecipe):
        return train_restarts(origin.task, origin.recipe, origin.seed, cell=origin.cell).model
    return train(origin.task, origin.recipe, origin.seed, cell=origin.cell).model
