"""A recurrent layer whose outputs are pooled over time, with a dense layer on top: what tells classes apart."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn

from cellwright.cells import Cell
from cellwright.errors import CellwrightError
from cellwright.layers import checks
from cellwright.tasks.network import last_output, lengths_by_padding, recurrent_layer

Pooling = Literal["last", "mean", "max"]


class Classifier(nn.Module):
    """A recurrent layer of any cell, its outputs pooled over time, then one dense layer with an output a class.

    Args:
        cell: a cell, its name, or ``FILE.py:CLASS``.
        input_size, hidden_size: features of the input, units of each direction. A cell that projects its output
            projects it to half of the units.
        classes: how many there are, at least 2.
        bidirectional: a second layer runs from the end; the pooled outputs of both stand side by side.
        pooling: what the dense layer sees: the output after each sequence's "last" step (of the second direction,
            after its first), or the "mean" or largest ("max") output of each unit over the steps of the sequence.
        dropout: probability of dropping a pooled output, in training.
        noise: standard deviation of normal noise on the inputs, in training.

    Raises:
        CellwrightError: a size, a cell, a pooling or a probability that makes no sense.
    """

    def __init__(
        self,
        cell: Cell | str,
        input_size: int,
        hidden_size: int,
        classes: int,
        *,
        bidirectional: bool = False,
        pooling: Pooling = "last",
        dropout: float = 0.0,
        noise: float = 0.0,
    ) -> None:
        super().__init__()
        if pooling not in get_args(Pooling):
            raise CellwrightError(f"pooling={pooling!r}: expected one of {', '.join(map(repr, get_args(Pooling)))}")
        if isinstance(classes, bool) or not isinstance(classes, int) or classes < 2:
            raise CellwrightError(f"classes={classes!r}: expected an integer of at least 2")
        if not 0 <= noise < math.inf:
            raise CellwrightError(f"noise={noise!r}: expected a standard deviation, 0 or more")
        self.pooling, self.noise = pooling, noise
        self.recurrent = recurrent_layer(cell, input_size, hidden_size, bidirectional=bidirectional)
        self.dropout = nn.Dropout(checks.probability("dropout", dropout))
        self.dense = nn.Linear(self.recurrent.output_size, classes)

    def forward(
        self, inputs: Tensor, state: Any = None, lengths: Tensor | Sequence[int] | None = None
    ) -> tuple[Tensor, Any]:
        """Run over ``inputs`` (batch, time, features), from ``state`` (zeros by default).

        ``lengths`` (batch,): the steps of each sequence, at least 1; what comes after them has no effect. Without
        it, steps at the end that are NaN throughout are padding.

        Returns:
            (logits, state): logits (batch, classes), and the states after each sequence's last step.

        Raises:
            CellwrightError: shapes that do not fit, a sequence without a step.
        """
        if lengths is None:
            lengths = lengths_by_padding(inputs)
        elif not isinstance(lengths, Tensor):
            lengths = torch.as_tensor(lengths, device=inputs.device)
        if lengths is not None and not torch.compiler.is_compiling() and not bool((lengths > 0).all()):
            raise CellwrightError("a sequence without a step has no class: leave it out")
        if self.training and self.noise:
            inputs = inputs + self.noise * torch.randn_like(inputs)
        hidden, state = self.recurrent(inputs, state, lengths=lengths)
        return self.dense(self.dropout(self._pooled(hidden, state, lengths))), state

    def _pooled(self, hidden: Tensor, state: Any, lengths: Tensor | None) -> Tensor:
        """The outputs (batch, time, features), zero after the end of a sequence, as (batch, features)."""
        if self.pooling == "last":
            return last_output(state)
        if self.pooling == "mean":
            return hidden.mean(1) if lengths is None else hidden.sum(1) / lengths[:, None].to(hidden.dtype)
        if lengths is not None:
            ended = torch.arange(hidden.shape[1], device=hidden.device) >= lengths[:, None]
            hidden = hidden.masked_fill(ended[:, :, None], -torch.inf)
        return hidden.amax(1)

    def extra_repr(self) -> str:
        return f"pooling={self.pooling!r}, noise={self.noise}"
