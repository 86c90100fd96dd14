"""Maps of an array, one number a device: conductances and stuck devices, to files that other tools read and back.

A map has a row for each word line and a column for each bit line. A chip is exported as one NPZ file, or as a folder
with a CSV file for each tile of each chip. ``about`` says what other tools need to get the weights back:
weight[row, column] = (G+ - G-) / siemens_a_unit[column] / range[row], with the pairs as the layout places them. The
bit slices of a weight, tiles of the same rows and columns, add up. Where rows were moved, ``row_order`` says for each
chip which row of the weights lies at each row of the array.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile, is_zipfile

import numpy as np
import torch
from numpy.typing import NDArray

from cellwright.crossbar.devices.device import LARGEST_CONDUCTANCE
from cellwright.crossbar.tables import read_rows, read_text
from cellwright.errors import CellwrightError, named
from cellwright.files import write_atomically

if TYPE_CHECKING:
    from cellwright.crossbar.array import AnalogArray
    from cellwright.crossbar.chip import Chip
    from cellwright.crossbar.tile import AnalogTile

Tensor = torch.Tensor

_SIEMENS: Mapping[str, float] = {"S": 1.0, "mS": 1e-3, "uS": 1e-6, "nS": 1e-9}
_UNIT = re.compile(r"^\s*#\s*unit:\s*(\S+)", re.MULTILINE)


def save_maps(chip: Chip, path: str | Path) -> None:
    """Write the conductances and stuck devices of all chips.

    Args:
        chip: programmed.
        path: a file that ends in .npz, or a folder for CSV files. In the NPZ, ``ARRAY/TILE/conductance`` (chips, word
            lines, bit lines) is in siemens and ``ARRAY/TILE/stuck`` is 1 (on), -1 (off) or 0; ``about`` is JSON. In
            the folder, ``ARRAY-TILE-chip0-conductance.csv`` and ``ARRAY-TILE-chip0-stuck.csv`` hold one map each, and
            ``about.json`` the rest.

    Raises:
        OSError: the files cannot be written.
    """
    path = Path(path)
    about = json.dumps({"unit": "S", "arrays": {name: _about(array) for name, array in chip.arrays.items()}}, indent=2)
    if path.suffix == ".npz":
        maps: dict[str, Any] = {f"{name}/{index}/{what}": values for name, index, what, values in _maps(chip)}
        data = io.BytesIO()
        np.savez_compressed(data, about=np.array(about), **maps)
        write_atomically(path, data.getvalue())
        return
    for name, index, what, values in _maps(chip):
        for number, one in enumerate(values):
            head = f"# {what} of array {name}, tile {index}, chip {number}: word lines down, bit lines across\n"
            unit = "# unit: S\n" if what == "conductance" else "# 1 stuck on, -1 stuck off, 0 neither\n"
            rows = "\n".join(",".join(map(repr, row)) for row in one.tolist())
            safe = re.sub(r"[^-.\w]", "_", name)
            write_atomically(path / f"{safe}-{index}-chip{number}-{what}.csv", f"{head}{unit}{rows}\n")
    write_atomically(path / "about.json", about + "\n")


def _maps(chip: Chip) -> Iterator[tuple[str, int, str, NDArray[Any]]]:
    for name, array in chip.arrays.items():
        for index, tile in enumerate(array.tiles):
            yield name, index, "conductance", tile.conductances.cpu().numpy()
            yield name, index, "stuck", tile.programmed.stuck.cpu().numpy()


def _about(array: AnalogArray) -> dict[str, Any]:
    spec = array.spec
    return {
        "pairs_along": array.layout.along,
        "pair_order": array.layout.order,
        "row_groups": [list(group) for group in spec.row_groups],
        "bias_row": spec.bias is not None,
        "column_groups": [list(group) for group in spec.column_groups],
        "ranges": array.ranges.tolist(),
        "tiles": [_about_tile(tile) for tile in array.tiles],
    }


def _about_tile(tile: AnalogTile) -> dict[str, Any]:
    place = tile.place
    return {
        "rows": [place.rows.start, place.rows.stop],
        "columns": [place.columns.start, place.columns.stop],
        "word_lines": tile.shape[0],
        "bit_lines": tile.shape[1],
        "bit_slice": place.bit_slice,
        "siemens_a_unit": tile.scale.tolist(),
        "row_order": None if tile.order is None else tile.order.tolist(),
    }


def load_conductances(path: str | Path, shape: tuple[int, ...] | None = None, *, name: str = "") -> Tensor:
    """Read a map of conductances.

    Args:
        path: a CSV file, in siemens or with a line ``# unit: uS`` (mS, nS), or an NPZ file, in siemens.
        shape: that the map must have: (word lines, bit lines), or (chips, word lines, bit lines) from an NPZ.
        name: of the map in the NPZ file, ``l0/0/conductance``; none where it has a single one.

    Returns:
        siemens, in double precision.

    Raises:
        CellwrightError: the map has gaps, text, negative or absurd numbers, or another shape; it cannot be read.
    """
    path = Path(path)
    values = _read(path, name, "conductance") * _unit_of(path)
    _refuse(path, values, values < 0, "{value:g} S is negative: conductances are 0 or more, in siemens")
    absurd = "{value:g} S is beyond any device: give siemens, or say in a CSV file '# unit: uS'"
    _refuse(path, values, values > LARGEST_CONDUCTANCE, absurd)
    return _shaped(path, values, shape)


def load_stuck(path: str | Path, shape: tuple[int, ...] | None = None, *, name: str = "") -> Tensor:
    """Read a map of stuck devices; see ``load_conductances``.

    Returns:
        1 where a device is stuck on, -1 where it is stuck off, 0 elsewhere; int8.

    Raises:
        CellwrightError: the map has other numbers, gaps or text, or another shape; it cannot be read.
    """
    path = Path(path)
    values = _read(path, name, "stuck")
    _refuse(path, values, ~np.isin(values, (-1, 0, 1)), "{value:g} is none of 1 (stuck on), -1 (stuck off) and 0")
    return _shaped(path, values, shape).to(torch.int8)


def maps_of_tiles(maps: str | Path | Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Maps by name, ``ARRAY/TILE/conductance`` and ``ARRAY/TILE/stuck``, from an NPZ file or as they are given.

    Raises:
        CellwrightError: as in ``load_conductances`` and ``load_stuck``; a name that ends in neither.
    """
    if isinstance(maps, Mapping):
        return {name: _checked(name, torch.as_tensor(values)) for name, values in maps.items()}
    path = Path(maps)
    kinds = {name: name.rpartition("/")[2] for name in _names(path)}
    found = {name: _LOADERS[kind](path, name=name) for name, kind in kinds.items() if kind in _LOADERS}
    return found | _orders(path)


