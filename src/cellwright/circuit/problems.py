"""The survey's problems as data for a circuit: a trained layer, what it reads, and by what its outputs are judged.

A circuit, or its twin, takes the place of the recurrent layer and is judged by the same metric as the software, beside
the same baselines (Smagulova & James 2019, section 3.1.1, figure 6).
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor, nn

from cellwright.cells import Cell
from cellwright.circuit.stored_networks import Origin, check_trained_for, described, kept_network
from cellwright.errors import CellwrightError, named
from cellwright.layers import Recurrent
from cellwright.layers.parameters import families_in_order
from cellwright.layers.weights import load_weights
from cellwright.program import Program, from_zero_states
from cellwright.tasks import Classifier, Forecaster, LabelledTask, Recipe, SeriesTask, find, train
from cellwright.tasks.wafer import WaferRecipe, WaferTask, read_wafers, train_restarts, wafer_folds


@dataclass(frozen=True, kw_only=True, eq=False)
class Problem:
    """A trained network of one recurrent layer and a dense layer, and what it is judged by.

    Attributes:
        name: of the problem. seed: of the network. fold: of the data, from 0; None where there are no folds.
        task, recipe: what is learnt and how.
        network: trained, in float64.
        inputs: what the layer reads to be tested, scaled, float64 (batch, time, features).
    """

    name: str
    seed: int
    fold: int | None
    task: SeriesTask | LabelledTask
    recipe: Recipe
    network: Forecaster | Classifier
    inputs: Tensor

    @property
    def layer(self) -> Recurrent:
        """The layer that the circuit replaces."""
        return self.network.recurrent

    @property
    def cell(self) -> Cell:
        """Its cell, whose program the circuit is lowered from."""
        return self.layer.cell

    @property
    def input_size(self) -> int:
        """Features: the survey's N."""
        return self.layer.input_size

    @property
    def hidden_size(self) -> int:
        """Units: the survey's M."""
        return self.layer.hidden_size

    @property
    def steps(self) -> int:
        """Time steps from zero states to the end."""
        return self.inputs.shape[1]

    @property
    def state(self) -> dict[str, Tensor]:
        """The layer's weights as they are stored: ``weight_ih``, ``bias_ih``, ... (gates * units, inputs)."""
        return {name.removesuffix("_l0"): tensor for name, tensor in self.layer.state_dict().items()}

    @property
    def largest_weight(self) -> float:
        """The size of the largest weight or bias of the layer that is not dead."""
        return max(float(tensor.abs().max()) for name, tensor in self._parts().items() if name not in self.dead)

    @property
    def targets(self) -> Tensor:
        """What should be answered: values in the task's unit, or indices of classes, (targets,)."""
        return self.task.values[self.task.test] if isinstance(self.task, SeriesTask) else self.task.truth

    @cached_property
    def dead(self) -> tuple[str, ...]:
        """Parameters of the program, as ``weight_hh.f``, that no answer depends on.

        In one step from zero states what multiplies a state, or is multiplied by one, does nothing;
        `cellwright.program.from_zero_states` says so of the program. With more steps nothing is dead.
        """
        program = self.cell.program()
        used = _parameters(from_zero_states(program) if self.steps == 1 else program)
        return tuple(name for name in _parameters(program) if name not in used)

    def with_layer(self, layer: nn.Module) -> nn.Module:
        """A copy of the network with another layer, which is called and answers as `cellwright.layers.Recurrent`.

        Its dense layer is its own: training the copy leaves the problem as it is.
        """
        network = copy.deepcopy(self.network)
        network.add_module("recurrent", layer)
        return network

    def answers(self, hidden: Tensor) -> Tensor:
        """What outputs of the layer (..., batch, time, units) come to: (..., targets), compare `targets`.

        Leading axes are instances: chips, draws, networks.

        Raises:
            CellwrightError: another shape than ``inputs`` and the units ask for.
        """
        expected = (*self.inputs.shape[:2], self.layer.output_size)
        if tuple(hidden.shape[-3:]) != expected:
            raise CellwrightError(
                f"outputs of the layer of the shape {tuple(hidden.shape)}: {self.name} expects (..., "
                f"{', '.join(map(str, expected))}), that is inputs, time steps, units"
            )
        leading = hidden.shape[:-3]
        flat = hidden.detach().double().reshape(-1, *expected[1:])
        with torch.no_grad():
            outputs, _ = self.with_layer(_Recorded(flat))(self.inputs)
        return self.task.forecast(outputs, self.recipe).reshape(*leading, -1)

    def metrics(self, hidden: Tensor) -> dict[str, Tensor]:
        """The task's metrics of outputs of the layer (..., batch, time, units), (...) each, by name."""
        return self.task.metrics(self.answers(hidden))

    def hidden(self) -> Tensor:
        """The outputs of the layer in software, (batch, time, units)."""
        with torch.no_grad():
            outputs: Tensor = self.layer(self.inputs)[0]
        return outputs

    def software(self) -> dict[str, float]:
        """The metrics of the network in software."""
        return {name: float(value) for name, value in self.metrics(self.hidden()).items()}

    def baselines(self) -> dict[str, dict[str, float]]:
        """The metrics of answers that need no network, by baseline."""
        return {
            name: {key: float(value) for key, value in self.task.metrics(rule.forecasts).items()}
            for name, rule in self.task.baselines().items()
        }

    def subset(self, rows: Sequence[int]) -> Problem:
        """The same network judged by some of the test sequences, for simulations that cannot take them all.

        Raises:
            CellwrightError: a series, which has no rows to choose from.
        """
        if not isinstance(self.task, LabelledTask):
            raise CellwrightError(f"{self.name} forecasts a series: all of its months are judged together")
        task = type(self.task)(self.task.training, self.task.tested.select(rows), self.task.note)
        return replace(self, task=task, inputs=self.inputs[list(rows)])

    def _parts(self) -> dict[str, Tensor]:
        """The parameters by their names in the program."""
        stored, sizes = self.layer.stored(0, "_l0"), self.layer.layer_sizes(0)
        families = families_in_order(self.cell, sizes)
        return {name: part for family in families for name, part in family.views(stored[family.name]).items()}


