"""The result of a sweep as a table for a terminal."""

from __future__ import annotations

from collections.abc import Callable

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from cellwright.report import sweep_story
from cellwright.report.record import Score
from cellwright.report.sweep_record import SweepReport
from cellwright.report.terminal import Fitting
from cellwright.report.wording import Numbers
from cellwright.units import quantity


def results_table(record: SweepReport) -> RenderableType:
    """The points of the front of error against energy, and where they stand."""
    numbers = Numbers(record.decimals)
    tables = Fitting(_front(record, numbers.with_range, ranges=True), _front(record, numbers.median, ranges=False))
    return Group(Text(), Text(sweep_story.headline(record), style="bold"), Text(), tables, Text())


def _front(record: SweepReport, shown: Callable[[Score], str], *, ranges: bool) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for axis in record.axes:
        table.add_column(Text(axis.name), justify="right", overflow="fold")
    for heading in (f"error, {record.unit}", "departure", "energy a step"):
        table.add_column(Text(heading), justify="right", no_wrap=ranges)
    for point in record.front("energy_per_step_j"):
        numbers = (shown(point.error), shown(point.departure), quantity(point.energy_per_step_j, "J"))
        table.add_row(*map(Text, (*point.texts, *numbers)))
    spread = " (5 to 95 % of the chips)" if ranges else ""
    table.caption, table.caption_justify, table.caption_style = f"{sweep_story.FRONT_CAPTION}{spread}", "left", "dim"
    return table
