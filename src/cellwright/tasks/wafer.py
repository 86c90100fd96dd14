"""Wafers, normal or not, as the survey's circuits classify them; the data is a person's own copy, no part of this."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import torch
from torch import Tensor
from torch.optim import AdamW, Optimizer
from torch.optim.lr_scheduler import CosineAnnealingLR

from cellwright.data import LabelledSequences, read_labelled
from cellwright.data.known import labelled_files
from cellwright.learning import FitSettings, Loss, SequenceData
from cellwright.tasks.best_start import start_best
from cellwright.tasks.classifier import Classifier
from cellwright.tasks.folds import folds
from cellwright.tasks.labelled import LabelledRecipe, LabelledTask
from cellwright.tasks.task import Certainty, Published, Recipe, TrainingData, by_name
from cellwright.tasks.training import Trained, train

LENGTH, ABNORMAL, FOLDS = 152, "-1", 5

LIMIT = 5.0
"""The largest size of a weight: training never leaves this range, which a circuit has to hold."""


@dataclass(frozen=True, kw_only=True)
class WaferRecipe(LabelledRecipe):
    """How wafers are classified.

    draws: first weights to choose from, see ``start_best``; 0 starts as torch does.
    restarts: networks that are trained, of which validation chooses one.
    input_limit: standard deviations at which a value is cut off. Of the archive's values one in 700, in spikes of up to
        12, goes beyond what the inputs of a circuit swing to.
    """

    draws: int = 0
    restarts: int = 1
    input_limit: float = 3.0


def bounded_adamw(
    parameters: Iterable[torch.nn.Parameter], learning_rate: float, weight_decay: float, limit: float
) -> Optimizer:
    """AdamW, after each step of which no parameter is larger than ``limit``."""
    held = list(parameters)
    optimizer = AdamW(held, lr=learning_rate, weight_decay=weight_decay)

    def bound(*_: object) -> None:
        with torch.no_grad():
            for parameter in held:
                parameter.clamp_(-limit, limit)

    optimizer.register_step_post_hook(bound)
    return optimizer


ONE_STEP = WaferRecipe(
    name="one-step",
    title="the whole sequence at one step, 4 units, as the survey's circuit",
    cell="lstm",
    hidden_size=4,
    steps=1,
    differences=False,
    bidirectional=False,
    noise=0.6,
    validation=0.2,
    training=FitSettings(
        epochs=600,
        optimizer=partial(bounded_adamw, learning_rate=0.01, weight_decay=0.1, limit=LIMIT),
    ),
    source="Smagulova & James 2019, fig. 6c: 1 time step, N = 152, M = 4, weights from Keras",
    why="the survey names no training: AdamW over all sequences at once with noise on the inputs, classes weighted to "
    "count the same, epochs chosen by a fifth of the training sequences",
)
SEQUENCE = WaferRecipe(
    name="sequence",
    title="one value a step, a single unit, as the survey's circuit",
    cell="lstm",
    hidden_size=1,
    steps=LENGTH,
    differences=False,
    bidirectional=False,
    validation=0.2,
    refit=False,
    draws=300,
    restarts=6,
    training=FitSettings(
        epochs=120,
        batch_size=64,
        optimizer=partial(bounded_adamw, learning_rate=0.02, weight_decay=0.0, limit=LIMIT),
        schedule=partial(CosineAnnealingLR, T_max=120),
        clip_norm=1.0,
    ),
    source="Smagulova & James 2019, fig. 6d: 152 time steps, N = 1, M = 1, weights from Keras",
    why="the survey names no training: the best of many first weights, AdamW in batches of 64, classes "
    "weighted to count the same; a fifth of the training sequences chooses the epoch and one of several such networks",
)


class WaferTask(LabelledTask):
    """Normal or abnormal: recall of the abnormal class and balanced accuracy beside the errors of `LabelledTask`."""

    name = "wafer"
    citation = "Olszewski 2001, thesis CMU-CS-01-108; UCR archive, Dau et al. 2019"
    metric = "balanced_accuracy"
    default_recipe = "one-step"

    @property
    def recipes(self) -> Mapping[str, Recipe]:
        return by_name((ONE_STEP, SEQUENCE))

    def build(self, recipe: Recipe, seed: int, cell: str = "") -> Classifier:
        network = super().build(recipe, seed, cell)
        if isinstance(recipe, WaferRecipe) and recipe.draws:
            data = self.training_data(recipe).train
            start_best(network, data.inputs, data.targets, recipe.draws, LIMIT, seed)
        return network

    def training_data(self, recipe: Recipe) -> TrainingData:
        data = super().training_data(recipe)
        held_out = None if data.validation is None else _cut_off(data.validation, recipe)
        return TrainingData(_cut_off(data.train, recipe), held_out, _cut_off(data.everything, recipe))

    def test_inputs(self, recipe: Recipe) -> Tensor:
        inputs = super().test_inputs(recipe)
        return inputs.clamp(-_reach(recipe), _reach(recipe))

    def loss(self, recipe: Recipe) -> Loss:
        """Cross entropy in which each class counts the same."""
        counts = torch.bincount(self._indices(self.training), minlength=len(self.classes))
        weight = (counts.sum() / (len(counts) * counts)).to(torch.get_default_dtype())
        return partial(torch.nn.functional.cross_entropy, weight=weight)

    def metrics(self, forecasts: Tensor) -> dict[str, Tensor]:
        """The errors of `LabelledTask`, and recall of the abnormal class, balanced accuracy, accuracy, in per cent."""
        errors = super().metrics(forecasts)
        return {
            "abnormal_recall": self.recall(forecasts)[..., self.classes.index(ABNORMAL)],
            "balanced_accuracy": 100 - errors["balanced_error"],
            "accuracy": 100 - errors["error"],
        } | errors

    def published(self) -> tuple[Published, ...]:
        """The survey's claim."""
        return (
            Published(
                name="memristive LSTM circuit",
                citation="Smagulova & James 2019, Eur. Phys. J. Special Topics 228, section 3.1.1, citing Adam, "
                "Smagulova, Krestinskaya & James 2018, arXiv:1809.10438",
                certainty=Certainty.SURVEY,
                set_up="N = 152, M = 4, 1 step, or N = 1, M = 1, 152 steps; split and class balance not given",
                printed="accuracy more than 95 %, of LSTM, perceptron, DNN, ANN and HTM alike",
                reading="plain accuracy; of the archive's wafers about 90 % are normal",
                metric={"software": 95.0},
            ),
        )


