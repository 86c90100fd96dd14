"""What a step of a circuit costs: energy by arithmetic of the design, the same integrated by ngspice, and area.

The words are those of the chip's cost (``cellwright.crossbar.cost``), so that the two can be laid side by side. Left
out of the energy: what stands behind ideal sources, that is the drivers of the clocks, the generators of references
and whatever brings the inputs to the lines.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import numpy as np

from cellwright.circuit.area import DEVICE, area_items
from cellwright.circuit.circuit import Circuit, Waveforms
from cellwright.circuit.components import Instance, Source
from cellwright.circuit.design import Design
from cellwright.circuit.netlist import Netlist
from cellwright.circuit.supplies import REFERENCES, meter
from cellwright.crossbar.cost import Constant, Item, StepCost
from cellwright.errors import CellwrightError

LINES = "input lines"
"""The name under which stands what the sources of inputs and ones give to the memristors on their lines."""

_FACTOR = 3.0  # assumed, as for the chip: area without routing, energy without what stands behind ideal sources


def supply_currents(netlist: Netlist) -> dict[str, float]:
    """What each kind of block draws from the supply, A, as its class states it; and the references, under their name.

    Raises:
        CellwrightError: a block does not say what it draws.
    """
    design, blocks = netlist.laboratory.design, netlist.blocks
    feeds = _references(design)
    totals: dict[str, float] = {}
    for component in netlist.components:
        if isinstance(component, Instance):
            reference = sum(feeds.get(node, 0.0) for node in component.nodes)
            block = blocks[component.block]
            totals[block.kind] = totals.get(block.kind, 0.0) + block.supply_current(reference)
    return {**totals, REFERENCES: sum(feeds.values())}


def line_energy(netlist: Netlist) -> float:
    """What the sources of inputs and ones give in a step to the memristors on their lines, J; the mean over the steps.

    A line at V beside columns at half the supply gives V (V - half the supply) G, part of which the amplifiers take up.
    """
    design, middle = netlist.laboratory.design, netlist.laboratory.conditions.technology.middle
    least = design.conductances[0]
    watts = 0.0
    for row in (row for node in netlist.wiring.nodes for row in node.rows):
        if row.signal is None:
            values = np.ones((netlist.steps, 1))
        elif row.signal in netlist.wiring.schematic.inputs:
            values = netlist.inputs[row.signal.name]
        else:
            continue
        signed = row.conductance.detach().numpy()
        signed = signed[:, None] if row.signal is None else signed
        for sign in (1, -1):  # the line itself carries the devices of negative weights, the inverted one the others
            hanging = (np.maximum(-sign * signed, 0) + least).sum(0)
            volts = sign * design.scale * values
            watts += float(((middle + volts) * volts * hanging).sum(-1).mean())
    return watts * design.period


def step_energies(netlist: Netlist) -> dict[str, float]:
    """Energy of a step, J, by the cost model: for each kind of block, the references and the input lines."""
    design, supply = netlist.laboratory.design, netlist.laboratory.conditions.technology.supply
    energies = {kind: current * supply * design.period for kind, current in supply_currents(netlist).items()}
    return {**energies, LINES: line_energy(netlist)}


def measured_energies(waveforms: Waveforms) -> dict[str, float]:
    """Energy of a step, J, as ngspice integrates it, by the names of ``step_energies``; the mean over the steps.

    Beside them: ``clocks``, ``half the supply`` and ``all``, what all sources give together.

    Raises:
        CellwrightError: the waveforms were simulated without measured supplies.
    """
    netlist = waveforms.netlist
    if not netlist.measured_supplies:
        raise CellwrightError("energies need waveforms that were simulated with measured_supplies=True")
    meters = {meter(kind): kind for kind in (*(block.kind for block in netlist.blocks.values()), REFERENCES)}
    found: dict[str, float] = {"all": 0.0}
    for source in netlist.sources:
        volts, current = waveforms.simulation[f"v({source.a})"], waveforms.simulation[f"i(V{source.name})"]
        energy = float(np.trapezoid(volts * current, waveforms.time)) / netlist.steps
        if source.name in meters:
            found[meters[source.name]] = energy
            continue
        found["all"] -= energy  # ngspice counts a current from plus through the source to minus
        name = _OUTSIDE.get(_outside(source, netlist))
        if name is not None:
            found[name] = found.get(name, 0.0) - energy
    return found


_OUTSIDE = {"line": LINES, "clock": "clocks", "middle": "half the supply"}


def _outside(source: Source, netlist: Netlist) -> str:
    """What a source from outside feeds."""
    if source.name == netlist.laboratory.conditions.supplies[1].name:
        return "middle"
    return "line" if source.serves == "input" or source.name in ("one", "one_negative") else source.serves


def circuit_cost(circuit: Circuit, inputs: Mapping[str, np.ndarray], device: str = DEVICE) -> StepCost:
    """Cost of a step of the circuit: each item of energy and of area.

    Args:
        inputs: (steps, features) numbers by the name of the input, for what the input lines take.
        device: the crossbar's device whose cell every memristor takes.

    Raises:
        CellwrightError: there is no such device, or a block does not say what it draws.
    """
    netlist = circuit.netlist(inputs)
    technology, design = netlist.laboratory.conditions.technology, netlist.laboratory.design
    counts = Counter(netlist.blocks[c.block].kind for c in netlist.components if isinstance(c, Instance))
    energies = tuple(
        Item(
            name=name if name in (REFERENCES, LINES) else f"{name} blocks",
            energy_j=energy,
            value=f"{counts[name]} in all" if name in counts else "",
            source="arithmetic of the design",
            uncertainty="factor 1.3 beside the integrals of ngspice",
        )
        for name, energy in step_energies(netlist).items()
    )
    period = Item(name="period", latency_s=design.period, value="chosen: time to settle", source="the design")
    items = (*energies, period, *area_items(netlist, device))
    claim = "" if technology.claims else f"; no claim rests on {technology.name}, which is no foundry's process"
    return StepCost(
        name=f"analog circuit, {technology.title}",
        energy_per_step_j=sum(item.energy_j or 0.0 for item in items),
        latency_per_step_s=design.period,
        area_m2=sum(item.area_m2 or 0.0 for item in items),
        items=items,
        source=technology.densities_source,
        factor=_FACTOR,
        uncertainty=f"factor {_FACTOR:g}: routing and what stands behind ideal sources are left out{claim}",
        constants=tuple(
            Constant(name, value, unit, technology.densities_source, "", _FACTOR)
            for name, value, unit in (
                ("supply", technology.supply, "V"),
                ("capacitor density", technology.capacitor_density, "F/m2"),
                ("sheet resistance", technology.sheet_resistance, "ohm a square"),
                ("resistor width", technology.resistor_width, "m"),
            )
        ),
    )


def _references(design: Design) -> dict[str, float]:
    """The currents behind the nodes that feed blocks, A."""
    return {"pair_bias": design.pair_current, "opamp_bias": design.amplifier_current}
