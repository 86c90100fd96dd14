"""The report: the table, the figures, the page and result.json, from the record of a run."""

from cellwright.report.class_record import ClassBaseline, ClassReport, Decisions
from cellwright.report.files import write_report
from cellwright.report.forecast_record import ForecastReport, Forecasts, Future, Interval, Lead
from cellwright.report.record import (
    ArrayReport,
    Baseline,
    Cause,
    Comparison,
    Cost,
    CostItem,
    Programming,
    RunReport,
    Score,
    TrainingCurve,
)
from cellwright.report.table import results_table

__all__ = [
    "ArrayReport",
    "Baseline",
    "Cause",
    "ClassBaseline",
    "ClassReport",
    "Comparison",
    "Cost",
    "CostItem",
    "Decisions",
    "ForecastReport",
    "Forecasts",
    "Future",
    "Interval",
    "Lead",
    "Programming",
    "RunReport",
    "Score",
    "TrainingCurve",
    "results_table",
    "write_report",
]
