"""A recurrent layer with a dense layer on top: what forecasts a series."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn

from cellwright.cells import Cell
from cellwright.errors import CellwrightError
from cellwright.tasks.network import last_output, recurrent_layer

Head = Literal["linear", "sigmoid"]


class Forecaster(nn.Module):
    """A recurrent layer of any cell, then one dense layer.

    Args:
        cell: a cell, its name, or ``FILE.py:CLASS``.
        input_size, hidden_size, output_size: features of the input, units, values forecast at a time. A cell that
            projects its output projects it to half of the units.
        every_step: an output at every time step (many-to-many) instead of after the last (many-to-one).
        head: "sigmoid" bounds the outputs to (0, 1); "linear" leaves them.

    Raises:
        CellwrightError: a size, a cell or a head that makes no sense.
    """

    def __init__(
        self,
        cell: Cell | str,
        input_size: int,
        hidden_size: int,
        output_size: int = 1,
        *,
        every_step: bool = False,
        head: Head = "linear",
    ) -> None:
        super().__init__()
        if head not in ("linear", "sigmoid"):
            raise CellwrightError(f'head={head!r}: expected "linear" or "sigmoid"')
        if output_size < 1:
            raise CellwrightError(f"output_size={output_size}: expected at least 1")
        self.every_step, self.head = every_step, head
        self.recurrent = recurrent_layer(cell, input_size, hidden_size)
        self.dense = nn.Linear(self.recurrent.output_size, output_size)

    def forward(
        self, inputs: Tensor, state: Any = None, lengths: Tensor | Sequence[int] | None = None
    ) -> tuple[Tensor, Any]:
        """Run over ``inputs`` (batch, time, features), from ``state`` (zeros by default).

        ``lengths`` (batch,): the steps of each sequence; what comes after them has no effect.

        Returns:
            (outputs, state): outputs (batch, time, output_size) with ``every_step``, else (batch, output_size).
        """
        hidden, state = self.recurrent(inputs, state, lengths=lengths)
        last = hidden[:, -1] if lengths is None else last_output(state)
        outputs = self.dense(hidden if self.every_step else last)
        return (torch.sigmoid(outputs) if self.head == "sigmoid" else outputs), state

    def extra_repr(self) -> str:
        return f"every_step={self.every_step}, head={self.head!r}"
