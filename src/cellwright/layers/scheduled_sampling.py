"""Scheduled sampling: a decoder in training is fed more and more of its own tokens (Bengio et al. 2015, NIPS)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from cellwright.cells.checks import is_finite
from cellwright.errors import CellwrightError
from cellwright.layers import checks


@dataclass(frozen=True)
class Sampling:
    """How a decoder is fed in training.

    Attributes:
        probability: of a token of its own in the place of the true one: 0 is teacher forcing, 1 free running.
        coin: thrown for each ``token``, as published, or once for a whole ``sequence``.
        own: its own token is the ``best`` one, or ``drawn`` from its distribution (section 2.4 has both).
        draws: where coins and tokens come from; torch's own random numbers by default.
    """

    probability: float = 0.0
    coin: Literal["token", "sequence"] = "token"
    own: Literal["best", "drawn"] = "best"
    draws: torch.Generator | None = None

    def __post_init__(self) -> None:
        checks.probability("probability", self.probability)
        checks.choice("coin", self.coin, ("token", "sequence"))
        checks.choice("own", self.own, ("best", "drawn"))

    def coins(self, rows: int, steps: int, device: torch.device) -> Tensor:
        """(rows, steps), True where the decoder's own token is fed."""
        throws = 1 if self.coin == "sequence" else steps
        drawn = torch.rand(rows, throws, generator=self.draws, device=self._drawn_on(device))
        return (drawn < self.probability).to(device).expand(rows, steps)

    def tokens(self, logits: Tensor) -> Tensor:
        """The decoder's own tokens (rows,), from what it says (rows, tokens)."""
        said = logits.detach()
        if self.own == "best":
            return said.argmax(-1)
        shares = said.softmax(-1).to(self._drawn_on(said.device))
        return torch.multinomial(shares, 1, generator=self.draws).squeeze(-1).to(said.device)

    def _drawn_on(self, device: torch.device) -> torch.device:
        """A generator draws where it lives."""
        return device if self.draws is None else self.draws.device


def linear(update: int, *, slope: float, start: float = 1.0, least: float = 0.0) -> float:
    """The probability of an own token at an update: 1 - max(least, start - slope * update).

    Args:
        update: how many updates of the weights there have been.
        slope: what the probability of the true token loses at an update.
        start, least: the probability of the true token at first and at last.

    Raises:
        CellwrightError: arguments with which it is no probability that grows.
    """
    checks.probability("start", start)
    checks.probability("least", least)
    if not is_finite(slope) or slope < 0:
        raise CellwrightError(f"slope is a number from 0, got {slope!r}")
    return 1.0 - max(least, start - slope * checks.count("update", update))


def exponential(update: int, *, base: float) -> float:
    """The probability of an own token at an update: 1 - base^update, with a base below 1; otherwise as ``linear``."""
    if not is_finite(base) or not 0 < base < 1:
        raise CellwrightError(f"base is a number between 0 and 1, got {base!r}")
    return 1.0 - base ** checks.count("update", update)


def inverse_sigmoid(update: int, *, k: float) -> float:
    """The probability of an own token at an update: 1 - k / (k + exp(update / k)), with k from 1; as ``linear``."""
    if not is_finite(k) or k < 1:
        raise CellwrightError(f"k is a number from 1, got {k!r}")
    return 1.0 / (1.0 + k * math.exp(-checks.count("update", update) / k))
