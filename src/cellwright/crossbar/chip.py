"""A network on a chip: a torch model whose matrices are crossbars.

The copy of the model walks the same program as before; only what evaluates its linear groups is an array. The chips of
a batch are folded into the batch of the model (row = chip * batch + sample), so that every pointwise operation and
every other module works unchanged.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from typing import Any

import torch
from torch import nn

from cellwright.crossbar.array import AnalogArray
from cellwright.crossbar.draws import Draws
from cellwright.crossbar.settings import ChipSettings
from cellwright.crossbar.sites import AnalogLinear, Site, dimension_of_rows, find_sites
from cellwright.errors import CellwrightError
from cellwright.layers import Recurrent

Tensor = torch.Tensor


class Chip(nn.Module):
    """A programmed model; call it with inputs of one batch, and it answers for every chip.

    Attributes:
        model: the programmed copy; it sees chips * batch rows.
        arrays: its arrays by name.
        settings, chips, seed: what it was made with.
        digital: names of the modules and parameters that were left digital.
    """

    def __init__(
        self, model: nn.Module, arrays: Mapping[str, AnalogArray], settings: ChipSettings, chips: int, seed: int,
        digital: Sequence[str],
    ) -> None:  # fmt: skip
        super().__init__()
        self.model = model
        self.arrays = dict(arrays)
        self.settings, self.chips, self.seed = settings, chips, seed
        self.digital = tuple(digital)

    def forward(self, *inputs: Any, batch_dimension: int = 0, **options: Any) -> Any:
        """Run all chips on the same inputs.

        Args:
            inputs: as the model takes them; tensors are repeated for every chip along ``batch_dimension``.
            options: passed on to the model, tensors among them repeated likewise.

        Returns:
            what the model returns, its tensors with a leading axis of chips.

        Raises:
            CellwrightError: the inputs have different batch sizes; an output has no axis of chips * batch rows, or it
                cannot be told from another. Where the sizes of two axes agree the rows are in ``batch_dimension``.
        """
        batch = self._batch(inputs, batch_dimension)
        folded = [self.fold(value, batch_dimension) for value in inputs]
        keywords = {name: self.fold(value, batch_dimension) for name, value in options.items()}
        for module in self.model.modules():
            if isinstance(module, AnalogLinear):
                module.rows, module.batch_dimension = self.chips * batch, batch_dimension
        return self.unfold(self.model(*folded, **keywords), batch, batch_dimension)

    def fold(self, value: Any, batch_dimension: int = 0) -> Any:
        """Repeat tensors for every chip along the batch: row = chip * batch + sample."""

        def one(tensor: Tensor) -> Tensor:
            repeats = [1] * tensor.ndim
            repeats[batch_dimension] = self.chips
            return tensor.repeat(repeats)

        return _mapped(value, one)

    def unfold(self, value: Any, batch: int, batch_dimension: int = 0) -> Any:
        """Give tensors of chips * batch rows a leading axis of chips."""

        rows = self.chips * batch

        def one(tensor: Tensor) -> Tensor:
            if batch_dimension == 0 and rows in self._depths and tensor.shape[:2] == (rows, rows):
                raise CellwrightError(
                    f"the {rows} rows of all chips cannot be told from {rows} layers and directions, which a state has "
                    "first: program one chip more"
                )
            dimension = dimension_of_rows(tensor.shape, rows, batch_dimension)
            return tensor.unflatten(dimension, (self.chips, batch)).movedim(dimension, 0)

        return _mapped(value, one)

    def reset(self) -> None:
        """Start the read noise again from its first draw and forget the inputs seen: the next run repeats the first."""
        for array in self.arrays.values():
            array.reset()

    @property
    def _depths(self) -> set[int]:
        """Leading sizes, other than 1, of the states that recurrent layers return."""
        layers = (module for module in self.model.modules() if isinstance(module, Recurrent))
        return {layer.num_layers * layer.num_directions for layer in layers} - {1}

    @staticmethod
    def _batch(inputs: Sequence[Any], dimension: int) -> int:
        sizes = {value.shape[dimension] for value in inputs if isinstance(value, Tensor) and value.ndim > dimension}
        if len(sizes) != 1:
            raise CellwrightError(
                f"the inputs have batch sizes {sorted(sizes)} along dimension {dimension}: expected one"
            )
        return int(sizes.pop())


def program(
    model: nn.Module,
    settings: ChipSettings | None = None,
    *,
    chips: int = 50,
    seed: int = 0,
    calibration: Tensor | Sequence[Any] | None = None,
    allow_digital: Sequence[str] = (),
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

    Raises:
        CellwrightError: the model has weights that no array holds and ``allow_digital`` does not name; it has none that
            an array could hold; the calibration misses an array.
    """
    settings = settings or ChipSettings()
    if chips < 1:
        raise CellwrightError(f"a study needs at least one chip, got {chips}")
    holder = _Holder(deepcopy(model).eval().requires_grad_(False))
    sites, digital = find_sites(holder.model, holder.replace, allow_digital)
    recorded = _record(holder.model, sites, calibration)
    arrays: dict[str, AnalogArray] = {}
    for site in sites:
        draws = Draws(seed, chips, device=site.matrix.weights.device)
        array = AnalogArray(site.matrix, settings, draws, recorded.get(site.matrix.name))
        arrays[array.name] = array
        site.install(array)
    return Chip(holder.model, arrays, settings, chips, seed, digital)


class _Holder(nn.Module):
    """Holds the copy, so that the model itself has a path too."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def replace(self, path: str, module: nn.Module) -> None:
        parent, _, name = f"model.{path}".rstrip(".").rpartition(".")
        setattr(self.get_submodule(parent), name, module)


def _record(model: nn.Module, sites: Sequence[Site], calibration: Tensor | Sequence[Any] | None) -> dict[str, Tensor]:
    """Run the software model on the calibration inputs; what each array is multiplied by, (samples, inputs)."""
    if calibration is None:
        return {}
    seen: dict[str, list[Tensor]] = {site.matrix.name: [] for site in sites}
    for site in sites:
        site.record(seen[site.matrix.name])
    with torch.no_grad():
        model(*([calibration] if isinstance(calibration, Tensor) else calibration))
    nothing = {site.matrix.name: site.matrix.weights.new_zeros(0, site.matrix.weights.shape[1]) for site in sites}
    return {name: torch.cat(tensors) if tensors else nothing[name] for name, tensors in seen.items()}


def _mapped(value: Any, function: Callable[[Tensor], Tensor]) -> Any:
    """Apply a function to every tensor in tuples, lists and mappings."""
    if isinstance(value, Tensor):
        return function(value)
    if isinstance(value, tuple | list):
        return type(value)(_mapped(item, function) for item in value)
    if isinstance(value, Mapping):
        return {name: _mapped(item, function) for name, item in value.items()}
    return value
