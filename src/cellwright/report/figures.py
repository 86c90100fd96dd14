"""The figures of a run: those of its kind, and what causes, training, gates and programming look like of every kind."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter, PercentFormatter

from cellwright.report.array_maps import MAPS, array_map
from cellwright.report.canvas import (
    CHIP,
    DEVIATION,
    INK,
    MEDIUM,
    MUTED,
    PAPER,
    RULE,
    SOFTWARE,
    label_time,
    legend,
    new_figure,
    style,
)
from cellwright.report.circuit_figures import circuit_figures
from cellwright.report.kinds import kind_of
from cellwright.report.record import ArrayReport, Floats, RunReport, Score
from cellwright.report.wording import Numbers, known, short

ACTIVITY = "cividis"
"""A colour map that keeps its order for colour-blind readers and in grey."""


CIRCUIT = "circuit-"
"""What begins the names of the analog circuit's figures."""


def figures(record: RunReport) -> dict[str, Figure]:
    """All figures by file name, each drawn on a canvas of its own."""
    drawn = kind_of(record).figures(record) | {
        "causes": causes(record),
        "training": training(record),
        "gates": gates(record),
        "convergence": convergence(record),
    }
    for index, array in enumerate(record.arrays):
        drawn |= {f"array-{index + 1}-{which.replace('_', '-')}": array_map(array, which) for which in MAPS}
    if record.circuit is not None:
        drawn |= {f"{CIRCUIT}{name}": figure for name, figure in circuit_figures(record.circuit).items()}
    return drawn


def causes(record: RunReport, width: float = MEDIUM) -> Figure:
    """How far each cause alone departs from the software, and the chip without it: bars from zero.

    Departures, not errors: where the network errs much more than the hardware, errors are all alike.
    """
    entries, numbers = record.causes, Numbers(record.decimals)
    rows = max(len(entries), 1)
    with style():
        figure = new_figure(width, 91 + 58 * rows)
        axes = figure.subplots()
        for row, cause in enumerate(entries):
            axes.annotate(short(cause.title), (0, row), (2, 17), xycoords=("axes fraction", "data"),
                          textcoords="offset points", va="center")  # fmt: skip
            # A name that begins with an underscore stays out of the legend: one entry is enough.
            hidden = "_" if row else ""
            _draw_bar(axes, row + 0.06, cause.departure_alone, numbers, color=CHIP, label=f"{hidden}alone")
            _draw_bar(axes, row + 0.36, cause.departure_without, numbers, color=RULE, hatch="////",
                      label=f"{hidden}chip without it")  # fmt: skip
        axes.set_ylim(rows - 0.35, -0.65)
        axes.set_yticks([])
        axes.spines["left"].set_visible(False)
        scores = [score for cause in entries for score in (cause.departure_alone, cause.departure_without)]
        ends = [end for score in (*scores, record.departure) for end in (score.median, score.percentiles.get(95, 0.0))]
        axes.set_xlim(0, 1.2 * max(filter(known, ends), default=0.0) or 1.0)
        axes.xaxis.set_major_locator(MaxNLocator(5))
        axes.set_xlabel(f"departure from software\n({kind_of(record).departure_unit(record)})")
        _draw_whole(axes, record.departure, numbers)
        if entries:
            figure.legend(loc="outside lower left", ncols=2, handlelength=1.4)
    return figure


def _draw_bar(axes: Axes, height: float, score: Score, numbers: Numbers, **look: Any) -> None:
    """A bar up to the median with its number, and a stroke over the middle 90 % of the chips."""
    axes.barh(height, score.median, 0.27, edgecolor=MUTED, linewidth=0.5, **look)
    low, high = (score.percentiles.get(p, score.median) for p in (5, 95))
    axes.plot([low, high], [height, height], color=INK, linewidth=1.2, solid_capstyle="butt")
    axes.annotate(numbers.median(score), (max(high, score.median), height), (4, 0), textcoords="offset points",
                  va="center", fontsize=10.5, bbox={"facecolor": PAPER, "edgecolor": "none", "pad": 0.5})  # fmt: skip


def _draw_whole(axes: Axes, score: Score, numbers: Numbers) -> None:
    """A line for the whole chip, its label towards the middle."""
    departure = score.median
    if not known(departure):
        return
    leftwards = departure > axes.get_xlim()[1] / 2
    axes.axvline(departure, color=CHIP, linewidth=1.2, zorder=0)
    axes.annotate(f"whole chip {numbers.median(score)}", (departure, 1), (-4 if leftwards else 4, 8),
                  xycoords=("data", "axes fraction"), textcoords="offset points", va="center", color=CHIP,
                  ha="right" if leftwards else "left", fontsize=10.5)  # fmt: skip


def training(record: RunReport, width: float = MEDIUM) -> Figure:
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


def gates(record: RunReport, width: float = MEDIUM) -> Figure:
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
        label_time(panels[-1], record.gate_labels, 6)
    return figure


def _activity_colours(values: Floats) -> dict[str, Any]:
    """From 0 to 1 for what is never negative, symmetric about 0 for the rest: white is nothing."""
    finite = values[np.isfinite(values)]
    if finite.size and finite.min() >= 0:
        return {"cmap": ACTIVITY, "norm": Normalize(0, max(1.0, float(finite.max())))}
    largest = float(np.abs(finite).max()) if finite.size else 1.0
    return {"cmap": DEVIATION, "norm": Normalize(-largest, largest)}


def convergence(record: RunReport, width: float = MEDIUM) -> Figure:
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
