"""From the results of a sweep to what its page shows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cellwright.report.record import Baseline, Score
from cellwright.report.sweep_record import SweepReport, SweptAxis, SweptPoint
from cellwright.studies.axes import Axis, PointSettings, text_of
from cellwright.studies.described import chip_settings
from cellwright.studies.plan import Sweeps
from cellwright.studies.summary import versions
from cellwright.studies.sweep_data import Measured, Results, by_point
from cellwright.tasks import LabelledTask


def summarise(sweeps: Sweeps, results: Results) -> SweepReport:
    """Everything the page shows."""
    plan = sweeps.plans[-1]
    job, run = plan.base, plan.settings.run
    assert not isinstance(job.task, LabelledTask)
    measured = by_point(results)
    software = {(job.point.recipe, job.point.cell, job.seed): result.software for job, result in results.items()}
    return SweepReport(
        task=job.task.name,
        title=job.task.title,
        unit=job.task.unit,
        period=job.task.period,
        value_range=job.task.value_range,
        recipe=job.recipe.name,
        cell=job.cell_name,
        device=run.device,
        axes=[_axis(axis, plan.base_point, measured) for axis in sweeps.axes],
        points=[_point(one, sweeps.axes) for one in measured],
        baselines=[
            Baseline(name=b.name, title=b.formula, error=float(job.errors(b.forecasts)))
            for b in job.task.baselines().values()
        ],
        software=Score.of(list(software.values())),
        chips=run.chips,
        networks=max(len(one.jobs) for one in measured),
        chip_seed=run.seed,
        missing=len(sweeps.jobs) - len(results),
        commands=[plan.command for plan in sweeps.plans],
        chip_settings=chip_settings(job.chip),
        versions=versions(),
    )


def _axis(axis: Axis, base: PointSettings, measured: Sequence[Measured]) -> SweptAxis:
    """An axis with all values that the points have on it: those of an earlier sweep may have stayed at the base."""
    values = dict.fromkeys((*axis.values, *(axis.setting.read(one.point) for one in measured)))
    ordered = sorted(values, key=_rank)
    return SweptAxis(
        name=axis.name,
        values=ordered,
        texts=[text_of(value) for value in ordered],
        base=text_of(axis.setting.read(base)),
    )


def _rank(value: Any) -> tuple[bool, float]:
    """Numbers by size, then all else in the order in which it was named."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return (False, float(value)) if number else (True, 0.0)


def _point(one: Measured, axes: Sequence[Axis]) -> SweptPoint:
    costs = ("energy_per_step_j", "latency_per_step_s", "area_m2", "pulses", "yield_fraction")
    return SweptPoint(
        key=one.jobs[0].key,
        texts=[text_of(axis.setting.read(one.point)) for axis in axes],
        errors=one.pooled("errors"),
        departures=one.pooled("departures"),
        software=np.array([result.software for result in one.results]),
        not_costed=one.not_costed,
        **{name: one.mean(name) for name in costs},
    )
