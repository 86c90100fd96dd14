"""The figures of a run: what the forecast, the training, the gates and the arrays look like."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import accumulate
from typing import Any, Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Normalize, TwoSlopeNorm
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullFormatter, PercentFormatter

from cellwright.report.canvas import CHIP, INK, MUTED, PAPER, RULE, SOFTWARE, new_figure, style
from cellwright.report.forecast_record import ForecastReport
from cellwright.report.record import ArrayReport, Floats, Score
from cellwright.report.wording import known, median, short
from cellwright.units import MISSING

NARROW, MEDIUM, WIDE = 340, 400, 960
"""Widths in pixels: a phone, a column of the page, the whole page."""

DEVICE = 18
"""The largest device on a map, in pixels."""

MAPS = ("target", "programmed", "deviation", "wire_loss")
"""The four maps of an array."""

CONDUCTANCE, DEVIATION, LOSS, ACTIVITY = "cividis", "PuOr", "YlOrBr", "cividis"
"""Colour maps that keep their order for colour-blind readers and in grey."""


def figures(record: ForecastReport) -> dict[str, Figure]:
    """All figures by file name, each drawn on a canvas of its own."""
    drawn = {
        "forecast": forecast(record, WIDE),
        "forecast-narrow": forecast(record, NARROW),
        "causes": causes(record),
        "training": training(record),
        "gates": gates(record),
        "convergence": convergence(record),
    }
    for index, array in enumerate(record.arrays):
        drawn |= {f"array-{index + 1}-{which.replace('_', '-')}": array_map(array, which) for which in MAPS}
    return drawn


def forecast(record: ForecastReport, width: float = WIDE) -> Figure:
    """The series with the forecasts of its test period, and the errors of those forecasts."""
    wide = width > MEDIUM
    with style():
        figure = new_figure(width, 330 if wide else 460)
        shape: dict[str, Any] = {"ncols": 2, "width_ratios": (3, 2)} if wide else {"nrows": 2, "height_ratios": (3, 2)}
        series, errors = figure.subplots(**shape)
        _draw_series(series, record)
        _draw_errors(errors, record)
        legend(series, "outside upper left", 4 if wide else 2)
    return figure


def _draw_series(axes: Axes, record: ForecastReport) -> None:
    time = np.arange(len(record.series))
    test = time[record.test]
    axes.axvspan(test[0] - 0.5, test[-1] + 0.5, color=RULE, alpha=0.45, linewidth=0)
    axes.plot(time, record.series, color=INK, linewidth=1.1, label="observed")
    axes.plot(test, record.forecasts.software_mean, color=SOFTWARE, linewidth=1.3, label="software")
    low, middle, high = (record.forecasts.chip_percentile(p) for p in (5, 50, 95))
    axes.plot(test, middle, color=CHIP, linewidth=1.3, linestyle=(0, (4, 1.5)), label="chips, median")
    axes.fill_between(test, low, high, color=CHIP, alpha=0.25, linewidth=0, label="chips, 5–95 %")
    axes.annotate("forecast", (test[0], 1), (3, -3), xycoords=("data", "axes fraction"), textcoords="offset points",
                  va="top", color=MUTED)  # fmt: skip
    axes.set_ylabel(short(record.unit, 40))
    axes.set_ylim(bottom=0)
    axes.margins(x=0.01)
    _label_time(axes, record.labels, 7)


def _draw_errors(axes: Axes, record: ForecastReport) -> None:
    observed = record.series[record.test]
    time = np.arange(len(observed))
    low, middle, high = (record.forecasts.chip_percentile(p) - observed for p in (5, 50, 95))
    axes.axhline(0, color=INK, linewidth=0.8)
    axes.fill_between(time, low, high, color=CHIP, alpha=0.25, linewidth=0)
    axes.plot(time, record.forecasts.software_mean - observed, color=SOFTWARE, linewidth=1.3)
    axes.plot(time, middle, color=CHIP, linewidth=1.3, linestyle=(0, (4, 1.5)))
    axes.set_ylabel(f"forecast − observed\n({short(record.unit)})")
    axes.margins(x=0.01)
    _label_time(axes, record.test_labels, 5)


def causes(record: ForecastReport, width: float = MEDIUM) -> Figure:
    """How far each cause alone moves the forecasts from the software's, and the chip without it: bars from zero.

    Departures, not errors: where the network errs much more than the hardware, errors are all alike.
    """
    entries = record.causes
    rows = max(len(entries), 1)
    with style():
        figure = new_figure(width, 91 + 58 * rows)
        axes = figure.subplots()
        for row, cause in enumerate(entries):
            axes.annotate(short(cause.title), (0, row), (2, 17), xycoords=("axes fraction", "data"),
                          textcoords="offset points", va="center")  # fmt: skip
            # A name that begins with an underscore stays out of the legend: one entry is enough.
            hidden = "_" if row else ""
            _draw_bar(axes, row + 0.06, cause.departure_alone, color=CHIP, label=f"{hidden}alone")
            _draw_bar(axes, row + 0.36, cause.departure_without, color=RULE, hatch="////",
                      label=f"{hidden}chip without it")  # fmt: skip
        axes.set_ylim(rows - 0.35, -0.65)
        axes.set_yticks([])
        axes.spines["left"].set_visible(False)
        scores = [score for cause in entries for score in (cause.departure_alone, cause.departure_without)]
        ends = [end for score in (*scores, record.departure) for end in (score.median, score.percentiles.get(95, 0.0))]
        axes.set_xlim(0, 1.2 * max(filter(known, ends), default=0.0) or 1.0)
        axes.xaxis.set_major_locator(MaxNLocator(5))
        axes.set_xlabel(f"departure from software\n({short(record.unit)}, root mean square)")
        _draw_whole(axes, record.departure)
        if entries:
            figure.legend(loc="outside lower left", ncols=2, handlelength=1.4)
    return figure


def _draw_bar(axes: Axes, height: float, score: Score, **look: Any) -> None:
    """A bar up to the median with its number, and a stroke over the middle 90 % of the chips."""
    axes.barh(height, score.median, 0.27, edgecolor=MUTED, linewidth=0.5, **look)
    low, high = (score.percentiles.get(p, score.median) for p in (5, 95))
    axes.plot([low, high], [height, height], color=INK, linewidth=1.2, solid_capstyle="butt")
    axes.annotate(median(score), (max(high, score.median), height), (4, 0), textcoords="offset points", va="center",
                  fontsize=10.5, bbox={"facecolor": PAPER, "edgecolor": "none", "pad": 0.5})  # fmt: skip


def _draw_whole(axes: Axes, score: Score) -> None:
    """A line for the whole chip, its label towards the middle."""
    departure = score.median
    if not known(departure):
        return
    leftwards = departure > axes.get_xlim()[1] / 2
    axes.axvline(departure, color=CHIP, linewidth=1.2, zorder=0)
    axes.annotate(f"whole chip {median(score)}", (departure, 1), (-4 if leftwards else 4, 8),
                  xycoords=("data", "axes fraction"), textcoords="offset points", va="center", color=CHIP,
                  ha="right" if leftwards else "left", fontsize=10.5)  # fmt: skip


def training(record: ForecastReport, width: float = MEDIUM) -> Figure:
    """Training and validation losses by epoch, one line a seed, the epoch that was kept marked."""
    with style():
        figure = new_figure(width, 300)
        axes = figure.subplots()
        for index, curve in enumerate(record.training):
            label = {"train": "training", "validation": "validation", "kept": "kept"} if index == 0 else {}
            axes.plot(curve.train, color=MUTED, linewidth=0.9, alpha=0.8, label=label.get("train"))
            if curve.validation is not None:
                axes.plot(curve.validation, color=SOFTWARE, linewidth=1.1, label=label.get("validation"))
            if curve.best_epoch is not None:
                kept = curve.train if curve.validation is None else curve.validation
                axes.plot(
                    curve.best_epoch, kept[curve.best_epoch], "o", color=CHIP, markersize=5, label=label.get("kept")
                )
        losses = [loss for c in record.training for loss in (c.train, c.validation) if loss is not None]
        positive = np.concatenate([loss[loss > 0] for loss in losses]) if losses else np.ones(1)
        if positive.size and positive.max() > 10 * positive.min():
            axes.set_yscale("log")
            axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
            axes.yaxis.set_minor_formatter(NullFormatter())
        axes.set_xlabel("epoch")
        axes.set_ylabel(short(record.loss, 40))
        axes.margins(x=0.02)
        axes.grid(axis="y")
        legend(axes, "outside upper left", 3)
    return figure


def gates(record: ForecastReport, width: float = MEDIUM) -> Figure:
    """Every gate and state over time as a map: a row a unit, a column a time step."""
    names = list(record.gates)
    with style():
        units = [record.gates[name].shape[1] for name in names]
        heights = [min(max(5 * number, 40), 120) for number in units]
        figure = new_figure(width, sum(heights) + 14 * len(names) + 40)
        panels = figure.subplots(max(len(names), 1), 1, sharex=True, squeeze=False, height_ratios=heights or None)[:, 0]
        for axes, name in zip(panels, names, strict=False):
            values = record.gates[name]
            image = axes.imshow(values.T, aspect="auto", interpolation="none", **_activity_colours(values))
            axes.set_ylabel(short(name, 10), rotation=0, ha="right", va="center", fontsize=12.5)
            last = values.shape[1]
            axes.set_yticks(*(([0, last - 1], ["1", str(last)]) if last > 1 else ([0], ["1"])))
            axes.tick_params(axis="y", labelsize=9.5)
            bar = figure.colorbar(image, ax=axes, pad=0.015, aspect=8, fraction=0.06)
            bar.ax.tick_params(labelsize=9.5)
            bar.outline.set_visible(False)
            bar.locator = MaxNLocator(2)
            bar.update_ticks()
        _label_time(panels[-1], record.labels[record.gate_period], 6)
    return figure


def _activity_colours(values: Floats) -> dict[str, Any]:
    """From 0 to 1 for what is never negative, symmetric about 0 for the rest: white is nothing."""
    finite = values[np.isfinite(values)]
    if finite.size and finite.min() >= 0:
        return {"cmap": ACTIVITY, "norm": Normalize(0, max(1.0, float(finite.max())))}
    largest = float(np.abs(finite).max()) if finite.size else 1.0
    return {"cmap": DEVIATION, "norm": Normalize(-largest, largest)}


def convergence(record: ForecastReport, width: float = MEDIUM) -> Figure:
    """Devices within tolerance after each round of write-verify, a line an array."""
    dashes = ("-", (0, (5, 2)), (0, (1, 1.5)), (0, (5, 1.5, 1, 1.5)))
    with style():
        figure = new_figure(width, 260)
        axes = figure.subplots()
        for index, array in enumerate(record.arrays):
            rounds = 100 * array.programming.convergence
            shade = (CHIP, SOFTWARE, INK, MUTED)[index % 4]
            axes.plot(np.arange(1, len(rounds) + 1), rounds, color=shade, linestyle=dashes[index % 4], marker="o",
                      markersize=3.5, label=short(array.name))  # fmt: skip
        axes.set_xlabel("write-verify round")
        axes.set_ylabel("devices within tolerance")
        axes.yaxis.set_major_formatter(PercentFormatter(decimals=0))
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set_ylim(0, 103)
        axes.set_xlim(0, _rounds_that_matter(record.arrays))
        axes.grid(axis="y")
        legend(axes, "outside upper left", 2)
    return figure


def _rounds_that_matter(arrays: Sequence[ArrayReport]) -> float:
    """Twice the rounds after which no array gains more than 0.2 % of its devices: a flat tail says nothing."""
    matter = 1
    for array in arrays:
        rounds = array.programming.convergence
        moving = np.flatnonzero(rounds < rounds[-1] - 0.002) if len(rounds) else np.zeros(0)
        matter = max(matter, min(2 * (len(moving) + 1), len(rounds)))
    return matter + 0.5


def array_map(array: ArrayReport, which: str, width: float = MEDIUM) -> Figure:
    """One of the `MAPS` of an array: conductances, their deviation from the target, or what the wires take away.

    An array of few columns is drawn lying: its word lines run from left to right. A small array has small maps: no
    device is larger than `DEVICE` pixels, but for the height of a single line.
    """
    values, title, options = _map_content(array, which)
    lying = array.columns * 4 < array.rows
    across, down = (array.rows, array.columns) if lying else (array.columns, array.rows)
    with style():
        device = min((width - 110) / across, DEVICE)
        tall = min(max(down * device, 36), 420)
        figure = new_figure(max(across * device, 150) + 110, tall + 78)
        axes = figure.subplots()
        image = axes.imshow(values.T if lying else values, interpolation="none", aspect="auto", **options)
        axes.set_title(title, loc="left", fontsize=11.5)
        lines = (("word line", array.row_groups), ("bit line", array.column_groups))
        for axis, (name, groups) in zip("xy" if lying else "yx", lines, strict=True):
            _label_lines(axes, axis, name, groups, "white" if which in ("target", "programmed") else MUTED)
        bar = figure.colorbar(image, ax=axes, pad=0.02, fraction=0.05, aspect=min(20.0, max(4.0, tall / 14)),
                              extend=_beyond(values, options["norm"]), extendfrac=0.04)  # fmt: skip
        bar.outline.set_visible(False)
        bar.ax.tick_params(labelsize=10)
        bar.locator = MaxNLocator(4 if tall > 80 else 2)
        bar.update_ticks()
        for spine in axes.spines.values():
            spine.set_visible(False)
    return figure


def _map_content(array: ArrayReport, which: str) -> tuple[Floats, str, dict[str, Any]]:
    if which in ("target", "programmed"):
        # One scale for the two, so that they can be compared by eye; devices stuck beyond it have its end's colour.
        finite = 1e6 * array.target[np.isfinite(array.target)]
        norm = Normalize(finite.min(), finite.max()) if finite.size else None
        values = 1e6 * (array.target if which == "target" else array.programmed)
        return values, f"{which} conductance (µS)", {"cmap": CONDUCTANCE, "norm": norm}
    if which == "deviation":
        values = 1e6 * (array.programmed - array.target)
        largest = _usual(np.abs(values))
        return values, "programmed − target (µS)", {"cmap": DEVIATION, "norm": TwoSlopeNorm(0, -largest, largest)}
    loss = 100 * (1 - array.wire_loss)
    finite = loss[np.isfinite(loss)]
    norm = Normalize(finite.min(initial=0.0), finite.max(initial=1e-6))
    return loss, "lost in the wires (% of the current)", {"cmap": LOSS, "norm": norm}


def _usual(deviations: Floats) -> float:
    """The largest deviation that is no outlier: one stuck device must not hide what write-verify left elsewhere."""
    finite = deviations[np.isfinite(deviations)]
    usual = finite[finite <= 6 * np.median(finite)] if finite.size and np.median(finite) > 0 else finite
    return float(max(usual.max(initial=0.0), 1e-6))


def _beyond(values: Floats, norm: Normalize | None) -> str:
    """On which sides a map has values far beyond its scale: the colour bar is pointed there."""
    finite = values[np.isfinite(values)]
    if not finite.size or norm is None or norm.vmin is None or norm.vmax is None:
        return "neither"
    slack = 0.05 * (norm.vmax - norm.vmin)
    below, above = finite.min() < norm.vmin - slack, finite.max() > norm.vmax + slack
    return "both" if below and above else "min" if below else "max" if above else "neither"


def _label_lines(axes: Axes, axis: str, name: str, groups: Sequence[tuple[str, int]], colour: str) -> None:
    """Number the lines, or name their groups and part them by thin lines."""
    target = axes.xaxis if axis == "x" else axes.yaxis
    target.set_label_text(name)
    if not groups:
        first, last = sorted(target.get_view_interval())
        target.set_major_locator(MaxNLocator(5, integer=True) if last - first > 1 else FixedLocator([0]))
        return
    ends = list(accumulate(size for _, size in groups))
    centres = [end - size / 2 - 0.5 for end, (_, size) in zip(ends, groups, strict=True)]
    target.set_ticks(centres, [short(label, 8) for label, _ in groups])
    target.set_tick_params(length=0)
    for end in ends[:-1]:
        (axes.axvline if axis == "x" else axes.axhline)(end - 0.5, color=colour, linewidth=0.8)


def legend(axes: Axes, place: Literal["outside upper left", "outside lower left"], columns: int) -> None:
    """What the lines and bars are, outside of the axes, where there are any."""
    handles, labels = axes.get_legend_handles_labels()
    figure = axes.get_figure()
    if handles and figure is not None:
        figure.legend(handles, labels, loc=place, ncols=columns, handlelength=1.5)


def _label_time(axes: Axes, labels: Sequence[str], most: int) -> None:
    """Years where the labels are months, else some of the labels themselves."""
    first = [index for index, label in enumerate(labels) if re.fullmatch(r"\d{4}-01", label)]
    if len(first) > 1:
        every = -(-len(first) // most)
        shown = first[::every]
        axes.set_xticks(shown, [labels[index][:4] for index in shown])
        return
    shown = list(range(0, len(labels), max(1, -(-len(labels) // most))))
    axes.set_xticks(shown, [short(labels[index], 8) or MISSING for index in shown])
