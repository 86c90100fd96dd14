"""A sweep: the same networks in chips of many kinds, one small file a result, resumed and extended at will."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass
from pathlib import Path

from cellwright.errors import CellwrightError
from cellwright.report.sweep_files import write_sweep_report
from cellwright.report.sweep_record import SweepReport
from cellwright.report.sweep_table import results_table
from cellwright.studies.folder import ResultsFolder
from cellwright.studies.job import Job
from cellwright.studies.narration import SILENT, Narration
from cellwright.studies.plan import Plan, Sweeps, SweepSettings
from cellwright.studies.point import PointJob, PointResult, Weights, measure
from cellwright.studies.run import one_thread, train_networks
from cellwright.studies.sweep_data import check_format, write_tables
from cellwright.studies.sweep_summary import summarise
from cellwright.studies.workers import completed, find_backend

__all__ = ["SweepSettings", "run_sweep"]

MOST_JOBS = 4_096
"""At a time: every one is a process."""


def run_sweep(
    settings: SweepSettings,
    out: str | Path | None = None,
    *,
    jobs: int = 1,
    backend: str = "loky",
    scheduler: str = "",
    table_format: str = "",
    overwrite: bool = False,
    narration: Narration = SILENT,
) -> SweepReport:
    """Run a sweep, or go on with it where it was stopped.

    Networks are trained first, once for all points. Then every network on every point is a job of its own, whose result
    is written at once; jobs whose result the folder has are not done again. More values, axes or networks in the same
    folder extend the sweep. The bits are the same at any number of jobs and on any backend, on one kind of processor.

    Args:
        settings: what to vary, and what not.
        out: folder for the results; ``runs/sweep-TASK-RECIPE`` by default.
        jobs: how many at a time; a cluster that is named by ``scheduler`` decides itself.
        backend: ``loky``, processes of this machine; ``dask``; ``ray``.
        scheduler: address of a Dask scheduler or a Ray cluster; empty for a local one.
        table_format: ``csv``; ``parquet``, which CSV is written beside; empty for Parquet where pyarrow is installed.
        overwrite: replace results in the folder that other settings made.
        narration: who is told of progress and results; by default nobody.

    Returns:
        what the page shows. The folder then has ``sweep.html``, the tables ``sweep.csv`` (a row a point) and
        ``sweep-chips.csv`` (a row a chip), likewise as Parquet, and ``points/``, from which the same call resumes.

    Raises:
        CellwrightError: a name that nothing has; values that no chip can have; a folder that holds something else; a
            backend that is not there; workers that die again and again.
    """
    check_format(table_format)
    if not 1 <= jobs <= MOST_JOBS:
        raise CellwrightError(f"--jobs {jobs}: expected a whole number from 1 to {MOST_JOBS:,}")
    find_backend(backend, scheduler)
    plan = Plan(settings)
    path = Path(out) if out else plan.default_folder
    with ResultsFolder(path, plan.described, overwrite=overwrite) as folder, one_thread():
        sweeps = Sweeps(folder, plan)
        missing = [job for job in plan.jobs if PointResult.read(path, job) is None]
        _introduce(plan, len(missing), folder, narration)
        items = _with_networks(plan, missing, path, narration)
        done = completed(_measure, items, jobs=jobs, backend=backend, scheduler=scheduler, died=_death_told(narration))
        with closing(done), _told(plan, items, narration) as advance:  # type: ignore[type-var]
            for item, result in done:
                folder.write(item.job.file, result.to_json(item.job))
                advance()
        results = {job: found for job in sweeps.jobs if (found := PointResult.read(path, job)) is not None}
        report = summarise(sweeps, results)
        write_tables(sweeps, results, folder, table_format)
        write_sweep_report(report, path)
    narration.say(results_table(report))
    narration.say(f"page: {path / 'sweep.html'}")
    return report


def _told(plan: Plan, items: Sequence[_Item], narration: Narration) -> AbstractContextManager[Callable[[], None]]:
    total = len(plan.jobs)
    return narration.steps("programming chips", total, total - len(items))


def _death_told(narration: Narration) -> Callable[[int], None]:
    return lambda left: narration.say(f"a worker was lost: {left} jobs are left, and go on")


@dataclass(frozen=True)
class _Item:
    """What a worker gets. ``label``: of the point, for people."""

    job: PointJob
    weights: Weights
    label: str


def _measure(item: _Item) -> PointResult:
    try:
        return measure(item.job, item.weights)
    except CellwrightError as error:
        raise CellwrightError(f"at {item.label}: {error}") from error


def _introduce(plan: Plan, missing: int, folder: ResultsFolder, narration: Narration) -> None:
    narration.note(f"folder: {folder.path.resolve()}")
    narration.note(f"settings: {json.dumps(plan.described)}")
    axes = ", ".join(map(str, plan.axes))
    jobs, chips = len(plan.jobs), plan.settings.run.chips
    narration.say(
        f"{axes}: {len(plan.points)} points of {len(plan.base.seeds)} networks, {chips} chips each; "
        f"{jobs - missing} of {jobs} jobs were done before"
    )


def _with_networks(plan: Plan, missing: Sequence[PointJob], folder: Path, narration: Narration) -> list[_Item]:
    """The jobs with the weights of their networks, which are trained here where the folder does not have them."""
    networks: dict[tuple[str, str], dict[int, Weights]] = {}
    items = []
    for job in missing:
        learnt = job.point.recipe, job.point.cell
        if learnt not in networks:
            networks[learnt] = _trained(plan.job_at(job.point), folder, narration)
        items.append(_Item(job, networks[learnt][job.seed], plan.label(job.point)))
    return items


def _trained(job: Job, folder: Path, narration: Narration) -> dict[int, Weights]:
    """The weights of the networks of one recipe and cell by their seeds."""
    narration.say(f"recipe {job.recipe.name}, cell {job.cell_name}")
    source = job.described().get("cell_source", "")[:8]
    name = "-".join(filter(None, (job.recipe.name, *job.cell_name.replace("/", "_").split(":"), source)))
    networks = train_networks(job, folder / "networks" / name, narration)
    return {
        seed: {key: tensor.numpy() for key, tensor in network.model.state_dict().items()}
        for seed, network in zip(job.seeds, networks, strict=True)
    }
