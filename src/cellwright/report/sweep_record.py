"""What a sweep hands to its page: plain numbers, numpy arrays and text, nothing that computes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from cellwright.errors import CellwrightError
from cellwright.report.record import Baseline, Floats, Score, decimals_of

Measure = Literal["error", "departure"]
Price = Literal["energy_per_step_j", "latency_per_step_s", "area_m2"]


@dataclass(frozen=True, kw_only=True)
class SweptAxis:
    """A setting that was varied.

    values: all that it took, in the order in which they are shown; ``texts`` are the same as they are typed.
    base: the text of the value of the base chip; it need not be among them.
    """

    name: str
    values: Sequence[object]
    texts: Sequence[str]
    base: str

    @property
    def numeric(self) -> bool:
        """Whether the values are all numbers, so that they have distances."""
        return all(isinstance(value, int | float) and not isinstance(value, bool) for value in self.values)


@dataclass(frozen=True, kw_only=True, eq=False)
class SweptPoint:
    """One combination of values, with what was measured on its chips.

    texts: one a axis. errors, departures: one a chip of all networks. software: one a network.
    The costs are means over networks and chips; ``not_costed`` are parts that they leave out, as ideal converters.
    """

    key: str
    texts: Sequence[str]
    errors: Floats
    departures: Floats
    software: Floats
    energy_per_step_j: float
    latency_per_step_s: float
    area_m2: float
    pulses: float
    yield_fraction: float
    not_costed: Sequence[str] = ()

    @cached_property
    def error(self) -> Score:
        return Score.of(self.errors)

    @cached_property
    def departure(self) -> Score:
        return Score.of(self.departures)


@dataclass(frozen=True, kw_only=True)
class SweepReport:
    """All that the page, the figures and the table of a sweep show.

    title, unit, period, value_range: of the task, as in ``RunReport``.
    chips: of one network on one point. networks: of one point. missing: jobs of the folder's sweeps not done yet.
    software: of all networks of the sweep, in software. commands: repeat it, one after another.
    chip_settings: of the base chip, for people.

    Raises:
        CellwrightError: there are no points, or one that has not a value for every axis.
    """

    task: str
    title: str
    unit: str
    period: str
    value_range: float
    recipe: str
    cell: str
    device: str
    axes: Sequence[SweptAxis]
    points: Sequence[SweptPoint]
    baselines: Sequence[Baseline]
    software: Score
    chips: int
    networks: int
    chip_seed: int
    missing: int
    commands: Sequence[str]
    chip_settings: Mapping[str, str]
    versions: Mapping[str, str]

    def __post_init__(self) -> None:
        if not self.points:
            raise CellwrightError("a report of a sweep without points: measure at least one")
        if any(len(point.texts) != len(self.axes) for point in self.points):
            raise CellwrightError(f"a point of a sweep has one value for each of its {len(self.axes)} axes")

    @property
    def decimals(self) -> int:
        """Of the errors and departures that people read: as many as the range of the series bears."""
        return decimals_of(self.value_range)

    def pooled(self, axis: int, text: str, measure: Measure, *, at_base: bool = False) -> Score | None:
        """All chips that have one value on an axis, whatever they have on the others; None where there are none.

        at_base: only those that have the base chip's values on all other axes.
        """
        chosen = [
            point.errors if measure == "error" else point.departures
            for point in self.points
            if point.texts[axis] == text and (not at_base or self._others_at_base(point, axis))
        ]
        return Score.of(np.concatenate(chosen)) if chosen else None

    def front(self, price: Price) -> list[SweptPoint]:
        """The points that no other beats: none that costs no more has a smaller median error. By rising cost.

        What the cost leaves out would look cheap, so points with such parts take no part.
        """
        known = [
            point
            for point in self.points
            if not point.not_costed and np.isfinite([point.error.median, getattr(point, price)]).all()
        ]
        front: list[SweptPoint] = []
        for point in sorted(known, key=lambda point: (getattr(point, price), point.error.median)):
            if not front or point.error.median < front[-1].error.median:
                front.append(point)
        return front

    @property
    def not_costed(self) -> list[SweptPoint]:
        """The points whose cost is not whole."""
        return [point for point in self.points if point.not_costed]

    def place(self, point: SweptPoint) -> str:
        """Where a point lies: ``bits=6, segment_ohm=1``."""
        return ", ".join(f"{axis.name}={text}" for axis, text in zip(self.axes, point.texts, strict=True))

    def _others_at_base(self, point: SweptPoint, axis: int) -> bool:
        return all(
            text == other.base
            for index, (other, text) in enumerate(zip(self.axes, point.texts, strict=True))
            if index != axis
        )
