"""Ragged sequences: packed, padded with lengths, run backwards within their own length."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from cellwright.errors import CellwrightError


def unpack(packed: PackedSequence) -> tuple[torch.Tensor, torch.Tensor]:
    """A packed batch as (time, batch, features) in the caller's order, and its lengths."""
    padded, lengths = pad_packed_sequence(packed)
    return padded, lengths.to(padded.device)


def repack(output: torch.Tensor, like: PackedSequence) -> PackedSequence:
    """An output (time, batch, size) packed in the same order as the input was."""
    _, lengths = pad_packed_sequence(like)
    if like.sorted_indices is None:
        return pack_padded_sequence(output, lengths, enforce_sorted=True)
    return pack_padded_sequence(output, lengths, enforce_sorted=False)


def checked_lengths(lengths: torch.Tensor | Sequence[int], steps: int, batch: int, device: torch.device) -> torch.Tensor:
    """Lengths as an integer tensor (batch,).

    Raises:
        CellwrightError: not one whole number from 0 to ``steps`` for each sequence.
    """
    tensor = torch.as_tensor(lengths, device=device)
    if tensor.shape != (batch,) or tensor.is_floating_point():
        raise CellwrightError(
            f"lengths holds one whole number a sequence: expected shape ({batch},), got {tuple(tensor.shape)} {tensor.dtype}"
        )
    if batch and (int(tensor.min()) < 0 or int(tensor.max()) > steps):
        raise CellwrightError(
            f"lengths lie between 0 and the {steps} time steps of the input, got {int(tensor.min())} to {int(tensor.max())}"
        )
    return tensor


def valid_steps(lengths: torch.Tensor, steps: int) -> torch.Tensor:
    """(time, batch): True while a sequence lasts."""
    return torch.arange(steps, device=lengths.device).unsqueeze(-1) < lengths


def reverse_in_time(tensor: torch.Tensor, lengths: torch.Tensor | None) -> torch.Tensor:
    """Reverse (time, batch, ...) in time, each sequence within its own length; padding stays where it is."""
    if lengths is None:
        return tensor.flip(0)
    time = torch.arange(tensor.shape[0], device=tensor.device).unsqueeze(-1)
    source = torch.where(time < lengths, lengths - 1 - time, time)
    index = source.reshape(*source.shape, *(1,) * (tensor.ndim - 2)).expand_as(tensor)
    return tensor.gather(0, index)


def reversed_resets(resets: torch.Tensor, lengths: torch.Tensor | None) -> torch.Tensor:
    """Resets for the backward direction, (time, batch).

    A reset before step t separates t - 1 from t. Run backwards, the border lies before step t - 1.
    """
    following = torch.zeros_like(resets)
    following[:-1] = resets[1:]
    return reverse_in_time(following, lengths)
