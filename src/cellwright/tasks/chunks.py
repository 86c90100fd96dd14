"""Sequences as a network sees them: scaled by the training part, a few time steps at once, padded with NaN."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cellwright.errors import CellwrightError
from cellwright.tasks.scales import ROUNDING, scale_of

Floats = NDArray[np.float64]

LIMIT = 1e3
"""Standard deviations at which a value is cut off, so that one broken sensor value does not overflow float32."""


def scales(sequences: Sequence[Floats]) -> tuple[Floats, Floats | None]:
    """Mean and standard deviation of each channel, (channels,), over all time steps of ``sequences``.

    The deviation is 1 for a channel that is constant, and there is none where all are.
    """
    values = np.concatenate(sequences)
    scale = values.std(0)
    constant = scale <= ROUNDING * np.abs(values).max(0)
    return values.mean(0), None if constant.all() else np.where(constant, 1.0, scale)


def _spread_of_steps(sequences: Sequence[Floats]) -> Floats:
    """The standard deviation of the first differences of each channel, (channels,), as `scale_of` has it."""
    steps = np.concatenate([np.diff(sequence, axis=0) for sequence in sequences])
    largest = np.abs(np.concatenate(sequences)).max(0)
    return scale_of(steps, largest, axis=0) if len(steps) else np.ones_like(largest)


@dataclass(frozen=True, kw_only=True)
class Chunks:
    """From sequences (time, channels) to steps of ``width`` time steps each.

    A feature is a value less ``mean`` over ``scale``, or with ``difference`` also its first difference over that;
    (channels,) each. A chunk that the sequence does not fill repeats its last value.
    """

    mean: Floats
    scale: Floats
    difference: Floats | None
    width: int

    @classmethod
    def fit(cls, sequences: Sequence[Floats], steps: int, *, differences: bool) -> Chunks:
        """Scales of the values and of their ``differences``, and the width by which the longest takes ``steps`` steps.

        Raises:
            CellwrightError: all values are the same.
        """
        mean, scale = scales(sequences)
        if scale is None:
            raise CellwrightError("every training sequence has one and the same value throughout: nothing to learn")
        difference = _spread_of_steps(sequences) / scale if differences else None
        longest = max(map(len, sequences))
        return cls(mean=mean, scale=scale, difference=difference, width=-(-longest // steps))

    @property
    def features(self) -> int:
        """Of a step."""
        return self.width * len(self.mean) * (1 if self.difference is None else 2)

    def encode(self, sequences: Sequence[Floats]) -> Tensor:
        """(sequences, steps, features), steps after the end of a sequence NaN."""
        steps = max(-(-len(sequence) // self.width) for sequence in sequences)
        encoded = np.full((len(sequences), steps, self.features), np.nan, dtype=np.float32)
        for row, sequence in zip(encoded, sequences, strict=True):
            chunks = self._chunks(sequence)
            row[: len(chunks)] = chunks
        return torch.from_numpy(encoded).to(torch.get_default_dtype())

    def _chunks(self, sequence: Floats) -> Floats:
        """(steps, features) of one sequence."""
        count = -(-len(sequence) // self.width)
        missing = count * self.width - len(sequence)
        values = (np.concatenate([sequence, np.repeat(sequence[-1:], missing, 0)]) - self.mean) / self.scale
        if self.difference is not None:
            values = np.concatenate([values, np.diff(values, axis=0, prepend=values[:1]) / self.difference], 1)
        return values.clip(-LIMIT, LIMIT).reshape(count, -1)
