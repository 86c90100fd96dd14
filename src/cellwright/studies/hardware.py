"""What the hardware does to a trained network: every cause of error alone, and taken away from the whole chip."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import torch
from numpy.typing import NDArray

from cellwright import crossbar
from cellwright.crossbar import Chip, ChipSettings, needs_digital, program
from cellwright.studies.job import Job
from cellwright.tasks import TableTask

IDEAL, WHOLE = "ideal", "whole"
ROWS = 2_000_000
"""Time steps of all chips at a time: more would take more than some gigabytes."""

BEYOND = "beyond"
"""Under this name the whole chip's forecasts beyond the end of a file are kept."""


@dataclass(frozen=True)
class HardwareErrors:
    """Forecasts of one network on every variant of the chip.

    forecasts: by variant (``ideal``, ``whole``, ``only CAUSE``, ``without CAUSE``), (chips, test months); under
    ``beyond`` (chips, horizon), where the task has a window whose future is not known.
    """

    forecasts: dict[str, NDArray[np.float64]]

    def to_bytes(self) -> bytes:
        buffer = io.BytesIO()
        np.savez(buffer, allow_pickle=False, **self.forecasts)
        return buffer.getvalue()

    @classmethod
    def read(cls, path: Path, job: Job) -> HardwareErrors | None:
        """What was kept in a file; None where there is none, or not one for every variant of the job's chip."""
        try:
            with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as stored:
                forecasts = {name: stored[name] for name in stored.files}
        except (OSError, EOFError, ValueError, BadZipFile):
            return None
        expected = {name for name, _ in variants(job.chip)} | ({BEYOND} if isinstance(job.task, TableTask) else set())
        return cls(forecasts) if forecasts.keys() == expected else None


def variants(settings: ChipSettings) -> Iterator[tuple[str, ChipSettings]]:
    """The chips to compare, by name."""
    yield IDEAL, settings.ideal()
    yield WHOLE, settings
    for cause in settings.causes:
        yield only(cause), settings.only(cause)
        yield without(cause), settings.without(cause)


def only(cause: str) -> str:
    """Name of the chip that has this cause of error alone."""
    return f"only {cause}"


def without(cause: str) -> str:
    """Name of the chip that has every cause of error but this one."""
    return f"without {cause}"


def study(job: Job, model: torch.nn.Module, advance: Callable[[], None]) -> HardwareErrors:
    """Program a network into every variant of the chip and let it forecast; ``advance`` is called after each."""
    forecasts = {}
    for name, settings in variants(job.chip):
        chip = manufacture(job, model, settings)
        forecasts[name] = chip_forecasts(job, chip).numpy()
        if name == WHOLE and isinstance(job.task, TableTask):
            forecasts[BEYOND] = _forecasts_beyond(job.task, chip).numpy()
        advance()
    return HardwareErrors(forecasts)


def _forecasts_beyond(task: TableTask, chip: Chip) -> torch.Tensor:
    """The chips' forecasts of the rows that come after the file, (chips, horizon)."""
    inputs = task.inputs_beyond
    if chip.chips == 1:
        inputs = inputs.repeat(2, 1, 1)  # a chip cannot tell one row from the other axes of size one
    with torch.no_grad():
        return task.forecast_beyond(chip(inputs)[0][:, 0])


def manufacture(job: Job, model: torch.nn.Module, settings: ChipSettings) -> Chip:
    """The chips of one variant. The same chips take every network: chip k has the same faults each time.

    What no array can hold (peephole weights multiply element by element) stays digital, like the activations; the
    report names it.
    """
    return program(
        model,
        settings,
        chips=job.settings.chips,
        seed=job.settings.seed,
        calibration=job.calibration,
        allow_digital=needs_digital(model),
    )


def check_room(job: Job, chip: ChipSettings) -> None:
    """Refuse a chip that has no room for the network of a job, before the network is trained.

    Raises:
        CellwrightError: see ``crossbar.check_room``.
    """
    model = job.task.build(job.recipe, job.seeds[0], job.settings.cell)
    crossbar.check_room(model, chip, allow_digital=needs_digital(model))


def chip_forecasts(job: Job, chip: Chip) -> torch.Tensor:
    """(chips, test months) in the task's unit."""
    inputs = job.task.test_inputs(job.recipe)
    pieces = -(-chip.chips * inputs.shape[0] * inputs.shape[1] // ROWS)
    with torch.no_grad():
        outputs = torch.cat([chip(piece)[0] for piece in inputs.chunk(pieces)], 1)
    return job.task.forecast(outputs.flatten(0, 1), job.recipe)


def software_forecast(job: Job, model: torch.nn.Module) -> torch.Tensor:
    """(test months,) in the task's unit."""
    with torch.no_grad():
        outputs, _ = model.eval()(job.task.test_inputs(job.recipe))
    return job.task.forecast(outputs, job.recipe)[0]
