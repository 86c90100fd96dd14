"""What the report says, draws and writes of one kind of run, beside what it does of every run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from matplotlib.figure import Figure
from rich.console import RenderableType

from cellwright.report import class_result, class_story, class_table, forecast_result, forecast_story, forecast_table
from cellwright.report.class_figures import class_figures
from cellwright.report.class_record import ClassReport
from cellwright.report.forecast_figures import forecast_figures
from cellwright.report.forecast_record import ForecastReport
from cellwright.report.record import Cause, RunReport


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One kind of run; every function takes a record of that kind first.

    template: of its page. story: its sentences, as the template calls them.
    headline, departure: the sentences that every kind has. departure_unit: what a departure is measured in.
    figures: by file name. describe: one of them in words.
    tables: for the terminal, from the headline to the causes.
    result: parts of result.json. cause: the errors of a cause there. files: further files.
    """

    template: str
    story: ModuleType
    headline: Callable[[Any], str]
    departure: Callable[[Any], str]
    departure_unit: Callable[[Any], str]
    figures: Callable[[Any], dict[str, Figure]]
    describe: Callable[[Any, str], str]
    tables: Callable[[Any], list[RenderableType]]
    result: Callable[[Any], Mapping[str, Any]]
    cause: Callable[[Any, Cause], Mapping[str, Any]]
    files: Callable[[Any], Mapping[str, str]]


FORECASTS = Kind(
    template="forecast.html",
    story=forecast_story,
    headline=forecast_story.headline,
    departure=forecast_story.departure,
    departure_unit=forecast_story.departure_unit,
    figures=forecast_figures,
    describe=forecast_story.describe,
    tables=forecast_table.tables,
    result=forecast_result.result,
    cause=forecast_result.cause,
    files=forecast_result.files,
)

CLASSES = Kind(
    template="class.html",
    story=class_story,
    headline=class_story.headline,
    departure=class_story.departure,
    departure_unit=class_story.departure_unit,
    figures=class_figures,
    describe=class_story.describe,
    tables=class_table.tables,
    result=class_result.result,
    cause=class_result.cause,
    files=class_result.files,
)


def kind_of(record: RunReport) -> Kind:
    """The kind of a run."""
    if isinstance(record, ForecastReport):
        return FORECASTS
    if isinstance(record, ClassReport):
        return CLASSES
    raise TypeError(f"no report is known of a {type(record).__name__}")
