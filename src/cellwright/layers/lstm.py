"""LSTM as torch names it: a drop-in for ``torch.nn.LSTM``."""

from __future__ import annotations

import torch
from torch import nn

from cellwright import cells
from cellwright.layers import checks
from cellwright.layers.drop_in import DropIn


class LSTM(DropIn):
    """Drop-in for ``torch.nn.LSTM``: the same signature, parameter names, initial weights and results.

    Beyond it, as every ``Recurrent``: ``lengths``, ``resets``, ``record``, ``step``; backward in eval mode, double
    backward, forward mode, vmap.

    What differs from torch: errors are ``CellwrightError``; dropout between the layers of a *packed* batch draws other
    numbers from the same seed; in half precision each operation of a step rounds, as in torch without oneDNN; under
    autocast the states, and with them the output, keep the dtype of the input; a parametrised weight is read once a
    call; it is no instance of ``torch.nn.LSTM``, and ``torch.jit.script`` does not take it (``torch.export`` does).

    Args:
        input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, proj_size, device, dtype:
            as in torch.

    Raises:
        CellwrightError: a size or probability that makes no sense.
    """

    torch_class = nn.LSTM

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
        checks.flag("bias", bias)
        checks.projection(proj_size, checks.positive("hidden_size", hidden_size))
        super().__init__(
            cells.LSTM(biases="all" if bias else "none", recurrent_bias=bias, projection=proj_size > 0),
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
