"""Gates and states of a network as it runs."""

from __future__ import annotations

import torch

from cellwright.layers import Recurrent
from cellwright.studies.job import Job


def recorded_gates(job: Job, layer: Recurrent, inputs: torch.Tensor) -> dict[str, torch.Tensor]:
    """Gates and states of the job's cell by name, (batch, time, units): of the layer's direction forward in time."""
    cell = job.listed.cell
    known = cell.program().named
    names = dict.fromkeys(name for name in (*cell.gates, *cell.state_axes()) if name in known)
    with torch.no_grad():
        recorded = layer(inputs, record=tuple(names))[2]
    return {name: recorded[f"{name}_l0"] for name in names}
