"""States and gates of a cell as software, twin and ngspice have them, and what the task makes of its outputs."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from cellwright.circuit.circuit import Circuit, Waveforms
from cellwright.circuit.wiring import Node
from cellwright.report.circuit_record import SignalTrace
from cellwright.studies.circuit_job import CircuitJob
from cellwright.tasks import Forecaster

A = TypeVar("A", Tensor, np.ndarray)

_SQUASHED: Mapping[str, Callable[[Tensor], Tensor]] = {"sigmoid": torch.sigmoid, "tanh": torch.tanh}


@dataclass(frozen=True)
class _Shown:
    """A signal that the report shows.

    Attributes:
        node: the sum that makes its voltage, or the one that drives the pair which squashes it.
        squash: the operator of that pair; empty where the node is the signal itself.
    """

    name: str
    state: bool
    node: Node
    squash: str

    def of(self, node: Tensor) -> Tensor:
        """The signal from the node's numbers."""
        return _SQUASHED[self.squash](node) if self.squash else node


def traces(job: CircuitJob, circuit: Circuit, network: Forecaster, waveforms: Waveforms) -> list[SignalTrace]:
    """Every state and gate of the simulated sequence; states first, the output before the others."""
    sequence = job.sequence
    with torch.no_grad():
        twin = circuit.twin.run({_input(circuit): sequence})
    shown = list(_shown(job, circuit))
    software = _software(network, sequence, [signal.name for signal in shown])
    found = []
    for signal in shown:
        name = signal.node.out.name
        volts = torch.from_numpy(waveforms.volts(signal.node) / signal.node.volts)
        found.append(
            SignalTrace(
                name=signal.name,
                role="state" if signal.state else "gate",
                voltage=not signal.squash,
                software=software[signal.name].numpy(),
                twin=signal.of(twin[name]).numpy(),
                spice=signal.of(torch.from_numpy(waveforms.values[name])).numpy(),
                wave=signal.of(volts).numpy(),
            )
        )
    return found


def _input(circuit: Circuit) -> str:
    return circuit.wiring.schematic.inputs[0].name


def _shown(job: CircuitJob, circuit: Circuit) -> Iterator[_Shown]:
    cell = job.run.listed.cell
    made = {node.out.value.serial: node for node in circuit.wiring.nodes}
    program = cell.program()
    for name in cell.state_axes():
        result = program.outputs[name]
        if result.serial in made:
            yield _Shown(name, True, made[result.serial], "")
    for name in cell.gates:
        value = program.named.get(name)
        if value is None:
            continue
        if value.serial in made:
            yield _Shown(name, False, made[value.serial], "")
        elif value.operator in _SQUASHED and value.arguments[0].serial in made:
            yield _Shown(name, False, made[value.arguments[0].serial], value.operator)


def _software(network: Forecaster, sequence: Tensor, names: list[str]) -> dict[str, Tensor]:
    """Signals of the layer in float64, (steps, units) by name."""
    layer = copy.deepcopy(network.recurrent).double().eval()
    with torch.no_grad():
        recorded = layer(sequence[None], record=tuple(names))[2]
    return {name: recorded[f"{name}_l0"][0] for name in names}


def twin_forecasts(job: CircuitJob, circuit: Circuit, network: Forecaster) -> tuple[Tensor, Tensor]:
    """The twin in the place of the layer over the whole test period.

    Returns:
        the task's forecasts (test months,), and the twin's outputs (batch, time, units).
    """
    inputs = job.task.test_inputs(job.recipe).double().transpose(0, 1)
    output = next(iter(job.run.listed.cell.state_axes()))
    with torch.no_grad():
        hidden = circuit.twin.run({_input(circuit): inputs})[_signal(circuit, output)].transpose(0, 1)
    return answers(job, network, hidden), hidden


def _signal(circuit: Circuit, state: str) -> str:
    """The name of the signal that a state's new value is."""
    return circuit.wiring.schematic.results[state].name


def answers(job: CircuitJob, network: Forecaster, hidden: Tensor) -> Tensor:
    """The forecasts (test months,) from outputs of the recurrent layer (batch, time, units) for the test inputs."""
    head = copy.deepcopy(network).double().eval()
    head.add_module("recurrent", _Given(hidden))
    with torch.no_grad():
        outputs, _ = head(job.task.test_inputs(job.recipe).double())
    return job.task.forecast(outputs, job.recipe)[0]


class _Given(nn.Module):
    """In the place of a layer: gives what was computed before."""

    def __init__(self, hidden: Tensor) -> None:
        super().__init__()
        self.hidden = hidden

    def forward(self, inputs: Tensor, state: Any = None, lengths: Any = None) -> tuple[Tensor, Any]:
        return self.hidden, state
