"""From a simulated circuit to the numbers and texts that its report shows."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import torch

from cellwright import units
from cellwright.circuit.area import area_items
from cellwright.circuit.by_hand import CLOCKS
from cellwright.circuit.circuit import Circuit, Waveforms
from cellwright.circuit.components import Behaviour, Capacitor, Component, Instance, Memristor, Mosfet, Resistor, Source
from cellwright.circuit.design import Design
from cellwright.circuit.netlist import Netlist
from cellwright.circuit.power import measured_energies, step_energies
from cellwright.circuit.trained_problem import Problem
from cellwright.report import Baseline
from cellwright.report.circuit_record import CircuitReport, Draws, SignalTrace
from cellwright.report.circuit_record import Source as Description
from cellwright.studies.circuit_job import CircuitJob
from cellwright.studies.circuit_signals import drawn_outputs, traces, trimmed_circuit, twin_outputs
from cellwright.studies.summary import versions

_KINDS: Mapping[type, str] = {
    Mosfet: "transistors",
    Memristor: "memristors",
    Resistor: "resistors",
    Capacitor: "capacitors",
}


def summarise(
    job: CircuitJob, problem: Problem, circuit: Circuit, waveforms: Waveforms, advance: Callable[[], None]
) -> CircuitReport:
    """Everything that the report shows; ``advance`` is called after each part of the draws of mismatch."""
    task, technology, netlist = job.task, job.conditions.technology, waveforms.netlist
    design = circuit.laboratory.design
    twin = twin_outputs(problem, circuit)
    signals = traces(job, problem, circuit, waveforms)
    simulation = waveforms.simulation
    draws, trimmed = _draws(job, problem, circuit, advance)
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
        draws=draws,
        trimmed=trimmed,
        **_bill(circuit, waveforms),
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


def _bill(circuit: Circuit, waveforms: Waveforms) -> dict[str, Any]:
    """What a step costs: as ngspice integrates it and by the cost model, and the area."""
    netlist = waveforms.netlist
    measured, model = measured_energies(waveforms), step_energies(netlist)
    energy, period = measured.pop("all"), circuit.laboratory.design.period
    areas = {item.name: item.area_m2 or 0.0 for item in area_items(netlist)}
    return {
        "power": energy / period,
        "energy_per_step": energy,
        "energies": {name: (joules, model.get(name, math.nan)) for name, joules in measured.items()},
        "area": sum(areas.values()),
        "areas": areas,
    }


def _draws(
    job: CircuitJob, problem: Problem, circuit: Circuit, advance: Callable[[], None]
) -> tuple[Draws | None, Draws | None]:
    """Chips with mismatch over the whole test period: as made, and trimmed."""
    made, trimmed = [], []
    for numbers in job.draws:
        made.append(drawn_outputs(job, problem, circuit, numbers))
        if job.settings.trim:
            own = trimmed_circuit(job, problem, circuit, numbers)
            trimmed.append(drawn_outputs(job, problem, own, numbers))
        advance()
    return _spread(job, problem, made), _spread(job, problem, trimmed)


def _spread(job: CircuitJob, problem: Problem, outputs: Sequence[torch.Tensor]) -> Draws | None:
    """What outputs of chips, (chips, batch, time, units) each, come to; None of no chips."""
    if not outputs:
        return None
    hidden = torch.cat(list(outputs))
    apart = (hidden - problem.hidden()).flatten(1)
    return Draws(
        state=next(iter(problem.cell.state_axes())),
        largest=apart.abs().amax(1).numpy(),
        rms=apart.square().mean(1).sqrt().numpy(),
        errors=problem.metrics(hidden)[job.task.metric].numpy(),
    )


def built(netlist: Netlist) -> dict[str, int]:
    """How many of each kind of component there are, blocks taken apart; parallel transistors count one by one."""
    counts: Counter[str] = Counter()
    for component in _apart(netlist, netlist.components):
        counts[_KINDS[type(component)]] += component.copies if isinstance(component, Mosfet) else 1
    return {name: counts[name] for name in _KINDS.values()}


def ideal(netlist: Netlist) -> dict[str, int]:
    """What is no circuit: ideal components by what they serve."""
    sources = (*netlist.laboratory.conditions.supplies, *netlist.components)
    ideals = (component for component in sources if component.ideal)
    counts = Counter("behaviour" if isinstance(each, Behaviour) else _serves(each) for each in ideals)
    return dict(counts)


def _serves(component: Component) -> str:
    assert isinstance(component, Source)
    return component.serves


def _apart(netlist: Netlist, components: Iterable[Component]) -> Iterator[Component]:
    """All components that are none of a kind that is ideal, those of blocks among them."""
    for component in components:
        if isinstance(component, Instance):
            yield from _apart(netlist, netlist.blocks[component.block].components())
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
