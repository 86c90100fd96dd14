"""A run that forecasts as data for other programs: its parts of result.json, and its CSV files."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from cellwright.report.forecast_record import ForecastReport, Future, Interval, Lead
from cellwright.report.plain import as_csv, spread
from cellwright.report.record import Cause, Score


def result(record: ForecastReport) -> dict[str, Any]:
    """Errors in the series' unit; leads and interval where the run has them."""
    scores: dict[str, Any] = {
        "baselines": {baseline.name: _error(record, baseline.error) for baseline in record.baselines},
        "software": _score(record, record.software),
        "ideal": _score(record, record.chip_ideal),
        "whole": _score(record, record.chip_whole),
        "departure_from_software": _rmse(record.departure),
    }
    if record.base:
        scores["base"] = {"formula": record.base, "networks_that_leave_it": record.uncorrected}
    if record.horizon > 1:
        scores["leads"] = [_lead(record, lead) for lead in record.leads]
    if record.interval is not None:
        scores["interval"] = _interval(record.interval)
    return scores


def cause(record: ForecastReport, of: Cause) -> dict[str, Any]:
    """Mean errors of a cause, as shares of the range too."""
    errors: dict[str, Any] = {}
    for part, score in (("alone", of.alone), ("without", of.without)):
        errors |= {part: score.mean, f"{part}_percent_of_range": record.percent_of_range(score.mean)}
    return errors


def files(record: ForecastReport) -> dict[str, str]:
    """``forecast.csv``: what is to come, and then ``test.csv`` the test period; without a future, the test period."""
    if record.future is None:
        return {"forecast.csv": test_csv(record)}
    return {"test.csv": test_csv(record), "forecast.csv": future_csv(record.future)}


def test_csv(record: ForecastReport) -> str:
    """The test period: observed, the mean and each seed of the software networks, median and 5-95 % of the chips."""
    forecasts = record.forecasts
    columns: dict[str, Iterable[Any]] = {
        "label": record.test_labels,
        "observed": record.series[record.test],
        "software_mean": forecasts.software_mean,
    }
    names = [f"software_seed_{seed}" for seed in record.seeds]
    columns |= dict(zip(names, forecasts.software, strict=True))
    return as_csv(columns | {f"chip_p{p}": forecasts.chip_percentile(p) for p in (5, 50, 95)})


def future_csv(future: Future) -> str:
    """Beyond the end of the series, a row a lead: mean of the networks, prediction interval, 5-95 % of the chips."""
    columns = {
        "time": future.labels,
        "lead": range(1, len(future.labels) + 1),
        "forecast": future.software,
        "low": future.low,
        "high": future.high,
        "chip_p5": future.chip_low,
        "chip_p50": future.chip_median,
        "chip_p95": future.chip_high,
    }
    return as_csv(columns)


def _error(record: ForecastReport, rmse: float) -> dict[str, float]:
    return {"rmse": rmse, "rmse_percent_of_range": record.percent_of_range(rmse)}


def _rmse(score: Score) -> dict[str, Any]:
    return {"rmse": score.mean, **spread(score)}


def _score(record: ForecastReport, score: Score) -> dict[str, Any]:
    return {**_error(record, score.mean), **spread(score)}


def _lead(record: ForecastReport, lead: Lead) -> dict[str, Any]:
    return {
        "lead": lead.lead,
        "software": _score(record, lead.software),
        "chip": _score(record, lead.chip),
        "baselines": {name: _error(record, error) for name, error in lead.baselines.items()},
    }


def _interval(interval: Interval) -> dict[str, Any]:
    return {
        "level": interval.level,
        "coverage": interval.coverage,
        "chip_coverage": interval.chip_coverage,
        "method": interval.method,
    }
