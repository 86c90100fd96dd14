"""The parameters of a trained layer, as a circuit takes them."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from cellwright.errors import CellwrightError
from cellwright.layers import Recurrent
from cellwright.program import Program
from cellwright.program.storage import families

Tensor = torch.Tensor


def single(layer: Recurrent, name: str = "the layer") -> Recurrent:
    """The layer, if it is one that a circuit can be made of.

    Raises:
        CellwrightError: it is a stack, or bidirectional.
    """
    if layer.num_layers != 1 or layer.bidirectional:
        raise CellwrightError(
            f"{name} has {layer.num_layers} layers in {layer.num_directions} directions: a circuit takes one layer in "
            "one direction; train such a network"
        )
    return layer


def stored(layer: Recurrent) -> dict[str, Tensor]:
    """The parameters of a single layer by family, ``weight_ih`` (rows, features) and so on."""
    return layer.stored(0, "_l0")


def parts_of(whole: Program, stored: Mapping[str, Tensor], sizes: Mapping[str, int]) -> dict[str, Tensor]:
    """The parameters by their names in the program, in float64, in which the twin computes; gradients reach them.

    Args:
        stored: by family, as a layer has them.
        sizes: of the program's axes.

    Raises:
        CellwrightError: parameters are missing, or of another shape.
    """
    parts: dict[str, Tensor] = {}
    expected = families(whole, sizes)
    if missing := [name for name in expected if name not in stored]:
        raise CellwrightError(
            f"parameters without {', '.join(missing)}: expected {', '.join(expected)}, got {', '.join(stored)}"
        )
    for name, family in expected.items():
        if tuple(stored[name].shape) != family.shape:
            raise CellwrightError(f"{name} has the shape {tuple(stored[name].shape)}: expected {family.shape}")
        parts |= family.views(stored[name].to(torch.float64))
    return parts
