"""Train the network of a recipe: choose the number of epochs by validation, then train on everything."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from cellwright.learning import Callback, FitResult, SequenceData, fit
from cellwright.learning.evaluate import outputs_of
from cellwright.learning.progress import ignore
from cellwright.tasks.forecaster import Forecaster
from cellwright.tasks.task import Recipe, Task

if TYPE_CHECKING:
    from rich.console import Console


@dataclass(frozen=True)
class Trained:
    """A trained network.

    chosen_by: the run that chose the number of epochs; result: the run of ``model``. unseen: the network of
    ``chosen_by``, which has not been trained on the validation data.
    """

    model: torch.nn.Module
    result: FitResult
    chosen_by: FitResult | None = None
    unseen: torch.nn.Module | None = None


def train(
    task: Task,
    recipe: Recipe,
    seed: int,
    *,
    cell: str = "",
    folder: str | Path | None = None,
    callback: Callback = ignore,
    console: Console | None = None,
) -> Trained:
    """Train the recipe's network from ``seed``, which sets its first weights and all that training draws.

    With validation data the epochs are chosen first; with ``recipe.refit`` a network with the same first weights is
    then trained on everything for that long. ``cell`` replaces the recipe's cell. ``folder`` keeps checkpoints
    (``SEED-choose.checkpoint``, ``SEED-train.checkpoint``), from which the same call goes on.

    Raises:
        CellwrightError: see ``cellwright.learning.fit``.
    """
    data, loss = task.training_data(recipe), task.loss(recipe)
    settings = replace(recipe.training, seed=seed)

    def kept(stage: str) -> Path | None:
        return None if folder is None else Path(folder) / f"{seed}-{stage}.checkpoint"

    model, chosen_by, unseen = task.build(recipe, seed, cell), None, None
    if data.validation is not None:
        chosen_by = fit(
            model,
            data.train,
            settings,
            validation=data.validation,
            loss=loss,
            checkpoint=kept("choose"),
            callback=callback,
            console=console,
        )
        if not recipe.refit:
            return Trained(model, chosen_by, chosen_by, model)
        unseen, model = model, task.build(recipe, seed, cell)
        settings = replace(settings, epochs=chosen_by.best_epoch, patience=None)
    result = fit(
        model, data.everything, settings, loss=loss, checkpoint=kept("train"), callback=callback, console=console
    )
    if recipe.shrink and unseen is not None and data.validation is not None:
        shrink(worth(unseen, data.validation), unseen, model)
    return Trained(model, result, chosen_by, unseen)


BLOCKS = 10
"""Pieces of the validation data, one after the other, in most of which a correction must help."""


def worth(model: torch.nn.Module, held_out: SequenceData) -> float:
    """The factor, 0 to 1, by which the outputs of ``model`` fit the targets of ``held_out`` best.

    The least-squares factor, as in stacking (Wolpert 1992, Neural Networks 5, 241; Breiman 1996, Machine Learning 24,
    49); 0 where the gain is not above its own standard error over `BLOCKS` pieces of the data. A network that corrects
    another forecast and has learnt nothing that holds elsewhere is worth 0.
    """
    with torch.no_grad():
        outputs = outputs_of(model.eval()(held_out.inputs)).double()
    targets, power = held_out.targets.double(), float(outputs.square().sum())
    factor = min(max(float((outputs * targets).sum()) / power, 0.0), 1.0) if power > 0 else 0.0
    gained = (targets.square() - (targets - factor * outputs).square()).flatten(1).sum(1)
    gains = torch.stack([piece.sum() for piece in gained.tensor_split(min(BLOCKS, len(gained)))])
    return factor if gains.mean() > gains.std() / len(gains) ** 0.5 else 0.0


def shrink(factor: float, *models: torch.nn.Module) -> None:
    """Scale the outputs of forecasters in place."""
    for model in models:
        assert isinstance(model, Forecaster)
        with torch.no_grad():
            model.dense.weight.mul_(factor)
            model.dense.bias.mul_(factor)
