"""The figures of a sweep: how the error follows each setting, and what a smaller error costs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter, NullLocator

from cellwright.report.canvas import (
    CHIP,
    INK,
    MEDIUM,
    MUTED,
    NARROW,
    PAPER,
    RULE,
    SOFTWARE,
    WIDE,
    legend,
    new_figure,
    style,
)
from cellwright.report.record import Baseline, Floats, Score
from cellwright.report.sweep_record import Measure, Price, SweepReport, SweptAxis, SweptPoint
from cellwright.report.wording import formula, known, short
from cellwright.units import area, quantity

MEASURES: tuple[Measure, ...] = ("error", "departure")
PRICES: dict[Price, tuple[str, str]] = {
    "energy_per_step_j": ("energy a step", "J"),
    "latency_per_step_s": ("time a step", "s"),
    "area_m2": ("area", "m²"),
}
"""What a point costs: in words, and its unit."""


def sweep_figures(record: SweepReport) -> dict[str, Figure]:
    """All figures by file name, each drawn on a canvas of its own."""
    drawn = {
        f"axis-{index + 1}-{measure}": sensitivity(record, index, measure)
        for index, axis in enumerate(record.axes)
        if len(axis.values) > 1
        for measure in MEASURES
    }
    drawn |= {
        "front-energy": front(record, "energy_per_step_j", WIDE),
        "front-energy-narrow": front(record, "energy_per_step_j", NARROW),
    }
    return drawn | {f"front-{name}": front(record, price) for name, price in other_prices(record)}


def other_prices(record: SweepReport) -> list[tuple[str, Price]]:
    """Time and area, where the points differ in them."""
    prices: dict[str, Price] = {"time": "latency_per_step_s", "area": "area_m2"}
    costed = [point for point in record.points if not point.not_costed]
    return [(name, price) for name, price in prices.items() if len({getattr(point, price) for point in costed}) > 1]


def sensitivity(record: SweepReport, index: int, measure: Measure, width: float = MEDIUM) -> Figure:
    """Median and middle 90 % of all chips by their value on one axis; and of those that are otherwise the base chip."""
    axis = record.axes[index]
    places, at_scale = _places(axis)
    whole = [record.pooled(index, text, measure) for text in axis.texts]
    at_base = [record.pooled(index, text, measure, at_base=True) for text in axis.texts]
    with style():
        figure = new_figure(width, 290)
        axes = figure.subplots()
        if at_scale:
            _draw_band(axes, places, whole)
        else:
            _draw_bars(axes, places, whole)
        if any(at_base) and len(record.axes) > 1:
            _draw_line(axes, places, at_base, color=INK, linestyle=(0, (2, 1.5)) if at_scale else "none", marker="D",
                       markersize=4.5, label="others as the base chip")  # fmt: skip
        if measure == "error":
            axes.axhline(record.software.mean, color=SOFTWARE, linewidth=1.3, label="software")
        else:
            axes.set_ylim(bottom=0)
        _label_values(axes, axis, places)
        stretched = axis.numeric and not np.array_equal(places, np.array(axis.values, dtype=float))
        axes.set_xlabel(f"{short(axis.name, 40)}{' (not to scale)' if stretched else ''}")
        axes.set_ylabel(f"{measure} ({short(record.unit)})")
        axes.grid(axis="y")
        legend(axes, "outside upper left", 2)
    return figure


def _places(axis: SweptAxis) -> tuple[Floats, bool]:
    """Where the values of an axis stand, and whether that is to scale: else they stand side by side."""
    beside = np.arange(len(axis.values), dtype=float)
    if not axis.numeric:
        return beside, False
    values = np.array(axis.values, dtype=float)
    return (values, True) if values.min() > 0 or not _wide(values[values > 0]) else (beside, True)


def _wide(values: Floats) -> bool:
    """Whether values lie so far apart that only a logarithm shows them all."""
    return bool(values.size) and values.max() > 12 * values.min()


def _draw_band(axes: Axes, places: Floats, scores: Sequence[Score | None]) -> None:
    found = [(place, *_middle(score)) for place, score in zip(places, scores, strict=True) if score is not None]
    if found:
        at, low, high = zip(*found, strict=True)
        axes.fill_between(at, low, high, color=CHIP, alpha=0.2, linewidth=0, label="all chips, 5–95 %")
    _draw_line(axes, places, scores, color=CHIP, marker="o", markersize=4.5, label="all chips, median")


def _draw_bars(axes: Axes, places: Floats, scores: Sequence[Score | None]) -> None:
    _draw_spreads(axes, places, scores, alpha=0.35, linewidth=7, label="all chips, 5–95 %")
    _draw_line(axes, places, scores, color=CHIP, marker="o", markersize=6, linestyle="none", label="all chips, median")


def _draw_spreads(axes: Axes, places: Sequence[float] | Floats, scores: Sequence[Score | None], **look: Any) -> None:
    """A stroke over the middle 90 % of the chips at every place."""
    found = [(place, *_middle(score)) for place, score in zip(places, scores, strict=True) if score is not None]
    if found:
        at, low, high = zip(*found, strict=True)
        axes.vlines(at, low, high, color=CHIP, **look)


def _middle(score: Score) -> tuple[float, float]:
    """The ends of the middle 90 %; the value itself where there is one alone."""
    return score.percentiles.get(5, score.mean), score.percentiles.get(95, score.mean)


def _draw_line(axes: Axes, places: Floats, scores: Sequence[Score | None], **look: Any) -> None:
    found = [(place, score.median) for place, score in zip(places, scores, strict=True) if score is not None]
    if found:
        axes.plot(*zip(*found, strict=True), **look)


def _label_values(axes: Axes, axis: SweptAxis, places: Floats) -> None:
    """The swept values, as far as there is room for them."""
    if axis.numeric and places.min() > 0 and _wide(places):
        axes.set_xscale("log")
        axes.xaxis.set_minor_locator(NullLocator())
    room = 9 if axis.numeric else 6
    shown = range(0, len(places), -(-len(places) // room))
    longest = max(len(axis.texts[index]) for index in shown)
    axes.set_xticks([places[index] for index in shown], [short(axis.texts[index], 18) for index in shown])
    if longest * len(shown) > 42:
        axes.tick_params(axis="x", rotation=20)
    axes.margins(x=0.06 if axis.numeric else 0.15)


def front(record: SweepReport, price: Price, width: float = MEDIUM) -> Figure:
    """Error against cost: every point, those that no other beats numbered, and what software and baselines reach."""
    words, unit = PRICES[price]
    beaten_by_none = record.front(price)
    with style():
        figure = new_figure(width, 400 if width > MEDIUM else 330)
        axes = figure.subplots()
        others = [point for point in record.points if point not in beaten_by_none and not point.not_costed]
        _draw_points(axes, others, price, color=MUTED, alpha=0.55, markersize=5, label="other points")
        _draw_front(axes, beaten_by_none, price)
        axes.axhline(record.software.mean, color=SOFTWARE, linewidth=1.3, label="software")
        for baseline in baselines_in_sight(record):
            axes.axhline(baseline.error, color=INK, linewidth=0.9, linestyle=(0, (1, 1.5)))
            axes.annotate(formula(baseline.title), (1, baseline.error), (-2, 2), va="bottom", ha="right", fontsize=10.5,
                          color=MUTED, xycoords=("axes fraction", "data"), textcoords="offset points")  # fmt: skip
        costs = np.array([getattr(point, price) for point in (*others, *beaten_by_none)])
        if _wide(costs):
            axes.set_xscale("log")
            axes.xaxis.set_minor_formatter(NullFormatter())
        else:
            axes.xaxis.set_major_locator(MaxNLocator(5 if width > MEDIUM else 4))
        axes.xaxis.set_major_formatter(
            FuncFormatter(lambda value, _: area(value) if unit == "m²" else quantity(value, unit))
        )
        axes.margins(0.08)
        axes.set_xlabel(words)
        axes.set_ylabel(f"median error ({short(record.unit)})")
        axes.grid()
        _number(axes, beaten_by_none, price, (width - 60, figure.get_size_inches()[1] * 72 - 90))
        legend(axes, "outside upper left", 4 if width > MEDIUM else 2)
    return figure


def baselines_in_sight(record: SweepReport) -> list[Baseline]:
    """The baselines that can be drawn without pressing the points together."""
    medians = [point.error.median for point in record.points]
    spread = [end for point in record.front("energy_per_step_j") for end in _middle(point.error)]
    errors = [error for error in (*medians, *spread, record.software.mean) if known(error)]
    if not errors:
        return []
    low, high = min(errors), max(errors)
    slack = max(high - low, 0.02 * high)
    return [baseline for baseline in record.baselines if low - slack <= baseline.error <= high + slack]


def _draw_points(axes: Axes, points: Sequence[SweptPoint], price: Price, **look: Any) -> None:
    if points:
        at = [getattr(point, price) for point in points], [point.error.median for point in points]
        axes.plot(*at, linestyle="none", marker="o", **look)


def _draw_front(axes: Axes, points: Sequence[SweptPoint], price: Price) -> None:
    """The points that no other beats, with a step between them: what can be had for less than the next one costs."""
    costs, errors = [getattr(point, price) for point in points], [point.error.median for point in points]
    _draw_spreads(axes, costs, [point.error for point in points], alpha=0.35)
    axes.step(costs, errors, where="post", color=CHIP, linewidth=1, alpha=0.6)
    _draw_points(axes, points, price, color=CHIP, markersize=7, label="beaten by none")


def _number(axes: Axes, points: Sequence[SweptPoint], price: Price, room: tuple[float, float]) -> None:
    """Number the points of the front from 1; those too close to be told apart share a label.

    room: width and height of the axes in pixels, about.
    """
    groups: list[list[int]] = []
    last = np.full(2, -np.inf)
    for number, point in enumerate(points, 1):
        data = axes.transScale.transform((getattr(point, price), point.error.median))
        place = axes.transLimits.transform(data) * room
        if (np.abs(place - last) < (18, 20)).all():
            groups[-1].append(number)
        else:
            groups.append([number])
            last = place
    for group in groups:
        point = points[group[0] - 1]
        text = str(group[0]) if len(group) == 1 else f"{group[0]}–{group[-1]}"
        axes.annotate(text, (getattr(point, price), point.error.median), (0, -7), textcoords="offset points",
                      ha="center", va="top", color=CHIP, fontsize=11,
                      bbox={"facecolor": PAPER, "edgecolor": RULE, "pad": 1})  # fmt: skip
