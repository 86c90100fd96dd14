"""The run as data for other programs: result.json and forecast.csv."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from cellwright.report.forecast_record import ForecastReport
from cellwright.report.record import ArrayReport, Cause, Score


def result_json(record: ForecastReport) -> str:
    """The results as JSON text; errors in the series' unit, the rest in SI units; null for what is not a number.

    ``chip.by_cause[name].alone`` and ``.without`` are mean errors, ``.departure_alone`` and ``.departure_without`` mean
    departures from the same network in software; their spreads stand beside them.
    """
    result = {
        "task": record.task,
        "cell": record.cell,
        "recipe": record.recipe,
        "seeds": list(record.seeds),
        "settings": dict(record.settings),
        "baselines": {baseline.name: _error(record, baseline.error) for baseline in record.baselines},
        "software": _score(record, record.software),
        "chip": {
            "ideal": _score(record, record.chip_ideal),
            "whole": {**_score(record, record.chip_whole), "chips": record.chip_whole.count},
            "departure_from_software": {"rmse": record.departure.mean, **_spread(record.departure)},
            "left_digital": list(record.left_digital),
            "by_cause": {cause.name: _cause(record, cause) for cause in record.causes},
        },
        "arrays": [_array(array) for array in record.arrays],
        "cost": asdict(record.cost),
        "versions": dict(record.versions),
    }
    return as_json(result)


def as_json(result: Mapping[str, Any]) -> str:
    """Results as JSON text: null for what is not a number, arrays as lists."""
    return json.dumps(_plain(result), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def forecast_csv(record: ForecastReport) -> str:
    """The test period: observed, the mean and each seed of the software networks, median and 5-95 % of the chips."""
    forecasts = record.forecasts
    columns: dict[str, Iterable[Any]] = {
        "label": record.test_labels,
        "observed": record.series[record.test],
        "software_mean": forecasts.software_mean,
    }
    names = [f"software_seed_{seed}" for seed in record.seeds]
    columns |= dict(zip(names, forecasts.software, strict=True))
    columns |= {f"chip_p{p}": forecasts.chip_percentile(p) for p in (5, 50, 95)}
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    for row in zip(*columns.values(), strict=True):
        writer.writerow([row[0], *(f"{value:.6g}" if math.isfinite(value) else "" for value in row[1:])])
    return text.getvalue()


def _error(record: ForecastReport, rmse: float) -> dict[str, float]:
    return {"rmse": rmse, "rmse_percent_of_range": record.percent_of_range(rmse)}


def _score(record: ForecastReport, score: Score) -> dict[str, Any]:
    return {**_error(record, score.mean), **_spread(score)}


def _spread(score: Score) -> dict[str, Any]:
    """The keys are the same for one network and for many: a single value has no spread, so null."""
    return {"std": score.std, "percentiles": dict(score.percentiles)}


def _cause(record: ForecastReport, cause: Cause) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for part, score in (("alone", cause.alone), ("without", cause.without)):
        result[part] = score.mean
        result[f"{part}_percent_of_range"] = record.percent_of_range(score.mean)
    for part in ("alone", "without", "departure_alone", "departure_without"):
        score = getattr(cause, part)
        result[part] = score.mean
        result |= {f"{part}_{key}": value for key, value in _spread(score).items()}
    return result


def _array(array: ArrayReport) -> dict[str, Any]:
    programming = array.programming
    return {
        "name": array.name,
        "rows": array.rows,
        "columns": array.columns,
        "tiles": array.tiles,
        "pulses": programming.pulses,
        "yield": programming.yield_fraction,
        "programming_energy_j": programming.energy_j,
        "programming_time_s": programming.time_s,
    }


def _plain(value: Any) -> Any:
    """What JSON can hold: numpy scalars unwrapped, keys as text, null for NaN and infinity."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
