"""GRU as torch names it: a drop-in for ``torch.nn.GRU``."""

from __future__ import annotations

import torch
from torch import nn

from cellwright import cells
from cellwright.layers import checks
from cellwright.layers.drop_in import DropIn


class GRU(DropIn):
    """Drop-in for ``torch.nn.GRU``: the same signature, parameter names, initial weights and results.

    The reset gate acts after the recurrent matrix, as in torch; ``Recurrent("gru-cho", ...)`` is the published cell.
    What it can beyond torch, and what differs, is as for ``cellwright.LSTM``.

    Args:
        input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, device, dtype: as in torch.

    Raises:
        CellwrightError: a size or probability that makes no sense.
    """

    torch_class = nn.GRU

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(
            cells.GRU(bias=checks.flag("bias", bias)),
            input_size,
            hidden_size,
            num_layers,
            batch_first=batch_first,
            dropout=dropout,
            bidirectional=bidirectional,
            device=device,
            dtype=dtype,
        )
        self.bias = bias
