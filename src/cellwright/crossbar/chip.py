"""A network on a chip: a torch model whose matrices are crossbars.

The copy of the model walks the same program as before; only what evaluates its linear groups is an array. The chips of
a batch are folded into the batch of the model (row = chip * batch + sample), so that every pointwise operation and
every other module works unchanged.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from torch import nn

from cellwright.crossbar.array import AnalogArray
from cellwright.crossbar.draws import Draws
from cellwright.crossbar.layout import check_whole, find_layout, tiles
from cellwright.crossbar.maps import MAPS, maps_of_tiles
from cellwright.crossbar.settings import ChipSettings
from cellwright.crossbar.sites import Rows, batch_axis, find_sites, is_recurrent
from cellwright.errors import CellwrightError

Tensor = torch.Tensor


class Chip(nn.Module):
    """A programmed model; call it with inputs of one batch, and it answers for every chip.

    Attributes:
        model: the programmed copy; it sees chips * batch rows.
        arrays: its arrays by name.
        settings, chips, seed: what it was made with.
        batch_dimension: where the inputs of the model have their batch.
        digital: names of the modules and parameters that were left digital.
    """

    def __init__(
        self, model: nn.Module, arrays: Mapping[str, AnalogArray], settings: ChipSettings, chips: int, seed: int,
        digital: Sequence[str], batch_dimension: int, rows: Rows,
    ) -> None:  # fmt: skip
        super().__init__()
        self.model = model
        self.arrays = dict(arrays)
        self.settings, self.chips, self.seed = settings, chips, seed
        self.batch_dimension = batch_dimension
        self.digital = tuple(digital)
        self._rows = rows

    def forward(self, *inputs: Any, batch_dimension: int | None = None, **options: Any) -> Any:
        """Run all chips on the same inputs.

        Args:
            inputs: as the model takes them; tensors are repeated for every chip along the batch dimension.
            batch_dimension: for this call instead of the chip's own.
            options: passed on to the model, tensors among them repeated likewise.

        Returns:
            what the model returns, its tensors with a leading axis of chips.

        Raises:
            CellwrightError: the inputs have different batch sizes; a recurrent layer does not get all rows as its
                batch; an output has no axis of chips * batch rows, or it cannot be told from another.
        """
        dimension = self._checked(batch_dimension)
        outputs = self._run(inputs, options, dimension)
        seen, count = self._rows.seen, self._rows.count
        if any(shape.count(count) > 1 for shape, _ in seen):
            self._tell_apart(inputs, options, dimension)
        return outputs

    def _run(self, inputs: Sequence[Any], options: Mapping[str, Any], dimension: int) -> Any:
        batch = batch_of(inputs, dimension)
        self._rows.begin(self.chips * batch, dimension)
        keywords = {name: self.fold(value, dimension) for name, value in options.items()}
        outputs = self.model(*(self.fold(value, dimension) for value in inputs), **keywords)
        return self.unfold(outputs, batch, dimension)

    def _tell_apart(self, inputs: Sequence[Any], options: Mapping[str, Any], dimension: int) -> None:
        """Where another axis has as many entries by chance: one sample more, and the rows are those that grow.

        Raises:
            CellwrightError: another axis was taken for the rows.
        """

        def one_more(tensor: Tensor) -> Tensor:
            return torch.cat([tensor, tensor.narrow(dimension, 0, 1)], dimension)

        count, seen = self._rows.count, self._rows.seen
        self._rows.probing = True
        try:
            self._run(mapped(list(inputs), one_more), mapped(options, one_more), dimension)
            grown = [shape[axis] == self._rows.count for (_, axis), (shape, _) in zip(seen, self._rows.seen)]  # noqa: B905
        finally:
            self._rows.probing, self._rows.count, self._rows.seen = False, count, seen
        if not all(grown):
            raise CellwrightError(
                f"the {count} rows of all chips cannot be told from another axis of that size, such as the layers and "
                "directions of a state: program one chip more"
            )

    def fold(self, value: Any, batch_dimension: int | None = None) -> Any:
        """Repeat tensors for every chip along the batch: row = chip * batch + sample.

        Raises:
            CellwrightError: a tensor has no such dimension.
        """
        dimension = self._checked(batch_dimension)

        def one(tensor: Tensor) -> Tensor:
            if tensor.ndim <= dimension:
                raise CellwrightError(
                    f"an argument of the shape {tuple(tensor.shape)} has no dimension {dimension}, where this chip "
                    "has its batch"
                )
            repeats = [1] * tensor.ndim
            repeats[dimension] = self.chips
            return tensor.repeat(repeats)

        return mapped(value, one)

    def unfold(self, value: Any, batch: int, batch_dimension: int | None = None) -> Any:
        """Give tensors of chips * batch rows a leading axis of chips."""
        self._rows.count, self._rows.batch_dimension = self.chips * batch, self._checked(batch_dimension)

        def one(tensor: Tensor) -> Tensor:
            axis = self._rows.find(tensor.shape)
            return tensor.unflatten(axis, (self.chips, batch)).movedim(axis, 0)

        return mapped(value, one)

    def _checked(self, batch_dimension: int | None) -> int:
        return self.batch_dimension if batch_dimension is None else _dimension(batch_dimension)

    def reset(self) -> None:
        """Start the read noise again from its first draw and forget the inputs seen: the next run repeats the first."""
        for array in self.arrays.values():
            array.reset()


def program(
    model: nn.Module,
    settings: ChipSettings | None = None,
    *,
    chips: int = 50,
    seed: int = 0,
    calibration: Tensor | Sequence[Any] | None = None,
    allow_digital: Sequence[str] = (),
    batch_dimension: int | None = None,
    maps: str | Path | Mapping[str, Tensor] = MappingProxyType({}),
) -> Chip:
    """Program a trained model into crossbars, on many chips at once.

    ``torch.nn.Linear`` and the recurrent layers of Cellwright become arrays: one for each linear group of a cell, with
    rows [x, h, bias] and one bundle of columns a gate.

    Args:
        model: stays as it is; a copy in eval mode is programmed.
        settings: of the chip; the default is Li et al.'s device with every cause of error.
        chips: how many chips; chip k is the same whatever their number.
        seed: of all draws.
        calibration: training inputs, one tensor or the tuple of the model's arguments. They run through the software
            model once, to set the converters' ranges and the columns' corrections.
        allow_digital: what may stay digital: names of modules or classes (``norm``, ``LayerNorm``), or of parameters
            (``weight_peephole``).
        maps: what was measured on real devices, an NPZ file as ``save_maps`` writes it or maps by name: where
            ``ARRAY/TILE/conductance`` is there, its devices are not programmed but have these conductances, in siemens;
            ``ARRAY/TILE/stuck`` takes the place of drawn failures. A map is (word lines, bit lines), or has the chips
            in front.
        batch_dimension: where the inputs of the model have their batch. None takes that of its recurrent layers: 0 if
            they are batch first or there are none, 1 if they are time first, torch's default.

    Raises:
        CellwrightError: some recurrent layers are batch first, some time first, and nobody says where the inputs have
            their batch; the model has weights that no array holds and ``allow_digital`` does not name; it has none that
            an array could hold; the calibration misses an array; a map belongs to no tile or has another shape.
    """
    settings = settings or ChipSettings()
    if chips < 1:
        raise CellwrightError(f"a study needs at least one chip, got {chips}")
    copy = Sites(deepcopy(model).eval().requires_grad_(False), allow_digital, batch_dimension)
    recorded = {} if calibration is None else copy.record(calibration)
    measured = maps_of_tiles(maps)
    arrays: dict[str, AnalogArray] = {}
    for site in copy.found:
        matrix = site.matrix
        draws = Draws(seed, chips, device=matrix.weights.device)
        array = AnalogArray(matrix, settings, draws, recorded.get(matrix.name), measured)
        arrays[array.name] = array
        site.install(array, copy.rows)
    known = {f"{name}/{tile}/{what}" for name, a in arrays.items() for tile in range(len(a.tiles)) for what in MAPS}
    if unused := sorted(measured.keys() - known):
        raise CellwrightError(
            f"no array has a place for the map {unused[0]!r}: expected one of {', '.join(sorted(known))}"
        )
    return Chip(copy.model, arrays, settings, chips, seed, copy.digital, copy.rows.batch_dimension, copy.rows)


def check_room(model: nn.Module, settings: ChipSettings, *, allow_digital: Sequence[str] = ()) -> None:
    """Whether arrays have room for a model, which need not be trained; nothing is programmed.

    Raises:
        CellwrightError: a matrix fits no array as a whole and tiling is off; a tile has no room for a pair; weights
            that no array holds and ``allow_digital`` does not name.
    """
    layout = find_layout(settings.layout)
    for site in Sites(deepcopy(model), allow_digital, None).found:
        rows, columns = site.matrix.with_bias.shape
        tiles(rows, columns, layout, settings.tile)
        if not settings.tiling:
            check_whole(site.matrix.name, rows, columns, layout, settings.tile)


class Sites:
    """A copy of a model, whose matrices give way to arrays.

    Args:
        model: the copy.
        allow_digital, batch_dimension: as in ``program``.

    Attributes:
        model: it, with arrays where they were installed.
        found: its matrices.
        digital: names of what stays digital.
        rows: where the rows of all chips lie.
    """

    def __init__(self, model: nn.Module, allow_digital: Sequence[str], batch_dimension: int | None) -> None:
        self._holder = _Holder(model)
        self.found, self.digital = find_sites(model, self._holder.replace, allow_digital)
        dimension = _batch_dimension_of(model) if batch_dimension is None else _dimension(batch_dimension)
        self.rows = Rows(batch_dimension=dimension)
        for layer in filter(is_recurrent, model.modules()):
            layer.register_forward_pre_hook(self.rows.check_layer, with_kwargs=True)

    @property
    def model(self) -> nn.Module:
        return self._holder.model

    def record(self, calibration: Tensor | Sequence[Any]) -> dict[str, Tensor]:
        """Run the software model on inputs; what each matrix is multiplied by, (samples, inputs), by its name."""
        matrices = [site.matrix for site in self.found]
        seen: list[list[Tensor]] = [[] for _ in matrices]
        for site, inputs in zip(self.found, seen, strict=True):
            site.record(inputs)
        with torch.no_grad():
            self.model(*([calibration] if isinstance(calibration, Tensor) else calibration))
        return {
            matrix.name: torch.cat(inputs) if inputs else matrix.weights.new_zeros(0, matrix.weights.shape[1])
            for matrix, inputs in zip(matrices, seen, strict=True)
        }


def batch_of(inputs: Sequence[Any], dimension: int) -> int:
    """The batch size that inputs have along a dimension.

    Raises:
        CellwrightError: none has such a dimension, or they differ.
    """
    sizes = {value.shape[dimension] for value in inputs if isinstance(value, Tensor) and value.ndim > dimension}
    if not sizes:
        raise CellwrightError(f"no input has a dimension {dimension}, where this chip has its batch")
    if len(sizes) != 1:
        raise CellwrightError(f"the inputs have batch sizes {sorted(sizes)} along dimension {dimension}: expected one")
    return int(sizes.pop())


def _batch_dimension_of(model: nn.Module) -> int:
    """Where the recurrent layers have their batch; the first dimension without any."""
    axes = {batch_axis(layer) for layer in filter(is_recurrent, model.modules())}
    if len(axes) > 1:
        raise CellwrightError(
            "some recurrent layers of the model are batch first and some time first: say where its inputs have their "
            "batch, program(..., batch_dimension=0) or 1"
        )
    return axes.pop() if axes else 0


def _dimension(given: int) -> int:
    if isinstance(given, bool) or not isinstance(given, int) or given < 0:
        raise CellwrightError(f"batch_dimension is a dimension counted from 0, got {given!r}")
    return given


class _Holder(nn.Module):
    """Holds the copy, so that the model itself has a path too."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def replace(self, path: str, module: nn.Module) -> None:
        parent, _, name = f"model.{path}".rstrip(".").rpartition(".")
        setattr(self.get_submodule(parent), name, module)


def mapped(value: Any, function: Callable[[Tensor], Tensor]) -> Any:
    """Apply a function to every tensor in tuples, lists and mappings."""
    if isinstance(value, Tensor):
        return function(value)
    if isinstance(value, tuple | list):
        return type(value)(mapped(item, function) for item in value)
    if isinstance(value, Mapping):
        return {name: mapped(item, function) for name, item in value.items()}
    return value
