"""Ragged sequences: packed, padded with lengths, several in a row, run backwards within their own length."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import torch
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence


@dataclass(frozen=True)
class Masks:
    """What happens to rows of the batch at each step.

    Attributes:
        lengths: (batch,), the steps of each sequence; None where all last to the end.
        resets: (time, batch), True where the states start from zero before that step.
        steps: of the whole batch.
    """

    lengths: torch.Tensor | None = None
    resets: torch.Tensor | None = None
    steps: int = 0

    @cached_property
    def valid(self) -> torch.Tensor | None:
        """(time, batch), False where a sequence has ended: its states stay and its output is zero."""
        if self.lengths is None:
            return None
        return torch.arange(self.steps, device=self.lengths.device).unsqueeze(-1) < self.lengths

    @classmethod
    def of(cls, lengths: torch.Tensor | None, resets: torch.Tensor | None, steps: int) -> Masks:
        """The masks of checked lengths and resets; a reset after the end of its sequence does nothing."""
        masks = cls(lengths, resets, steps)
        if resets is None or masks.valid is None:
            return masks
        return cls(lengths, resets & masks.valid, steps)

    def reversed(self) -> Masks:
        """The masks of the backward direction.

        A reset before step t separates t - 1 from t. Run backwards, the border lies before step t - 1.
        """
        if self.resets is None:
            return self
        following = torch.cat([self.resets[1:], torch.zeros_like(self.resets[:1])])
        return Masks(self.lengths, reverse_in_time(following, self.lengths), self.steps)

    def without_padding(self, sequences: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """Sequences (time, batch, ...) with zeros in the padding, so that NaN there reaches no gradient."""
        if self.valid is None:
            return dict(sequences)
        return {name: zero_where(~self.valid, tensor) for name, tensor in sequences.items()}


def zero_where(mask: torch.Tensor, tensor: torch.Tensor) -> torch.Tensor:
    """The tensor with zeros where a mask over its first dimensions holds."""
    return tensor.masked_fill(mask.reshape(*mask.shape, *(1,) * (tensor.ndim - mask.ndim)), 0)


@dataclass(frozen=True)
class RowOrder:
    """Rows of a batch in another order: longest sequences first, so that a step ends where the last of them does.

    Attributes:
        order: (batch,), where each row comes from.
        back: where each row is found again.
    """

    order: torch.Tensor
    back: torch.Tensor

    @classmethod
    def by_length(cls, lengths: torch.Tensor) -> RowOrder:
        order = torch.argsort(lengths, descending=True, stable=True)
        return cls(order, torch.argsort(order))

    def taken(self, tensor: torch.Tensor) -> torch.Tensor:
        """(any, batch, ...) in this order."""
        return tensor.index_select(1, self.order)

    def restored(self, tensor: torch.Tensor) -> torch.Tensor:
        """What is in this order as it was before."""
        return tensor.index_select(1, self.back)

    def masks(self, masks: Masks) -> Masks:
        lengths = None if masks.lengths is None else masks.lengths[self.order]
        return Masks(lengths, None if masks.resets is None else self.taken(masks.resets), masks.steps)


def unpack(packed: PackedSequence) -> tuple[torch.Tensor, torch.Tensor]:
    """A packed batch as (time, batch, features), longest first as it is packed, and its lengths."""
    return pad_packed_sequence(PackedSequence(packed.data, packed.batch_sizes))


def repack(output: torch.Tensor, lengths: torch.Tensor, like: PackedSequence) -> PackedSequence:
    """An output (time, batch, size), longest first, packed as the input was."""
    data = pack_padded_sequence(output, lengths).data
    return PackedSequence(data, like.batch_sizes, like.sorted_indices, like.unsorted_indices)


def reverse_in_time(tensor: torch.Tensor, lengths: torch.Tensor | None) -> torch.Tensor:
    """Reverse (time, batch, ...) in time, each sequence within its own length; padding stays where it is."""
    if lengths is None:
        return tensor.flip(0)
    time = torch.arange(tensor.shape[0], device=tensor.device).unsqueeze(-1)
    source = torch.where(time < lengths, lengths - 1 - time, time)
    index = source.reshape(*source.shape, *(1,) * (tensor.ndim - 2)).expand_as(tensor)
    return tensor.gather(0, index)
