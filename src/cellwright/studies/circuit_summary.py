"""From a simulated circuit to the numbers and texts that its report shows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

import numpy as np
import torch

from cellwright import units
from cellwright.circuit.by_hand import CLOCKS
from cellwright.circuit.circuit import Circuit, Waveforms
from cellwright.circuit.components import Behaviour, Capacitor, Component, Instance, Memristor, Mosfet, Resistor, Source
from cellwright.circuit.design import Design
from cellwright.circuit.netlist import Netlist
from cellwright.circuit.trained_problem import Problem
from cellwright.report import Baseline
from cellwright.report.circuit_record import CircuitReport, SignalTrace
from cellwright.report.circuit_record import Source as Description
from cellwright.studies.circuit_job import CircuitJob
from cellwright.studies.circuit_signals import traces, twin_outputs
from cellwright.studies.summary import versions

_KINDS: Mapping[type, str] = {
    Mosfet: "transistors",
    Memristor: "memristors",
    Resistor: "resistors",
    Capacitor: "capacitors",
}


def summarise(job: CircuitJob, problem: Problem, circuit: Circuit, waveforms: Waveforms) -> CircuitReport:
    """Everything that the report shows."""
    task, technology, netlist = job.task, job.conditions.technology, waveforms.netlist
    design = circuit.laboratory.design
    twin = twin_outputs(problem, circuit)
    signals = traces(job, problem, circuit, waveforms)
    power = supply_power(waveforms)
    simulation = waveforms.simulation
    return CircuitReport(
        task=task.name,
        title=task.title,
        quantity=task.quantity,
        unit=task.unit,
        value_range=task.value_range,
        recipe=job.recipe.name,
        cell=job.run.cell_name,
        cell_title=job.run.listed.title,
        seed=job.settings.seed,
        model=job.settings.model,
        technology=technology.name,
        technology_title=technology.title,
        technology_source=technology.source,
        claims=technology.claims,
        corner=job.conditions.corner,
        temperature=job.conditions.temperature,
        design=design_in_words(design),
        period=design.period,
        read=design.read_time,
        clocks=design.clocks,
        label=task.labels[task.training] if job.forecasts else "",
        time=waveforms.time,
        clock_waves={name: simulation[name] for name in CLOCKS},
        signals=signals,
        forecast=_forecast(problem, twin, signals[0]) if job.forecasts else {},
        observed=float(task.values[task.training]),
        software=problem.software()[task.metric],
        twin=float(problem.metrics(twin)[task.metric]),
        baselines=[
            Baseline(name=rule.name, title=rule.formula, error=float(task.metrics(rule.forecasts)[task.metric]))
            for rule in task.baselines().values()
        ],
        draws=None,
        power=power,
        energy_per_step=power * design.period,
        built=built(netlist),
        ideal=ideal(netlist),
        ngspice=job.ngspice.version,
        remedy=simulation.remedy.name if simulation.remedy else "",
        command=job.command,
        settings=job.described(),
        versions=versions(),
    )


def _forecast(problem: Problem, twin: torch.Tensor, output: SignalTrace) -> dict[Description, float]:
    """The first forecast of the test by software, the twin, and ngspice, which takes the twin's place there."""
    simulated = twin.clone()
    simulated[0] = torch.from_numpy(output.spice)
    outputs: dict[Description, torch.Tensor] = {"software": problem.hidden(), "twin": twin, "spice": simulated}
    return {name: float(problem.answers(hidden)[0]) for name, hidden in outputs.items()}


def supply_power(waveforms: Waveforms) -> float:
    """What the supply gives, W: the mean over the whole run."""
    supply = waveforms.netlist.laboratory.conditions.technology.supply
    time, drawn = waveforms.time, -waveforms.simulation["i(vsupply)"]
    return float(np.trapezoid(drawn, time) / (time[-1] - time[0])) * supply


def built(netlist: Netlist) -> dict[str, int]:
    """How many of each kind of component there are, blocks taken apart; parallel transistors count one by one."""
    counts: Counter[str] = Counter()
    for component in _apart(netlist, netlist.components):
        counts[_KINDS[type(component)]] += component.copies if isinstance(component, Mosfet) else 1
    return {name: counts[name] for name in _KINDS.values()}


def ideal(netlist: Netlist) -> dict[str, int]:
    """What is no circuit: ideal components by what they serve."""
    ideals = (component for component in netlist.components if component.ideal)
    counts = Counter("behaviour" if isinstance(each, Behaviour) else _serves(each) for each in ideals)
    return dict(counts)


def _serves(component: Component) -> str:
    assert isinstance(component, Source)
    return component.serves


def _apart(netlist: Netlist, components: Iterable[Component]) -> Iterator[Component]:
    """All components that are none of a kind that is ideal, those of blocks among them."""
    design = netlist.laboratory.design
    blocks = {product.block.name: product.block for node in netlist.wiring.nodes for product in node.products}
    known = {**blocks, design.opamp.name: design.opamp, design.switch.name: design.switch}
    for component in components:
        if isinstance(component, Instance):
            yield from _apart(netlist, known[component.block].components())
        elif not component.ideal:
            yield component


def design_in_words(design: Design) -> dict[str, str]:
    """What the designer chose, by what it is."""
    least, most = (units.quantity(conductance, "S") for conductance in design.conductances)
    return {
        "a one is": units.quantity(design.scale, "V"),
        "a step takes": units.quantity(design.period, "s"),
        "memristors": f"{least} to {most}",
        "tail current of a pair": units.quantity(design.pair_current, "A"),
        "reference current of the amplifiers": units.quantity(design.amplifier_current, "A"),
        "hold capacitors": units.quantity(design.hold_capacitance, "F"),
        "range of a product": f"tanh({design.linear_range:g} v) / {design.linear_range:g} for v",
    }
