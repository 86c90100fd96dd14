"""What a run on a person's own file keeps of its networks, so that they can answer for new data."""

from __future__ import annotations

from collections.abc import Sequence

from cellwright.studies.forecasts import unseen
from cellwright.studies.job import Job
from cellwright.tasks import LabelledTask, TableTask, Trained
from cellwright.tasks.labelled import LabelledRecipe
from cellwright.tasks.stored import Stored, StoredClassifier, StoredForecaster


def stored_networks(job: Job, networks: Sequence[Trained]) -> Stored | None:
    """The networks of a run as what `predict` reads; None for a task of the catalogue."""
    task, recipe, cell = job.task, job.recipe, job.cell_name
    models = {seed: network.model for seed, network in zip(job.seeds, networks, strict=True)}
    if isinstance(task, TableTask):
        return StoredForecaster(
            encoding=task.encoding,
            interval=task.interval(unseen(networks)),
            cell=cell,
            hidden_size=recipe.hidden_size,
            time=task.file.time,
            delimiter=task.file.delimiter,
            networks=models,
        )
    if isinstance(task, LabelledTask) and isinstance(recipe, LabelledRecipe):
        return StoredClassifier(
            classes=task.classes,
            channels=task.training.channels,
            chunks=task.chunks(recipe),
            bidirectional=recipe.bidirectional,
            pooling=recipe.pooling,
            cell=cell,
            hidden_size=recipe.hidden_size,
            networks=models,
        )
    return None
