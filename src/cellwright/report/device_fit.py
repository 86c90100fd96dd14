"""The picture of a fitted device: what was measured, what the law says, and what it misses."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from cellwright.crossbar.fitting import Fit, Fitted
from cellwright.report.canvas import CHIP, INK, MUTED, SOFTWARE, new_figure, style
from cellwright.report.wording import short

_SHOWN = 3  # devices
_MANY = 2000  # points: more are drawn as an image, or an SVG would be too large
_WIDTH, _ROW = 960, 260
_MICRO = 1e6


def device_fit(fit: Fit) -> Figure:
    """A row for each device, up to three: its pulses with the law, and the residual after each pulse."""
    shown = fit.fitted[:_SHOWN]
    with style():
        figure = new_figure(_WIDTH, 70 + _ROW * len(shown))
        rows = figure.subplots(len(shown), 2, squeeze=False, width_ratios=(3, 2))
        for (pulses, misses), one in zip(rows, shown, strict=True):
            _draw_pulses(pulses, one)
            _draw_residual(misses, one)
        handles, labels = rows[0][0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper left", ncols=2)
        more = f"; {len(shown)} of {len(fit.fitted)} devices shown" if len(fit.fitted) > len(shown) else ""
        text = f"residual {fit.residual * _MICRO:.3g} µS, {100 * fit.residual_fraction:.2g} % of the window{more}"
        figure.suptitle(text, x=0.99, ha="right", color=MUTED, fontsize=12)
    return figure


def _draw_pulses(axes: Axes, one: Fitted) -> None:
    drawn = np.isfinite(one.path)
    across = (one.train.pulse if one.over_gate is None else one.over_gate)[drawn]
    order = np.argsort(across, kind="stable")
    axes.plot(across, one.train.conductance[drawn] * _MICRO, linestyle="none", marker="o", markersize=2.6,
              color=SOFTWARE, markeredgewidth=0, label="measured", rasterized=len(across) > _MANY)  # fmt: skip
    axes.plot(across[order], one.path[drawn][order] * _MICRO, color=CHIP, linewidth=1.3, label="law, without noise")
    axes.set_ylabel(f"{_titled(one)}conductance (µS)")
    axes.margins(x=0.01)
    if one.over_gate is None:
        axes.set_xlabel("pulse")
        axes.set_ylim(bottom=0)
    else:
        axes.set_xlabel("gate voltage of SET pulses (V)")


def _draw_residual(axes: Axes, one: Fitted) -> None:
    axes.axhline(0, color=INK, linewidth=0.8)
    axes.plot(one.train.pulse, one.residual * _MICRO, linestyle="none", marker="o", markersize=2.6, color=MUTED,
              markeredgewidth=0, rasterized=len(one.residual) > _MANY)  # fmt: skip
    axes.set_xlabel("pulse")
    axes.set_ylabel("measured − law, one pulse (µS)")
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes.margins(x=0.01)


def _titled(one: Fitted) -> str:
    return f"device {short(one.train.device, 20)}\n" if one.train.device else ""
