"""The catalogue: every cell by the name that the literature gives it, and cells from a person's own file."""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
import sys
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from cellwright.errors import CellwrightError

if TYPE_CHECKING:
    from cellwright.cells.notation import Cell


@dataclass(frozen=True)
class Listed:
    """A cell as the catalogue lists it. A file in this folder lists its cells in a mapping ``CATALOGUE``."""

    cell: Cell
    title: str
    citation: str


@cache
def entries() -> dict[str, Listed]:
    """Every listed cell by name, in the order of files and within them."""
    package = sys.modules[__package__ or "cellwright.cells"]
    found: dict[str, Listed] = {}
    for module in pkgutil.iter_modules(package.__path__):
        listed = getattr(importlib.import_module(f"{package.__name__}.{module.name}"), "CATALOGUE", {})
        if twice := found.keys() & listed.keys():
            raise CellwrightError(f"cells/{module.name}.py lists names that are taken: {', '.join(sorted(twice))}")
        found |= listed
    return found


def catalogue() -> dict[str, Cell]:
    """The cells by the names of the literature: ``catalogue()["peephole"]``."""
    return {name: entry.cell for name, entry in entries().items()}


def find(name: str) -> Cell:
    """A cell by its name in the catalogue, or from a file: ``my_cell.py:MyCell``.

    Raises:
        CellwrightError: no such name, file or class; the file does not import; the class is no cell.
    """
    return describe(name).cell


def describe(name: str) -> Listed:
    """The cell with its title and citation; see ``find``."""
    if ":" in name or name.endswith(".py"):
        return _from_file(name)
    if name not in entries():
        near = get_close_matches(name, entries(), n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise CellwrightError(
            f"no cell is called {name!r}: {hint}known are {', '.join(entries())}; your own is FILE.py:CLASS"
        )
    return entries()[name]


def _from_file(name: str) -> Listed:
    from cellwright.cells.notation import Cell

    path_name, _, class_name = name.partition(":")
    path = Path(path_name)
    if not path.is_file():
        raise CellwrightError(f"no file {path_name!r}: a cell of your own is named FILE.py:CLASS")
    module = _imported(path)
    cells = {k: v for k, v in vars(module).items() if isinstance(v, type) and issubclass(v, Cell) and v is not Cell}
    own = {k: v for k, v in cells.items() if v.__module__ == module.__name__}
    if not class_name and len(own) == 1:
        class_name = next(iter(own))
    if class_name not in cells:
        known = ", ".join(own) or "none (a cell is a subclass of cellwright.cells.Cell)"
        raise CellwrightError(f"{path_name} has no cell {class_name!r}; its cells are: {known}")
    cell = _instance(cells[class_name], name)
    title = (cell.__doc__ or class_name).strip().splitlines()[0]
    return Listed(cell, title, f"defined in {path.name}")


def _instance(cell_class: type[Cell], name: str) -> Cell:
    try:
        cell = cell_class()
        cell.program()
    except CellwrightError as error:
        raise CellwrightError(f"{name}: {error}") from None
    except Exception as error:
        raise CellwrightError(f"{name} cannot be traced: {type(error).__name__}: {error}") from error
    return cell


def _imported(path: Path) -> ModuleType:
    module_name = f"cellwright_user_{path.stem}"
    spec = importlib.util.spec_from_file_location(module_name, path)
    if spec is None or spec.loader is None:
        raise CellwrightError(f"{path} is not a Python file: name it with the ending .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module  # so that a cell from the file can be pickled
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[module_name]
        raise CellwrightError(f"{path} does not import: {type(error).__name__}: {error}") from error
    return module
