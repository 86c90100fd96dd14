"""The parameters of a layer that runs a cell: tensors as torch stores and draws them, and what the cell starts."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

import torch
from torch import nn

from cellwright.cells import Cell
from cellwright.layers.initial import start_at
from cellwright.program import Family, families

# torch's order, on which the same initial weights from the same seed depend; a cell's own families follow.
_TORCH_ORDER = ("weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_hr")


def families_in_order(cell: Cell, sizes: Mapping[str, int]) -> list[Family]:
    """The tensors of a cell at given sizes, in the order in which they are stored and drawn."""
    found = families(cell.program(), sizes)
    first = [found[name] for name in _TORCH_ORDER if name in found]
    return first + [family for name, family in found.items() if name not in _TORCH_ORDER]


def register(
    module: nn.Module,
    stored: Iterable[Family],
    suffix: str,
    device: torch.device | str | None = None,
    dtype: torch.dtype | None = None,
) -> None:
    """Give a module a parameter for each family, called ``<family><suffix>``, without values."""
    for family in stored:
        parameter = nn.Parameter(torch.empty(family.shape, device=device, dtype=dtype))
        module.register_parameter(family.name + suffix, parameter)


def draw(module: nn.Module, hidden_size: int) -> None:
    """Draw every parameter of a module from U(-1/sqrt(hidden_size), 1/sqrt(hidden_size)), as torch does."""
    bound = 1.0 / math.sqrt(hidden_size)
    for parameter in module.parameters():
        nn.init.uniform_(parameter, -bound, bound)


def start(module: nn.Module, cell: Cell, stored: Iterable[Family], suffix: str) -> None:
    """Set the biases and elementwise weights that the cell starts at a value of its own.

    Where a gate has several biases the first one starts there, and the others at 0.
    """
    initial, values = dict(cell.initial_biases()), cell.initial_values()
    for family in stored:
        if family.name in values:
            start_at(getattr(module, family.name + suffix), values[family.name])
        for part in family.parts:
            gate = part.name.partition(".")[2]
            if family.name.startswith("bias_") and gate in initial:
                with torch.no_grad():
                    getattr(module, family.name + suffix)[part.rows] = initial[gate]
                initial[gate] = 0.0
