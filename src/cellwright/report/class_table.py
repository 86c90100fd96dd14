"""The results of a run that classifies as tables for a terminal."""

from __future__ import annotations

from collections.abc import Callable

from rich.console import RenderableType
from rich.table import Table

from cellwright.report import class_story
from cellwright.report.class_record import ClassReport
from cellwright.report.record import Score
from cellwright.report.terminal import BOLD, Fitting, add_row, as_text, causes_table, in_two_lines, new_table
from cellwright.report.wording import Numbers, formula, short
from cellwright.units import MISSING

NUMBERS = Numbers()
"""Everything is in per cent."""


def tables(record: ClassReport) -> list[RenderableType]:
    """The headline, the accuracies of everything that classifies, the recall of each class, and the causes."""
    return [
        as_text(class_story.headline(record), BOLD),
        _accuracies(record),
        Fitting(_recalls(record, NUMBERS.with_std), _recalls(record, NUMBERS.mean)),
        as_text(class_story.departure(record)),
        causes_table(record, "balanced error"),
    ]


def _accuracies(record: ClassReport) -> Table:
    table = new_table("% of the test sequences", "balanced\naccuracy", "accuracy", "balanced,\n5 to 95 %")
    for system in class_story.systems(record):
        spread = NUMBERS.spread(system.balanced.percentiles) if system.balanced.percentiles else ""
        accuracy = NUMBERS.with_std(system.accuracy) if system.accuracy else MISSING
        style = BOLD if system.kind else ""
        add_row(table, system.in_words, NUMBERS.with_std(system.balanced), accuracy, spread, style=style)
    return table


def _recalls(record: ClassReport, shown: Callable[[Score], str]) -> Table:
    """How many of each class are recognised."""
    names = [in_two_lines(formula(baseline.title)) for baseline in record.baselines]
    table = new_table("recall of class, %", "tested", "software", "whole chip", *names)
    for row in class_story.recalls(record):
        recalls = (shown(score) if score else MISSING for score in row.recalls)
        add_row(table, short(row.name, 40), f"{row.tested:,}", *recalls)
    return table
