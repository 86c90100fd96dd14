"""The part of a report that classifications alone have: classes, decisions, and the gates over one sequence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from cellwright.report import ClassBaseline, Decisions
from cellwright.studies.gates import recorded_gates
from cellwright.studies.hardware import WHOLE
from cellwright.studies.job import Job
from cellwright.studies.measured import Measured
from cellwright.tasks import Classifier, LabelledTask, Trained

Floats = NDArray[np.float64]


def class_parts(job: Job, task: LabelledTask, networks: Sequence[Trained], measured: Measured) -> dict[str, Any]:
    """The fields that `ClassReport` adds to those of every run, and its baselines with their decisions."""
    counts = task.training.counts
    labels = [f"{number}" for number in task.tested.numbers]
    return {
        "classes": task.classes,
        "truth": task.truth.numpy(),
        "sequences": labels,
        "training_counts": [counts[name] for name in task.classes],
        "decisions": Decisions(software=measured.software.numpy(), chip=measured.chip(WHOLE).flatten(0, 1).numpy()),
        "baselines": [
            ClassBaseline(
                name=b.name, title=b.title, error=float(job.errors(b.forecasts)), decisions=b.forecasts.numpy()
            )
            for b in task.baselines().values()
        ],
        "gates": _gates(job, networks[0].model),
        "gate_sequence": f"test sequence {labels[0]}, class {task.tested.labels[0]}",
        "loss": "cross entropy, in nats",
        "note": task.note,
    }


def _gates(job: Job, model: torch.nn.Module) -> dict[str, Floats]:
    """Gates and states of the software network over the first test sequence, (steps, units), forward in time."""
    assert isinstance(model, Classifier)
    inputs = job.task.test_inputs(job.recipe)[:1]
    steps = ~inputs[0].isnan().all(-1)
    recorded = recorded_gates(job, model.recurrent, inputs[:, steps])
    return {name: tensor[0].double().numpy() for name, tensor in recorded.items()}
