"""Trained networks in files: those of finished runs, and those that problems keep so as to train them once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from torch import nn

from cellwright.cells import find
from cellwright.errors import CellwrightError
from cellwright.files import write_atomically
from cellwright.layers.weights import load_weights, packed_weights, read_weights
from cellwright.learning.settings import plain
from cellwright.tasks import Recipe, SeriesTask, Task

ABOUT, MODEL = "cellwright", "model.safetensors"
"""The entry of a file's description that is ours, as `cellwright run` writes it; the name of its file."""


@dataclass(frozen=True, kw_only=True)
class Origin:
    """What a network was made by: the same origin gives the same network.

    Attributes:
        task, recipe: what it was trained for. cell: a name in the catalogue, or ``FILE.py:CLASS``.
        seed, fold: of the training; of the data, None where there are no folds.
    """

    task: Task
    recipe: Recipe
    cell: str
    seed: int
    fold: int | None

    @property
    def file_name(self) -> str:
        """``airline-survey-lstm-seed0-1a2b3c4d.safetensors``: another recipe, cell or data has another name."""
        fold = "" if self.fold is None else f"-fold{self.fold}"
        cell = Path(self.cell).stem.replace(":", "-")
        return f"{self.task.name}-{self.recipe.name}-{cell}{fold}-seed{self.seed}-{self._digest()[:8]}.safetensors"

    def about(self) -> dict[str, str]:
        """What a file says of its network, as `cellwright run` says it."""
        about = {"task": self.task.name, "recipe": self.recipe.name, "cell": self.cell, "seed": str(self.seed)}
        if self.fold is not None:
            about["fold"] = str(self.fold)
        return {ABOUT: json.dumps(about)}

    def _digest(self) -> str:
        recipe = {entry.name: plain(getattr(self.recipe, entry.name)) for entry in fields(self.recipe)}
        recipe["training"] = self.recipe.training.described()
        # What is said of a recipe changes no network.
        for words in ("title", "source", "why", "seeds"):
            del recipe[words]
        if hasattr(self.recipe, "window"):
            recipe["window"] = None if self.recipe.window is None else asdict(self.recipe.window)
        data = self.task.series if isinstance(self.task, SeriesTask) else getattr(self.task, "digest", "")
        made_by = json.dumps([recipe, plain(data), str(find(self.cell).program())], sort_keys=True)
        return hashlib.sha256(made_by.encode()).hexdigest()


def kept_network(origin: Origin, blank: nn.Module, folder: Path | None, train: Callable[[], nn.Module]) -> nn.Module:
    """The network of an origin: from its file in a folder, else trained and written there.

    Args:
        blank: a network of that kind, which takes the weights of a file.
        folder: made if it is not there; None keeps nothing.

    Raises:
        CellwrightError: a file that is damaged.
        OSError: the folder cannot be written.
    """
    file = None if folder is None else folder / origin.file_name
    if file is not None and file.is_file():
        load_weights(blank, file)
        return blank
    network = train()
    if file is not None:
        write_atomically(file, packed_weights(network, origin.about()))
    return network


def described(model: Path) -> tuple[Path, Mapping[str, Any]]:
    """The file of weights that a person names, or that lies in the folder of a finished run, and what it says of them.

    Nothing where it says nothing, as a file that torch wrote.

    Raises:
        CellwrightError: no such file; it is damaged.
    """
    if model.is_dir() and not (model / MODEL).is_file():
        raise CellwrightError(f"{model} has no {MODEL}: expected a file of weights, or the folder of a finished run")
    file = model / MODEL if model.is_dir() else model
    try:
        about = json.loads(read_weights(file).about.get(ABOUT, "{}"))
    except json.JSONDecodeError as error:
        raise CellwrightError(f"{file.name} does not say of what it is ({error}): run the training again") from error
    return file, about if isinstance(about, dict) else {}


def check_trained_for(file: Path, about: Mapping[str, Any], task: str, recipe: str, fold: int | None) -> None:
    """Whether what a file says of its network, if anything, is what is asked of it.

    Raises:
        CellwrightError: it was trained for something else; or its wafers are those to be tested.
    """
    wanted = {"task": task, "recipe": recipe} | ({} if fold is None else {"fold": str(fold)})
    for name, value in wanted.items():
        if str(about.get(name, value)) != value:
            raise CellwrightError(f"{file} was trained for the {name} {about[name]!r}, expected {value!r}")
