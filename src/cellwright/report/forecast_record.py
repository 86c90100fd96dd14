"""What a run that forecasts a series hands to the report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from cellwright.report.record import Floats, RunReport, Score, decimals_of, expect, last_digit_of


@dataclass(frozen=True, kw_only=True)
class Forecasts:
    """Forecasts over the test period in the series' unit, all of one lead; NaN where there is none.

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
class Lead:
    """Errors of the forecasts so many steps ahead, counted from 1; ``baselines`` by name, as in ``RunReport``."""

    lead: int
    software: Score
    chip: Score
    baselines: Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class Interval:
    """Prediction intervals of the software's forecasts.

    level: the share of the values that are to lie within, as 0.9. coverage: the share of the test values that did, of
    all leads. chip_coverage: the same of the chips' forecasts with the same intervals laid around them.
    method: how they are made, in a few words.
    low, high: ends over the test period for the forecasts that are shown, (time,), to be drawn; None: not drawn.
    """

    level: float
    coverage: float
    method: str
    chip_coverage: float | None = None
    low: Floats | None = None
    high: Floats | None = None


@dataclass(frozen=True, kw_only=True)
class Future:
    """Forecasts beyond the end of the series; everything has the shape (horizon,).

    labels: of the times to come. software: mean of the networks. low, high: ends of the prediction interval.
    chip_low, chip_median, chip_high: 5th, 50th and 95th percentile over the chips.
    past_labels, past: the last observed values, none left out, to be drawn before them; ``series`` may be thinned.
    """

    labels: Sequence[str]
    software: Floats
    low: Floats
    high: Floats
    chip_low: Floats
    chip_median: Floats
    chip_high: Floats
    past_labels: Sequence[str]
    past: Floats

    def __post_init__(self) -> None:
        horizon = len(self.labels)
        expect(horizon > 0, "future.labels", horizon, "at least 1")
        for what in ("software", "low", "high", "chip_low", "chip_median", "chip_high"):
            shape = np.shape(getattr(self, what))
            expect(shape == (horizon,), f"future.{what}", shape, (horizon,))
        expect(len(self.past) == len(self.past_labels), "future.past", len(self.past), len(self.past_labels))


@dataclass(frozen=True, kw_only=True)
class ForecastReport(RunReport):
    """A run that forecasts a series. Errors and departures are root mean squares in the series' unit.

    With several leads, errors and departures are over all of them; ``leads`` has the errors of each.

    unit: of the series ("thousand passengers"); "" where nothing is known of it. quantity: what the series is, for
    its axis where there is no unit. period: of one step ("month").
    value_range: largest minus smallest value of the series; errors are also given in per cent of it.
    labels: one a value of ``series``, "1949-01" or any other text. test: the part of the series that is forecast.
    forecasts: of that part, ``shown_lead`` steps ahead.
    test_size: times that the errors are over, where ``series`` is thinned to be drawn; None: all of ``test``.
    test_note: a sentence on the test period, for people.
    base: the naive forecast that the networks correct, as a formula; "" where they correct none. uncorrected: how many
    of them leave it as it is, because on the validation rows their correction was worth nothing.
    gate_period: the part of the series that ``gates`` show.
    """

    unit: str
    period: str
    value_range: float
    labels: Sequence[str]
    series: Floats
    test: slice
    forecasts: Forecasts
    gate_period: slice
    quantity: str = ""
    test_size: int | None = None
    test_note: str = ""
    base: str = ""
    uncorrected: int = 0
    shown_lead: int = 1
    leads: Sequence[Lead] = ()
    interval: Interval | None = None
    future: Future | None = None

    def __post_init__(self) -> None:
        expect(len(self.labels) == len(self.series), "labels", len(self.labels), len(self.series))
        expect(self.value_range > 0, "value_range", self.value_range, "more than 0")
        steps = len(self.series[self.test])
        self.expect_fitting(
            {"forecasts.software": self.forecasts.software, "forecasts.chip": self.forecasts.chip}, steps
        )
        leads = [lead.lead for lead in self.leads] or [1]
        expect(self.shown_lead in leads, "shown_lead", self.shown_lead, leads)
        names = [baseline.name for baseline in self.baselines]
        for lead in self.leads:
            expect(list(lead.baselines) == names, f"baselines of lead {lead.lead}", list(lead.baselines), names)
        for what in ("low", "high"):
            band = getattr(self.interval, what, None)
            if band is not None:
                expect(band.shape == (steps,), f"interval.{what}", band.shape, (steps,))

    @property
    def decimals(self) -> int:
        """As many as the range of the series bears."""
        return decimals_of(self.value_range)

    @property
    def last_digit(self) -> float:
        """Of the range of the series too."""
        return last_digit_of(self.value_range)

    def percent_of_range(self, error: float) -> float:
        """An error in per cent of the range of the series."""
        return 100 * error / self.value_range

    @property
    def horizon(self) -> int:
        """The largest lead."""
        return max((lead.lead for lead in self.leads), default=1)

    @property
    def test_labels(self) -> Sequence[str]:
        """Labels of the test period."""
        return self.labels[self.test]

    @property
    def gate_labels(self) -> Sequence[str]:
        """Labels of the time steps that ``gates`` show."""
        return self.labels[self.gate_period]
