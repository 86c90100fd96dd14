"""The figures of a run that forecasts: the series with its forecasts, their errors by lead, and what is to come."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from cellwright.report.canvas import (
    CHIP,
    INK,
    MEDIUM,
    MUTED,
    NARROW,
    RULE,
    SOFTWARE,
    WIDE,
    label_time,
    legend,
    new_figure,
    style,
)
from cellwright.report.forecast_record import ForecastReport, Future
from cellwright.report.record import Floats, Score
from cellwright.report.wording import formula, short

Indices = NDArray[np.int64]
DASHED = (0, (4, 1.5))
BINS = 600
"""A longer line is drawn as the smallest and the largest value in each of so many parts: no pixel shows more."""


def forecast_figures(record: ForecastReport) -> dict[str, Figure]:
    """All figures of this kind of run by file name."""
    drawn = {"forecast": forecast(record, WIDE), "forecast-narrow": forecast(record, NARROW)}
    if record.horizon > 1:
        drawn["leads"] = leads(record)
    if record.future is not None:
        drawn["future"] = future(record, record.future)
    return drawn


def forecast(record: ForecastReport, width: float = WIDE) -> Figure:
    """The series with the forecasts of its test period, and the errors of those forecasts."""
    wide = width > MEDIUM
    with style():
        figure = new_figure(width, 330 if wide else 460)
        shape: dict[str, Any] = {"ncols": 2, "width_ratios": (3, 2)} if wide else {"nrows": 2, "height_ratios": (3, 2)}
        series, errors = figure.subplots(**shape)
        _draw_series(series, record, labels=7 if wide else 5)
        _draw_errors(errors, record)
        legend(series, "outside upper left", 5 if wide else 2)
    return figure


def _draw_series(axes: Axes, record: ForecastReport, labels: int) -> None:
    time = np.arange(len(record.series))
    test = time[record.test]
    axes.axvspan(test[0] - 0.5, test[-1] + 0.5, color=RULE, alpha=0.45, linewidth=0)
    _line(axes, time, record.series, color=INK, linewidth=1.1, label="observed")
    _line(axes, test, record.forecasts.software_mean, color=SOFTWARE, linewidth=1.3, label="software")
    low, middle, high = (record.forecasts.chip_percentile(p) for p in (5, 50, 95))
    _line(axes, test, middle, color=CHIP, linewidth=1.3, linestyle=DASHED, label="chips, median")
    _band(axes, test, low, high, color=CHIP, alpha=0.25, label="chips, 5–95 %")
    interval = record.interval
    if interval is not None and interval.low is not None and interval.high is not None:
        _band(axes, test, interval.low, interval.high, color=SOFTWARE, alpha=0.15, label=_interval_label(record))
    axes.annotate("forecast", (test[0], 1), (3, -3), xycoords=("data", "axes fraction"), textcoords="offset points",
                  va="top", color=MUTED)  # fmt: skip
    times = list(record.labels)
    # A future of a few steps beside thousands would not be seen, and beside thinned values be drawn too long.
    if record.future is not None and record.test_size is None and 20 * len(record.future.labels) >= len(times):
        _draw_future(axes, record.future, len(times), record.series[-1])
        times += record.future.labels
    _finish(axes, record, [record.series, record.forecasts.software_mean, low, high])
    label_time(axes, times, labels)


def _draw_errors(axes: Axes, record: ForecastReport) -> None:
    observed = record.series[record.test]
    time = np.arange(len(observed))
    low, middle, high = (record.forecasts.chip_percentile(p) - observed for p in (5, 50, 95))
    axes.axhline(0, color=INK, linewidth=0.8)
    _band(axes, time, low, high, color=CHIP, alpha=0.25)
    _line(axes, time, record.forecasts.software_mean - observed, color=SOFTWARE, linewidth=1.3)
    _line(axes, time, middle, color=CHIP, linewidth=1.3, linestyle=DASHED)
    unit = f"\n({short(record.unit)})" if record.unit else ""
    axes.set_ylabel(f"forecast − observed{unit}")
    axes.margins(x=0.01)
    label_time(axes, record.test_labels, 5)


def leads(record: ForecastReport, width: float = MEDIUM) -> Figure:
    """The error by lead, of the software, the chips and every baseline."""
    steps = np.array([lead.lead for lead in record.leads])
    with style():
        figure = new_figure(width, 330)
        axes = figure.subplots()
        _spread(axes, steps, [lead.software for lead in record.leads], SOFTWARE, "-", "software")
        _spread(axes, steps, [lead.chip for lead in record.leads], CHIP, DASHED, "chips")
        for index, baseline in enumerate(record.baselines):
            errors = [lead.baselines[baseline.name] for lead in record.leads]
            look: dict[str, Any] = {"linestyle": (0, (1 + 2 * index, 1.5)), "color": MUTED, "linewidth": 1.1}
            axes.plot(steps, errors, label=short(formula(baseline.title), 26), **look)
        axes.set_xlabel(f"{short(record.period)}s ahead")
        axes.set_ylabel(f"error{f' ({short(record.unit)})' if record.unit else ''}")
        axes.set_ylim(bottom=0)
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        axes.grid(axis="y")
        legend(axes, "outside upper left", 2)
    return figure


def _spread(axes: Axes, steps: Floats, scores: list[Score], colour: str, dashes: Any, label: str) -> None:
    """A line through the means and a band over the middle 90 %."""
    low, high = (np.array([score.percentiles.get(p, score.mean) for score in scores]) for p in (5, 95))
    axes.fill_between(steps, low, high, color=colour, alpha=0.2, linewidth=0)
    axes.plot(steps, [score.mean for score in scores], color=colour, linestyle=dashes, label=label)


def future(record: ForecastReport, ahead: Future, width: float = MEDIUM) -> Figure:
    """What is forecast beyond the end of the series, after the last observed values."""
    with style():
        figure = new_figure(width, 330)
        axes = figure.subplots()
        axes.plot(ahead.past, color=INK, linewidth=1.1, label="observed")
        _draw_future(axes, ahead, len(ahead.past), ahead.past[-1], software="software", chip="chips, median",
                     spread="chips, 5–95 %", interval=_interval_label(record))  # fmt: skip
        _finish(axes, record, [ahead.past, ahead.software, ahead.chip_low, ahead.chip_high, ahead.low, ahead.high])
        label_time(axes, [*ahead.past_labels, *ahead.labels], 5)
        legend(axes, "outside upper left", 2)
    return figure


def _draw_future(axes: Axes, ahead: Future, start: int, last: float, **labels: str | None) -> None:
    """Lines and bands that begin at the last observed value, so that a single step is seen too."""
    time = np.arange(start - 1, start + len(ahead.labels))

    def joined(values: Floats) -> Floats:
        return np.concatenate([[last], values])

    low, high = joined(ahead.low), joined(ahead.high)
    axes.fill_between(time, low, high, color=SOFTWARE, alpha=0.15, linewidth=0, label=labels.get("interval"))
    low, high = joined(ahead.chip_low), joined(ahead.chip_high)
    axes.fill_between(time, low, high, color=CHIP, alpha=0.25, linewidth=0, label=labels.get("spread"))
    axes.plot(time, joined(ahead.software), color=SOFTWARE, linewidth=1.3, label=labels.get("software"))
    axes.plot(time, joined(ahead.chip_median), color=CHIP, linewidth=1.3, linestyle=DASHED, label=labels.get("chip"))
    axes.axvline(start - 0.5, color=MUTED, linewidth=0.8, linestyle=(0, (1, 2)))


def _interval_label(record: ForecastReport) -> str | None:
    """The name of the band, where there are intervals."""
    return None if record.interval is None else f"interval, {100 * record.interval.level:.3g} %"


def _finish(axes: Axes, record: ForecastReport, drawn: list[Floats]) -> None:
    """Name the value axis, and begin it at 0 where no value is negative and 0 does not flatten the series."""
    axes.set_ylabel(short(record.unit or record.quantity, 40))
    axes.margins(x=0.01)
    finite = np.concatenate(drawn)
    finite = finite[np.isfinite(finite)]
    if finite.size and 0 <= finite.min() <= finite.max() / 2:
        axes.set_ylim(bottom=0)


def _line(axes: Axes, time: Indices, values: Floats, **look: Any) -> None:
    """A line; a long one without the points that no pixel can show."""
    if len(time) > 2 * BINS:
        starts = _bins(time)
        pairs = (np.fmin.reduceat(values, starts), np.fmax.reduceat(values, starts))
        time, values = time[starts].repeat(2), np.stack(pairs, axis=1).ravel()
    axes.plot(time, values, **look)


def _band(axes: Axes, time: Indices, low: Floats, high: Floats, **look: Any) -> None:
    """A band; a long one by its outermost points."""
    if len(time) > 2 * BINS:
        starts = _bins(time)
        time, low, high = time[starts], np.fmin.reduceat(low, starts), np.fmax.reduceat(high, starts)
    axes.fill_between(time, low, high, linewidth=0, **look)


def _bins(time: Indices) -> Indices:
    """Where each part of a long line begins."""
    return np.linspace(0, len(time), BINS, endpoint=False).astype(np.int64)
