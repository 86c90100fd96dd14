"""The results as tables for a terminal."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from cellwright.report import story
from cellwright.report.record import Comparison, RunReport
from cellwright.report.wording import area, error, percent, quantity, spread, with_std


def results_table(record: RunReport) -> RenderableType:
    """The headline, the errors of everything that forecasts, the causes, and what a step costs beside other systems."""
    parts = [Text(story.headline(record), style="bold"), _errors(record), _causes(record), _cost(record)]
    return Group(*(line for part in parts for line in (Text(), part)))


def _errors(record: RunReport) -> Table:
    table = _table(f"error in {record.unit}", ("RMSE", "of the range", "5 to 95 %"))
    for baseline in record.baselines:
        share = percent(record.percent_of_range(baseline.rmse))
        table.add_row(escape(baseline.title), error(baseline.rmse), share, "")
    for what, score, style in (
        (f"software, {len(record.seeds)} networks", record.software, "bold"),
        (f"ideal chip, {record.chips} a network", record.chip_ideal, ""),
        (f"whole chip, {record.chips} a network", record.chip_whole, "bold"),
    ):
        share = percent(record.percent_of_range(score.rmse))
        table.add_row(what, with_std(score), share, spread(score.percentiles), style=style)
    return table


def _causes(record: RunReport) -> Table:
    """Each cause alone and taken away, as error and as departure from what the network forecasts in software."""
    table = _table("cause of error", ("alone", "chip without it", "departure alone", "without it"))
    for cause in record.causes:
        scores = (cause.alone, cause.without, cause.departure_alone, cause.departure_without)
        table.add_row(cause.title, *map(with_std, scores))
    table.add_row("all", with_std(record.chip_whole), "", with_std(record.departure), "", style="bold")
    return table


def _cost(record: RunReport) -> Table:
    table = _table("one step", ("power", "energy", "time", "area", "error as printed"))
    for system, style in _systems(record):
        table.add_row(
            escape(system.name),
            quantity(system.power_w, "W"),
            quantity(system.energy_per_step_j, "J"),
            quantity(system.latency_per_step_s, "s"),
            area(system.area_m2),
            escape(system.error),
            style=style,
        )
    return table


def _systems(record: RunReport) -> Iterator[tuple[Comparison, str]]:
    cost = record.cost
    yield (
        Comparison(
            name="chip",
            source="",
            certainty="",
            power_w=cost.power_w,
            energy_per_step_j=cost.energy_per_step_j,
            latency_per_step_s=cost.latency_per_step_s,
            area_m2=cost.area_m2,
        ),
        "bold",
    )
    yield record.digital, ""
    for published in record.published:
        yield published, ""


def _table(first: str, others: tuple[str, ...]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(first)
    for heading in others:
        table.add_column(heading, justify="right")
    return table
