"""A trained cell as an analog circuit: one object for its twin, its netlist and what ngspice makes of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch

from cellwright.cells import Cell
from cellwright.circuit.calibration import Laboratory
from cellwright.circuit.conditions import Conditions
from cellwright.circuit.departures import Chips
from cellwright.circuit.design import Design
from cellwright.circuit.mismatch import Mismatch
from cellwright.circuit.netlist import Netlist, node_of
from cellwright.circuit.ngspice import TIMEOUT, ConvergenceError, Simulation, nobody, simulate
from cellwright.circuit.parameters import single, stored
from cellwright.circuit.products import multiplication
from cellwright.circuit.schematic import schematic
from cellwright.circuit.starting_point import starting_point
from cellwright.circuit.trim import Trim
from cellwright.circuit.twin import Twin
from cellwright.circuit.wiring import Node, Wiring, wire
from cellwright.layers import Recurrent
from cellwright.program import Program

Tensor = torch.Tensor


@dataclass(frozen=True)
class Waveforms:
    """What ngspice computed of a cell.

    Attributes:
        netlist: that was run.
        simulation: as ngspice gave it.
    """

    netlist: Netlist
    simulation: Simulation

    @property
    def time(self) -> np.ndarray:
        """s."""
        return self.simulation["time"]

    def volts(self, node: Node) -> np.ndarray:
        """A signal over time, against half the supply, (points, units)."""
        middle = self.netlist.laboratory.conditions.technology.middle
        return np.stack([self.simulation[node_of(node.out, unit)] - middle for unit in range(node.size)], axis=1)

    @cached_property
    def values(self) -> dict[str, np.ndarray]:
        """Every signal as numbers when the steps are read, (steps, units), by name, as the twin's."""
        design = self.netlist.laboratory.design
        read = (np.arange(self.netlist.steps) + design.read_time) * design.period
        found = {}
        for node in self.netlist.wiring.nodes:
            volts = self.volts(node)
            columns = [np.interp(read, self.time, volts[:, unit]) for unit in range(node.size)]
            found[node.out.name] = (np.stack(columns, axis=1) - node.shift) / node.volts
        return found


def run(netlist: Netlist, text: str, timeout: float = TIMEOUT, waiting: Callable[[float], None] = nobody) -> Waveforms:
    """Simulate a cell's netlist.

    Args:
        text: of the netlist.
        timeout, waiting: see ``simulate``.

    Raises:
        ConvergenceError: no solution was found with any of the standard remedies; the message has node and step.
        CellwrightError: as ``simulate``.
    """
    try:
        return Waveforms(netlist, simulate(text, timeout=timeout, waiting=waiting))
    except ConvergenceError as error:
        if error.time is None:
            raise
        step = int(error.time / netlist.laboratory.design.period) + 1
        raise ConvergenceError(f"step {step} of {netlist.steps}: {error}", error.node, error.time) from None


class Circuit:
    """A cell with its weights in a technology.

    Args:
        cell: any whose operators have blocks; see ``schematic``.
        stored: its parameters by family, ``weight_ih`` (rows, features) and so on, as a layer of it has them.
        sizes: of its axes: ``feature``, ``unit``, ...
        conditions: technology, corner, temperature: those that it is designed for.
        design: what the designer chooses.
        program: a pass over the cell's program, to be built instead of it.
        operated: the conditions that it works in, if others: its components stay as they were designed.

    Raises:
        CellwrightError: the cell has no circuit, its weights do not fit, or ngspice or the technology is not there.
    """

    def __init__(
        self,
        cell: Cell,
        stored: Mapping[str, Tensor],
        sizes: Mapping[str, int],
        conditions: Conditions,
        design: Design | None = None,
        program: Program | None = None,
        operated: Conditions | None = None,
    ) -> None:
        self.cell = cell
        self.laboratory = laboratory = Laboratory(design or Design(), conditions)
        made, measured = schematic(cell, program, laboratory.design.products), multiplication(laboratory)
        self.wiring: Wiring = wire(made, stored, sizes, laboratory.design, laboratory.constants, measured)
        if operated is not None:
            self.laboratory = laboratory.operated(operated)
            self.wiring = self.wiring.scaled(self.laboratory.design.scale / laboratory.design.scale)
        self.twin = Twin(self.wiring, self.laboratory)

    @classmethod
    def of(
        cls,
        layer: Recurrent,
        conditions: Conditions,
        design: Design | None = None,
        program: Program | None = None,
        operated: Conditions | None = None,
    ) -> Circuit:
        """The circuit of a layer with its weights as they are; `TwinLayer` is what trains them.

        Args:
            layer: one layer in one direction.
            conditions, design, program, operated: as for the class.

        Raises:
            CellwrightError: the layer is a stack, or bidirectional; and as for the class.
        """
        weights = {name: tensor.detach() for name, tensor in stored(single(layer)).items()}
        return cls(layer.cell, weights, layer.layer_sizes(0), conditions, design, program, operated)

    def trimmed(self, trim: Trim) -> Circuit:
        """The same circuit with a setting of its trims: of one chip for netlists, of as many chips for twins."""
        own = copy(self)
        own.wiring = trim.applied(self.wiring)
        own.twin = Twin(own.wiring, self.laboratory)
        return own

    def chips(self, mismatch: Mismatch, numbers: Sequence[int]) -> Twin:
        """The twin of chips with mismatch: its values have the chips as their last axis but one."""
        return Twin(self.wiring, self.laboratory, Chips(self.laboratory, mismatch, numbers))

    def netlist(
        self,
        inputs: Mapping[str, np.ndarray],
        *,
        ideal: Iterable[str] = (),
        measured_supplies: bool = False,
        mismatch: Mismatch | None = None,
        chip: int = 0,
    ) -> Netlist:
        """The netlist for one sequence.

        Args:
            inputs: (steps, features) numbers by the name of the input.
            ideal, measured_supplies, mismatch, chip: see ``Netlist``.
        """
        given = {name: np.asarray(value) for name, value in inputs.items()}
        return Netlist(self.wiring, self.laboratory, given, frozenset(ideal), measured_supplies, mismatch, chip)

    def simulate(
        self,
        inputs: Mapping[str, np.ndarray],
        *,
        timeout: float = TIMEOUT,
        ideal: Iterable[str] = (),
        measured_supplies: bool = False,
        mismatch: Mismatch | None = None,
        chip: int = 0,
    ) -> Waveforms:
        """Run that netlist.

        Raises:
            ConvergenceError, CellwrightError: as ``run``.
        """
        netlist = self.netlist(inputs, ideal=ideal, measured_supplies=measured_supplies, mismatch=mismatch, chip=chip)
        text = netlist.text(start=starting_point(netlist, self.twin))
        return run(netlist, text, timeout)