class _Recorded(nn.Module):
    """Outputs that were computed elsewhere, (batch, time, units), in the place of a layer."""

    def __init__(self, hidden: Tensor) -> None:
        super().__init__()
        self.outputs = hidden

    def forward(self, *_: Any, **__: Any) -> tuple[Tensor, Tensor]:
        return self.outputs, self.outputs[None, :, -1]


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
    cell = cell or str(about.get("cell", recipe.cell))
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


def of_network(
    name: str,
    task: SeriesTask | LabelledTask,
    recipe: Recipe,
    network: nn.Module,
    *,
    seed: int = 0,
    fold: int | None = None,
) -> Problem:
    """A problem of a network that is trained already; it is not changed.

    Raises:
        CellwrightError: a network of several layers or directions, or sequences of different lengths.
    """
    if not isinstance(network, Forecaster | Classifier):
        raise CellwrightError(f"{name} has a {type(network).__name__}: a circuit takes a Forecaster or a Classifier")
    layer = network.recurrent
    if layer.num_layers != 1 or layer.bidirectional:
        raise CellwrightError(
            f"{name} has {layer.num_layers} layers in {layer.num_directions} directions: a circuit "
            "takes one layer in one direction; train such a network"
        )
    inputs = task.test_inputs(recipe).double()
    if bool(inputs.isnan().any()):
        raise CellwrightError(f"{name} has sequences of different lengths: a circuit takes those of one length")
    own = copy.deepcopy(network).double().eval().requires_grad_(False)
    return Problem(name=name, seed=seed, fold=fold, task=task, recipe=recipe, network=own, inputs=inputs)


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


def _parameters(program: Program) -> tuple[str, ...]:
    """Names of the parameters that a program reads, in the order in which it does."""
    return tuple(value.name for value in program.values if value.operator == "parameter")
