"""Tables as a terminal shows them: texts of a record stay text, whatever is in them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from rich.console import Console, ConsoleOptions
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from cellwright.report.record import RunReport, Score
from cellwright.report.wording import Numbers, printable, short

BOLD = "bold"
_CAPTION = "departure: median over the chips (5 to 95 % of them); error: mean"


class Fitting:
    """Shows the first of several tables that is no wider than the terminal, or else the last."""

    def __init__(self, *tables: Table) -> None:
        self.tables = tables

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Table]:
        unlimited = options.update_width(10_000)
        widths = [Measurement.get(console, unlimited, table).maximum for table in self.tables]
        fitting = (table for table, width in zip(self.tables, widths, strict=True) if width <= options.max_width)
        yield next(fitting, self.tables[-1])


def as_text(text: str, style: str = "") -> Text:
    """A text as it is: nothing in it is taken for markup, and nothing in it acts on the terminal."""
    return Text("\n".join(map(printable, text.split("\n"))), style=style)


def new_table(first: str, *others: str) -> Table:
    """A table of a column of names and several of numbers; a line break in a heading is one."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    lines = max(heading.count("\n") for heading in (first, *others))
    names, *numbers = (as_text("\n" * (lines - heading.count("\n")) + heading) for heading in (first, *others))
    table.add_column(names, overflow="fold")
    for heading in numbers:
        table.add_column(heading, justify="right", no_wrap=True)
    return table


def in_two_lines(name: str, longest: int = 24) -> str:
    """A name as a heading of a narrow column: broken at the space nearest its middle, where there is one."""
    name = short(name, 2 * longest)
    spaces = [place for place, sign in enumerate(name) if sign == " "]
    middle = min(spaces, key=lambda place: abs(place - len(name) / 2), default=None)
    lines = [name] if middle is None or len(name) <= 10 else [name[:middle], name[middle + 1 :]]
    return "\n".join(short(line, longest) for line in lines)


def caption(table: Table, text: str) -> None:
    """What the numbers are, below them."""
    table.caption, table.caption_justify, table.caption_style = text, "left", "dim"


def add_row(table: Table, first: str, *others: str, style: str = "") -> None:
    """A name with its numbers."""
    table.add_row(as_text(printable(first)), *map(as_text, others), style=style)


def causes_table(record: RunReport, error_name: str) -> Fitting:
    """Each cause alone and taken away, as departure from software and as error; with fewer spreads where it is narrow.

    A long tail is no plus or minus: departures are medians with a range.
    """
    numbers = Numbers(record.decimals)
    return Fitting(
        _causes(record, error_name, numbers.with_range, numbers.with_std),
        _causes(record, error_name, numbers.with_range, numbers.mean),
        _causes(record, error_name, numbers.median, numbers.mean),
    )


def _causes(record: RunReport, error_name: str, moved: Callable[[Score], str], erred: Callable[[Score], str]) -> Table:
    table = new_table(
        "cause", "departure\nalone", "departure\nwithout it", f"{error_name}\nalone", f"{error_name}\nwithout it"
    )
    for cause in record.causes:
        departures = (cause.departure_alone, cause.departure_without)
        add_row(table, cause.title, *map(moved, departures), erred(cause.alone), erred(cause.without))
    add_row(table, "whole chip", moved(record.departure), "", erred(record.chip_whole), "", style=BOLD)
    if record.departure.percentiles:
        caption(table, _CAPTION)
    return table
