"""States and gates of a cell as software, twin and ngspice have them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from cellwright.cells import Cell
from cellwright.circuit.circuit import Circuit, Waveforms
from cellwright.circuit.mismatch import Mismatch
from cellwright.circuit.tester import trim_chips
from cellwright.circuit.trained_problem import Problem
from cellwright.circuit.wiring import Node
from cellwright.report.circuit_record import SignalTrace
from cellwright.studies.circuit_job import CircuitJob

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


def traces(job: CircuitJob, problem: Problem, circuit: Circuit, waveforms: Waveforms) -> list[SignalTrace]:
    """Every state and gate of the simulated sequence; states first, the output before the others."""
    with torch.no_grad():
        twin = circuit.twin.run({_input(circuit): job.sequence})
    shown = list(_shown(problem.cell, circuit))
    names = tuple(signal.name for signal in shown)
    with torch.no_grad():
        software = problem.layer(job.sequence[None], record=names)[2]
    found = []
    for signal in shown:
        name = signal.node.out.name
        volts = torch.from_numpy(waveforms.volts(signal.node) / signal.node.volts)
        found.append(
            SignalTrace(
                name=signal.name,
                role="state" if signal.state else "gate",
                voltage=not signal.squash,
                software=software[f"{signal.name}_l0"][0].numpy(),
                twin=signal.of(twin[name]).numpy(),
                spice=signal.of(torch.from_numpy(waveforms.values[name])).numpy(),
                wave=signal.of(volts).numpy(),
            )
        )
    return found


def _input(circuit: Circuit) -> str:
    return circuit.wiring.schematic.inputs[0].name


def _shown(cell: Cell, circuit: Circuit) -> Iterator[_Shown]:
    made = {node.out.value.serial: node for node in circuit.wiring.nodes}
    program = cell.program()
    for name in cell.state_axes():
        result = program.outputs[name]
        if result.serial in made:
            yield _Shown(name, True, made[result.serial], "")
    for name in cell.gates:
        value = program.named.get(name)
        # A state may be a gate, too: full gate recurrence, and cells that are nothing but their one unit.
        if value is None or name in cell.state_axes():
            continue
        if value.serial in made:
            yield _Shown(name, False, made[value.serial], "")
        elif value.operator in _SQUASHED and value.arguments[0].serial in made:
            yield _Shown(name, False, made[value.arguments[0].serial], value.operator)


def twin_outputs(problem: Problem, circuit: Circuit) -> Tensor:
    """The twin's outputs in the place of the layer's over the whole test period, (batch, time, units)."""
    output = circuit.wiring.schematic.results[next(iter(problem.cell.state_axes()))]
    with torch.no_grad():
        found = circuit.twin.run({_input(circuit): problem.inputs.transpose(0, 1)})
    return found[output.name].transpose(0, 1)


def drawn_outputs(job: CircuitJob, problem: Problem, circuit: Circuit, numbers: Sequence[int]) -> Tensor:
    """The outputs of chips with mismatch over the whole test period, (chips, batch, time, units)."""
    output = circuit.wiring.schematic.results[next(iter(problem.cell.state_axes()))]
    with torch.no_grad():
        found = circuit.chips(_mismatch(job), numbers).run({_input(circuit): problem.inputs.transpose(0, 1)})
    return found[output.name].permute(2, 1, 0, 3)


def trimmed_circuit(job: CircuitJob, problem: Problem, circuit: Circuit, numbers: Sequence[int]) -> Circuit:
    """The circuit with the trims of these chips."""
    known = job.task.training_data(job.recipe).train.inputs
    return circuit.trimmed(trim_chips(circuit, problem.layer, _mismatch(job), numbers, known))


def _mismatch(job: CircuitJob) -> Mismatch:
    return Mismatch(job.conditions.technology, job.settings.seed)
