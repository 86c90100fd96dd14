"""What every finished run hands to the report: plain numbers, numpy arrays and text, nothing that computes.

What belongs to one kind of run is in ``forecast_record.py`` and ``class_record.py``.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cellwright.errors import CellwrightError

if TYPE_CHECKING:
    from cellwright.program import Equation
    from cellwright.report.circuit_record import CircuitReport

Floats = NDArray[np.float64]

PERCENTILES = (5, 50, 95)
"""The spread that is shown everywhere: the middle 90 % and the median."""


@dataclass(frozen=True, kw_only=True)
class Score:
    """One number for each of several networks or chips: the error of each, or how far it departs from software.

    mean: over the ``count`` values. std: their sample standard deviation, None for a single value.
    percentiles: by percentage, {5: ..., 50: ..., 95: ...}; empty for a single value.
    """

    mean: float
    std: float | None = None
    percentiles: Mapping[int, float] = field(default_factory=dict)
    count: int = 1

    @property
    def median(self) -> float:
        """The median, or the single value: for departures, which are never negative and have a long tail."""
        return self.percentiles.get(50, self.mean)

    @classmethod
    def of(cls, values: ArrayLike) -> Score:
        """Summarise several networks or chips, one number each, in any shape."""
        numbers = np.asarray(values, dtype=float).ravel()
        if numbers.size == 0:
            raise CellwrightError("a score of no values: give at least one number")
        if numbers.size == 1:
            return cls(mean=float(numbers[0]))
        # A network that diverged has an error that is no number: then the summary is none either, without a warning.
        with np.errstate(invalid="ignore"):
            percentiles = {p: float(np.percentile(numbers, p)) for p in PERCENTILES}
            std = float(numbers.std(ddof=1))
        return cls(mean=float(numbers.mean()), std=std, percentiles=percentiles, count=int(numbers.size))


@dataclass(frozen=True, kw_only=True)
class Baseline:
    """What needs no network. ``name`` is the key in result.json, ``title`` is what people read."""

    name: str
    title: str
    error: float


@dataclass(frozen=True, kw_only=True)
class TrainingCurve:
    """Losses of one training, (epochs,) each; ``best_epoch`` counts from 0; ``validation`` may be absent."""

    seed: int
    train: Floats
    validation: Floats | None = None
    best_epoch: int | None = None


@dataclass(frozen=True, kw_only=True)
class Programming:
    """How one array took its weights.

    convergence: fraction of devices within tolerance after each verify round, (rounds,).
    pulses: write pulses in all. yield_fraction: fraction of devices within tolerance at the end.
    """

    convergence: Floats
    pulses: float
    yield_fraction: float
    energy_j: float
    time_s: float


@dataclass(frozen=True, kw_only=True)
class ArrayReport:
    """One array of devices on one chip.

    target, programmed: conductances in siemens, (rows, columns).
    wire_loss: what the wires leave of each conductance, effective over ideal, (rows, columns).
    row_groups, column_groups: what neighbouring lines carry, as (label, number of lines), to mark them on the maps.
    """

    name: str
    rows: int
    columns: int
    tiles: int
    target: Floats
    programmed: Floats
    wire_loss: Floats
    programming: Programming
    row_groups: Sequence[tuple[str, int]] = ()
    column_groups: Sequence[tuple[str, int]] = ()

    def __post_init__(self) -> None:
        for what in ("target", "programmed", "wire_loss"):
            shape = np.shape(getattr(self, what))
            expect(shape == (self.rows, self.columns), f"array {self.name}: {what}", shape, (self.rows, self.columns))
        for what, groups, lines in (("row", self.row_groups, self.rows), ("column", self.column_groups, self.columns)):
            total = sum(number for _, number in groups)
            expect(not groups or total == lines, f"array {self.name}: {what} groups", total, lines)


@dataclass(frozen=True, kw_only=True)
class Cause:
    """One cause of error on the chip: alone on an otherwise ideal chip, and taken away from the whole chip.

    alone, without: errors against the truth. departure_alone, departure_without: how far the chip is from the same
    network in software; where the network errs much more than the hardware, only these tell causes apart.
    setting: how large the cause was taken to be, and what that rests on.
    """

    name: str
    description: str
    alone: Score
    without: Score
    departure_alone: Score
    departure_without: Score
    setting: str = ""

    @property
    def title(self) -> str:
        """The name for people."""
        return self.name.replace("_", " ")


@dataclass(frozen=True, kw_only=True)
class CostItem:
    """One part of the cost; what it does not have is None. ``value`` is the constant that went in, with its unit.

    outside_crossbar: activations and products of signals, which digital logic computes whatever the arrays are made of.
    """

    item: str
    energy_j: float | None = None
    latency_s: float | None = None
    area_m2: float | None = None
    value: str = ""
    source: str = ""
    uncertainty: str = ""
    outside_crossbar: bool = False


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What one time step of the whole network costs on the chip, and of what that is made."""

    power_w: float
    energy_per_step_j: float
    latency_per_step_s: float
    area_m2: float
    items: Sequence[CostItem] = ()


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """A system to set beside the chip: a digital one, or a published circuit.

    set_up: what it is, in a few words. error: as its source prints it. reading: what we take that to mean, where it
    is not plain. certainty: how sure the figures are ("read in the survey only", "factor 2"). factor: the same as a
    number, where there is one: the truth lies within this factor.
    """

    name: str
    source: str
    certainty: str
    set_up: str = ""
    power_w: float | None = None
    energy_per_step_j: float | None = None
    latency_per_step_s: float | None = None
    area_m2: float | None = None
    error: str = ""
    reading: str = ""
    factor: float | None = None

    @property
    def has_numbers(self) -> bool:
        """Whether anything beside words is known of it."""
        numbers = (self.power_w, self.energy_per_step_j, self.latency_per_step_s, self.area_m2)
        return any(number is not None for number in numbers)


