"""The catalogue: every cell by the name that the literature gives it, and cells from a person's own file."""

from __future__ import annotations

import copyreg
import importlib
import importlib.util
import inspect
import pkgutil
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, is_dataclass
from difflib import get_close_matches
from functools import cache, partial
from operator import attrgetter
from pathlib import Path
from types import ModuleType
from typing import Any
from zlib import crc32

from cellwright.cells.notation import Cell, Topology
from cellwright.errors import CellwrightError, named

_USER_MODULE = "cellwright_user_"
_ORDER = (
    "simple",
    "lstm",
    "full_peepholes",
    "layer_norm",
    "gru",
    "xlstm",
    "timed",
    "convolutional",
    "tree",
    "multidimensional",
    "grid",
)
"""The files of cells/ from simple to complex, as the catalogue lists them."""


@dataclass(frozen=True)
class Listed:
    """A cell as the catalogue lists it, with what it is and where it was published.

    A file in this folder lists its cells in a mapping ``CATALOGUE`` by name.
    """

    cell: Cell
    title: str
    citation: str


@cache
def entries() -> dict[str, Listed]:
    """Every listed cell by name, from simple to complex."""
    return {name: entry for name, (_, entry) in listed("cellwright.cells", "CATALOGUE", _ORDER).items()}


def listed(package: str, table: str, first: Sequence[str]) -> dict[str, tuple[str, Any]]:
    """What the files of a package list in a mapping of that name: the file and the entry by name.

    Args:
        first: files in their order; others come after them.

    Raises:
        CellwrightError: two files list the same name.
    """
    files = [module.name for module in pkgutil.iter_modules(sys.modules[package].__path__)]
    found: dict[str, tuple[str, Any]] = {}
    for file in sorted(files, key=lambda file: first.index(file) if file in first else len(first)):
        own = getattr(importlib.import_module(f"{package}.{file}"), table, {})
        if twice := found.keys() & own.keys():
            folder = package.rpartition(".")[2]
            raise CellwrightError(f"{folder}/{file}.py lists names that are taken: {', '.join(sorted(twice))}")
        found |= {name: (file, entry) for name, entry in own.items()}
    return found


def catalogue(topology: Topology | None = None) -> dict[str, Cell]:
    """The cells by the names of the literature: ``catalogue()["peephole"]``.

    Args:
        topology: those alone that walk sequences, trees, grids or maps; see ``Cell.topology``.
    """
    cells = {name: entry.cell for name, entry in entries().items()}
    return {name: cell for name, cell in cells.items() if topology in (None, cell.topology)}


def find(name: str) -> Cell:
    """A cell by its name in the catalogue, or from a file: ``my_cell.py:MyCell``.

    Raises:
        CellwrightError: no such name, file or class; the file does not import; the class is no cell.
    """
    return describe(name).cell


def describe(name: str) -> Listed:
    """The cell with its title and citation; see ``find``."""
    if is_file(name):
        return _from_file(name)
    return named("cell", name, entries(), "; your own is FILE.py:CLASS")


def is_file(name: str) -> bool:
    """Whether a cell's name is that of a file: ``my_cell.py:MyCell``."""
    return ":" in name or name.endswith(".py")


def _from_file(name: str) -> Listed:
    path_name, _, class_name = name.partition(":")
    path = Path(path_name)
    if not path.is_file():
        raise CellwrightError(f"no file {path_name!r}: a cell of your own is named FILE.py:CLASS")
    module = user_module(path.resolve())
    cells = {k: v for k, v in vars(module).items() if isinstance(v, type) and issubclass(v, Cell) and v is not Cell}
    own = [k for k, v in cells.items() if v.__module__ == module.__name__]
    if not class_name and len(own) == 1:
        class_name = own[0]
    if class_name not in cells:
        raise CellwrightError(not_among(module, class_name, own, "cell", "cellwright.cells.Cell", path_name))
    cell = _instance(cells[class_name], name)
    title = inspect.cleandoc(cell.__doc__ or class_name).splitlines()[0]
    return Listed(cell, title, f"defined in {path.name}")


def _instance(cell_class: type[Cell], name: str) -> Cell:
    path = Path(name.partition(":")[0])
    try:
        cell = cell_class()
        cell.program()
    except CellwrightError as error:
        raise CellwrightError(f"{name}{line_in(path, error)}: {error}") from error
    except Exception as error:
        raise CellwrightError(f"{name}{line_in(path, error)} cannot be traced: {reason(error)}") from error
    return cell


def not_among(module: ModuleType, wanted: str, own: Sequence[str], kind: str, base: str, file: str) -> str:
    """Why a file has no cell or device of a name: the nearest, and which it has."""
    has = f"its {kind}s are: {', '.join(own) or f'none (a {kind} is a subclass of {base})'}"
    if not wanted:
        return f"{file} has no single {kind}: name one as FILE.py:{'CLASS' if kind == 'cell' else 'NAME'}; {has}"
    if hasattr(module, wanted):
        return f"{file}: {wanted} is no {kind}: expected a subclass of {base}; {has}"
    near = get_close_matches(wanted, own, n=1)
    return f"{file} has no {kind} {wanted!r}{f': did you mean {near[0]!r}?' if near else ';'} {has}"


def line_in(path: Path, error: BaseException) -> str:
    """Where in a person's file an error came up: ``, line 7``; empty where it did not."""
    lines = [
        frame.lineno
        for frame in traceback.extract_tb(error.__traceback__)
        if Path(frame.filename) == path.resolve() and frame.lineno
    ]
    return f", line {lines[-1]}" if lines else ""


def user_module(path: Path) -> ModuleType:
    """A person's file as a module: the same one, with the same classes, until the file is changed."""
    return _imported(path, path.stat().st_mtime_ns)


@cache
def _imported(path: Path, _changed: int) -> ModuleType:
    module_name = f"{_USER_MODULE}{path.stem}_{crc32(str(path).encode()):08x}"
    spec = importlib.util.spec_from_file_location(module_name, path)
    if spec is None or spec.loader is None:
        raise CellwrightError(f"{path.name} is not a Python file: name it with the ending .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module  # where dataclasses look their own module up
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[module_name]
        raise CellwrightError(f"{path.name}{line_in(path, error)} does not import: {reason(error)}") from error
    for item in vars(module).values():
        if isinstance(item, type) and is_dataclass(item) and item.__module__ == module_name:
            copyreg.pickle(item, partial(_reduced, path))
    return module


def fault_of_a_file(error: BaseException) -> str:
    """What to say of an error that came up in a person's own file while it was in use; empty for any other error."""
    own = ""
    for frame, line in traceback.walk_tb(error.__traceback__):
        if str(frame.f_globals.get("__name__", "")).startswith(_USER_MODULE):
            own = f"{Path(frame.f_code.co_filename).name}, line {line}, failed in {frame.f_code.co_name}"
    return own and f"{own}: {reason(error)}"


def reason(error: BaseException) -> str:
    """An error of somebody else's in one line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}"


def _reduced(path: Path, item: Any) -> tuple[Callable[..., Any], tuple[Path, str, dict[str, Any]]]:
    """How a cell or device from a file is pickled: the file and the fields, so that other processes can unpickle it."""
    values = {field.name: getattr(item, field.name) for field in fields(item) if field.init}
    return _restored, (path, type(item).__qualname__, values)


def _restored(path: Path, class_name: str, values: dict[str, Any]) -> Any:
    if not path.is_file():
        raise CellwrightError(f"{class_name} was defined in {path}, which is gone: put the file back")
    return attrgetter(class_name)(user_module(path))(**values)
