"""The circuit as a torch function: its wiring with the measured blocks, differentiable, over any number of sequences.

What it leaves out is time: everything has settled when it is read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import torch

from cellwright.circuit.blocks.multiplier import Multiplier
from cellwright.circuit.blocks.pairs import Pairs
from cellwright.circuit.calibration import Laboratory
from cellwright.circuit.departures import Chips, MultiplierDepartures, PairDepartures
from cellwright.circuit.hold import followers
from cellwright.circuit.netlist import node_of
from cellwright.circuit.schematic import Signal
from cellwright.circuit.wiring import FINE_TRIM, TRIM, Node, Product, Row, Wiring

Tensor = torch.Tensor

_ROUNDS = 3
"""How often an amplifier's error is found anew from its output and its current."""


class Twin:
    """A wiring as a function from step to step; signals are voltages against half the supply.

    Args:
        chips: mismatch; every value then has the chips as its last axis but one, (..., chips, units).
    """

    def __init__(self, wiring: Wiring, laboratory: Laboratory, chips: Chips | None = None) -> None:
        self.wiring = wiring
        self.laboratory = laboratory
        self.chips = chips
        self._offsets: dict[tuple[str, ...], Tensor] = {}
        self._departures: dict[tuple[Signal, int], PairDepartures] = {}
        self._multipliers: dict[tuple[Signal, int], MultiplierDepartures] = {}

    def start(self, *batch: int) -> dict[str, Tensor]:
        """The states' voltages before the first step, as the holds give them from zero: (..., units), by name."""
        zero = torch.zeros((), dtype=torch.float64)
        idle = -self.laboratory.follower(zero, zero)
        chips = () if self.chips is None else (len(self.chips.numbers),)
        found = {}
        for name, signal in self.wiring.schematic.states.items():
            volts = idle - self.held_offsets(signal)[1]
            found[name] = volts.expand(*batch, *chips, self.wiring.size(signal))
        return found

    def offsets(self, names: Iterable[str]) -> Tensor | float:
        """The voltage by which amplifiers' minus inputs lie lower than in the nominal circuit, V, (chips, units)."""
        if self.chips is None:
            return 0.0
        key = tuple(names)
        if key not in self._offsets:
            self._offsets[key] = self.chips.amplifiers(key)
        return self._offsets[key]

    def held_offsets(self, held: Signal) -> tuple[Tensor | float, Tensor | float]:
        """Those of the amplifier between a hold's switches, and of its output."""
        between, out = zip(*(followers(name) for name in self.names(held)), strict=True)
        return self.offsets(between), self.offsets(out)

    def pair_departures(self, node: Node, index: int) -> PairDepartures | None:
        """Those of a product of a sum, if there are any."""
        if self.chips is None:
            return None
        key = node.out, index
        if key not in self._departures:
            block = node.products[index].block
            assert not isinstance(block, Multiplier)
            self._departures[key] = self.chips.pairs(self._places(node, index), block)
        return self._departures[key]

    def multiplier_departures(self, node: Node, index: int) -> MultiplierDepartures | None:
        """Those of a multiplier, if there are any."""
        if self.chips is None:
            return None
        key = node.out, index
        if key not in self._multipliers:
            product = node.products[index]
            assert isinstance(product.block, Multiplier)
            found = self.chips.multipliers(self._places(node, index), product.block, product.direction)
            self._multipliers[key] = found
        return self._multipliers[key]

    def _places(self, node: Node, index: int) -> list[str]:
        return [f"{name}_{index}" for name in self.names(node.out)]

    def names(self, signal: Signal, line: str = "") -> list[str]:
        """Of the nodes of a signal, as the netlist names them and the amplifiers whose outputs they are."""
        return [node_of(signal, unit, line) for unit in range(self.wiring.size(signal))]

    def step(
        self, inputs: Mapping[str, Tensor], held: Mapping[str, Tensor], conductances: Conductances | None = None
    ) -> _Step:
        """One step.

        Args:
            inputs: (..., features) numbers by the name of the input; (..., 1, features) where there are chips.
            held: (..., units) volts on the slaves' capacitors, by the name of the state.
            conductances: of this twin, if many steps are to share it.
        """
        step = _Step(self, conductances or Conductances.of(self), dict(inputs), dict(held))
        step.settle()
        return step

    def run(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Whole sequences: every signal, as numbers, (steps, ..., units), by name; (steps, ..., chips, units) of chips.

        Args:
            inputs: (steps, ..., features) by the name of the input.

        Raises:
            CellwrightError: an input is missing, or of another shape.
        """
        self.wiring.check_inputs(inputs)
        held = self.start(*next(iter(inputs.values())).shape[1:-1])
        inputs = {name: value.to(torch.float64) for name, value in inputs.items()}
        if self.chips is not None:
            inputs = {name: value.unsqueeze(-2) for name, value in inputs.items()}
        found: dict[str, list[Tensor]] = {}
        conductances = Conductances.of(self)
        for index in range(len(next(iter(inputs.values())))):
            step = self.step({name: value[index] for name, value in inputs.items()}, held, conductances)
            for node in self.wiring.nodes:
                found.setdefault(node.out.name, []).append((step.volts[node.out] - node.shift) / node.volts)
            held = {
                name: self._hold(step.volts[self.wiring.schematic.results[name]], signal)
                for name, signal in self.wiring.schematic.states.items()
            }
        return {name: torch.stack(values) for name, values in found.items()}

    def _hold(self, volts: Tensor, held: Signal) -> Tensor:
        """What a hold makes of a state, a step later."""
        between, out = self.held_offsets(held)
        return self.laboratory.hold(volts - between) - out


@dataclass(frozen=True)
class Conductances:
    """The conductances of a twin, which are the same in every step.

    Attributes:
        loads: S, from each signal's line to where it is taken as level, (units,).
        turned_loads: the same of the inverted line.
        hanging: S, at the virtual grounds of a signal's sum beside the feedback, (units,).
        matrices: for each row of a signal's sum, what a difference of its lines draws and what they have in common.
    """

    loads: dict[Signal, Tensor]
    turned_loads: dict[Signal, Tensor]
    hanging: dict[Signal, Tensor]
    matrices: dict[Signal, list[tuple[Tensor, Tensor]]]

    @classmethod
    def of(cls, twin: Twin) -> Conductances:
        wiring, design = twin.wiring, twin.laboratory.design
        least = design.conductances[0]
        conductances = cls({}, {}, {}, {})
        for signal in (*wiring.schematic.states.values(), *(node.out for node in wiring.nodes)):
            own = [row for node in wiring.nodes for row in node.rows if row.signal is signal]
            nothing = torch.zeros(wiring.size(signal), dtype=torch.float64)
            inverter = 1 / design.inverter if own else 0.0
            divider = 1 / design.divider if wiring.ratios(signal) else 0.0
            conductances.loads[signal] = sum((_hanging(row, least, 1) for row in own), nothing) + inverter + divider
            conductances.turned_loads[signal] = sum((_hanging(row, least, -1) for row in own), nothing)
        for node in wiring.nodes:
            hanging = torch.zeros(node.size, dtype=torch.float64)
            matrices = conductances.matrices[node.out] = []
            for row in node.rows:
                both = 2 * least + row.conductance.abs()
                hanging = hanging + (both if row.elementwise else both.sum(-1))
                pair = row.conductance, both / 2
                matrices.append(pair if row.elementwise else (pair[0].T, pair[1].T))
            conductances.hanging[node.out] = hanging
        return conductances


@dataclass
class _Step:
    """One step: amplifiers' errors depend on their loads, which depend on what others make of their outputs."""

    twin: Twin
    conductances: Conductances
    inputs: dict[str, Tensor]
    held: dict[str, Tensor]
    volts: dict[Signal | None, Tensor] = field(default_factory=dict)
    turned: dict[Signal | None, Tensor] = field(default_factory=dict)

    def settle(self) -> None:
        wiring, design = self.twin.wiring, self.twin.laboratory.design
        one = torch.full((1,), design.scale, dtype=torch.float64)
        for signal, fraction in ((None, 1), (TRIM, 1), (FINE_TRIM, design.fine_trim)):
            self.volts[signal], self.turned[signal] = one * fraction, -one * fraction
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
        load = self.conductances.loads[signal] * unloaded
        zero = torch.zeros_like(load)
        self.volts[signal] = unloaded - follower(unloaded, load) + follower(unloaded, zero)
        self._turn(signal)

    def _turn(self, signal: Signal) -> None:
        if signal not in self.twin.wiring.rows:
            return
        resistance = self.twin.laboratory.design.inverter
        into = self.volts[signal] / resistance
        offset = self.twin.offsets(self.twin.names(signal, "negative"))
        load = self.conductances.turned_loads[signal]
        self.turned[signal] = self._amplified(-into, 1 / resistance, resistance, load, offset)

    def _amplified(
        self,
        drawn: Tensor | float,
        hanging: Tensor | float,
        feedback: Tensor | float,
        load: Tensor,
        offset: Tensor | float,
    ) -> Tensor:
        """The output of an amplifier from whose virtual ground a current is drawn.

        Args:
            drawn: A, if the virtual ground lay at half the supply.
            hanging: S, what hangs at the virtual ground beside the feedback.
            feedback: ohm.
            load: S, what the output drives beside the feedback.
            offset: V, by which mismatch lowers the virtual ground.
        """
        drawn, error = torch.as_tensor(drawn), torch.as_tensor(offset, dtype=torch.float64)
        for _ in range(_ROUNDS):
            # The virtual ground lies at -error: what hangs there draws less, the feedback makes up for the rest.
            current = drawn - error * hanging
            out = current * feedback - error
            error = self.twin.laboratory.virtual_ground(out, current + load * out) + offset
        return (drawn - error * hanging) * feedback - error

    def _sum(self, node: Node) -> None:
        exact = (None, TRIM, FINE_TRIM, *self.twin.wiring.schematic.inputs)
        drawn: Tensor | float = 0.0
        for row, (unlike, alike) in zip(node.rows, self.conductances.matrices[node.out], strict=True):
            # G+ on the inverted line, G- on the other: what leaves is G+ v - G- v, and what both lines have in common.
            difference = (self.volts[row.signal] - self.turned[row.signal]) / 2
            drawn = drawn + (unlike * difference if row.elementwise else difference @ unlike)
            if row.signal not in exact:
                common = self.volts[row.signal] + self.turned[row.signal]
                drawn = drawn - (alike * common if row.elementwise else common @ alike)
        hanging, load = self.conductances.hanging[node.out], self.conductances.loads[node.out]
        for index, product in enumerate(node.products):
            if isinstance(product.block, Multiplier):
                current, conductance = self._multiplied(product, self.twin.multiplier_departures(node, index))
                drawn, hanging = drawn + current, hanging + conductance
            else:
                drawn = drawn + self._product(product, product.block, self.twin.pair_departures(node, index))
        offset = self.twin.offsets(self.twin.names(node.out))
        self.volts[node.out] = self._amplified(drawn, hanging, node.feedback, load, offset)
        self._turn(node.out)

    def _product(self, product: Product, block: Pairs, departures: PairDepartures | None) -> Tensor:
        table = self.twin.laboratory.pair(type(block), product.sign, product.direction)
        read = ((product.gate, product.gate_ratio), (product.value, product.value_ratio))
        arguments = [self.volts[signal] * ratio for signal, ratio in read if signal is not None]
        if departures is None:
            return table(*arguments) * block.copies
        signs = {"sigma": product.sign, "value": product.direction}
        return departures.current(type(block), table, signs, arguments) * block.copies

    def _multiplied(self, product: Product, departures: MultiplierDepartures | None) -> tuple[Tensor, Tensor]:
        """The current of a multiplier, and what hangs at the virtual ground by it."""
        multiplication = self.twin.wiring.multiplication
        assert multiplication is not None
        block, table = multiplication.multiplier, multiplication.tables[product.direction]
        first, second = self.volts[product.gate] * product.gate_ratio, self.volts[product.value] * product.value_ratio
        if block.takes_turned:  # of its two lines it takes that below half the supply
            second = torch.where(second < 0, second, -self.turned[product.value])
        conductance = multiplication.conductances[product.direction](first, second)
        current = table(first, second) if departures is None else departures.current(table, first, second)
        return current * product.block.copies, conductance * product.block.copies


def _hanging(row: Row, least: float, sign: int) -> Tensor:
    """The conductance at each unit of a row's line, from both kinds of devices: sign -1 for the inverted line."""
    above = (-sign * row.conductance).clamp(min=0) + least
    return above if row.elementwise and row.signal is not None else above.sum(0)
