"""Which points a sweep has, and which sweeps a folder has seen."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from itertools import product
from pathlib import Path
from typing import Any

from cellwright.cells.listing import reason
from cellwright.errors import CellwrightError
from cellwright.studies.axes import Axis, PointSettings, changed, check_apart, parse_axis, text_of
from cellwright.studies.files import is_file
from cellwright.studies.folder import ResultsFolder
from cellwright.studies.hardware import check_room
from cellwright.studies.job import Job, RunSettings
from cellwright.studies.point import PointJob

SWEEPS = "sweeps.json"


@dataclass(frozen=True, kw_only=True)
class SweepSettings:
    """What the person asked for.

    Attributes:
        run: what is the same at all points, but for what an axis changes.
        over: the axes, each as ``NAME=VALUE,VALUE``; the points are all combinations of their values.
    """

    run: RunSettings
    over: tuple[str, ...]


class Plan:
    """A sweep with everything that it names looked up, before anything is computed.

    Raises:
        CellwrightError: a file, a name that nothing has, a value that is none, values that no chip can have together.
    """

    def __init__(self, settings: SweepSettings) -> None:
        if not settings.over:
            raise CellwrightError("a sweep needs something to vary: name it with --over, such as --over bits=4,6,8")
        if is_file(settings.run.task):
            raise CellwrightError(
                f"{settings.run.task} is a file, and a sweep takes a task of the catalogue: name one, or "
                "use cellwright run"
            )
        self.settings = settings
        self.base = Job(settings.run)
        self.axes = _merged([parse_axis(text) for text in settings.over])
        check_apart(self.axes)
        self._roomy: set[tuple[Any, ...]] = set()
        self.points = tuple(self._points())

    @cached_property
    def base_point(self) -> PointSettings:
        """The point at which no axis changes anything."""
        return PointSettings(recipe=self.base.recipe.name, cell=self.settings.run.cell, chip=self.base.chip)

    @cached_property
    def jobs(self) -> tuple[PointJob, ...]:
        """Every network on every point; the networks of a point one after another."""
        # How many networks there are makes no difference to any of them.
        run = replace(self.settings.run, seeds=1)
        return tuple(PointJob(run, point, seed) for point in self.points for seed in self.base.seeds)

    @property
    def described(self) -> dict[str, Any]:
        """The settings that all sweeps of one folder share."""
        return {name: value for name, value in self.base.described().items() if name != "seeds"}

    @property
    def default_folder(self) -> Path:
        return Path("runs") / f"sweep-{self.base.default_folder.name}"

    @property
    def command(self) -> str:
        """The command that repeats the sweep."""
        over = [f"--over {shlex.quote(str(axis))}" for axis in self.axes]
        return " ".join([self.base.command.replace(" run ", " sweep ", 1), *over])

    def job_at(self, point: PointSettings) -> Job:
        """The run whose networks a point has."""
        return Job(replace(self.settings.run, recipe=point.recipe, cell=point.cell))

    def label(self, point: PointSettings) -> str:
        """Where a point lies on the axes, for people."""
        return ", ".join(f"{axis.name}={text_of(axis.setting.read(point))}" for axis in self.axes)

    def _check(self, point: PointSettings) -> None:
        """
        Raises:
            CellwrightError: a name that nothing has; a network that these arrays do not take.
        """
        job, chip = self.job_at(point), point.chip
        sizes = (job.recipe.name, job.cell_name, chip.tile, chip.tiling, chip.layout, chip.slices)
        if sizes not in self._roomy:
            check_room(job, chip)
            self._roomy.add(sizes)

    def _points(self) -> Iterator[PointSettings]:
        for values in product(*(axis.values for axis in self.axes)):
            changes: dict[tuple[str, ...], Any] = {}
            for axis, value in zip(self.axes, values, strict=True):
                changes |= axis.setting.changes(value)
            try:
                point = changed(self.base_point, changes)
                self._check(point)
            except CellwrightError as error:
                named = ", ".join(f"{a.name}={text_of(v)}" for a, v in zip(self.axes, values, strict=True))
                raise CellwrightError(f"at {named}: {error}") from error
            yield point


def _merged(axes: Sequence[Axis]) -> tuple[Axis, ...]:
    """An axis that is named twice has the values of both."""
    found: dict[str, Axis] = {}
    for axis in axes:
        before = found[axis.name].values if axis.name in found else ()
        found[axis.name] = Axis(axis.setting, tuple(dict.fromkeys((*before, *axis.values))))
    return tuple(found.values())


class Sweeps:
    """All sweeps that a folder has seen, the present one last: later ones extend the earlier.

    Raises:
        CellwrightError: an axis of this sweep sets a field that an axis of another name set in an earlier one; an
            earlier one cannot be read or planned any more, as where the file of its device is gone.
    """

    def __init__(self, folder: ResultsFolder, plan: Plan) -> None:
        self.folder = folder
        earlier = [sweep for sweep in _read(folder.path / SWEEPS) if sweep.command != plan.command]
        self.plans = (*earlier, plan)
        axes = [axis for sweep in self.plans for axis in sweep.axes]
        self.axes = _merged(axes)
        check_apart(self.axes, f" in {folder.path}")
        folder.write(SWEEPS, json.dumps([asdict(sweep.settings) for sweep in self.plans], indent=2) + "\n")

    @cached_property
    def jobs(self) -> tuple[PointJob, ...]:
        """The jobs of all sweeps, each once."""
        return tuple({job.key: job for plan in self.plans for job in plan.jobs}.values())


def _read(path: Path) -> Iterator[Plan]:
    """The sweeps in a file; none where there is no file.

    Raises:
        CellwrightError: one of them cannot be planned: to go on without it would be to lose it.
    """
    if not path.exists():
        return
    try:
        for stored in json.loads(path.read_text(encoding="utf-8")):
            yield Plan(SweepSettings(run=RunSettings(**stored["run"]), over=tuple(stored["over"])))
    except CellwrightError as error:
        raise CellwrightError(
            f"{path} has an earlier sweep that cannot be planned any more ({error}): "
            "put back what it needs, or name another folder with --out"
        ) from error
    except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise CellwrightError(
            f"{path} is no list of sweeps ({reason(error)}): delete it to begin with this sweep, "
            "or name another folder with --out"
        ) from error
