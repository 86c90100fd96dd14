"""The catalogue of tasks: every file in this folder that assigns to ``TASK``."""

from __future__ import annotations

import importlib
import pkgutil
import sys
from functools import cache
from types import MappingProxyType

from cellwright.errors import named
from cellwright.tasks.task import Task


@cache
def _tasks() -> dict[str, Task]:
    package = sys.modules["cellwright.tasks"]
    modules = (importlib.import_module(f"{package.__name__}.{m.name}") for m in pkgutil.iter_modules(package.__path__))
    found = (getattr(module, "TASK", None) for module in modules)
    return {task.name: task for task in found if isinstance(task, Task)}


def catalogue() -> MappingProxyType[str, Task]:
    """The tasks by name."""
    return MappingProxyType(_tasks())


def find(name: str) -> Task:
    """The task called ``name``.

    Raises:
        CellwrightError: no such task, naming the nearest.
    """
    return named("task", name, _tasks(), "; a file of your own is named by its path, as sales.csv")
