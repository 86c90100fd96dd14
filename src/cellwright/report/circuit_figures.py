"""The figures of a circuit: its signals over time beside software and twin, and what mismatch does to it."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from cellwright.report.canvas import CHIP, INK, MEDIUM, MUTED, NARROW, RULE, SOFTWARE, WIDE, legend, new_figure, style
from cellwright.report.circuit_record import CircuitReport, SignalTrace
from cellwright.report.wording import short

MOST_UNITS = 4
"""More units than these, spread over all of them, would be a tangle of lines."""


def circuit_figures(record: CircuitReport) -> dict[str, Figure]:
    """All figures by file name."""
    drawn = {
        "waveforms": waveforms(record, WIDE),
        "waveforms-narrow": waveforms(record, NARROW),
        "departures": departures(record),
    }
    if record.draws is not None:
        drawn["mismatch"] = mismatch(record)
    return drawn


def waveforms(record: CircuitReport, width: float = WIDE) -> Figure:
    """Clocks, states and gates over time: SPICE as lines, software and twin where a step is read."""
    wide = width > MEDIUM
    columns = 2 if wide else 1
    rows = -(-len(record.signals) // columns)
    with style():
        figure = new_figure(width, 34 + 150 * rows + 70)
        heights = [0.32, *[1.0] * rows]
        panels = figure.subplots(rows + 1, columns, sharex=True, squeeze=False, height_ratios=heights)
        for axes in panels[0]:
            _draw_clocks(axes, record)
        places = panels[1:].T.ravel() if wide else panels[1:].ravel()
        for axes, signal in zip(places, record.signals, strict=False):
            _draw_signal(axes, record, signal)
        for axes in places[len(record.signals) :]:
            axes.set_axis_off()
        for axes in panels[-1]:
            axes.set_xlabel("time (µs)")
        figure.align_ylabels(panels[1:])
        _draw_legend(figure, wide=wide)
    return figure


def _draw_clocks(axes: Axes, record: CircuitReport) -> None:
    """Both clocks as steps, one above the other, with their names."""
    for height, volts in enumerate(record.clock_waves.values()):
        top = float(np.max(volts)) or 1.0
        axes.plot(record.time * 1e6, 1.4 * height + volts / top, color=MUTED, linewidth=0.9)
    axes.set_yticks([1.4 * height + 0.5 for height in range(len(record.clock_waves))], list(record.clock_waves))
    axes.tick_params(axis="y", length=0, labelsize=9.5)
    axes.spines[["left", "bottom"]].set_visible(False)
    axes.tick_params(axis="x", length=0, labelbottom=False)


def _draw_signal(axes: Axes, record: CircuitReport, signal: SignalTrace) -> None:
    read = (np.arange(record.steps) + record.read) * record.period * 1e6
    _shade_steps(axes, record)
    for unit in _drawn_units(signal):
        axes.plot(record.time * 1e6, signal.wave[:, unit], color=CHIP, linewidth=1.0)
        axes.plot(read, signal.twin[:, unit], "x", color=INK, markersize=6.5, markeredgewidth=1.2)
        axes.plot(read, signal.software[:, unit], "o", color=SOFTWARE, markersize=6, fillstyle="none")
    axes.set_ylabel(short(signal.name, 10), rotation=0, ha="right", va="center", fontsize=12.5)
    axes.grid(axis="y")
    axes.margins(x=0.01, y=0.1)


def _shade_steps(axes: Axes, record: CircuitReport) -> None:
    """Every other step in grey."""
    for step in range(1, record.steps, 2):
        start = step * record.period * 1e6
        axes.axvspan(start, start + record.period * 1e6, color=RULE, alpha=0.45, linewidth=0)


def _drawn_units(signal: SignalTrace) -> list[int]:
    if signal.units <= MOST_UNITS:
        return list(range(signal.units))
    return [round(place) for place in np.linspace(0, signal.units - 1, MOST_UNITS)]


def _draw_legend(figure: Figure, *, wide: bool) -> None:
    looks: list[tuple[str, dict[str, Any]]] = [
        ("the circuit in ngspice", {"color": CHIP, "linewidth": 1.3}),
        ("twin", {"color": INK, "marker": "x", "linestyle": "none", "markersize": 6.5}),
        ("software", {"color": SOFTWARE, "marker": "o", "linestyle": "none", "fillstyle": "none", "markersize": 6}),
    ]
    handles = [Line2D([], [], label=label, **look) for label, look in looks]
    figure.legend(handles=handles, loc="outside upper left", ncols=3 if wide else 2, handlelength=1.5)


def departures(record: CircuitReport, width: float = MEDIUM) -> Figure:
    """The largest departure over the units at every step, of the states: twin from software, ngspice from both."""
    looks: dict[str, dict[str, Any]] = {
        "twin − software": {"color": SOFTWARE, "marker": "o"},
        "ngspice − software": {"color": CHIP, "marker": "s"},
        "ngspice − twin": {"color": INK, "marker": "x", "linestyle": (0, (4, 1.5))},
    }
    steps = np.arange(1, record.steps + 1)
    with style():
        figure = new_figure(width, 170 * len(record.states) + 70)
        panels = figure.subplots(len(record.states), 1, sharex=True, squeeze=False)[:, 0]
        for axes, signal in zip(panels, record.states, strict=True):
            apart = (signal.twin - signal.software, signal.spice - signal.software, signal.spice - signal.twin)
            for (label, look), difference in zip(looks.items(), apart, strict=True):
                shown = label if signal is record.states[0] else None
                axes.plot(steps, np.abs(difference).max(1), label=shown, markersize=4.5, linewidth=1.2, **look)
            axes.set_ylabel(short(signal.name, 10), rotation=0, ha="right", va="center", fontsize=12.5)
            axes.set_ylim(bottom=0)
            axes.grid(axis="y")
        panels[-1].set_xlabel("step")
        panels[-1].xaxis.get_major_locator().set_params(integer=True)
        legend(panels[0], "outside upper left", 2)
    return figure


def mismatch(record: CircuitReport, width: float = MEDIUM) -> Figure:
    """How the error of the task is spread over draws of mismatch, beside software and the circuit without mismatch."""
    assert record.draws is not None
    looks = {"as made": (record.draws, {"color": CHIP, "alpha": 0.45})}
    if record.trimmed is not None:
        looks["trimmed"] = record.trimmed, {"color": INK, "histtype": "step"}
    bins = np.histogram_bin_edges(
        np.concatenate([draws.errors[np.isfinite(draws.errors)] for draws, _ in looks.values()]),
        min(40, max(8, len(record.draws.errors) // 5)),
    )
    with style():
        figure = new_figure(width, 300)
        axes = figure.subplots()
        for label, (draws, look) in looks.items():
            errors = draws.errors[np.isfinite(draws.errors)]
            axes.hist(errors, bins=bins, label=label if len(looks) > 1 else None, **look)  # type: ignore[arg-type]
        axes.axvline(record.software, color=SOFTWARE, label="software")
        axes.axvline(record.twin, color=INK, linestyle=(0, (4, 1.5)), label="twin without mismatch")
        axes.set_xlabel(f"error ({short(record.unit)})")
        axes.set_ylabel("draws")
        axes.grid(axis="y")
        legend(axes, "outside upper left", 2)
    return figure
