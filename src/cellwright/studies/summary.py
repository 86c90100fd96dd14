"""From trained networks and measured chips to the numbers, maps and text that the report shows."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from cellwright import __version__
from cellwright.crossbar import AnalogArray, Chip, digital_cost, find_device, programming_cost, step_cost
from cellwright.program import counts, equations
from cellwright.report import (
    ArrayReport,
    Baseline,
    ClassReport,
    Comparison,
    Cost,
    CostItem,
    ForecastReport,
    Programming,
    RunReport,
    Score,
    TrainingCurve,
)
from cellwright.studies.classes import class_parts
from cellwright.studies.described import chip_settings, plain_settings
from cellwright.studies.forecasts import forecast_parts
from cellwright.studies.hardware import IDEAL, WHOLE, HardwareErrors, chip_forecasts, manufacture
from cellwright.studies.job import Job
from cellwright.studies.measured import Measured
from cellwright.tasks import Classifier, Forecaster, LabelledTask, Published, Trained

Floats = NDArray[np.float64]


def summarise(job: Job, networks: Sequence[Trained], hardware: Sequence[HardwareErrors]) -> RunReport:
    """Everything the report shows. Pictures of gates and arrays are of the first network, on its first chip."""
    measured = Measured(job, networks, hardware)
    if isinstance(job.task, LabelledTask):
        return ClassReport(**_common(job, networks, measured) | class_parts(job, job.task, networks, measured))
    return ForecastReport(**_common(job, networks, measured), **forecast_parts(job, networks, measured))


def _common(job: Job, networks: Sequence[Trained], measured: Measured) -> dict[str, Any]:
    """What every run reports."""
    shown = networks[0].model
    assert isinstance(shown, Forecaster | Classifier)
    chip = manufacture(job, shown, job.chip)
    chip_forecasts(job, chip)  # the arrays remember what drove them: their energy depends on it
    program = job.listed.cell.program()
    sizes, directions = shown.recurrent.layer_sizes(0), shown.recurrent.num_directions
    task = job.task
    return {
        "task": task.name,
        "title": task.title,
        "data_source": task.data_source,
        "cell": job.cell_name,
        "recipe": job.recipe.name,
        "recipe_description": job.recipe.title,
        "seeds": job.seeds,
        "device": job.settings.device,
        "device_source": find_device(job.chip.device).citation,
        "device_assumed": find_device(job.chip.device).assumed,
        "chip_settings": chip_settings(job.chip),
        "settings": {"chips": job.settings.chips, "chip_seed": job.settings.seed} | plain_settings(job.chip),
        "chips": job.settings.chips,
        "chip_seed": job.settings.seed,
        "command": job.command,
        "baselines": [
            Baseline(name=b.name, title=b.formula, error=float(job.errors(b.forecasts)))
            for b in task.baselines().values()
        ],
        "software": Score.of(job.errors(measured.software).numpy()),
        "chip_ideal": measured.error(IDEAL),
        "chip_whole": measured.error(WHOLE),
        "departure": measured.departure(WHOLE),
        "departure_ideal": measured.departure(IDEAL),
        "left_digital": chip.digital,
        "causes": [measured.cause(name) for name in job.chip.causes],
        "training": [_curve(seed, network) for seed, network in zip(job.seeds, networks, strict=True)],
        "arrays": [_array(array) for array in chip.arrays.values()],
        "cost": _cost(chip),
        "digital": _digital(chip),
        "published": [_published(entry) for entry in task.published()],
        "equations": equations(program),
        "counts": {kind: directions * number for kind, number in counts(program).at(sizes).items()},
        "counts_formula": f"{counts(program)}{', in each of 2 directions' * (directions == 2)}",
        "sizes": {name: size for name, size in sizes.items() if size},
        "citation": job.listed.citation,
        "versions": versions(),
    }


def _curve(seed: int, network: Trained) -> TrainingCurve:
    """The losses of the run that made the network, with those that chose its length where there are any."""
    chosen = network.chosen_by
    history = (chosen or network.result).history
    validation = np.asarray(history.validation) if chosen else None
    best = chosen.best_epoch - 1 if chosen else None
    return TrainingCurve(seed=seed, train=np.asarray(history.train), validation=validation, best_epoch=best)


def _array(array: AnalogArray) -> ArrayReport:
    """One array on the first chip."""
    tiles = array.tiles
    conductances = array.physical([tile.conductances[0] for tile in tiles])
    # One set for all chips, or one a chip after a repair.
    targets = [tile.programmed.targets.expand_as(tile.conductances)[0] for tile in tiles]
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
        target=array.physical(targets).numpy(),
        programmed=conductances.numpy(),
        wire_loss=(effective / conductances.where(conductances > 0, torch.nan)).numpy(),
        programming=programming_of(array),
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


def programming_of(array: AnalogArray) -> Programming:
    """How the array was programmed: devices of all tiles together, as the mean over the chips."""
    tiles = [tile.programmed for tile in array.tiles]
    devices = [tile.stuck[0].numel() for tile in tiles]
    rounds = max(len(tile.convergence) for tile in tiles)
    curves = [_held(tile.convergence.double().mean(1).numpy(), rounds) for tile in tiles]
    cost = programming_cost(array)
    return Programming(
        convergence=np.average(np.stack(curves), axis=0, weights=devices),
        pulses=cost.pulses,
        yield_fraction=cost.fraction_within,
        energy_j=cost.energy_j,
        time_s=cost.time_s,
    )


def _held(curve: Floats, rounds: int) -> Floats:
    """A convergence curve, its last value repeated: a tile that is done stays done."""
    if not len(curve):
        return np.ones(rounds)
    return np.concatenate([curve, np.full(rounds - len(curve), curve[-1])])


def _cost(chip: Chip) -> Cost:
    found = step_cost(chip)
    assert found.area_m2 is not None, "every part of a chip has an area"
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
                outside_crossbar=item.outside_crossbar,
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
        factor=found.factor,
        set_up="weights in SRAM, a multiply-accumulate unit for each matrix column, the same digital activations",
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
        set_up=entry.set_up,
        power_w=entry.power_w,
        energy_per_step_j=entry.energy_per_step_j,
        area_m2=entry.area_m2,
        error=entry.printed,
        reading=entry.reading,
    )


def versions() -> dict[str, str]:
    """What computed, and on what."""
    packages = {name: version(name) for name in ("torch", "numpy", "scipy")}
    return (
        {"cellwright": __version__, "python": platform.python_version()} | packages | {"platform": platform.platform()}
    )
