"""The results of a run that forecasts as tables for a terminal."""

from __future__ import annotations

from rich.console import RenderableType
from rich.table import Table

from cellwright.report import forecast_story
from cellwright.report.forecast_record import ForecastReport, Lead
from cellwright.report.terminal import BOLD, Fitting, add_row, as_text, caption, causes_table, in_two_lines, new_table
from cellwright.report.wording import Numbers, counted, formula, percent, short

LEADS = 12
"""A terminal shows so many leads at most; the page and result.json have all."""


def tables(record: ForecastReport) -> list[RenderableType]:
    """The headline, the errors of everything that forecasts, by lead too, and the causes."""
    parts: list[RenderableType] = [as_text(forecast_story.headline(record), BOLD), _errors(record)]
    if record.horizon > 1:
        parts.append(Fitting(_leads(record, baselines=True), _leads(record, baselines=False)))
    if record.interval is not None:
        parts.append(as_text(forecast_story.interval(record)))
    return [*parts, as_text(forecast_story.departure(record)), causes_table(record, "error")]


def _errors(record: ForecastReport) -> Table:
    numbers = Numbers(record.decimals)
    heading = f"error in {short(record.unit, 40)}" if record.unit else "error"
    table = new_table(heading, "RMSE", "of the range", "5 to 95 %")
    for baseline in record.baselines:
        share = percent(record.percent_of_range(baseline.error))
        add_row(table, formula(baseline.title), numbers.error(baseline.error), share, "")
    same = record.ideal_is_software
    ideal = "ideal chip, the same forecasts" if same else f"ideal chip, {record.chips} a network"
    for what, score, style in (
        (f"software, {counted(len(record.seeds), 'network')}", record.software, BOLD),
        (ideal, record.ideal, ""),
        (f"whole chip, {record.chips} a network", record.chip_whole, BOLD),
    ):
        share = percent(record.percent_of_range(score.mean))
        add_row(table, what, numbers.with_std(score), share, numbers.spread(score.percentiles), style=style)
    if record.chip_whole.percentiles:
        caption(table, "± standard deviation, and 5 to 95 % of the networks or chips")
    return table


def _leads(record: ForecastReport, *, baselines: bool) -> Table:
    """The errors by lead, of as many leads as fit: all systems, or the network alone beside the best baseline."""
    numbers = Numbers(record.decimals)
    names = (
        [in_two_lines(formula(baseline.title)) for baseline in record.baselines] if baselines else ["best\nbaseline"]
    )
    table = new_table(f"{short(record.period, 20)}s\nahead", "software", "whole\nchip", *names)
    for lead in forecast_story.some_leads(record, LEADS):
        others = _of_baselines(lead) if baselines else [min(lead.baselines.values(), default=None)]
        add_row(
            table, str(lead.lead), numbers.mean(lead.software), numbers.mean(lead.chip), *map(numbers.error, others)
        )
    return table


def _of_baselines(lead: Lead) -> list[float]:
    return list(lead.baselines.values())
