"""A circuit as its settings, and what they name: a task, a network, a cell with a circuit, a technology."""

from __future__ import annotations

import hashlib
import shlex
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from cellwright import __version__
from cellwright.circuit import find_ngspice
from cellwright.circuit.circuit import Circuit
from cellwright.circuit.conditions import Conditions
from cellwright.circuit.schematic import schematic
from cellwright.circuit.stored_networks import described
from cellwright.circuit.technologies import CORNERS, ROOM_TEMPERATURE
from cellwright.circuit.technologies import find as find_technology
from cellwright.circuit.trained_problem import Problem, of_network
from cellwright.errors import CellwrightError, named, shown
from cellwright.layers.weights import load_weights
from cellwright.studies.files import flag
from cellwright.studies.job import Job, RunSettings, source_of
from cellwright.tasks import Forecaster, SeriesRecipe, SeriesTask, catalogue

ALL_STEPS = 12
"""Steps that are simulated where a recipe runs over a whole series and nobody says how many."""

MOST_STEPS, MOST_DRAWS = 1000, 100_000
DRAWS_AT_A_TIME = 20
TEMPERATURES = (-55.0, 150.0)
"""Degrees Celsius, between which models of transistors are made for."""


@dataclass(frozen=True, kw_only=True)
class CircuitSettings:
    """What the person asked for.

    Attributes:
        task, recipe, cell, seed: as of a run.
        model: weights of a trained network, or the folder of a run that has them; empty to train one.
        steps: to simulate; 0 for as many as the recipe's sequences have.
        monte_carlo: chips whose transistors differ, through the twin; 0 for none.
        trim: whether those chips are trimmed, too.
        technology, corner, temperature: of the transistors, and where they work (degrees Celsius).
    """

    task: str
    recipe: str = ""
    cell: str = ""
    model: str = ""
    steps: int = 0
    monte_carlo: int = 0
    trim: bool = False
    technology: str = "generic180"
    corner: str = "typical"
    temperature: float = ROOM_TEMPERATURE
    seed: int = 0


class CircuitJob:
    """The settings with everything that they name looked up, before anything is trained.

    Raises:
        CellwrightError: a name that nothing has, a number out of its range; a cell without a circuit; there is no
            ngspice; a file of weights that is damaged or of another network.
    """

    def __init__(self, settings: CircuitSettings) -> None:
        _check_numbers(settings)
        # A corner is told by its name before its models are asked for.
        named("corner", settings.corner, dict.fromkeys(CORNERS))
        self.settings = settings
        self.conditions = Conditions(
            find_technology(settings.technology), settings.corner, settings.temperature  # type: ignore[arg-type]
        )  # fmt: skip
        series = {name: task for name, task in catalogue().items() if isinstance(task, SeriesTask)}
        named("task", settings.task, series, "; circuits are not made of files yet")
        self.weights, about = _stored(settings)
        self.run = Job(
            RunSettings(
                task=settings.task,
                recipe=settings.recipe or about.get("recipe", ""),
                cell=settings.cell or about.get("cell", ""),
                seeds=1,
                seed=settings.seed,
            )
        )
        self.conditions.technology.models(self.conditions.corner)
        _check_circuit(self.run)
        self.sequence = self._sequence()
        self.network = self._network()
        self.ngspice = find_ngspice()

    @property
    def recipe(self) -> SeriesRecipe:
        assert isinstance(self.run.recipe, SeriesRecipe)
        return self.run.recipe

    @property
    def task(self) -> SeriesTask:
        assert isinstance(self.run.task, SeriesTask)
        return self.run.task

    @property
    def steps(self) -> int:
        """Steps that are simulated."""
        own = ALL_STEPS if self.recipe.window is None else self.recipe.window.steps
        return self.settings.steps or own

    @property
    def draws(self) -> list[range]:
        """Numbers of the chips with mismatch, some at a time."""
        total = self.settings.monte_carlo
        return [range(first, min(first + DRAWS_AT_A_TIME, total)) for first in range(0, total, DRAWS_AT_A_TIME)]

    @property
    def forecasts(self) -> bool:
        """Whether what comes after the simulated steps is a forecast of the first month of the test."""
        return self.recipe.window is not None and self.steps == self.recipe.window.steps

    def _sequence(self) -> Tensor:
        """What the circuit is given, (steps, features): before the first month of the test, or the series' beginning.

        Raises:
            CellwrightError: the series has fewer steps.
        """
        recipe = self.recipe
        if recipe.window is None:
            inputs = self.task.test_inputs(recipe)[0]
            if self.steps > len(inputs):
                raise CellwrightError(f"--steps {self.steps}: the series has {len(inputs)} steps")
            return inputs[: self.steps].double()
        complete = recipe.window.complete
        longer = replace(
            recipe.window, steps=self.steps, complete=None if complete is None else min(complete, self.steps)
        )
        if longer.complete is None and longer.reach() > self.task.training:
            most = (self.task.training - max(longer.lags)) // longer.stride + 1
            raise CellwrightError(f"--steps {self.steps}: the months before the test are enough for {most} steps")
        return self.task.test_inputs(replace(recipe, window=longer))[0].double()

    @property
    def default_folder(self) -> Path:
        """``runs/circuit-TASK-RECIPE[-CELL]-TECHNOLOGY``."""
        cell = [Path(self.settings.cell.replace(":", "-")).name] if self.settings.cell else []
        return Path("runs") / "-".join(
            ["circuit", self.task.name, self.recipe.name, *cell, self.conditions.technology.name]
        )

    @property
    def command(self) -> str:
        """The command that repeats it."""
        given = {entry.name: getattr(self.settings, entry.name) for entry in fields(self.settings)}
        usual = {entry.name: entry.default for entry in fields(self.settings)}
        options = [
            flag(name)
            if value is True
            else f"{flag(name)} {shlex.quote(f'{value:g}' if isinstance(value, float) else str(value))}"
            for name, value in given.items()
            if name != "task" and value != usual[name]
        ]
        return " ".join(["cellwright", "circuit", shlex.quote(self.settings.task), *options])

    def described(self) -> dict[str, Any]:
        """The settings as plain values; two with the same ones give the same results on one machine."""
        asked = asdict(self.settings) | {
            "recipe": self.recipe.name,
            "cell": self.run.cell_name,
            "steps": self.steps,
            **source_of("cell", self.run.cell_name),
        }
        if self.weights is not None:
            asked["model_source"] = hashlib.sha256(self.weights.read_bytes()).hexdigest()
        versions = {"ngspice": self.ngspice.version, "cellwright": __version__, "torch": torch.__version__}
        return asked | versions

    def _network(self) -> Forecaster:
        """The network, with the weights of the file if one is named; else it is to be trained."""
        network = self.task.build(self.recipe, self.settings.seed, self.settings.cell or self.run.settings.cell)
        if self.weights is not None:
            load_weights(network, self.weights)
        return network

    def problem(self, network: nn.Module) -> Problem:
        """A trained network with what it is judged by."""
        return of_network(self.task.name, self.task, self.recipe, network, seed=self.settings.seed)


