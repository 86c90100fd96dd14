"""A run as its settings, and what they name: a task, a recipe, a cell, a chip."""

from __future__ import annotations

import hashlib
import re
import shlex
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch

from cellwright import __version__
from cellwright.cells import Listed, describe
from cellwright.crossbar import ChipSettings
from cellwright.errors import CellwrightError
from cellwright.studies.files import flag, listed, usual_options
from cellwright.tasks import (
    ForecastFile,
    LabelledFile,
    LabelledTask,
    Recipe,
    SeriesTask,
    TableTask,
    find,
    read_task,
)


@dataclass(frozen=True, kw_only=True)
class RunSettings:
    """What the person asked for.

    Attributes:
        task: name of a task, or the path of a file.
        recipe: name of a recipe of the task; empty for the task's own default.
        cell: a cell of the catalogue or ``FILE.py:CLASS``; empty for the recipe's own.
        seeds: how many networks are trained.
        device: name of a memristor.
        chips: how many chips each network is programmed into.
        seed: the first network's seed, and the seed of the chips.
        no_tiling: a network whose matrices take more than one array each is refused.
        circuit: the first network's cell is made an analog circuit, too; nothing else changes with it.
        file: what to forecast in the file, or which sequences to classify; None for a task of the catalogue.
    """

    task: str
    recipe: str = ""
    cell: str = ""
    seeds: int = 5
    device: str = "li2019"
    chips: int = 50
    seed: int = 0
    no_tiling: bool = False
    circuit: bool = False
    file: ForecastFile | LabelledFile | None = None


CALIBRATION = 500
"""The most sequences that set a chip's converters."""


class Job:
    """The settings with everything that they name looked up.

    Raises:
        CellwrightError: a name that nothing has; an absurd number of networks or chips.
    """

    def __init__(self, settings: RunSettings) -> None:
        _check_counts(settings)
        self.settings = settings
        self.task: SeriesTask | TableTask | LabelledTask = _task(settings)
        self.recipe: Recipe = self.task.recipe(settings.recipe)
        self.cell_name = settings.cell or self.recipe.cell
        self.listed: Listed = describe(self.cell_name)
        self.chip = ChipSettings(device=settings.device, tiling=not settings.no_tiling)
        self.seeds = tuple(range(settings.seed, settings.seed + settings.seeds))

    @property
    def default_folder(self) -> Path:
        """``runs/TASK-RECIPE``, with the cell and the device where they are not the recipe's and the usual one."""
        settings = self.settings
        parts = [self.task.name, self.recipe.name] if settings.file is None else _about(settings.file)
        if settings.cell:
            parts += _short(settings.cell)
        if settings.device != RunSettings(task="").device:
            parts += _short(settings.device)
        return Path("runs") / "-".join(parts)

    @property
    def command(self) -> str:
        """The command that repeats this run."""
        given = self.settings
        changed = _changed(given, without=("task", "file"))
        if given.file is not None:
            kind = {"task": self.task.name} if isinstance(given.file, LabelledFile) else {}
            changed = kind | _changed(given.file, without=("path",)) | changed
        options = [_option(name, value) for name, value in changed.items()]
        return " ".join(["cellwright", "run", shlex.quote(given.task), *options])

    def described(self) -> dict[str, Any]:
        """The settings as plain values; two runs with the same ones give the same results on one machine."""
        named = asdict(self.settings) | {"recipe": self.recipe.name, "cell": self.cell_name}
        del named["circuit"]  # it adds to the results of a run, and makes no other run
        if not named["no_tiling"]:
            del named["no_tiling"]  # what is not asked for makes no other run
        sources = source_of("cell", self.cell_name) | source_of("device", self.settings.device)
        file = named.pop("file")
        if not isinstance(self.task, SeriesTask):
            sources |= {name: _plain(value) for name, value in file.items()} | {"data_source": self.task.digest}
        return named | sources | {"cellwright": __version__, "torch": torch.__version__}

    @cached_property
    def calibration(self) -> torch.Tensor:
        """Training inputs, at most `CALIBRATION` of them, by which a chip's converters are set."""
        inputs = self.task.training_data(self.recipe).everything.inputs
        return inputs[:: -(-len(inputs) // CALIBRATION)]

    def errors(self, forecasts: torch.Tensor) -> torch.Tensor:
        """The error of forecasts (..., test months) by which the task compares, in its unit."""
        return self.task.metrics(forecasts)[self.task.metric]


def _check_counts(settings: RunSettings) -> None:
    """
    Raises:
        CellwrightError: more than any study has use for; a slip of the finger would fill the memory.
    """
    for name, least, most in (("seeds", 1, 10_000), ("chips", 1, 100_000), ("seed", 0, 2**32 - 1)):
        given = getattr(settings, name)
        if not least <= given <= most:
            raise CellwrightError(f"--{name} {given}: expected a whole number from {least} to {most:,}")


def _task(settings: RunSettings) -> SeriesTask | TableTask | LabelledTask:
    if isinstance(settings.file, LabelledFile):
        return read_task(settings.file)
    if settings.file is not None:
        return TableTask(settings.file)
    found = find(settings.task)
    assert isinstance(found, SeriesTask), "all tasks of the catalogue so far are series"
    return found


def _changed(given: Any, without: tuple[str, ...]) -> dict[str, Any]:
    """The options that are not what they are by default."""
    usual = {name: value for name, value in usual_options(type(given)).items() if name not in without}
    return {name: getattr(given, name) for name, value in usual.items() if getattr(given, name) != value}


def _plain(value: Any) -> Any:
    """As JSON gives it back."""
    return list(value) if isinstance(value, tuple) else value


def _about(file: ForecastFile | LabelledFile) -> list[str]:
    """What a folder of results on a file is called by."""
    asked = "classify" if isinstance(file, LabelledFile) else _plain_name(file.target)
    return [bare_name(Path(file.path)), asked]


def bare_name(file: Path) -> str:
    """The name of a file without its ending: ``sales.2024`` of ``sales.2024.csv.gz``."""
    return Path(file.name.removesuffix(".gz")).stem


def _plain_name(text: str) -> str:
    """A text as part of a folder's name."""
    return re.sub(r"[^\w.-]+", "_", text).strip("._") or "target"


def _option(name: str, value: Any) -> str:
    """As it is written on the command line."""
    if value is True:
        return flag(name)
    return f"{flag(name)} {shlex.quote(listed(value) if isinstance(value, tuple) else str(value))}"


def source_of(what: str, name: str) -> dict[str, str]:
    """The digest of the file that a cell or device is named by, as ``WHAT_source``; nothing for one of the catalogue.

    A law in a file may change while all its numbers stay: the digest tells the two apart.
    """
    source = Path(name.partition(":")[0])
    if source.suffix not in (".py", ".json"):
        return {}
    return {f"{what}_source": hashlib.sha256(source.read_bytes()).hexdigest()}


def _short(name: str) -> list[str]:
    """A name of a catalogue, or FILE:NAME without the folders and the ending."""
    file, _, own = name.partition(":")
    return [Path(file).stem if own or file.endswith((".py", ".json")) else file, *([own] if own else [])]
