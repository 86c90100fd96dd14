"""What `cellwright circuit` hands to its report: signals as software, twin and SPICE have them, and what was built."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from cellwright.report.record import Baseline, Floats, Score

Source = Literal["software", "twin", "spice"]

PAIRS: Mapping[str, tuple[Source, Source]] = {
    "spice_vs_twin": ("spice", "twin"),
    "spice_vs_software": ("spice", "software"),
    "twin_vs_software": ("twin", "software"),
}
"""What is compared with what, by the key in result.json."""


@dataclass(frozen=True, kw_only=True)
class Departure:
    """How far two descriptions of a signal lie apart, over all steps and units."""

    largest: float
    rms: float


@dataclass(frozen=True, kw_only=True)
class SignalTrace:
    """A state or a gate at every step, (steps, units) each, in the network's own numbers.

    Attributes:
        name: as the cell's equations have it.
        role: "state", or "gate" for a squashed sum.
        voltage: whether it exists as a voltage; else it is worked out from the voltage that drives a pair.
        software, twin, spice: when a step is read.
        wave: (points, units), what SPICE has at every point of time.
    """

    name: str
    role: Literal["state", "gate"]
    voltage: bool
    software: Floats
    twin: Floats
    spice: Floats
    wave: Floats

    @property
    def units(self) -> int:
        return self.software.shape[1]

    def departure(self, pair: str) -> Departure:
        """Of one of ``PAIRS``."""
        first, second = (getattr(self, source) for source in PAIRS[pair])
        apart = np.abs(first - second)
        return Departure(largest=float(apart.max()), rms=float(np.sqrt(np.square(apart).mean())))


@dataclass(frozen=True, kw_only=True)
class Draws:
    """The same cell with transistors that differ from one another, one number a draw.

    Attributes:
        state: the name of the output state.
        largest, rms: of its departure from software over the test period.
        errors: of the task, in its unit.
    """

    state: str
    largest: Floats
    rms: Floats
    errors: Floats


@dataclass(frozen=True, kw_only=True)
class CircuitReport:
    """Everything that the page of a circuit shows; SI units throughout.

    Attributes:
        task, title, quantity, unit, value_range: of what is learnt.
        recipe, cell, cell_title, seed: of the network; ``model`` is the file that it was read from, if it was.
        technology, technology_title, technology_source: of the transistors; ``claims``: whether area and power may be
            claimed of it. corner, temperature (degrees Celsius): where the circuit works.
        design: what the designer chose, in words by name.
        period: of a step, s. read: when a step is read, in periods. clocks: from when to when each is on, in periods.
        label: of the forecast that the simulated sequence leads to.
        time: (points,) s. clock_waves: (points,) V, by the name of the clock.
        signals: states first.
        forecast: of that label by source, in the task's unit; empty where the sequence is not the recipe's own.
        observed: at that label.
        software, twin: the task's error over the whole test period. baselines: of forecasts that need no network.
        draws: of mismatch; None where none were asked for. trimmed: the same chips, trimmed.
        power: W, of all sources, the mean over the run. energy_per_step: J, likewise.
        energies: J a step by what takes it, as ngspice integrates it, and as the cost model has it.
        area: m2, of all that is itemised; ``areas`` by item.
        built: how many of each kind of component, instances counted out.
        ideal: what is no circuit yet, by what it serves: how many sources.
        ngspice: its version. remedy: what it took to converge; empty where nothing.
        command, settings, versions: how to repeat it.
        decimals: of errors in the task's unit.
    """

    task: str
    title: str
    quantity: str
    unit: str
    value_range: float
    recipe: str
    cell: str
    cell_title: str
    seed: int
    model: str
    technology: str
    technology_title: str
    technology_source: str
    claims: bool
    corner: str
    temperature: float
    design: Mapping[str, str]
    period: float
    read: float
    clocks: Mapping[str, tuple[float, float]]
    label: str
    time: Floats
    clock_waves: Mapping[str, Floats]
    signals: Sequence[SignalTrace]
    forecast: Mapping[Source, float]
    observed: float
    software: float
    twin: float
    baselines: Sequence[Baseline]
    draws: Draws | None
    trimmed: Draws | None
    power: float
    energy_per_step: float
    energies: Mapping[str, tuple[float, float]]
    area: float
    areas: Mapping[str, float]
    built: Mapping[str, int]
    ideal: Mapping[str, int]
    ngspice: int
    remedy: str
    command: str
    settings: Mapping[str, object]
    versions: Mapping[str, str]
    decimals: int = 2

    @property
    def steps(self) -> int:
        return len(self.signals[0].software)

    @property
    def states(self) -> Sequence[SignalTrace]:
        return [signal for signal in self.signals if signal.role == "state"]

    @property
    def output(self) -> SignalTrace:
        """The state that the network's answer is read from."""
        return self.signals[0]

    def spread(self, numbers: Floats) -> Score:
        """Of draws."""
        return Score.of(numbers)
