"""RNN as torch names it: a drop-in for ``torch.nn.RNN``. And the network of units that remember nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import torch
from torch import nn

from cellwright import cells
from cellwright.errors import CellwrightError
from cellwright.layers import checks
from cellwright.layers.drop_in import DropIn
from cellwright.layers.listing import Topology

TOPOLOGIES: Mapping[str, Topology] = {
    "feed-forward": Topology(
        "layers of units without memory: the output is a function of the input of the same step",
        "Rumelhart, Hinton & Williams 1986, Nature 323, 533; tutorial, equations 1 to 3",
        (
            r"s_u = \sum_{v \in \mathrm{Pre}(u)} W_{[v,u]} y_v + b_u",
            r"y_u = \frac{1}{1 + e^{-s_u}}",
        ),
        (("o_1", "o_2"), ("h_1", "h_2", "h_3"), ("x_1", "x_2", "x_3")),
        (
            *((f"x_{i}", f"h_{j}") for i in (1, 2, 3) for j in (1, 2, 3)),
            *((f"h_{i}", f"o_{j}") for i in (1, 2, 3) for j in (1, 2)),
        ),
    ),
}


class RNN(DropIn):
    """Drop-in for ``torch.nn.RNN``: the same signature, parameter names, initial weights and results.

    What it can beyond torch, and what differs, is as for ``cellwright.LSTM``.

    Args:
        input_size, hidden_size, num_layers, nonlinearity, bias, batch_first, dropout, bidirectional, device, dtype: as
            in torch.

    Raises:
        CellwrightError: a size, probability or nonlinearity that makes no sense.
    """

    torch_class = nn.RNN
    own_options = ("nonlinearity",)

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: Literal["tanh", "relu"] = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        if nonlinearity not in ("tanh", "relu"):
            raise CellwrightError(f"nonlinearity is tanh or relu, got {nonlinearity!r}")
        checks.flag("bias", bias)
        super().__init__(
            cells.RNN(activation=nonlinearity, bias=bias, recurrent_bias=bias),
            input_size,
            hidden_size,
            num_layers,
            batch_first=batch_first,
            dropout=dropout,
            bidirectional=bidirectional,
            device=device,
            dtype=dtype,
        )
        self.nonlinearity, self.bias = nonlinearity, bias
