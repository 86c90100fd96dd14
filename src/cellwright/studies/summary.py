"""From trained networks and measured chips to the numbers, maps and text that the report shows."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from importlib.metadata import version

import numpy as np
import torch
from numpy.typing import NDArray

from cellwright import __version__
from cellwright.crossbar import CAUSES, AnalogArray, Chip, digital_cost, find_device, step_cost
from cellwright.program import counts, equations
from cellwright.report import (
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
from cellwright.studies.hardware import (
    IDEAL,
    WHOLE,
    HardwareErrors,
    chip_forecasts,
    manufacture,
    only,
    software_forecast,
    without,
)
from cellwright.studies.job import Job
from cellwright.tasks import Forecaster, Published, Trained

Floats = NDArray[np.float64]


def summarise(job: Job, networks: Sequence[Trained], hardware: Sequence[HardwareErrors]) -> RunReport:
    """Everything the report shows. Pictures of gates and arrays are of the first network, on its first chip."""
    task, recipe = job.task, job.recipe
    shown = networks[0].model
    assert isinstance(shown, Forecaster)
    chip = manufacture(job, shown, job.chip)
    chip_forecasts(job, chip)  # the arrays remember what drove them: their energy depends on it
    software = torch.stack([software_forecast(job, network.model) for network in networks])
    device = find_device(job.settings.device)
    layer = shown.recurrent
    sizes = layer.layer_sizes(0)
    program = job.listed.cell.program()
    gates, period = _gates(job, shown)
    return RunReport(
        task=task.name,
        title=task.title,
        unit=task.unit,
        period=task.period,
        value_range=task.value_range,
        data_source=task.data_source,
        cell=job.cell_name,
        recipe=recipe.name,
        recipe_description=recipe.title,
        seeds=job.seeds,
        device=job.settings.device,
        device_source=device.citation,
        chips=job.settings.chips,
        chip_seed=job.settings.seed,
        command=job.command,
        labels=task.labels,
        series=task.values.numpy(),
        test=task.test,
        forecasts=Forecasts(
            software=software.numpy(), chip=np.concatenate([errors.forecasts[WHOLE] for errors in hardware])
        ),
        baselines=[
            Baseline(name=b.name, title=f"{b.title}: {b.formula}", rmse=float(job.errors(b.forecasts)))
            for b in task.baselines().values()
        ],
        software=Score.of(job.errors(software).numpy()),
        chip_ideal=_score(job, hardware, IDEAL),
        chip_whole=_score(job, hardware, WHOLE),
        causes=[
            Cause(
                name=cause,
                description=CAUSES[cause],
                alone=_score(job, hardware, only(cause)),
                without=_score(job, hardware, without(cause)),
            )
            for cause in job.chip.causes
        ],
        training=[_curve(seed, network) for seed, network in zip(job.seeds, networks, strict=True)],
        loss="mean squared error of the scaled target",
        gates=gates,
        gate_period=period,
        arrays=[_array(array) for array in chip.arrays.values()],
        cost=_cost(chip),
        digital=_digital(chip),
        published=[_published(entry) for entry in task.published()],
        equations=equations(program),
        counts=counts(program).at(sizes),
        counts_formula=str(counts(program)),
        sizes={name: size for name, size in sizes.items() if size},
        citation=job.listed.citation,
        versions=_versions(),
    )


def _score(job: Job, hardware: Sequence[HardwareErrors], variant: str) -> Score:
    """The errors of every chip of every network on one variant of the chip."""
    forecasts = torch.from_numpy(np.concatenate([errors.forecasts[variant] for errors in hardware]))
    return Score.of(job.errors(forecasts).numpy())


def _curve(seed: int, network: Trained) -> TrainingCurve:
    """The losses of the run that made the network, with those that chose its length where there are any."""
    chosen = network.chosen_by
    history = (chosen or network.result).history
    validation = np.asarray(history.validation) if chosen else None
    best = chosen.best_epoch - 1 if chosen else None
    return TrainingCurve(seed=seed, train=np.asarray(history.train), validation=validation, best_epoch=best)


def _gates(job: Job, model: Forecaster) -> tuple[dict[str, Floats], slice]:
    """Gates and states of the software network over the months that it forecasts, (months, units)."""
    cell = job.listed.cell
    known = cell.program().named
    names = [name for name in (*cell.gates, *cell.state_axes()) if name in known]
    with torch.no_grad():
        recorded = model.recurrent(job.task.test_inputs(job.recipe), record=tuple(dict.fromkeys(names)))[2]
    months = len(job.task.values)
    steps = {name.removesuffix("_l0"): tensor for name, tensor in recorded.items()}
    if model.every_step:
        period = slice(months - next(iter(steps.values())).shape[1], months)
        return {name: tensor[0].double().numpy() for name, tensor in steps.items()}, period
    return {name: tensor[:, -1].double().numpy() for name, tensor in steps.items()}, job.task.test


def _array(array: AnalogArray) -> ArrayReport:
    """One array on the first chip."""
    tiles = array.tiles
    conductances = array.physical([tile.conductances[0] for tile in tiles])
    effective = array.physical([tile.effective[0] for tile in tiles])
    doubled_rows = 2 if array.layout.along == "rows" else 1
    doubled_columns = 2 if array.layout.along == "columns" else 1
    stacked = array.layout.order == "stacked"
    bias = (("bias", 1),) if array.spec.bias is not None else ()
    return ArrayReport(
        name=array.name,
        rows=array.rows,
        columns=array.columns,
        tiles=len(tiles),
        target=array.physical([tile.programmed.targets for tile in tiles]).numpy(),
        programmed=conductances.numpy(),
        wire_loss=(effective / conductances.where(conductances > 0, torch.nan)).numpy(),
        programming=_programming(array),
        row_groups=_groups((*array.spec.row_groups, *bias), doubled_rows, stacked),
        column_groups=_groups(array.spec.column_groups, doubled_columns, stacked),
    )


def _groups(groups: Sequence[tuple[str, int]], doubled: int, stacked: bool) -> list[tuple[str, int]]:
    """Labels of neighbouring physical lines: a pair is two lines side by side, or one line in each of two halves."""
    if doubled == 1:
        return list(groups)
    if stacked:
        return [(f"+{label}", n) for label, n in groups] + [(f"−{label}", n) for label, n in groups]
    return [(f"±{label}", 2 * n) for label, n in groups]


def _programming(array: AnalogArray) -> Programming:
    """How the array was programmed: devices of all tiles together, as the mean over the chips."""
    tiles = [tile.programmed for tile in array.tiles]
    devices = np.array([tile.targets.numel() for tile in tiles], dtype=float)
    rounds = max(len(tile.convergence) for tile in tiles)
    curves = [_held(tile.convergence.double().mean(1).numpy(), rounds) for tile in tiles]
    return Programming(
        convergence=np.average(np.stack(curves), axis=0, weights=devices),
        pulses=float(sum(tile.pulses.mean() * n for tile, n in zip(tiles, devices, strict=True))),
        yield_fraction=float(np.average([float(tile.programming_yield.mean()) for tile in tiles], weights=devices)),
        energy_j=float(sum(tile.energy.mean() for tile in tiles)),
        time_s=float(sum(tile.time.mean() for tile in tiles)),
    )


def _held(curve: Floats, rounds: int) -> Floats:
    """A convergence curve, its last value repeated: a tile that is done stays done."""
    if not len(curve):
        return np.ones(rounds)
    return np.concatenate([curve, np.full(rounds - len(curve), curve[-1])])


def _cost(chip: Chip) -> Cost:
    found = step_cost(chip)
    return Cost(
        power_w=found.power_w,
        energy_per_step_j=found.energy_per_step_j,
        latency_per_step_s=found.latency_per_step_s,
        area_m2=found.area_m2,
        items=[
            CostItem(
                item=item.name,
                energy_j=item.energy_j,
                latency_s=item.latency_s,
                area_m2=item.area_m2,
                value=item.value,
                source=item.source,
                uncertainty=item.uncertainty,
            )
            for item in found.items
        ],
    )


def _digital(chip: Chip) -> Comparison:
    found = digital_cost(chip)
    return Comparison(
        name=found.name,
        source=found.source,
        certainty=found.uncertainty,
        power_w=found.power_w,
        energy_per_step_j=found.energy_per_step_j,
        latency_per_step_s=found.latency_per_step_s,
        area_m2=found.area_m2,
    )


def _published(entry: Published) -> Comparison:
    return Comparison(
        name=entry.name,
        source=entry.citation,
        certainty=entry.certainty.value,
        power_w=entry.power_w,
        energy_per_step_j=entry.energy_per_step_j,
        area_m2=entry.area_m2,
        error=entry.printed,
        reading=entry.reading,
    )


def _versions() -> dict[str, str]:
    packages = {name: version(name) for name in ("torch", "numpy", "scipy")}
    return {"cellwright": __version__, "python": platform.python_version()} | packages | {"platform": platform.platform()}