def _checked(name: str, values: Tensor) -> Tensor:
    kind = name.rpartition("/")[2]
    if kind not in _LOADERS:
        raise CellwrightError(f"maps are called ARRAY/TILE/conductance or ARRAY/TILE/stuck, got {name}")
    if not bool(torch.isfinite(values).all()):
        raise CellwrightError(f"the map {name} has gaps: fill them")
    if kind == "stuck":
        if not bool(torch.isin(values, torch.tensor([-1, 0, 1], dtype=values.dtype)).all()):
            raise CellwrightError(f"the map {name} has other numbers than 1 (stuck on), -1 (stuck off) and 0")
        return values.to(torch.int8)
    if bool(((values < 0) | (values > LARGEST_CONDUCTANCE)).any()):
        raise CellwrightError(f"the map {name} has conductances that no device has: give siemens, 0 or more")
    return values.to(torch.float64)


def _orders(path: Path) -> dict[str, Tensor]:
    """Where rows were moved: ``ARRAY/TILE/row_order``, (chips, rows), from what a file of ours says about itself."""
    with np.load(path, allow_pickle=False) as file:
        if "about" not in file.files:
            return {}
        about = json.loads(str(file["about"]))
    return {
        f"{name}/{index}/row_order": torch.tensor(tile["row_order"])
        for name, array in about["arrays"].items()
        for index, tile in enumerate(array["tiles"])
        if tile.get("row_order")
    }


