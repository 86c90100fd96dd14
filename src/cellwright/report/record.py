"""What a finished run hands to the report: plain numbers, numpy arrays and text, nothing that computes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cellwright.errors import CellwrightError

if TYPE_CHECKING:
    from cellwright.program import Equation

Floats = NDArray[np.float64]

PERCENTILES = (5, 50, 95)
"""The spread that is shown everywhere: the middle 90 % and the median."""


@dataclass(frozen=True, kw_only=True)
class Score:
    """Root mean square error in the series' unit over several networks or chips.

    rmse: the mean over the ``count`` values. std: their sample standard deviation, None for a single value.
    percentiles: by percentage, {5: ..., 50: ..., 95: ...}; empty for a single value.
    """

    rmse: float
    std: float | None = None
    percentiles: Mapping[int, float] = field(default_factory=dict)
    count: int = 1

    @property
    def median(self) -> float:
        """The median, or the single value: for departures, which are never negative and have a long tail."""
        return self.percentiles.get(50, self.rmse)

    @classmethod
    def of(cls, values: ArrayLike) -> Score:
        """Summarise the errors of several networks or chips, one number each, in any shape."""
        errors = np.asarray(values, dtype=float).ravel()
        if errors.size == 0:
            raise CellwrightError("a score of no values: give at least one root mean square error")
        if errors.size == 1:
            return cls(rmse=float(errors[0]))
        # A network that diverged has an error that is no number: then the summary is none either, without a warning.
        with np.errstate(invalid="ignore"):
            percentiles = {p: float(np.percentile(errors, p)) for p in PERCENTILES}
            std = float(errors.std(ddof=1))
        return cls(rmse=float(errors.mean()), std=std, percentiles=percentiles, count=int(errors.size))


@dataclass(frozen=True, kw_only=True)
class Baseline:
    """A forecast that needs no network. ``name`` is the key in result.json, ``title`` is what people read."""

    name: str
    title: str
    rmse: float


@dataclass(frozen=True, kw_only=True)
class Forecasts:
    """One-step forecasts over the test period in the series' unit.

    software: (seeds, time), one row a trained network. chip: (chips, time), one row a simulated chip.
    """

    software: Floats
    chip: Floats

    @property
    def software_mean(self) -> Floats:
        """The mean over the trained networks, (time,)."""
        return np.asarray(self.software.mean(axis=0))

    def chip_percentile(self, percentage: float) -> Floats:
        """A percentile over the chips at each time, (time,)."""
        with np.errstate(invalid="ignore"):
            return np.asarray(np.percentile(self.chip, percentage, axis=0))


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
            _expect(shape == (self.rows, self.columns), f"array {self.name}: {what}", shape, (self.rows, self.columns))
        for what, groups, lines in (("row", self.row_groups, self.rows), ("column", self.column_groups, self.columns)):
            total = sum(number for _, number in groups)
            _expect(not groups or total == lines, f"array {self.name}: {what} groups", total, lines)


@dataclass(frozen=True, kw_only=True)
class Cause:
    """One cause of error on the chip: alone on an otherwise ideal chip, and taken away from the whole chip.

    alone, without: errors of the forecasts. departure_alone, departure_without: how far they are from the forecasts of
    the same network in software; where the network errs much more than the hardware, only these tell causes apart.
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
class RunReport:
    """All that the table, the page, the figures and result.json show.

    title: of the task, for people. unit: of the series ("thousand passengers"). period: of one step ("month").
    value_range: largest minus smallest value of the series; errors are also given in per cent of it.
    labels: one a value of ``series``, "1949-01" or any other text. test: the part of the series that is forecast.
    seeds: of the trainings. chips: simulated a network. chip_seed: of the draws of devices and noise.
    device_assumed: what of the device has no source.
    chip_settings: what the chip is made of, for people: name, and value with its unit and what it rests on.
    settings: the device, the chips and all settings of a chip as plain data, for result.json.
    departure: root mean square difference of the whole chip's forecasts from those of the same network in software.
    departure_ideal: the same of the ideal chip's, nothing but rounding.
    left_digital: parameters that no array holds.
    gates: by name, (time, unit) over ``gate_period`` of the series, of one software network.
    counts: numbers of one step by kind. counts_formula: the same in the axis sizes, ``sizes``.
    loss: what the training curves show, with its unit.

    Raises:
        CellwrightError: arrays that do not fit each other.
    """

    task: str
    title: str
    unit: str
    period: str
    value_range: float
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
    labels: Sequence[str]
    series: Floats
    test: slice
    forecasts: Forecasts
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
    gate_period: slice
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

    def __post_init__(self) -> None:
        _expect(len(self.labels) == len(self.series), "labels", len(self.labels), len(self.series))
        _expect(self.value_range > 0, "value_range", self.value_range, "more than 0")
        months = len(self.series[self.test])
        for what in ("software", "chip"):
            rows = getattr(self.forecasts, what)
            _expect(rows.ndim == 2 and rows.shape[1] == months, f"forecasts.{what}", rows.shape, ("any", months))
        networks = self.forecasts.software.shape[0]
        _expect(networks == len(self.seeds), "number of software forecasts", networks, f"one a seed, {len(self.seeds)}")
        steps = len(self.series[self.gate_period])
        for name, gate in self.gates.items():
            _expect(gate.ndim == 2 and gate.shape[0] == steps, f"gate {name}", gate.shape, (steps, "units"))

    def percent_of_range(self, rmse: float) -> float:
        """An error in per cent of the range of the series."""
        return 100 * rmse / self.value_range

    @property
    def test_labels(self) -> Sequence[str]:
        """Labels of the test period."""
        return self.labels[self.test]

    @property
    def best_baseline(self) -> Baseline:
        """The baseline with the smallest error."""
        return min(self.baselines, key=lambda baseline: baseline.rmse)

    @property
    def ideal_is_software(self) -> bool:
        """Whether the ideal chip's forecasts are the software's, to the decimals that are shown."""
        largest = self.departure_ideal.percentiles.get(95, self.departure_ideal.rmse)
        return largest < 0.005

    @property
    def ideal(self) -> Score:
        """The error of the ideal chip, with the software's spread where the forecasts are the same.

        The same numbers counted once a chip would have another standard deviation, which no hardware made.
        """
        return self.software if self.ideal_is_software else self.chip_ideal

    @property
    def worst_cause(self) -> Cause | None:
        """The cause that alone moves the forecasts most; None for an ideal chip."""
        return max(self.causes, key=lambda cause: cause.departure_alone.median, default=None)


def _expect(holds: bool, what: str, got: object, expected: object) -> None:
    if not holds:
        raise CellwrightError(f"report: {what} is {got}, expected {expected}: hand over arrays of one run")
