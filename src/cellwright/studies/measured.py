"""What trained networks answer, in software and on every variant of the chip, as scores."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from cellwright.crossbar import CAUSES
from cellwright.report import Cause, Score
from cellwright.studies.described import SETTING_OF_CAUSE, chip_settings
from cellwright.studies.hardware import HardwareErrors, only, software_forecast, without
from cellwright.studies.job import Job
from cellwright.tasks import Trained


class Measured:
    """What the networks forecast, in software and on every variant of the chip."""

    def __init__(self, job: Job, networks: Sequence[Trained], hardware: Sequence[HardwareErrors]) -> None:
        self._job, self._hardware = job, hardware
        self.software = torch.stack([software_forecast(job, network.model) for network in networks])

    def chip(self, variant: str) -> torch.Tensor:
        """(networks, chips, test months) in the task's unit."""
        return torch.from_numpy(np.stack([errors.forecasts[variant] for errors in self._hardware]))

    def error(self, variant: str) -> Score:
        """The errors of every chip of every network."""
        return Score.of(self._job.errors(self.chip(variant)).numpy())

    def departure(self, variant: str) -> Score:
        """How far each chip's forecasts are from those of its own network in software."""
        return Score.of(self._job.task.departures(self.chip(variant), self.software[:, None]).numpy())

    def cause(self, name: str) -> Cause:
        return Cause(
            name=name,
            description=CAUSES[name],
            setting=chip_settings(self._job.chip).get(SETTING_OF_CAUSE[name], ""),
            alone=self.error(only(name)),
            without=self.error(without(name)),
            departure_alone=self.departure(only(name)),
            departure_without=self.departure(without(name)),
        )
