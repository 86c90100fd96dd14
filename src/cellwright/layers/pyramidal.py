"""Pyramids of recurrent layers: each layer has fewer time steps than the one below."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeAlias, get_args

import torch
from torch import nn

from cellwright.cells import Cell, find
from cellwright.errors import CellwrightError
from cellwright.layers import checks
from cellwright.layers.listing import Topology
from cellwright.layers.recurrent import Recurrent
from cellwright.layers.sequences import Masks

Tensor: TypeAlias = torch.Tensor
Remainder = Literal["drop", "pad"]

TOPOLOGIES: Mapping[str, Topology] = {
    "pyramidal": Topology(
        "each layer reads several steps of the one below at once, side by side: time gets shorter upwards",
        "Chan, Jaitly, Le & Vinyals 2016, Listen, attend and spell, ICASSP, equation 5; El Hihi & Bengio 1996",
        (r"h_i^j = f\left(\begin{bmatrix} h_{2i}^{j-1} \\ h_{2i+1}^{j-1} \end{bmatrix}, h_{i-1}^j\right)",),
        (
            ("", "h_1^2", "", "h_2^2"),
            ("h_1^1", "h_2^1", "h_3^1", "h_4^1"),
            ("x_1", "x_2", "x_3", "x_4"),
        ),
        (
            *((f"x_{t}", f"h_{t}^1") for t in (1, 2, 3, 4)),
            *((f"h_{t}^1", f"h_{t + 1}^1") for t in (1, 2, 3)),
            *((f"h_{t}^1", f"h_{(t + 1) // 2}^2") for t in (1, 2, 3, 4)),
            ("h_1^2", "h_2^2"),
        ),
        ("spoken_digits.py",),
    ),
}  # fmt: skip


class PyramidalRecurrent(nn.Module):
    """A stack of recurrent layers of any cell, in which each but the first reads ``factor`` steps at once.

    The steps stand side by side, the earliest first, as in the listener of Chan et al. (2016), which has three such
    layers of two directions above a plain one. A factor of 1 is ``Recurrent`` with several layers.

    Args:
        cell: a cell, its name in the catalogue, or ``FILE.py:CLASS``.
        input_size, hidden_size: features of the input, units of each layer and direction.
        num_layers: layers on top of one another; the first one keeps the time steps of the input.
        factor: steps that become one; or one factor for each layer but the first.
        remainder: what becomes of the last steps where ``factor`` does not divide a length: ``"drop"`` leaves them
            out, ``"pad"`` adds zeros to them.
        batch_first, dropout, bidirectional, proj_size, device, dtype: as in ``Recurrent``, in all layers.

    Attributes:
        layers: the ``Recurrent`` layers, from the bottom.
        output_size: features of the output.

    Raises:
        CellwrightError: a size, probability, factor or cell that makes no sense.
    """

    def __init__(
        self,
        cell: Cell | str,
        input_size: int,
        hidden_size: int,
        num_layers: int = 2,
        *,
        factor: int | Sequence[int] = 2,
        remainder: Remainder = "drop",
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = True,
        proj_size: int = 0,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        own = find(cell) if isinstance(cell, str) else cell
        self.factors = _factors(factor, checks.positive("num_layers", num_layers) - 1)
        self.remainder: Remainder = checks.choice("remainder", remainder, get_args(Remainder))
        self.batch_first = checks.flag("batch_first", batch_first)
        self.dropout = checks.probability("dropout", dropout)
        options: dict[str, Any] = {"bidirectional": bidirectional, "proj_size": proj_size}
        layers = [Recurrent(own, input_size, hidden_size, device=device, dtype=dtype, **options)]
        for steps in self.factors:
            width = steps * layers[-1].output_size
            layers.append(Recurrent(own, width, hidden_size, device=device, dtype=dtype, **options))
        self.layers = nn.ModuleList(layers)
        self.input_size, self.output_size = input_size, layers[-1].output_size

    def forward(
        self, input: Tensor, *, lengths: Tensor | Sequence[int] | None = None
    ) -> tuple[Tensor, Any, Tensor | None]:
        """Run the pyramid over a sequence.

        Args:
            input: (time, batch, features), or batch first as set.
            lengths: steps of each sequence of a padded batch, from 0. What the padding holds has no effect.

        Returns:
            ``output, state, lengths``: the output of the top layer (fewer steps, batch, directions * size) laid out as
            the input is, its states after each sequence's last step, and the lengths of the output (batch,), or None
            where none were given. A sequence may be too short for a single step: then its length is 0.

        Raises:
            CellwrightError: shapes that do not fit, an input too short for the pyramid.
        """
        checks.batch_shape(input, self.input_size, self.batch_first)
        x = input.transpose(0, 1) if self.batch_first else input
        own = None if lengths is None else checks.lengths(lengths, len(x), x.shape[1], x.device)
        first, *higher = self.layers
        output, state = first(x, lengths=own)
        for layer, factor in zip(higher, self.factors, strict=True):
            output, own = side_by_side(output, own, factor, self.remainder)
            output = nn.functional.dropout(output, self.dropout, self.training)
            output, state = layer(output, lengths=own)
        return output.transpose(0, 1) if self.batch_first else output, state, own

    def extra_repr(self) -> str:
        return f"factors={self.factors}, remainder={self.remainder!r}, batch_first={self.batch_first}"


def side_by_side(
    x: Tensor, lengths: Tensor | None, factor: int, remainder: Remainder = "drop"
) -> tuple[Tensor, Tensor | None]:
    """Each ``factor`` steps of (time, batch, features) as one step of (fewer, batch, factor * features).

    Args:
        lengths: steps of each sequence; None if all last to the end. What lies beyond does not enter.
        remainder: ``"drop"`` leaves out the last steps of a sequence if ``factor`` does not divide its length, and a
            step that would hold them; ``"pad"`` adds zeros to them.

    Returns:
        the steps and their lengths, None where none were given.

    Raises:
        CellwrightError: no step is left.
    """
    time, batch, features = x.shape
    if lengths is not None:
        x = Masks.of(lengths, None, time).without_padding({"x": x})["x"]
    added = (factor - 1) if remainder == "pad" else 0
    steps = (time + added) // factor
    if steps == 0:
        raise CellwrightError(
            f"{time} steps are too few for a layer that reads {factor} at once: "
            'give longer sequences, or say remainder="pad"'
        )
    x = nn.functional.pad(x, (0, 0, 0, 0, 0, factor * steps - time))
    joined = x.reshape(steps, factor, batch, features).transpose(1, 2).reshape(steps, batch, factor * features)
    return joined, None if lengths is None else (lengths + added) // factor


def _factors(given: Any, count: int) -> tuple[int, ...]:
    factors = tuple(given) if isinstance(given, Sequence) and not isinstance(given, str) else (given,) * count
    if len(factors) != count:
        raise CellwrightError(f"factor has {len(factors)} numbers, expected {count}: one for each layer but the first")
    return tuple(checks.positive("factor", factor) for factor in factors)
