"""The circuit as a torch function: its wiring with the measured blocks, differentiable, over any number of sequences.

What it leaves out is time: everything has settled when it is read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch

from cellwright.circuit.blocks.multiplier import Multiplier
from cellwright.circuit.calibration import Laboratory
from cellwright.circuit.schematic import Signal
from cellwright.circuit.wiring import Node, Product, Row, Wiring

Tensor = torch.Tensor

_ROUNDS = 3
"""How often an amplifier's error is found anew from its output and its current."""


class Twin:
    """A wiring as a function from step to step; signals are voltages against half the supply."""

    def __init__(self, wiring: Wiring, laboratory: Laboratory) -> None:
        self.wiring = wiring
        self.laboratory = laboratory

    def start(self, *batch: int) -> dict[str, Tensor]:
        """The states' voltages before the first step, as the holds give them from zero: (..., units), by name."""
        zero = torch.zeros((), dtype=torch.float64)
        idle = -self.laboratory.follower(zero, zero)
        held = self.wiring.schematic.states
        return {name: idle.expand(*batch, self.wiring.size(signal)) for name, signal in held.items()}

    def step(self, inputs: Mapping[str, Tensor], held: Mapping[str, Tensor]) -> _Step:
        """One step.

        Args:
            inputs: (..., features) numbers by the name of the input.
            held: (..., units) volts on the slaves' capacitors, by the name of the state.
        """
        step = _Step(self, dict(inputs), dict(held))
        step.settle()
        return step

    def run(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Whole sequences: every signal, as numbers, (steps, ..., units), by name.

        Args:
            inputs: (steps, ..., features) by the name of the input.
        """
        first = next(iter(inputs.values()))
        held = self.start(*first.shape[1:-1])
        found: dict[str, list[Tensor]] = {}
        for index in range(len(first)):
            step = self.step({name: value[index].to(torch.float64) for name, value in inputs.items()}, held)
            for node in self.wiring.nodes:
                found.setdefault(node.out.name, []).append((step.volts[node.out] - node.shift) / node.volts)
            held = {
                name: self.laboratory.hold(step.volts[self.wiring.schematic.results[name]])
                for name in self.wiring.schematic.states
            }
        return {name: torch.stack(values) for name, values in found.items()}


@dataclass
class _Step:
    """One step: amplifiers' errors depend on their loads, which depend on what others make of their outputs."""

    twin: Twin
    inputs: dict[str, Tensor]
    held: dict[str, Tensor]
    volts: dict[Signal | None, Tensor] = field(default_factory=dict)
    turned: dict[Signal | None, Tensor] = field(default_factory=dict)

    def settle(self) -> None:
        wiring, design = self.twin.wiring, self.twin.laboratory.design
        one = torch.full((1,), design.scale, dtype=torch.float64)
        self.volts[None], self.turned[None] = one, -one
        for signal in wiring.schematic.inputs:
            self.volts[signal] = design.scale * self.inputs[signal.name]
            self.turned[signal] = -self.volts[signal]
        for name, signal in wiring.schematic.states.items():
            self._drive(signal, self.held[name])
        for node in wiring.nodes:
            self._sum(node)

    def _drive(self, signal: Signal, unloaded: Tensor) -> None:
        """A follower that was measured without a load now has one."""
        follower = self.twin.laboratory.follower
        load = self._load(signal, unloaded)
        zero = torch.zeros_like(load)
        self.volts[signal] = unloaded - follower(unloaded, load) + follower(unloaded, zero)
        self._turn(signal)

    def _load(self, signal: Signal, volts: Tensor, *, turned: bool = False) -> Tensor:
        """The current that a line gives, A: to its devices, to its inverter, to its divider."""
        wiring, design = self.twin.wiring, self.twin.laboratory.design
        conductance = torch.zeros(wiring.size(signal), dtype=torch.float64)
        for node in wiring.nodes:
            for row in node.rows:
                if row.signal is signal:
                    conductance = conductance + _hanging(row, design.conductances[0], -1 if turned else 1)
        if not turned:
            if signal in wiring.rows:
                conductance = conductance + 1 / design.inverter
            if wiring.ratios(signal):
                conductance = conductance + 1 / design.divider
        return conductance * volts

    def _turn(self, signal: Signal) -> None:
        if signal not in self.twin.wiring.rows:
            return
        resistance = self.twin.laboratory.design.inverter
        into = self.volts[signal] / resistance
        self.turned[signal] = self._amplified(
            -into, 1 / resistance, resistance, lambda volts: self._load(signal, volts, turned=True)
        )

    def _amplified(
        self, drawn: Tensor | float, hanging: Tensor | float, feedback: float, load: Callable[[Tensor], Tensor]
    ) -> Tensor:
        """The output of an amplifier from whose virtual ground a current is drawn.

        Args:
            drawn: A, if the virtual ground lay at half the supply.
            hanging: S, what hangs at the virtual ground beside the feedback.
            feedback: ohm.
            load: from the output's volts to the current that it gives elsewhere.
        """
        drawn, error = torch.as_tensor(drawn), torch.zeros((), dtype=torch.float64)
        for _ in range(_ROUNDS):
            # The virtual ground lies at -error: what hangs there draws less, the feedback makes up for the rest.
            current = drawn - error * hanging
            out = current * feedback - error
            error = self.twin.laboratory.virtual_ground(out, current + load(out))
        return (drawn - error * hanging) * feedback - error

    def _sum(self, node: Node) -> None:
        least = self.twin.laboratory.design.conductances[0]
        drawn: Tensor | float = 0.0
        hanging: Tensor | float = 0.0
        for row in node.rows:
            difference = (self.volts[row.signal] - self.turned[row.signal]) / 2
            common = self.volts[row.signal] + self.turned[row.signal]
            # G+ on the inverted line, G- on the other: what leaves is G+ v - G- v, and what both lines have in common.
            if row.elementwise:
                drawn = drawn + row.conductance * difference - (least + row.conductance.abs() / 2) * common
                hanging = hanging + 2 * least + row.conductance.abs()
            else:
                matrix = row.conductance.T
                drawn = drawn + difference @ matrix - common @ (least + matrix.abs() / 2)
                hanging = hanging + (2 * least + row.conductance.abs()).sum(-1)
        for product in node.products:
            drawn = drawn + self._product(product)
        self.volts[node.out] = self._amplified(drawn, hanging, node.feedback, lambda volts: self._load(node.out, volts))
        self._turn(node.out)

    def _product(self, product: Product) -> Tensor:
        if isinstance(product.block, Multiplier):
            assert self.twin.wiring.multiplication is not None
            table = self.twin.wiring.multiplication.tables[product.direction]
        else:
            table = self.twin.laboratory.pair(type(product.block), product.sign, product.direction)
        read = ((product.gate, product.gate_ratio), (product.value, product.value_ratio))
        arguments = [self.volts[signal] * ratio for signal, ratio in read if signal is not None]
        return table(*arguments) * product.block.copies


def _hanging(row: Row, least: float, sign: int) -> Tensor:
    """The conductance at each unit of a row's line, from both kinds of devices: sign -1 for the inverted line."""
    above = (-sign * row.conductance).clamp(min=0) + least
    return above if row.elementwise and row.signal is not None else above.sum(0)
