"""LSTM as torch names it: a drop-in for ``torch.nn.LSTM``, and a swap of those in a model."""

from __future__ import annotations

import torch
from torch import nn

from cellwright import cells
from cellwright.errors import CellwrightError
from cellwright.layers.recurrent import Recurrent


class LSTM(Recurrent):
    """Drop-in for ``torch.nn.LSTM``: the same signature, parameter names, initial weights and results.

    Beyond it, as every ``Recurrent``: ``lengths``, ``resets``, ``record``, ``step``; backward in eval mode, double
    backward, forward mode, vmap.

    Args:
        input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, proj_size, device, dtype:
            as in torch.

    Raises:
        CellwrightError: a size or probability that makes no sense.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        if not 0 <= proj_size < hidden_size:
            raise CellwrightError(f"proj_size lies between 0 and hidden_size - 1 = {hidden_size - 1}, got {proj_size}")
        cell = cells.LSTM(biases="all" if bias else "none", recurrent_bias=bias, projection=proj_size > 0)
        super().__init__(
            cell,
            input_size,
            hidden_size,
            num_layers,
            batch_first=batch_first,
            dropout=dropout,
            bidirectional=bidirectional,
            proj_size=proj_size,
            device=device,
            dtype=dtype,
        )
        self.bias = bias

    @classmethod
    def from_torch(cls, layer: nn.LSTM) -> LSTM:
        """The same layer on the same parameters: an optimiser that holds them goes on working."""
        if any(True for _ in layer.children()) or hasattr(layer, "parametrizations"):
            raise CellwrightError("this LSTM is parametrised: remove the parametrisation, replace it, then add it again")
        new = cls(
            layer.input_size,
            layer.hidden_size,
            layer.num_layers,
            layer.bias,
            layer.batch_first,
            layer.dropout if layer.num_layers > 1 else 0.0,
            layer.bidirectional,
            layer.proj_size,
            device="meta",
        )
        for name, parameter in layer.named_parameters():
            setattr(new, name, parameter)
        new.dropout = float(layer.dropout)
        return new.train(layer.training)

    def extra_repr(self) -> str:
        return self._options_repr() + ("" if self.bias else ", bias=False")


def replace(model: nn.Module) -> nn.Module:
    """Swap every ``torch.nn.LSTM`` in a model for ``cellwright.LSTM``, in place, on the same parameters.

    Returns:
        the model itself, or its replacement if it is an LSTM.
    """
    if isinstance(model, nn.LSTM):
        return LSTM.from_torch(model)
    swapped: dict[nn.Module, LSTM] = {}
    for module in list(model.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, nn.LSTM):
                if child not in swapped:
                    swapped[child] = LSTM.from_torch(child)
                setattr(module, name, swapped[child])
    return model
