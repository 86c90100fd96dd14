"""The results as tables for a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from rich.console import Console, ConsoleOptions, Group, RenderableType
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from cellwright.report import story
from cellwright.report.forecast_record import ForecastReport
from cellwright.report.record import Comparison, Score
from cellwright.report.wording import counted, error, formula, median, percent, spread, with_range, with_std
from cellwright.units import area, quantity

BOLD = "bold"
_CAPTION = "departure: median over the chips (5 to 95 % of them); error: mean"


def results_table(record: ForecastReport) -> RenderableType:
    """The headline, the errors of everything that forecasts, the causes, and what a step costs beside other systems.

    Texts of the record are shown as they are: nothing in them is taken for markup.
    """
    parts: list[RenderableType] = [
        Text(story.headline(record), style=BOLD),
        _errors(record),
        Text(story.departure(record)),
        Fitting(
            _causes(record, with_range, with_std),
            _causes(record, with_range, _mean),
            _causes(record, median, _mean),
        ),
        _cost(record),
        Text(story.cost(record)),
        *(Text(note, style="dim") for note in _notes(record)),
    ]
    spaced: list[RenderableType] = []
    for part in parts:
        spaced += [Text(), part]
    return Group(*spaced)


class Fitting:
    """Shows the first of several tables that is no wider than the terminal, or else the last."""

    def __init__(self, *tables: Table) -> None:
        self.tables = tables

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Table]:
        unlimited = options.update_width(10_000)
        widths = [Measurement.get(console, unlimited, table).maximum for table in self.tables]
        fitting = (table for table, width in zip(self.tables, widths, strict=True) if width <= options.max_width)
        yield next(fitting, self.tables[-1])


def _errors(record: ForecastReport) -> Table:
    table = _table(f"error in {record.unit}", "RMSE", "of the range", "5 to 95 %")
    for baseline in record.baselines:
        share = percent(record.percent_of_range(baseline.error))
        _add(table, formula(baseline.title), error(baseline.error), share, "")
    same = record.ideal_is_software
    ideal = "ideal chip, the same forecasts" if same else f"ideal chip, {record.chips} a network"
    for what, score, style in (
        (f"software, {counted(len(record.seeds), 'network')}", record.software, BOLD),
        (ideal, record.ideal, ""),
        (f"whole chip, {record.chips} a network", record.chip_whole, BOLD),
    ):
        share = percent(record.percent_of_range(score.mean))
        _add(table, what, with_std(score), share, spread(score.percentiles), style=style)
    return table


def _mean(score: Score) -> str:
    return error(score.mean)


def _causes(record: ForecastReport, moved: Callable[[Score], str], erred: Callable[[Score], str]) -> Table:
    """Each cause alone and taken away, as error and as departure from what the network forecasts in software."""
    table = _table("\ncause", "departure\nalone", "departure\nwithout it", "error\nalone", "error\nwithout it")
    for cause in record.causes:
        departures = (cause.departure_alone, cause.departure_without)
        _add(table, cause.title, *map(moved, departures), erred(cause.alone), erred(cause.without))
    _add(table, "whole chip", moved(record.departure), "", erred(record.chip_whole), "", style=BOLD)
    if record.departure.percentiles:
        table.caption, table.caption_justify, table.caption_style = _CAPTION, "left", "dim"
    return table


def _cost(record: ForecastReport) -> Table:
    cost = record.cost
    chip = Comparison(
        name="this chip",
        source="",
        certainty="",
        power_w=cost.power_w,
        energy_per_step_j=cost.energy_per_step_j,
        latency_per_step_s=cost.latency_per_step_s,
        area_m2=cost.area_m2,
    )
    table = _table("one step", "power", "energy", "time", "area")
    for system in (chip, record.digital, *_measured(record)):
        numbers = (
            quantity(system.power_w, "W"),
            quantity(system.energy_per_step_j, "J"),
            quantity(system.latency_per_step_s, "s"),
            area(system.area_m2),
        )
        _add(table, system.name, *numbers, style=BOLD if system is chip else "")
    return table


def _notes(record: ForecastReport) -> Iterator[str]:
    """What stays digital, how sure the digital system is, and how the figures of the published ones are read."""
    if record.left_digital:
        yield f"Not on the chip, besides activations and products: {', '.join(record.left_digital)}."
    digital = (record.digital.set_up, record.digital.certainty)
    yield f"{record.digital.name}: {'; '.join(part for part in digital if part)}."
    if certainties := dict.fromkeys(system.certainty for system in _measured(record) if system.certainty):
        yield f"Published circuits: {'; '.join(certainties)}; report.html has their errors, and how we read them."


def _measured(record: ForecastReport) -> list[Comparison]:
    """The published systems of which a number is known: a row of dashes says nothing."""
    return [system for system in record.published if system.has_numbers]


def _table(first: str, *others: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(Text(first), overflow="fold")
    for heading in others:
        table.add_column(Text(heading), justify="right", no_wrap=True)
    return table


def _add(table: Table, first: str, *others: str, style: str = "") -> None:
    table.add_row(Text(first), *map(Text, others), style=style)
