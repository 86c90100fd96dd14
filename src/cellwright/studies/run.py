"""The main job: train on a task, put the networks on chips, and say what the hardware did to them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import torch
from rich.text import Text

from cellwright.errors import CellwrightError
from cellwright.layers.weights import packed_weights
from cellwright.learning import Progress
from cellwright.learning.progress import both
from cellwright.program import equations
from cellwright.report import RunReport, results_table, write_report
from cellwright.report.wording import counted
from cellwright.studies.circuit_job import CircuitJob, CircuitSettings
from cellwright.studies.circuit_simulation import simulated
from cellwright.studies.folder import ResultsFolder
from cellwright.studies.hardware import HardwareErrors, check_room, study, variants
from cellwright.studies.job import Job, RunSettings
from cellwright.studies.kept import stored_networks
from cellwright.studies.narration import SILENT, Narration
from cellwright.studies.summary import summarise
from cellwright.tasks import Trained, train

__all__ = ["RunSettings", "run_study"]


def run_study(
    settings: RunSettings, out: str | Path | None = None, *, overwrite: bool = False, narration: Narration = SILENT
) -> RunReport:
    """Run the main job, or go on with it where it was stopped.

    Args:
        settings: what to run.
        out: folder for the results; ``runs/TASK-RECIPE`` by default.
        overwrite: replace results in the folder that other settings made.
        narration: who is told of progress and results; by default nobody.

    Returns:
        everything that the report shows. The folder then has ``report.html``, ``result.json``, ``forecast.csv``,
        ``model.safetensors``, the figures, and the checkpoints from which the same call resumes.

    Raises:
        CellwrightError: an unknown task, recipe, cell or device; a folder that holds something else.
    """
    job = Job(settings)
    check_room(job, job.chip)
    circuit = _circuit(job)
    path = Path(out) if out else job.default_folder
    with ResultsFolder(path, job.described(), overwrite=overwrite) as folder, one_thread():
        _introduce(job, folder, narration)
        networks = train_networks(job, folder.path / "checkpoints", narration)
        hardware = _measure(job, networks, folder, narration)
        report = summarise(job, networks, hardware)
        if circuit is not None:
            report = replace(report, circuit=simulated(circuit, networks[0].model, folder, narration))
        narration.say("writing the report")
        _write_model(job, networks[0], folder)
        _write_networks(job, networks, folder)
        write_report(report, folder.path)
    narration.say(results_table(report))
    narration.say(f"report: {path / 'report.html'}")
    return report


def _circuit(job: Job) -> CircuitJob | None:
    """The first network's circuit, where one is asked for.

    Raises:
        CellwrightError: there is none, or no ngspice; before anything is trained.
    """
    given = job.settings
    if not given.circuit:
        return None
    if given.file is not None:
        raise CellwrightError("--circuit is for a task of the catalogue: leave it out for a file")
    return CircuitJob(CircuitSettings(task=given.task, recipe=given.recipe, cell=given.cell, seed=given.seed))


def _introduce(job: Job, folder: ResultsFolder, narration: Narration) -> None:
    """The cell's equations: what is about to be trained."""
    narration.note(f"folder: {folder.path.resolve()}")
    narration.note(f"settings: {json.dumps(job.described())}")
    narration.say(Text(f"{job.cell_name}: {job.listed.title}"))
    for equation in equations(job.listed.cell.program()):
        narration.say(Text(f"  {equation.unicode}"))


@contextmanager
def one_thread() -> Iterator[None]:
    """Keep torch to one thread: faster for networks this small, and the same bits on any number of cores."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def train_networks(job: Job, checkpoints: Path, narration: Narration) -> list[Trained]:
    """The networks of all seeds, in their order; what the folder of checkpoints has is not trained again."""
    total = len(job.seeds)
    labels = [f"training network {number} of {total}" for number in range(1, total + 1)]
    return [
        _train_network(job, seed, checkpoints, label, narration) for seed, label in zip(job.seeds, labels, strict=True)
    ]


def _train_network(job: Job, seed: int, checkpoints: Path, label: str, narration: Narration) -> Trained:
    epochs = set()

    def heard(progress: Progress) -> None:
        epochs.add(progress.epoch)

    with narration.training(label) as told:
        trained = train(
            job.task,
            job.recipe,
            seed,
            cell=job.settings.cell,
            folder=checkpoints,
            callback=both(heard, told),
        )
    losses = trained.result.history.train
    done = "trained" if epochs else "trained before,"
    narration.say(f"seed {seed}: {done} {counted(len(losses), 'epoch')}, loss {losses[-1]:.4g}")
    return trained


def _measure(job: Job, networks: list[Trained], folder: ResultsFolder, narration: Narration) -> list[HardwareErrors]:
    """The chips' forecasts, network by network; those in the folder are not made again."""
    measured = []
    files = [f"chips/{seed}.npz" for seed in job.seeds]
    kept = [HardwareErrors.read(folder.path / file, job) for file in files]
    steps = len(list(variants(job.chip)))
    done = steps * sum(errors is not None for errors in kept)
    with narration.steps(f"programming {job.settings.chips} chips a network", steps * len(files), done) as advance:
        for index, (seed, network) in enumerate(zip(job.seeds, networks, strict=True)):
            errors = kept[index]
            if errors is None:
                errors = study(job, network.model, advance)
                folder.write(files[index], errors.to_bytes())
            else:
                narration.say(f"seed {seed}: chips programmed before")
            measured.append(errors)
    return measured


def _write_model(job: Job, network: Trained, folder: ResultsFolder) -> None:
    about = {"task": job.task.name, "recipe": job.recipe.name, "cell": job.cell_name, "seed": str(job.seeds[0])}
    folder.write("model.safetensors", packed_weights(network.model, {"cellwright": json.dumps(about)}))


def _write_networks(job: Job, networks: list[Trained], folder: ResultsFolder) -> None:
    """What `cellwright predict` needs, the description last."""
    stored = stored_networks(job, networks)
    if stored is not None:
        for name, content in stored.files().items():
            folder.write(name, content)
