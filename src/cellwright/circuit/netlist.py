"""The netlist of a cell: its wiring written out, unit by unit, between supplies, clocks, references and inputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from cellwright.circuit.blocks.block import Block
from cellwright.circuit.blocks.multiplier import Multiplier, Places
from cellwright.circuit.blocks.opamp import OperationalAmplifier
from cellwright.circuit.blocks.pairs import SigmaPair, TanhPair, Translinear
from cellwright.circuit.blocks.switch import Switch
from cellwright.circuit.calibration import Laboratory, bias_components, pair_instance
from cellwright.circuit.components import (
    GROUND,
    MIDDLE,
    SUPPLY,
    Component,
    Instance,
    Memristor,
    Resistor,
    Source,
    line,
    starts,
)
from cellwright.circuit.departures import departed
from cellwright.circuit.hold import clocks, hold
from cellwright.circuit.mismatch import Mismatch
from cellwright.circuit.schematic import Signal
from cellwright.circuit.supplies import measured, meters
from cellwright.circuit.wiring import FINE_TRIM, TRIM, Node, Product, Row, Wiring
from cellwright.errors import CellwrightError, named

_KINDS = frozenset(block.kind for block in (SigmaPair, TanhPair, Translinear, OperationalAmplifier, Switch))
"""The kinds of blocks that a circuit may have beside its multipliers."""


@dataclass(frozen=True)
class Section:
    """A part of the netlist with a heading."""

    heading: str
    components: Sequence[Component]


@dataclass(frozen=True)
class Netlist:
    """A circuit that runs.

    Attributes:
        wiring, laboratory: what it was written from.
        inputs: what each input signal is at each step, (steps, features), as numbers, by the signal's name.
        ideal: kinds of blocks that are the equation they stand for instead of transistors.
        measured_supplies: each kind of block has a supply node of its own, behind a source that measures its current,
            and what all sources give is saved.
        mismatch, chip: the draw of its transistors; None for transistors as they are drawn.
        sections: its components.

    Raises:
        CellwrightError: an input is missing, of another shape, NaN or infinite; no kind of blocks has a name in ideal.
    """

    wiring: Wiring
    laboratory: Laboratory
    inputs: dict[str, np.ndarray]
    ideal: frozenset[str] = frozenset()
    measured_supplies: bool = False
    mismatch: Mismatch | None = None
    chip: int = 0
    sections: tuple[Section, ...] = field(init=False)

    def __post_init__(self) -> None:
        self._check()
        sections = _Writer(self.wiring, self.laboratory, self.inputs).sections()
        if self.mismatch is not None:
            built = {name: block for name, block in self.blocks.items() if block.kind not in self.ideal}
            sections = [
                Section(each.heading, departed(each.components, built, self.mismatch, self.chip)) for each in sections
            ]
        if self.measured_supplies:
            kinds = {name: block.kind for name, block in self.blocks.items()}
            sections = [Section(each.heading, measured(each.components, kinds)) for each in sections]
            sections.append(Section("measured supplies", meters(c for each in sections for c in each.components)))
        object.__setattr__(self, "sections", tuple(sections))

    def _check(self) -> None:
        self.wiring.check_inputs(self.inputs)
        for name, values in self.inputs.items():
            if values.ndim != 2:
                raise CellwrightError(
                    f"the input {name} has {values.ndim} axes: expected one sequence, (steps, features)"
                )
            if not np.isfinite(values).all():
                raise CellwrightError(f"the input {name} is NaN or infinite: a netlist needs numbers")
        kinds = {*_KINDS, *(block.kind for block in self.blocks.values())}
        for name in self.ideal:
            named("kind of blocks", name, dict.fromkeys(sorted(kinds)))

    @property
    def steps(self) -> int:
        return len(next(iter(self.inputs.values())))

    @property
    def components(self) -> list[Component]:
        return [component for section in self.sections for component in section.components]

    @property
    def blocks(self) -> dict[str, Block]:
        """The blocks whose instances it has, by the names of their subcircuits."""
        design = self.laboratory.design
        products = {product.block.name: product.block for node in self.wiring.nodes for product in node.products}
        return {**dict(sorted(products.items())), design.opamp.name: design.opamp, design.switch.name: design.switch}

    @property
    def sources(self) -> list[Source]:
        """The sources of voltage: supply and middle, and those among the components."""
        found = [c for c in self.components if isinstance(c, Source) and c.kind == "V"]
        return [*self.laboratory.conditions.supplies, *found]

    def text(self, title: str = "an analog cell", start: Sequence[str] = ()) -> str:
        """The file ``cell.cir``.

        Args:
            start: lines that say where to look for the operating point; see ``starting_point``.
        """
        design, wiring = self.laboratory.design, self.wiring
        lines = [
            *self.laboratory.conditions.header(title),
            *(self._subcircuit(block) for block in self.blocks.values()),
        ]
        for section in self.sections:
            lines += ["", f"* {section.heading}", *map(line, section.components)]
        watched = [f"v({node_of(node.out, unit)})" for node in wiring.nodes for unit in range(node.size)]
        if self.measured_supplies:
            watched += [f"v({each.a}) i(V{each.name})" for each in self.sources]
        lines += [
            "",
            *starts(self.components),
            *start,
            f".save {' '.join(watched)}" + " i(Vsupply)" * (not self.measured_supplies),
            ".options reltol=1e-3 trtol=20 method=gear",
            f".tran {design.period / 50:g} {self.steps * design.period:g} 0 {design.period / 10:g}",
            ".end",
        ]
        return "\n".join(lines) + "\n"

    def _subcircuit(self, block: Block) -> str:
        if block.kind in self.ideal:
            return block.subcircuit(ideal=self.laboratory.ideal)
        return block.subcircuit(departures=self.mismatch is not None)


def node_of(signal: Signal | None, unit: int, line: str = "") -> str:
    """The node of a unit of a signal; its inverted line ``negative``, or a tap of its divider."""
    name = "one" if signal is None else signal.name if signal in (TRIM, FINE_TRIM) else f"{signal.name}{unit}"
    return f"{name}_{line}" if line else name


@dataclass(frozen=True)
class _Writer:
    wiring: Wiring
    laboratory: Laboratory
    inputs: dict[str, np.ndarray]

    def sections(self) -> list[Section]:
        wiring, design = self.wiring, self.laboratory.design
        middle = self.laboratory.conditions.technology.middle
        references = [Source(n, "V", n, GROUND, f"{v:.9g}", "reference") for n, v in self.laboratory.references.items()]
        found = [
            Section("references", [*bias_components(design), *references]),
            Section("clocks", clocks(design, self.laboratory.conditions.technology.supply)),
            Section("inputs", self._inputs()),
        ]
        for name, held in wiring.schematic.states.items():
            result = wiring.schematic.results[name]
            components = [
                component
                for unit in range(wiring.size(held))
                for component in hold(node_of(held, unit), node_of(result, unit), node_of(held, unit), design, middle)
            ]
            found.append(Section(f"the state {name}", components))
        for node in wiring.nodes:
            components = [c for unit in range(node.size) for c in self._sum(node, unit)]
            found.append(Section(f"the sum {node.out.name}", components))
        for signal in (*wiring.schematic.states.values(), *(node.out for node in wiring.nodes)):
            components = [c for unit in range(wiring.size(signal)) for c in self._readers(signal, unit)]
            if components:
                found.append(Section(f"lines of {signal.name}", components))
        return found

    def _inputs(self) -> list[Component]:
        design, middle = self.laboratory.design, self.laboratory.conditions.technology.middle
        found: list[Component] = []
        for signal in self.wiring.schematic.inputs:
            for unit, values in enumerate(self.inputs[signal.name].T):
                for side, sign in (("", 1), ("negative", -1)):
                    name = node_of(signal, unit, side)
                    found.append(
                        Source(name, "V", name, GROUND, self._staircase(middle + sign * design.scale * values), "input")
                    )
        fractions: dict[Signal | None, float] = {None: 1.0, TRIM: 1.0, FINE_TRIM: design.fine_trim}
        for row in (each for each in fractions if each in self.wiring.rows):
            for side, sign in (("", 1), ("negative", -1)):
                name, volts = node_of(row, 0, side), middle + sign * design.scale * fractions[row]
                found.append(Source(name, "V", name, GROUND, f"{volts:.9g}", "reference"))
        return found

    def _staircase(self, volts: np.ndarray) -> str:
        period, edge = self.laboratory.design.period, self.laboratory.design.edge
        changes = (
            f" {step * period:g} {volts[step - 1]:.9g} {step * period + edge:g} {volts[step]:.9g}"
            for step in range(1, len(volts))
        )
        return f"pwl(0 {volts[0]:.9g}{''.join(changes)})"

    def _sum(self, node: Node, unit: int) -> list[Component]:
        out = node_of(node.out, unit)
        ground = f"{out}_sum"
        found: list[Component] = []
        for row in node.rows:
            found += self._devices(row, unit, ground)
        for index, product in enumerate(node.products):
            found += self._product(product, unit, f"{out}_{index}", ground)
        feedback = torch.as_tensor(node.feedback).expand(node.size)[unit].item()
        return [*found, Resistor(f"{out}_feedback", ground, out, feedback), _amplifier(out, ground, out)]

    def _devices(self, row: Row, unit: int, column: str) -> list[Component]:
        least = self.laboratory.design.conductances[0]
        own = row.conductance.detach().numpy()[unit]
        found: list[Component] = []
        for read, signed in [(unit, float(own))] if row.elementwise else enumerate(map(float, own)):
            # A current into the virtual ground lowers the voltage: a positive weight hangs on the inverted line.
            for side, above in (("negative", max(signed, 0.0)), ("", max(-signed, 0.0))):
                word = node_of(row.signal, read, side)
                found.append(Memristor(f"{column}_{word}", word, column, least + above))
        return found

    def _product(self, product: Product, unit: int, name: str, ground: str) -> Sequence[Component]:
        def at(signal: Signal | None, ratio: float) -> str:
            if signal is None:
                return ""
            return node_of(signal, unit, "" if ratio == 1 else f"tap{self.wiring.ratios(signal).index(ratio)}")

        gate, value = at(product.gate, product.gate_ratio), at(product.value, product.value_ratio)
        if isinstance(product.block, Multiplier):
            turned = node_of(product.value, unit, "negative")
            return product.block.placed(name, Places(gate, value, turned, ground), product.direction)
        return [pair_instance(name, product.block, gate, product.sign, value, product.direction, ground)]

    def _readers(self, signal: Signal, unit: int) -> list[Component]:
        """The inverted line of a signal on rows, and the divider of one that pairs read."""
        design, name = self.laboratory.design, node_of(signal, unit)
        found: list[Component] = []
        if signal in self.wiring.rows:
            turned, ground = node_of(signal, unit, "negative"), node_of(signal, unit, "turn")
            found += [
                Resistor(f"{turned}_in", name, ground, design.inverter),
                Resistor(f"{turned}_feedback", ground, turned, design.inverter),
                _amplifier(turned, ground, turned),
            ]
        above, nodes, ratios = 1.0, [name], self.wiring.ratios(signal)
        for index, ratio in enumerate((*ratios, 0.0) if ratios else ()):
            below = node_of(signal, unit, f"tap{index}") if ratio else MIDDLE
            found.append(Resistor(f"{name}_divider{index}", nodes[-1], below, design.divider * (above - ratio)))
            nodes.append(below)
            above = ratio
        return found


def _amplifier(name: str, minus: str, out: str) -> Instance:
    """An amplifier that keeps its minus input at half the supply."""
    return Instance(name, "opamp", (MIDDLE, minus, out, "opamp_bias", SUPPLY), {})
