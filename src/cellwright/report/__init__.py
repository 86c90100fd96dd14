"""The report: the table, the figures, the page and result.json, from the record of a run."""

from cellwright.report.files import write_report
from cellwright.report.record import (
    ArrayReport,
    Baseline,
    Cause,
    Comparison,
    Cost,
    CostItem,
    Forecasts,
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
    "Comparison",
    "Cost",
    "CostItem",
    "Forecasts",
    "Programming",
    "RunReport",
    "Score",
    "TrainingCurve",
    "results_table",
    "write_report",
]
