"""The result of a sweep as a table for a terminal."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from cellwright.report import sweep_story
from cellwright.report.sweep_record import SweepReport
from cellwright.report.wording import with_range
from cellwright.units import quantity


def results_table(record: SweepReport) -> RenderableType:
    """The points of the front of error against energy, and where they stand."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for axis in record.axes:
        table.add_column(Text(axis.name), justify="right")
    for heading in (f"error, {record.unit}", "departure", "energy a step"):
        table.add_column(Text(heading), justify="right", no_wrap=True)
    for point in record.front("energy_per_step_j"):
        numbers = (with_range(point.error), with_range(point.departure), quantity(point.energy_per_step_j, "J"))
        table.add_row(*map(Text, (*point.texts, *numbers)))
    table.caption, table.caption_justify, table.caption_style = sweep_story.FRONT_CAPTION, "left", "dim"
    return Group(Text(), Text(sweep_story.headline(record), style="bold"), Text(), table, Text())
