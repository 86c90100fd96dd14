"""One job of a sweep: one network in the chips of one point, and what was measured there."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from cellwright.crossbar import Chip, programming_cost, step_cost
from cellwright.studies.axes import PointSettings
from cellwright.studies.described import plain_settings
from cellwright.studies.hardware import chip_forecasts, manufacture, software_forecast
from cellwright.studies.job import Job, RunSettings, source_of

Weights = Mapping[str, NDArray[Any]]


@dataclass(frozen=True, eq=False)
class PointJob:
    """What a worker does in one go.

    Attributes:
        run: the settings of the sweep that no point changes: the task, how many chips, their seed.
        point: the settings of this one.
        seed: of the network.
    """

    run: RunSettings
    point: PointSettings
    seed: int

    @cached_property
    def described(self) -> dict[str, Any]:
        """All that decides the result, as plain values."""
        of_others = ("seeds", "device", "device_source")
        named = {name: value for name, value in self.job.described().items() if name not in of_others}
        device = self.point.chip.device
        source = source_of("device", device) if isinstance(device, str) else {}
        return _as_json(named | {"network_seed": self.seed} | plain_settings(self.point.chip) | source)

    @cached_property
    def key(self) -> str:
        """Names the job's file: the same settings, the same name."""
        return hashlib.sha256(json.dumps(self.described, sort_keys=True).encode()).hexdigest()[:24]

    @property
    def job(self) -> Job:
        """The job with the recipe and the cell of this point. Its own chip is not the point's."""
        return Job(replace(self.run, recipe=self.point.recipe, cell=self.point.cell))

    @property
    def file(self) -> str:
        """Where the result lies in the folder of the sweep."""
        return f"points/{self.key}.json"


@dataclass(frozen=True, kw_only=True)
class PointResult:
    """What one network did on the chips of one point.

    Attributes:
        errors, departures: one a chip, in the task's unit: root mean square error of the forecasts, and their root
            mean square difference from those of the network in software.
        software: the error of the network in software.
        energy_per_step_j, latency_per_step_s, area_m2: of the whole network, the mean over the chips.
        not_costed: parts of the chip that the cost model takes as free, as ideal converters are.
        pulses: write pulses of all arrays; ``yield_fraction``: share of the devices within tolerance; both, and what
            programming took, as the mean over the chips.
    """

    errors: tuple[float, ...]
    departures: tuple[float, ...]
    software: float
    energy_per_step_j: float
    latency_per_step_s: float
    area_m2: float
    not_costed: tuple[str, ...]
    pulses: float
    yield_fraction: float
    programming_energy_j: float
    programming_time_s: float

    def to_json(self, job: PointJob) -> str:
        """The content of the job's file."""
        return json.dumps({"settings": job.described, "result": asdict(self)}, indent=1) + "\n"

    @classmethod
    def read(cls, folder: Path, job: PointJob) -> PointResult | None:
        """What the folder has of a job; None where it has nothing, or nothing whole, or not of these settings."""
        try:
            stored = json.loads((folder / job.file).read_text(encoding="utf-8"))
            settings, values = stored["settings"], stored["result"]
        except (OSError, ValueError, TypeError, KeyError):
            return None
        if settings != job.described or not isinstance(values, dict) or values.keys() != {f.name for f in fields(cls)}:
            return None
        plain: dict[str, Any] = {n: tuple(value) if isinstance(value, list) else value for n, value in values.items()}
        return cls(**plain)


def measure(point: PointJob, weights: Weights) -> PointResult:
    """Program a trained network into the chips of a point and let it forecast.

    The bits do not depend on where this runs, on one kind of processor: torch keeps to one thread.

    Raises:
        CellwrightError: the network does not fit the chip.
    """
    torch.set_num_threads(1)
    job = point.job
    model = job.task.build(job.recipe, point.seed, job.settings.cell).eval()
    model.load_state_dict({name: torch.from_numpy(np.array(values)) for name, values in weights.items()})
    chip = manufacture(job, model, point.point.chip)
    forecasts, software = chip_forecasts(job, chip), software_forecast(job, model)
    return PointResult(
        errors=tuple(job.errors(forecasts).tolist()),
        departures=tuple(job.task.departures(forecasts, software).tolist()),
        software=float(job.errors(software)),
        **_cost(chip),
        **_programming(chip),
    )


def _cost(chip: Chip) -> dict[str, Any]:
    cost = step_cost(chip)
    assert cost.area_m2 is not None, "every part of a chip has an area"
    return {
        "energy_per_step_j": cost.energy_per_step_j,
        "latency_per_step_s": cost.latency_per_step_s,
        "area_m2": cost.area_m2,
        "not_costed": tuple(
            item.name for item in cost.items if item.energy_j is item.latency_s is item.area_m2 is None
        ),
    }


def _programming(chip: Chip) -> dict[str, Any]:
    cost = programming_cost(chip)
    return {
        "pulses": cost.pulses,
        "yield_fraction": cost.fraction_within,
        "programming_energy_j": cost.energy_j,
        "programming_time_s": cost.time_s,
    }


def _as_json(values: Any) -> Any:
    """Values as they come back from a file."""
    return json.loads(json.dumps(values))
