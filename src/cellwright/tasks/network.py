"""What the networks of the tasks share: a recurrent layer of any cell, batch first; where its sequences end."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from cellwright.cells import Cell
from cellwright.layers import Recurrent, checks


def recurrent_layer(cell: Cell | str, input_size: int, hidden_size: int, *, bidirectional: bool = False) -> Recurrent:
    """A layer of ``cell`` (or its name, or ``FILE.py:CLASS``), batch first.

    A cell that projects its output projects it to half of the units.

    Raises:
        CellwrightError: a size or a cell that makes no sense.
    """
    own = checks.cell(cell)
    projection = hidden_size // 2 if own.projects else 0
    return Recurrent(own, input_size, hidden_size, batch_first=True, bidirectional=bidirectional, proj_size=projection)


def lengths_by_padding(inputs: Tensor) -> Tensor | None:
    """The steps (batch,) of ``inputs`` (batch, time, features) before those at the end that are NaN throughout.

    None where no sequence is padded, and while torch.fx traces: the values are not known then.
    """
    if (
        isinstance(inputs, torch.fx.Proxy)
        or torch.compiler.is_compiling()
        or inputs.dim() != 3
        or not bool(inputs[:, -1:].isnan().any())
    ):
        return None
    steps = torch.arange(1, inputs.shape[1] + 1, device=inputs.device)
    return steps.mul(~inputs.isnan().all(-1)).amax(1)


def last_output(state: Any) -> Tensor:
    """The outputs (batch, features) after each sequence's last step; of a second direction, after its first step."""
    # The output of a cell is its first state; a layer of two directions ends at both ends.
    last: Tensor = state if isinstance(state, Tensor) else state[0]
    return last.transpose(0, 1).flatten(1)
