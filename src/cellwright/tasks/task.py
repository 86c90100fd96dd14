"""What every task offers: data, recipes, a metric, baselines, and what was published."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import TypeVar

import torch
from torch import Tensor

from cellwright.errors import CellwrightError, named
from cellwright.learning import FitSettings, Loss, SequenceData

T = TypeVar("T")


class Certainty(Enum):
    """How sure a published figure is."""

    PAPER = "read in the paper itself"
    CODE = "read in the authors' code"
    NOTES = "from third-party notes on the paper"
    SURVEY = "read in the survey only"
    COMPUTED = "computed here"


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How a task is learnt, as data.

    cell: name in the catalogue. hidden_size: units. training: how to fit (its seed is replaced by each of ``seeds``).
    refit: where the task holds out validation data, train once more on everything, for as many epochs as were best.
    shrink: scale the network's outputs by what validation shows them to be worth, see ``training.worth``.
    source: where the recipe is from. why: the reason for each choice that the source does not make.
    """

    name: str
    title: str
    cell: str
    hidden_size: int
    training: FitSettings
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    refit: bool = True
    shrink: bool = False
    source: str
    why: str = ""

    def __post_init__(self) -> None:
        if not self.seeds:
            raise CellwrightError(f"recipe {self.name!r} has no seeds: expected at least one")


@dataclass(frozen=True)
class Baseline:
    """A forecast that needs no network: ``forecasts`` in the task's unit."""

    name: str
    title: str
    formula: str
    forecasts: Tensor


@dataclass(frozen=True, kw_only=True)
class Published:
    """A published result on this task.

    printed: the error as its source prints it. reading: what we take that to mean, where it is not plain.
    metric: by system ("software", "circuit"), in the task's unit under that reading. SI units throughout.
    """

    name: str
    citation: str
    certainty: Certainty
    set_up: str
    printed: str = ""
    reading: str = ""
    metric: Mapping[str, float] = field(default_factory=dict)
    power_w: float | None = None
    area_m2: float | None = None
    energy_per_step_j: float | None = None


@dataclass(frozen=True)
class TrainingData:
    """What a recipe trains on: with ``validation``, ``train`` leaves those targets out; ``everything`` has them all."""

    train: SequenceData
    validation: SequenceData | None
    everything: SequenceData


class Task(ABC):
    """One task; a file in this folder that assigns its instance to ``TASK`` is in the catalogue.

    name: for the command line. title, quantity, unit: for people ("passengers", "thousand passengers").
    citation, data_source: where the task and its data are from. metric: the key of ``metrics`` to compare by.
    """

    name: str
    title: str
    quantity: str
    unit: str
    citation: str
    data_source: str
    metric: str
    default_recipe: str

    @property
    @abstractmethod
    def recipes(self) -> Mapping[str, Recipe]:
        """The recipes by name."""

    @abstractmethod
    def baselines(self) -> dict[str, Baseline]:
        """The forecasts to beat, by name."""

    @abstractmethod
    def published(self) -> tuple[Published, ...]:
        """What others report on this task."""

    @abstractmethod
    def build(self, recipe: Recipe, seed: int, cell: str = "") -> torch.nn.Module:
        """The untrained network of a recipe; one seed, one network. ``cell`` replaces the recipe's own."""

    @abstractmethod
    def training_data(self, recipe: Recipe) -> TrainingData:
        """What to train on."""

    def loss(self, recipe: Recipe) -> Loss:
        """What training makes small: the mean square error of the targets, where a task has no other."""
        return torch.nn.functional.mse_loss

    @abstractmethod
    def test_inputs(self, recipe: Recipe) -> Tensor:
        """What the trained network is given, (batch, time, features)."""

    @abstractmethod
    def forecast(self, outputs: Tensor, recipe: Recipe) -> Tensor:
        """The network's outputs for ``test_inputs`` as forecasts (networks, targets) in the task's unit.

        Several networks may have run as one batch: row network * batch + b.
        """

    @abstractmethod
    def metrics(self, forecasts: Tensor) -> dict[str, Tensor]:
        """The errors of ``forecasts`` (..., targets) against what was observed, (...) each, by name."""

    def departures(self, forecasts: Tensor, software: Tensor) -> Tensor:
        """How far ``forecasts`` (..., targets) are from those in software, (...): root mean square difference."""
        return (forecasts - software).square().mean(-1).sqrt()

    def recipe(self, name: str = "") -> Recipe:
        """The recipe called ``name``, or the default one.

        Raises:
            CellwrightError: no such recipe, naming the nearest.
        """
        return named(f"recipe of {self.name}", name or self.default_recipe, self.recipes)


def by_name(recipes: Iterable[Recipe]) -> dict[str, Recipe]:
    """Recipes as the mapping that ``Task.recipes`` is."""
    return {recipe.name: recipe for recipe in recipes}