def circuit_of(problem: Problem, conditions: Conditions) -> Circuit:
    """The circuit of a network's layer.

    Raises:
        CellwrightError: a weight is too large for a memristor.
    """
    return Circuit.of(problem.layer, conditions)


def _check_numbers(settings: CircuitSettings) -> None:
    """
    Raises:
        CellwrightError: a number that no circuit can have.
    """
    least, most = TEMPERATURES
    if not 0 <= settings.steps <= MOST_STEPS:
        raise CellwrightError(f"--steps {settings.steps}: expected a whole number from 1 to {MOST_STEPS:,}")
    if not 0 <= settings.monte_carlo <= MOST_DRAWS:
        raise CellwrightError(f"--monte-carlo {settings.monte_carlo}: expected a whole number from 0 to {MOST_DRAWS:,}")
    if settings.trim and not settings.monte_carlo:
        raise CellwrightError("--trim: there are no chips to trim; say how many with --monte-carlo")
    if not least <= settings.temperature <= most:
        raise CellwrightError(
            f"--temperature {settings.temperature:g}: expected degrees Celsius from {least:g} to {most:g}, for which "
            "models of transistors are made"
        )


def _check_circuit(run: Job) -> None:
    """
    Raises:
        CellwrightError: the cell has no circuit, and why.
    """
    try:
        schematic(run.listed.cell)
    except CellwrightError as error:
        raise CellwrightError(f"the cell {run.cell_name} has no circuit: {error}") from error


def _stored(settings: CircuitSettings) -> tuple[Path | None, dict[str, str]]:
    """The file of weights that is named, if one is, and what it says of its network.

    Raises:
        CellwrightError: there is none, or it is damaged; it was trained for something else than is asked for.
    """
    if not settings.model:
        return None, {}
    file, told = described(Path(settings.model))
    about = {name: str(value) for name, value in told.items()}
    for name in ("task", "recipe", "cell"):
        asked = getattr(settings, name)
        if asked and about.get(name, asked) != asked:
            raise CellwrightError(
                f"{file.name} was trained for the {name} {shown(about[name])}, not {shown(asked)}: name another file"
            )
    return file, about
