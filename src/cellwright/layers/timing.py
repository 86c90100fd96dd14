"""Sequences that tell the time: made up where they are not given, and turned round for the backward direction."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from cellwright.cells import Timing
from cellwright.layers.sequences import Masks, reverse_in_time

Tensor = torch.Tensor


def with_times(sequences: Mapping[str, Tensor], timing: Mapping[str, Timing]) -> dict[str, Tensor]:
    """Sequences (time, batch, ...), with those that tell the time in the dtype of x.

    Where they are left out, steps are regular.
    """
    x = sequences["x"]
    times = {n: sequences[n].to(x.dtype) if n in sequences else _regular(kind, x) for n, kind in timing.items()}
    return {**sequences, **times}


def _regular(kind: Timing, x: Tensor) -> Tensor:
    """(time, batch): steps at 0, 1, 2, ..., or intervals of 1."""
    steps, batch = x.shape[:2]
    if kind == "interval":
        return x.new_ones(steps, batch)
    return torch.arange(steps, dtype=x.dtype, device=x.device).unsqueeze(-1).expand(steps, batch)


def backwards(sequences: Mapping[str, Tensor], timing: Mapping[str, Timing], masks: Masks) -> dict[str, Tensor]:
    """Sequences (time, batch, ...) as the backward direction reads them, each within its own length."""
    turned = {
        name: to_the_next(tensor, masks) if timing.get(name) == "interval" else tensor
        for name, tensor in sequences.items()
    }
    return {name: reverse_in_time(tensor, masks.lengths) for name, tensor in turned.items()}


def to_the_next(interval: Tensor, masks: Masks) -> Tensor:
    """Intervals (time, batch, ...) since the step before, as intervals to the step after.

    The first interval of each sequence, which leads from its initial state, takes the place of the last one: run
    backwards, a sequence begins there. What resets cut apart are sequences of their own.
    """
    if masks.lengths is None and masks.resets is None:
        return interval.roll(-1, 0)
    steps, batch = interval.shape[:2]
    time = torch.arange(steps, device=interval.device).unsqueeze(-1).expand(steps, batch)
    is_last = time == (steps if masks.lengths is None else masks.lengths) - 1
    is_last = is_last | (time == steps - 1)
    first = torch.zeros_like(time)
    if masks.resets is not None:
        is_last = is_last | masks.resets.roll(-1, 0)
        first = torch.where(masks.resets, time, 0).cummax(0).values
    source = torch.where(is_last, first, (time + 1).clamp(max=steps - 1))
    return interval.gather(0, source.reshape(steps, batch, *(1,) * (interval.ndim - 2)).expand_as(interval))
