"""The main job: train on a task, put the networks on chips, and say what the hardware did to them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import rich.progress
import torch
from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
from rich.text import Text
from safetensors.torch import save

from cellwright.learning import Progress
from cellwright.program import equations
from cellwright.report import RunReport, results_table, write_report
from cellwright.studies.folder import ResultsFolder
from cellwright.studies.forecasts import unseen
from cellwright.studies.hardware import HardwareErrors, study, variants
from cellwright.studies.job import Job, RunSettings
from cellwright.studies.summary import summarise
from cellwright.tasks import TableTask, Trained, train
from cellwright.tasks.stored import StoredForecaster

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["RunSettings", "run_study"]


def run_study(
    settings: RunSettings, out: str | Path | None = None, *, overwrite: bool = False, console: Console | None = None
) -> RunReport:
    """Run the main job, or go on with it where it was stopped.

    Args:
        settings: what to run.
        out: folder for the results; ``runs/TASK-RECIPE`` by default.
        overwrite: replace results in the folder that other settings made.
        console: where progress and the table go; None keeps quiet.

    Returns:
        everything that the report shows. The folder then has ``report.html``, ``result.json``, ``forecast.csv``,
        ``model.safetensors``, the figures, and the checkpoints from which the same call resumes.

    Raises:
        CellwrightError: an unknown task, recipe, cell or device; a folder that holds something else.
    """
    job = Job(settings)
    folder = ResultsFolder(Path(out) if out else job.default_folder, job.described(), overwrite=overwrite)
    if console is not None:
        _introduce(job, console)
    with one_thread():
        networks = train_networks(job, folder.path / "checkpoints", console)
        hardware = _measure(job, networks, folder, console)
        report = summarise(job, networks, hardware)
    if console is not None:
        console.print("writing the report")
    _write_model(job, networks[0], folder)
    _write_forecaster(job, networks, folder)
    write_report(report, folder.path)
    if console is not None:
        console.print(results_table(report))
        console.print(f"report: {folder.path / 'report.html'}")
    return report


def _introduce(job: Job, console: Console) -> None:
    """The cell's equations: what is about to be trained."""
    console.print(Text(f"{job.cell_name}: {job.listed.title}"))
    for equation in equations(job.listed.cell.program()):
        console.print(Text(f"  {equation.unicode}"))


@contextmanager
def one_thread() -> Iterator[None]:
    """Keep torch to one thread: faster for networks this small, and the same bits on any number of cores."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def train_networks(job: Job, checkpoints: Path, console: Console | None) -> list[Trained]:
    """The networks of all seeds, in their order; what the folder of checkpoints has is not trained again."""
    networks = []
    for seed in job.seeds:
        steps: list[Progress] = []
        trained = train(
            job.task,
            job.recipe,
            seed,
            cell=job.settings.cell,
            folder=checkpoints,
            callback=steps.append,
            console=console,
        )
        networks.append(trained)
        if console is not None:
            losses = trained.result.history.train
            done = "trained" if steps else "trained before,"
            console.print(f"seed {seed}: {done} {len(losses)} epochs, loss {losses[-1]:.4g}", highlight=False)
    return networks


def _measure(job: Job, networks: list[Trained], folder: ResultsFolder, console: Console | None) -> list[HardwareErrors]:
    """The chips' forecasts, network by network; those in the folder are not made again."""
    measured = []
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn(), TextColumn("left"))
    hidden = console is None or not console.is_terminal
    with rich.progress.Progress(*columns, console=console, disable=hidden, transient=True) as progress:
        steps = len(list(variants(job.chip)))
        bar = progress.add_task(f"programming {job.settings.chips} chips a network", total=steps * len(networks))
        for seed, network in zip(job.seeds, networks, strict=True):
            name = f"chips/{seed}.npz"
            errors = HardwareErrors.read(folder.path / name, job)
            if errors is None:
                errors = study(job, network.model, lambda: progress.advance(bar))
                folder.write(name, errors.to_bytes())
            else:
                progress.advance(bar, steps)
                if console is not None:
                    console.print(f"seed {seed}: chips programmed before", highlight=False)
            measured.append(errors)
    return measured


def _write_model(job: Job, network: Trained, folder: ResultsFolder) -> None:
    weights = {name: tensor.contiguous() for name, tensor in network.model.state_dict().items()}
    about = {"task": job.task.name, "recipe": job.recipe.name, "cell": job.cell_name, "seed": str(job.seeds[0])}
    # One entry: safetensors writes several in an order that changes from run to run.
    folder.write("model.safetensors", save(weights, metadata={"cellwright": json.dumps(about)}))


def _write_forecaster(job: Job, networks: list[Trained], folder: ResultsFolder) -> None:
    """What `cellwright predict` needs, the description last."""
    if not isinstance(job.task, TableTask):
        return
    stored = StoredForecaster(
        encoding=job.task.encoding,
        interval=job.task.interval(unseen(networks)),
        cell=job.cell_name,
        hidden_size=job.recipe.hidden_size,
        time=job.task.file.time,
        delimiter=job.task.file.delimiter,
        networks={seed: network.model for seed, network in zip(job.seeds, networks, strict=True)},
    )
    for name, content in stored.files().items():
        folder.write(name, content)
