"""A swap of torch's recurrent layers in a model for ours."""

from __future__ import annotations

from typing import TypeGuard

from torch import nn

from cellwright.errors import CellwrightError
from cellwright.layers.drop_in import DropIn
from cellwright.layers.gru import GRU
from cellwright.layers.lstm import LSTM
from cellwright.layers.rnn import RNN

_DROP_INS: tuple[type[DropIn], ...] = (LSTM, GRU, RNN)


def replace(model: nn.Module) -> nn.Module:
    """Swap every ``torch.nn.LSTM``, ``GRU`` and ``RNN`` in a model for Cellwright's, in place, on the same parameters.

    A layer that is used in several places stays one layer. All are swapped, or none.

    Returns:
        the model itself, or its replacement if it is such a layer.

    Raises:
        CellwrightError: such a layer is a subclass, parametrised, pruned, or has hooks; the message names it.
    """
    if _can_be_swapped(model):
        return _replacement("the model", model)
    swapped: dict[nn.Module, DropIn] = {}
    places: list[tuple[nn.Module, str, nn.Module]] = []
    for path, module in model.named_modules():
        for name, child in module._modules.items():  # named_children() leaves out the second name of a shared layer
            if _can_be_swapped(child):
                places.append((module, name, child))
                if child not in swapped:
                    swapped[child] = _replacement(f"{path}.{name}".lstrip("."), child)
    for module, name, child in places:
        setattr(module, name, swapped[child])
    return model


def _can_be_swapped(module: nn.Module | None) -> TypeGuard[nn.RNNBase]:
    return isinstance(module, tuple(kind.torch_class for kind in _DROP_INS))


def _replacement(path: str, layer: nn.RNNBase) -> DropIn:
    kind = next(kind for kind in _DROP_INS if isinstance(layer, kind.torch_class))
    try:
        return kind.from_torch(layer)
    except CellwrightError as error:
        raise CellwrightError(f"{path} cannot be replaced: {error}") from None
