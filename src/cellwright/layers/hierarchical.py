"""Hierarchies of recurrent layers: a level reads what the one below makes of whole chunks, or of its labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import torch
from torch import nn

from cellwright.cells import Cell, find
from cellwright.errors import CellwrightError
from cellwright.layers import checks
from cellwright.layers.listing import Topology
from cellwright.layers.recurrent import Recurrent

Tensor: TypeAlias = torch.Tensor

TOPOLOGIES: Mapping[str, Topology] = {
    "hierarchical": Topology(
        "a level takes a step for each chunk of the level below: letters make words, words make sentences",
        "El Hihi & Bengio 1996, NIPS 8, 493; Li, Luong & Jurafsky 2015, Proc. ACL, 1106",
        (
            r"h_t^1 = f\left(x_t, [t \text{ begins no chunk}]\, h_{t-1}^1\right)",
            r"h_k^2 = f\left(h_{e(k)}^1, h_{k-1}^2\right), \quad e(k) \text{ the last step of chunk } k",
        ),
        (("", "h_1^2", "", "h_2^2"), ("h_1^1", "h_2^1", "h_3^1", "h_4^1"), ("x_1", "x_2", "x_3", "x_4")),
        (
            *((f"x_{t}", f"h_{t}^1") for t in (1, 2, 3, 4)),
            ("h_1^1", "h_2^1"), ("h_3^1", "h_4^1"), ("h_2^1", "h_1^2"), ("h_4^1", "h_2^2"), ("h_1^2", "h_2^2"),
        ),
    ),
    "hierarchical-ctc": Topology(
        "networks with CTC outputs on top of one another: each reads the probabilities of the labels below it",
        "Fernández, Graves & Schmidhuber 2007, Proc. IJCAI, 774",
        (
            r"y_t^1 = \operatorname{softmax}(V^1 h_t^1), \quad y_t^2 = \operatorname{softmax}(V^2 h_t^2)",
            r"h_t^2 = f(y_t^1, h_{t-1}^2)",
            r"L = -\sum_j \ln p(z^j \mid y^j)",
        ),
        (
            ("", "z^2", ""), ("y_1^2", "y_2^2", "y_3^2"), ("h_1^2", "h_2^2", "h_3^2"), ("", "z^1", ""),
            ("y_1^1", "y_2^1", "y_3^1"), ("h_1^1", "h_2^1", "h_3^1"), ("x_1", "x_2", "x_3"),
        ),
        (
            *((f"x_{t}", f"h_{t}^1") for t in (1, 2, 3)),
            *((f"h_{t}^{level}", f"y_{t}^{level}") for level in (1, 2) for t in (1, 2, 3)),
            *((f"y_{t}^{level}", f"z^{level}") for level in (1, 2) for t in (1, 2, 3)),
            *((f"y_{t}^1", f"h_{t}^2") for t in (1, 2, 3)),
            *((f"h_{t}^{level}", f"h_{t + 1}^{level}") for level in (1, 2) for t in (1, 2)),
        ),
    ),
}  # fmt: skip


class HierarchicalRecurrent(nn.Module):
    """Levels of recurrent layers of any cell: each but the first takes a step for each chunk of the one below.

    A chunk is handed on as what the level below says of it: the output at its last step, and of a second direction at
    its first step. With ``resets`` a level begins anew in each chunk and knows nothing of the others, as in networks
    of words, sentences and documents; without, it goes on through all of them, and the levels above see it at slower
    clocks (El Hihi & Bengio 1996).

    Args:
        cell: a cell, its name in the catalogue, or ``FILE.py:CLASS``.
        input_size: features of the input.
        hidden_sizes: units of each level and direction, from the bottom; at least two.
        resets: whether the states of a level start from zero in each chunk that is handed on.
        batch_first, bidirectional, proj_size, device, dtype: as in ``Recurrent``, in all levels.

    Attributes:
        levels: the ``Recurrent`` layers, from the bottom.
        output_size: features of the output.

    Raises:
        CellwrightError: a size or a cell that makes no sense.
    """

    def __init__(
        self,
        cell: Cell | str,
        input_size: int,
        hidden_sizes: Sequence[int],
        *,
        resets: bool = True,
        batch_first: bool = False,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        own = find(cell) if isinstance(cell, str) else cell
        if not isinstance(hidden_sizes, Sequence) or len(hidden_sizes) < 2:
            raise CellwrightError(f"hidden_sizes holds the units of two levels at least, got {hidden_sizes!r}")
        self.resets = checks.flag("resets", resets)
        self.batch_first = checks.flag("batch_first", batch_first)
        options: dict[str, Any] = {"bidirectional": bidirectional, "proj_size": proj_size}
        levels, width = [], input_size
        for units in hidden_sizes:
            levels.append(Recurrent(own, width, units, device=device, dtype=dtype, **options))
            width = levels[-1].output_size
        self.levels = nn.ModuleList(levels)
        self.input_size, self.output_size, self._directions = input_size, width, levels[-1].num_directions

    def forward(
        self,
        input: Tensor,
        starts: Tensor | Sequence[Tensor] | int | Sequence[int],
        *,
        lengths: Tensor | Sequence[int] | None = None,
    ) -> tuple[Tensor, Any, Tensor]:
        """Run the levels over a sequence.

        Args:
            input: (time, batch, features), or batch first as set.
            starts: where chunks begin, one for each level but the top: (steps of that level, batch), or batch first,
                boolean; or a number, the steps of each chunk. One alone serves where there are two levels. A sequence
                begins a chunk whether that is said or not; what is said of its padding has no effect.
            lengths: steps of each sequence of a padded batch, from 0. What the padding holds has no effect.

        Returns:
            ``output, state, lengths``: the output of the top level (chunks, batch, directions * size) laid out as the
            input is, its states after each sequence's last chunk, and the chunks of each sequence (batch,).

        Raises:
            CellwrightError: shapes that do not fit, starts for other than all levels but the top.
        """
        checks.batch_shape(input, self.input_size, self.batch_first)
        x = input.transpose(0, 1) if self.batch_first else input
        if lengths is None:
            lengths = torch.full((x.shape[1],), len(x), device=x.device)
        own = checks.lengths(lengths, len(x), x.shape[1], x.device)
        *lower, top = self.levels
        for level, given in zip(lower, self._each(starts, len(lower)), strict=True):
            chunks = Chunks.of(self._starts(given, x), own)
            output, _ = level(x, lengths=own, resets=chunks.starts if self.resets else None)
            x, own = chunks.handed_on(output, self._directions), chunks.counts
        output, state = top(x, lengths=own)
        return output.transpose(0, 1) if self.batch_first else output, state, own

    def _each(self, starts: Any, count: int) -> list[Any]:
        each = list(starts) if isinstance(starts, list | tuple) else [starts]
        if len(each) != count:
            raise CellwrightError(f"starts are given for {len(each)} levels, expected {count}: all but the top one")
        return each

    def _starts(self, given: Any, x: Tensor) -> Tensor:
        """Where chunks begin, (time, batch)."""
        steps, batch = x.shape[:2]
        if not isinstance(given, Tensor):
            every = checks.positive("a number of steps among starts", given)
            return (torch.arange(steps, device=x.device) % every == 0).unsqueeze(1).expand(-1, batch)
        found = given.transpose(0, 1) if self.batch_first and given.ndim == 2 else given
        if found.shape != (steps, batch) or found.dtype != torch.bool:
            raise CellwrightError(
                f"starts are booleans (time, batch) = ({steps}, {batch}), got {tuple(found.shape)} of {found.dtype}"
            )
        return found.to(x.device)


class Chunks(NamedTuple):
    """The chunks of a batch of sequences.

    Attributes:
        starts: (time, batch), where they begin.
        ends: (time, batch), their last steps.
        counts: (batch,), how many each sequence has.
    """

    starts: Tensor
    ends: Tensor
    counts: Tensor

    @classmethod
    def of(cls, starts: Tensor, lengths: Tensor) -> Chunks:
        """The chunks that begin at these steps, and at the first step, of sequences of these lengths."""
        time = torch.arange(len(starts), device=starts.device).unsqueeze(1)
        starts = (starts | (time == 0)) & (time < lengths)
        ends = (starts.roll(-1, 0) | (time == lengths - 1)) & (time < lengths)
        return cls(starts, ends, starts.sum(0))

    def handed_on(self, output: Tensor, directions: int) -> Tensor:
        """(chunks, batch, size): of each chunk the output (time, batch, size) where each direction has read it."""
        forward, *backward = output.chunk(directions, -1)
        parts = [self._at(self.ends, forward), *(self._at(self.starts, part) for part in backward)]
        return torch.cat(parts, -1)

    def _at(self, mask: Tensor, output: Tensor) -> Tensor:
        """What stands where the mask holds, in order; beyond the last chunk something that is there, as padding."""
        most = max(1, int(self.counts.max())) if len(self.counts) else 1
        where = torch.argsort(~mask, dim=0, stable=True)[:most]
        return output.gather(0, where.unsqueeze(-1).expand(-1, -1, output.shape[-1]))


class HierarchicalCTC(nn.Module):
    """Networks with CTC outputs on top of one another (Fernández, Graves & Schmidhuber 2007).

    Each level has labels of its own, phonemes and then words, say. From the second on it reads the probabilities of
    the labels of the level below. Gradients of a level's loss reach all levels below it.

    Args:
        cell: a cell, its name in the catalogue, or ``FILE.py:CLASS``.
        input_size: features of the input.
        levels: units of each direction and labels of each level, blank included, from the bottom.
        bidirectional, proj_size, device, dtype: as in ``Recurrent``, in all levels.

    Attributes:
        layers: the ``Recurrent`` layer of each level.
        readouts: the linear layer of each level.

    Raises:
        CellwrightError: a size or a cell that makes no sense.
    """

    def __init__(
        self,
        cell: Cell | str,
        input_size: int,
        levels: Sequence[tuple[int, int]],
        *,
        bidirectional: bool = True,
        proj_size: int = 0,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        own = find(cell) if isinstance(cell, str) else cell
        if (
            not isinstance(levels, Sequence)
            or not levels
            or any(not isinstance(e, tuple) or len(e) != 2 for e in levels)
        ):
            raise CellwrightError(f"levels holds (units, labels) for each level, from the bottom; got {levels!r}")
        options: dict[str, Any] = {"bidirectional": bidirectional, "proj_size": proj_size}
        layers, readouts, width = [], [], input_size
        for units, labels in levels:
            layers.append(Recurrent(own, width, units, device=device, dtype=dtype, **options))
            width = checks.positive("labels", labels)
            readouts.append(nn.Linear(layers[-1].output_size, width, device=device, dtype=dtype))
        self.layers, self.readouts = nn.ModuleList(layers), nn.ModuleList(readouts)

    def forward(self, input: Tensor, *, lengths: Tensor | Sequence[int] | None = None) -> list[Tensor]:
        """The outputs of all levels, from the bottom: logarithms of probabilities (time, batch, labels).

        Args:
            input: (time, batch, features).
            lengths: steps of each sequence of a padded batch, from 0. What the padding holds has no effect.

        Raises:
            CellwrightError: shapes that do not fit.
        """
        outputs: list[Tensor] = []
        for layer, readout in zip(self.layers, self.readouts, strict=True):
            hidden, _ = layer(outputs[-1].exp() if outputs else input, lengths=lengths)
            outputs.append(readout(hidden).log_softmax(-1))
        return outputs
