"""The part of a report that forecasts alone have: the series, the leads, prediction intervals, and what is to come."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from cellwright.report import Forecasts, Future, Interval, Lead, Score
from cellwright.studies.gates import recorded_gates
from cellwright.studies.hardware import BEYOND, WHOLE
from cellwright.studies.job import Job
from cellwright.studies.measured import Measured
from cellwright.tasks import Forecaster, LabelledTask, TableTask, Trained
from cellwright.tasks.intervals import Interval as FittedInterval

Floats = NDArray[np.float64]

LEAST_PAST, MOST_PAST = 20, 60
"""Observed values that are drawn before what is to come: four times as many or a season, in these bounds."""


def forecast_parts(job: Job, networks: Sequence[Trained], measured: Measured) -> dict[str, Any]:
    """The fields that `ForecastReport` adds to those of every run."""
    task = job.task
    assert not isinstance(task, LabelledTask)
    gates, period = _gates(job, networks[0].model)
    parts = {
        "unit": task.unit,
        "quantity": task.quantity,
        "period": task.period,
        "value_range": task.value_range,
        "labels": task.labels,
        "series": task.values.numpy(),
        "test": task.test,
        "forecasts": Forecasts(
            software=task.shown(measured.software).numpy(),
            chip=task.shown(measured.chip(WHOLE)).flatten(0, 1).numpy(),
        ),
        "gates": gates,
        "gate_period": period,
        "loss": "mean squared error of the scaled target",
    }
    return parts | _of_file(task, networks, measured) if isinstance(task, TableTask) else parts


def _of_file(task: TableTask, networks: Sequence[Trained], measured: Measured) -> dict[str, Any]:
    fitted = task.interval(unseen(networks))
    return {
        "test_size": len(task.test_origins) if task.is_thinned else None,
        "test_note": task.test_note,
        "base": _base(task),
        "uncorrected": sum(_is_silent(network.model) for network in networks),
        "leads": _leads(task, measured),
        "interval": _interval(task, fitted, measured),
        "future": _future(task, fitted, networks, measured),
    }


def _leads(task: TableTask, measured: Measured) -> list[Lead]:
    if task.shape.horizon == 1:
        return []
    software = task.lead_errors(measured.software)
    chip = task.lead_errors(measured.chip(WHOLE))
    baselines = {name: task.lead_errors(baseline.forecasts) for name, baseline in task.baselines().items()}
    return [
        Lead(
            lead=lead + 1,
            software=Score.of(software[..., lead].numpy()),
            chip=Score.of(chip[..., lead].numpy()),
            baselines={name: float(errors[lead]) for name, errors in baselines.items()},
        )
        for lead in range(task.shape.horizon)
    ]


def _interval(task: TableTask, fitted: FittedInterval, measured: Measured) -> Interval:
    origins, horizon = task.observed.shape
    software = measured.software.mean(0).numpy().reshape(origins, horizon)
    chip = measured.chip(WHOLE).numpy().reshape(-1, origins, horizon)
    low, high = fitted.around(software)
    return Interval(
        level=fitted.level,
        coverage=fitted.coverage(task.observed, software),
        chip_coverage=fitted.coverage(task.observed, chip),
        method="order statistics of the errors on the validation rows (split conformal)",
        low=low[:, 0],
        high=high[:, 0],
    )


def _base(task: TableTask) -> str:
    formula = task.baselines()[task.encoding.base].formula
    logarithms = task.encoding.floor is not None and task.encoding.base == "seasonal_difference"
    return f"{formula} of the logarithms" if logarithms else formula


def _is_silent(model: torch.nn.Module) -> bool:
    """Whether a network's outputs are all zero, as those are that validation showed to be worth nothing."""
    assert isinstance(model, Forecaster)
    return not any(bool(parameter.any()) for parameter in model.dense.parameters())


def unseen(networks: Sequence[Trained]) -> list[torch.nn.Module]:
    """The networks that were not trained on the validation rows."""
    return [network.unseen for network in networks if network.unseen is not None]


def _future(task: TableTask, fitted: FittedInterval, networks: Sequence[Trained], measured: Measured) -> Future:
    with torch.no_grad():
        outputs = torch.stack([network.model.eval()(task.inputs_beyond)[0][0] for network in networks])
    software = task.forecast_beyond(outputs).mean(0).numpy()
    low, high = fitted.around(software)
    chips = measured.chip(BEYOND).flatten(0, 1).numpy()
    rows, horizon = task.table.rows, task.shape.horizon
    drawn = min(max(LEAST_PAST, 4 * horizon, task.shape.season + 1), MOST_PAST)
    past = np.arange(max(0, rows - drawn), rows)
    return Future(
        labels=task.table.labels(np.arange(rows, rows + horizon)),
        software=software,
        low=low,
        high=high,
        chip_low=np.percentile(chips, 5, axis=0),
        chip_median=np.percentile(chips, 50, axis=0),
        chip_high=np.percentile(chips, 95, axis=0),
        past_labels=task.table.labels(past),
        past=task.table.block(int(past[0]), rows)[:, 0],
    )


def _gates(job: Job, model: torch.nn.Module) -> tuple[dict[str, Floats], slice]:
    """Gates and states of the software network over the months that it forecasts, (months, units)."""
    assert isinstance(model, Forecaster)
    assert not isinstance(job.task, LabelledTask)
    steps = recorded_gates(job, model.recurrent, job.task.test_inputs(job.recipe))
    months = len(job.task.values)
    if model.every_step:
        period = slice(months - next(iter(steps.values())).shape[1], months)
        return {name: tensor[0].double().numpy() for name, tensor in steps.items()}, period
    return {name: tensor[:, -1].double().numpy() for name, tensor in steps.items()}, job.task.test