def _reach(recipe: Recipe) -> float:
    return recipe.input_limit if isinstance(recipe, WaferRecipe) else math.inf


def _cut_off(data: SequenceData, recipe: Recipe) -> SequenceData:
    return replace(data, inputs=data.inputs.clamp(-_reach(recipe), _reach(recipe)))


def read_wafers(folder: Path | None = None) -> LabelledSequences:
    """The archive's training half.

    Args:
        folder: with the data sets, or of this one; by default that of `cellwright.data.known.data_folder`.

    Raises:
        CellwrightError: it is not there, with where to get it; it is damaged.
    """
    return read_labelled(labelled_files("Wafer", folder)[0])


def wafer_folds(data: LabelledSequences) -> tuple[WaferTask, ...]:
    """A task a fold: each wafer is tested in one of them."""
    return tuple(
        WaferTask(data.select(training), data.select(test), f"fold {number} of {FOLDS}")
        for number, (training, test) in enumerate(folds(data, FOLDS), 1)
    )


def train_restarts(task: WaferTask, recipe: WaferRecipe, seed: int, *, cell: str = "") -> Trained:
    """The best of the recipe's restarts by validation loss; one that is told by its seed alone.

    Raises:
        CellwrightError: see ``cellwright.tasks.train``.
    """
    runs = [train(task, recipe, seed * recipe.restarts + restart, cell=cell) for restart in range(recipe.restarts)]
    return min(runs, key=_validation_loss)


def _validation_loss(run: Trained) -> float:
    return min(run.chosen_by.history.validation) if run.chosen_by else 0.0
