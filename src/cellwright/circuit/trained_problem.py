"""A trained layer, what it reads, and by what its outputs are judged, whoever computes them."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from cellwright.cells import Cell
from cellwright.circuit.parameters import parts_of, single, stored
from cellwright.errors import CellwrightError
from cellwright.layers import Recurrent
from cellwright.program import Program, from_zero_states
from cellwright.tasks import Classifier, Forecaster, LabelledTask, Recipe, SeriesTask


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
        return stored(self.layer)

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

        Its dense layer is its own and can be trained: that leaves the problem as it is.
        """
        network = copy.deepcopy(self.network)
        network.dense.requires_grad_(True)
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
        return parts_of(self.cell.program(), self.state, self.layer.layer_sizes(0))


class _Recorded(nn.Module):
    """Outputs that were computed elsewhere, (batch, time, units), in the place of a layer."""

    def __init__(self, hidden: Tensor) -> None:
        super().__init__()
        self.outputs = hidden

    def forward(self, *_: Any, **__: Any) -> tuple[Tensor, Tensor]:
        return self.outputs, self.outputs[None, :, -1]


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
    single(network.recurrent, name)
    inputs = task.test_inputs(recipe).double()
    if bool(inputs.isnan().any()):
        raise CellwrightError(f"{name} has sequences of different lengths: a circuit takes those of one length")
    own = copy.deepcopy(network).double().eval().requires_grad_(False)
    return Problem(name=name, seed=seed, fold=fold, task=task, recipe=recipe, network=own, inputs=inputs)


def _parameters(program: Program) -> tuple[str, ...]:
    """Names of the parameters that a program reads, in the order in which it does."""
    return tuple(value.name for value in program.values if value.operator == "parameter")