_LOADERS: Mapping[str, Callable[..., Tensor]] = {"conductance": load_conductances, "stuck": load_stuck}
MAPS = (*_LOADERS, "row_order")
"""What a tile can have a map of."""


def _names(path: Path) -> list[str]:
    _check_npz(path)
    try:
        with np.load(path, allow_pickle=False) as file:
            return list(file.files)
    except (OSError, ValueError, BadZipFile) as error:
        raise CellwrightError(f"{path.name} is no NPZ file of numbers: {' '.join(str(error).split())}") from error


def _check_npz(path: Path) -> None:
    if not path.is_file():
        raise CellwrightError(f"cannot read {path}: there is no such file")
    if not is_zipfile(path):
        raise CellwrightError(f"{path.name} is no NPZ file: write it with numpy.savez, or give the map as CSV")


def _read(path: Path, name: str, what: str) -> NDArray[np.float64]:
    if path.suffix == ".npz":
        return _read_npz(path, name, what)
    rows = read_rows(path)
    width = len(rows[0].cells)
    for row in rows:
        if len(row.cells) != width:
            raise CellwrightError(f"{path.name}, line {row.line} has {len(row.cells)} columns and the first {width}")
    return np.array([[row.number(column, what) for column in range(width)] for row in rows])


def _read_npz(path: Path, name: str, what: str) -> NDArray[np.float64]:
    _check_npz(path)
    try:
        with np.load(path, allow_pickle=False) as file:
            maps = {key: file[key] for key in file.files if key.rpartition("/")[2] == what or key == name}
    except (OSError, ValueError, BadZipFile) as error:
        raise CellwrightError(f"{path.name} is no NPZ file of numbers: {' '.join(str(error).split())}") from error
    if not name and len(maps) != 1:
        known = ", ".join(maps) or f"none that ends in {what}"
        raise CellwrightError(f"{path.name} has {len(maps)} maps of this kind: name one; it has {known}")
    values = named("map", name, maps, f" (in {path.name})") if name else next(iter(maps.values()))
    if not np.issubdtype(values.dtype, np.number) or np.iscomplexobj(values) or values.ndim not in (2, 3):
        raise CellwrightError(
            f"{path.name}: a map has numbers in (word lines, bit lines) or (chips, word lines, bit lines), got "
            f"{values.dtype} of the shape {values.shape}"
        )
    numbers = values.astype(np.float64)
    _refuse(path, numbers, ~np.isfinite(numbers), "{value:g} is no number: fill the gap")
    return numbers


def _unit_of(path: Path) -> float:
    found = None if path.suffix == ".npz" else _UNIT.search(read_text(path))
    return named("unit of conductance", found[1].replace("µ", "u").replace("μ", "u"), _SIEMENS) if found else 1.0


def _refuse(path: Path, values: NDArray[np.float64], wrong: NDArray[np.bool_], message: str) -> None:
    """Say what is wrong with the first device, and how many more there are."""
    places = np.argwhere(wrong)
    if not len(places):
        return
    first = tuple(places[0])
    axes = ("chip", "word line", "bit line")[-len(first) :]
    where = ", ".join(f"{axis} {index}" for axis, index in zip(axes, first, strict=True))
    more = f"; so are {len(places) - 1} more" if len(places) > 1 else ""
    raise CellwrightError(f"{path.name}, {where} (from 0): {message.format(value=values[first])}{more}")


def _shaped(path: Path, values: NDArray[np.float64], shape: tuple[int, ...] | None) -> Tensor:
    if shape is not None and values.shape != tuple(shape):
        got, wanted = (" x ".join(map(str, each)) for each in (values.shape, shape))
        raise CellwrightError(f"{path.name} is a map of {got} devices, expected {wanted} (word lines x bit lines)")
    return torch.as_tensor(values)
