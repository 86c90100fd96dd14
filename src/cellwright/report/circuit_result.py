"""A circuit as data for other programs: result.json, and its signals as CSV."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import Any

from cellwright.report.circuit_record import PAIRS, CircuitReport, Draws, SignalTrace
from cellwright.report.plain import as_csv, as_json
from cellwright.report.record import Score


def result_json(record: CircuitReport) -> str:
    """The circuit as JSON text, see `circuit_result`."""
    return as_json(circuit_result(record))


def circuit_result(record: CircuitReport) -> dict[str, Any]:
    """The errors in the network's own numbers and in the task's unit, the rest in SI units."""
    return {
        "task": record.task,
        "recipe": record.recipe,
        "cell": record.cell,
        "seed": record.seed,
        "model": record.model or None,
        "technology": record.technology,
        "corner": record.corner,
        "temperature_c": record.temperature,
        "steps": record.steps,
        "period_s": record.period,
        "signals": {signal.name: _signal(signal) for signal in record.signals},
        "forecast": {"of": record.label, "observed": record.observed, **record.forecast},
        "error": {"unit": record.unit, "software": record.software, "twin": record.twin},
        "baselines": [asdict(baseline) for baseline in record.baselines],
        "mismatch": _draws(record.draws),
        "mismatch_trimmed": _draws(record.trimmed),
        "power_w": record.power,
        "energy_per_step_j": record.energy_per_step,
        "energy_by_part_j": {
            name: {"ngspice": measured, "model": model} for name, (measured, model) in record.energies.items()
        },
        "area_m2": record.area,
        "area_by_part_m2": record.areas,
        "claims_power_and_area": record.claims,
        "built": record.built,
        "ideal": record.ideal,
        "remedy": record.remedy or None,
        "ngspice": record.ngspice,
        "design": record.design,
        "settings": record.settings,
        "versions": record.versions,
    }


def _signal(signal: SignalTrace) -> dict[str, Any]:
    return {"role": signal.role, "is_a_voltage": signal.voltage, "units": signal.units} | {
        pair: {"max": signal.departure(pair).largest, "rms": signal.departure(pair).rms} for pair in PAIRS
    }


def _draws(draws: Draws | None) -> dict[str, Any] | None:
    if draws is None:
        return None
    found = {"largest": draws.largest, "rms": draws.rms, "error": draws.errors}
    return {"draws": len(draws.errors), "state": draws.state} | {
        name: asdict(Score.of(numbers)) for name, numbers in found.items()
    }


def steps_csv(record: CircuitReport) -> str:
    """``steps.csv``: a row for every signal, unit and step."""
    sources = ("software", "twin", "spice")
    rows = [
        (step + 1, signal.name, unit, *(getattr(signal, source)[step, unit] for source in sources))
        for signal in record.signals
        for unit in range(signal.units)
        for step in range(record.steps)
    ]
    columns = zip(*rows, strict=True)
    return as_csv(dict(zip(("step", "signal", "unit", *sources), map(_plain, columns), strict=True)))


def waveforms_csv(record: CircuitReport) -> str:
    """``waveforms.csv``: a row for every point of time that SPICE computed; signals in the network's own numbers."""
    waves = {f"{signal.name}{unit}": signal.wave[:, unit] for signal in record.signals for unit in range(signal.units)}
    clocks = {f"{name}_V": volts for name, volts in record.clock_waves.items()}
    columns = {"time_s": record.time, **waves, **clocks}
    return as_csv({name: map(float, numbers) for name, numbers in columns.items()})


def _plain(column: Iterable[Any]) -> Iterator[Any]:
    """Numpy's numbers as Python's own."""
    return (value.item() if hasattr(value, "item") else value for value in column)