@dataclass(frozen=True, kw_only=True)
class RunReport(ABC):
    """What the table, the page, the figures and result.json show of every run; each kind of run adds its own.

    title: of the task, for people.
    seeds: of the trainings. chips: simulated a network. chip_seed: of the draws of devices and noise.
    device_assumed: what of the device has no source.
    chip_settings: what the chip is made of, for people: name, and value with its unit and what it rests on.
    settings: the device, the chips and all settings of a chip as plain data, for result.json.
    software, chip_ideal, chip_whole: errors against the truth, smaller is better.
    departure: how far the whole chip is from the same network in software. departure_ideal: the same of the ideal
    chip, nothing but rounding. What an error and a departure are, the kind of run says.
    left_digital: parameters that no array holds.
    loss: what the training curves show, with its unit.
    gates: by name, (time, unit), of one software network.
    counts: numbers of one step by kind. counts_formula: the same in the axis sizes, ``sizes``.

    Raises:
        CellwrightError: arrays that do not fit each other.
    """

    task: str
    title: str
    data_source: str
    cell: str
    recipe: str
    recipe_description: str
    seeds: Sequence[int]
    device: str
    device_source: str
    device_assumed: str
    chip_settings: Mapping[str, str]
    settings: Mapping[str, Any]
    chips: int
    chip_seed: int
    command: str
    baselines: Sequence[Baseline]
    software: Score
    chip_ideal: Score
    chip_whole: Score
    departure: Score
    departure_ideal: Score
    left_digital: Sequence[str]
    causes: Sequence[Cause]
    training: Sequence[TrainingCurve]
    loss: str
    gates: Mapping[str, Floats]
    arrays: Sequence[ArrayReport]
    cost: Cost
    digital: Comparison
    published: Sequence[Comparison]
    equations: Sequence[Equation]
    counts: Mapping[str, int]
    counts_formula: str
    sizes: Mapping[str, int]
    citation: str
    versions: Mapping[str, str]
    circuit: CircuitReport | None = None

    @property
    @abstractmethod
    def decimals(self) -> int:
        """Of the errors and departures that people read."""

    @property
    def last_digit(self) -> float:
        """What a step of the last digit that tells is worth."""
        return 10.0**-self.decimals

    @property
    @abstractmethod
    def gate_labels(self) -> Sequence[str]:
        """Labels of the time steps that ``gates`` show."""

    @property
    def best_baseline(self) -> Baseline:
        """The baseline with the smallest error."""
        return min(self.baselines, key=lambda baseline: baseline.error)

    @property
    def ideal_is_software(self) -> bool:
        """Whether the ideal chip computes what software does, to the digits that are shown."""
        largest = self.departure_ideal.percentiles.get(95, self.departure_ideal.mean)
        return largest < 0.5 * self.last_digit

    @property
    def ideal(self) -> Score:
        """The error of the ideal chip, with the software's spread where the two compute the same.

        The same numbers counted once a chip would have another standard deviation, which no hardware made.
        """
        return self.software if self.ideal_is_software else self.chip_ideal

    @property
    def worst_cause(self) -> Cause | None:
        """The cause that alone departs most from software; None for an ideal chip."""
        return max(self.causes, key=lambda cause: cause.departure_alone.median, default=None)

    def expect_fitting(self, runs: Mapping[str, NDArray[Any]], columns: int) -> None:
        """Refuse what does not fit: ``runs`` has a row a network ("software") or a row a chip, ``columns`` wide."""
        for what, rows in runs.items():
            expect(rows.ndim == 2 and rows.shape[1] == columns, what, rows.shape, ("any", columns))
            if what.endswith("software"):
                networks = len(rows)
                expect(networks == len(self.seeds), f"rows of {what}", networks, f"one a seed, {len(self.seeds)}")
        steps = len(self.gate_labels)
        for name, gate in self.gates.items():
            expect(gate.ndim == 2 and gate.shape[0] == steps, f"gate {name}", gate.shape, (steps, "units"))


def decimals_of(value_range: float) -> int:
    """Two for a range of hundreds, as the literature of the airline series has them, and as fine for others."""
    return max(0, _places_of(value_range))


def last_digit_of(value_range: float) -> float:
    """The same where a range is so large that the digit stands before the point."""
    return 10.0 ** -_places_of(value_range)


def _places_of(value_range: float) -> int:
    return 4 - math.floor(math.log10(value_range))


def expect(holds: bool, what: str, got: object, expected: object) -> None:
    """Refuse a record whose parts do not fit each other."""
    if not holds:
        raise CellwrightError(f"report: {what} is {got}, expected {expected}: hand over arrays of one run")
