"""Maps of an array of devices: what was to be written, what was written, and what the wires take away."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Normalize, TwoSlopeNorm
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, MaxNLocator

from cellwright.report.canvas import DEVIATION, MEDIUM, MUTED, new_figure, style
from cellwright.report.record import ArrayReport, Floats
from cellwright.report.wording import short

DEVICE = 18
"""The largest device on a map, in pixels."""

MAPS = ("target", "programmed", "deviation", "wire_loss")
"""The four maps of an array."""

CONDUCTANCE, LOSS = "cividis", "YlOrBr"
"""Colour maps that keep their order for colour-blind readers and in grey."""


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
