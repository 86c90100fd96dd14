"""The figure of a run that classifies: which classes are taken for which."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from cellwright.report.canvas import MEDIUM, NARROW, WIDE, new_figure, style
from cellwright.report.class_record import ClassReport
from cellwright.report.record import Floats
from cellwright.report.wording import short

SHARES = "Blues"
NAMED, ROOM = 24, 29
"""Up to so many classes the lines have their names; cells of so many pixels have their numbers."""


def class_figures(record: ClassReport) -> dict[str, Figure]:
    """All figures of this kind of run by file name."""
    return {"confusion": confusion(record, WIDE), "confusion-narrow": confusion(record, NARROW)}


def confusion(record: ClassReport, width: float = WIDE) -> Figure:
    """Test sequences by their class and the class given, in software beside the chips."""
    wide = width > MEDIUM
    size = min(max(30 * len(record.classes), 190), 340)
    with style():
        # Few classes need no whole page.
        figure = new_figure(min(width, 3 * size + 260), (size if wide else 2 * size) + 130)
        panels = figure.subplots(1, 2, sharey=True) if wide else figure.subplots(2, 1)
        parts = (("software", record.decisions.software), ("chips", record.decisions.chip))
        for axes, (name, decisions) in zip(panels, parts, strict=True):
            image = _draw_matrix(axes, record, record.confusion(decisions), longest=14 if wide else 9)
            if (size if wide else 210) >= ROOM * len(record.classes):
                _write_counts(axes, record.confusion(decisions), fontsize=11 if wide else 10)
            axes.set_title(name if len(decisions) == 1 else f"{name}, mean of {len(decisions):,}", loc="left")
            if (wide and name == "software") or not wide:
                axes.set_ylabel("class")
        figure.colorbar(image, ax=panels, label="% of the class", location="right" if wide else "bottom", pad=0.02,
                        fraction=0.04, aspect=25)  # fmt: skip
    return figure


def _draw_matrix(axes: Axes, record: ClassReport, matrix: Floats, longest: int) -> Any:
    """One matrix: the colour is the share of the row."""
    image = axes.imshow(_shares(matrix), cmap=SHARES, norm=Normalize(0, 100), interpolation="none", aspect="auto")
    count = len(record.classes)
    named = count <= NAMED
    axes.set_xlabel("class given" if named else "class given, by its number in the table")
    if not named:
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_locator(MaxNLocator(8, integer=True))
            axis.set_major_formatter(FuncFormatter(lambda index, _: f"{index + 1:.0f}"))
        return image
    names = [short(name, longest) for name in record.classes]
    crowded = count * max(map(len, names)) > 40
    axes.set_xticks(range(count), names, rotation=90 if crowded else 0)
    axes.set_yticks(range(count), names)
    return image


def _shares(matrix: Floats) -> Floats:
    """Per cent of each row; nothing of a class that no test sequence has."""
    total = matrix.sum(axis=1, keepdims=True)
    return 100 * np.divide(matrix, total, out=np.full_like(matrix, np.nan), where=total > 0)


def _write_counts(axes: Axes, matrix: Floats, fontsize: float) -> None:
    """How many test sequences, on the mean; a decimal where there are any below 100."""
    decimals = int(bool((matrix % 1)[matrix < 100].any()))
    shares = _shares(matrix)
    for (row, column), number in np.ndenumerate(matrix):
        # Not the page's own colours: the cells keep theirs on a dark page.
        colour = "#ffffff" if shares[row, column] > 55 else "#000000"
        text = f"{number:,.{decimals if 0 < number < 100 else 0}f}"
        axes.annotate(text, (column, row), ha="center", va="center", color=colour, fontsize=fontsize)
