"""The wires that cross a march (see ``wires_elimination``): ladders of resistances between devices and a terminal.

The matrix of such a ladder has a closed form with two factors (Gantmacher & Krein), so that it takes no factorisation.
All is written in resistances where these may be 0, and nothing is divided by them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import torch

from cellwright.errors import CellwrightError

Tensor = torch.Tensor
Terminals = Literal["first", "last", "both"]

_AT_ONCE = 1 << 17  # numbers of matrices that are found together, line by line
_VANISHED = -800.0  # the logarithm of what is 0 in double precision
_STEEPEST = 600.0  # logarithms whose exponentials multiply without overflow


@dataclass(frozen=True, kw_only=True)
class Ladder:
    """The resistances along every line of a march, in ohms.

    Attributes:
        end: between a tap and the nearest crossing.
        segment: between neighbouring crossings.
        taps: whether the tap is before the first crossing, after the last one, or (joined) at both.
    """

    end: float
    segment: float
    taps: Terminals

    def resistances(self, block: int, *, like: Tensor) -> Tensor:
        """(block, block) ohms: volts at a crossing, relative to the tap, for an ampere into another; no devices."""
        place = torch.arange(block, dtype=like.dtype, device=like.device)
        first, last = self.end + self.segment * place, self.end + self.segment * place.flip(0)
        if self.taps == "first":
            return torch.minimum(first[:, None], first)
        if self.taps == "last":
            return torch.minimum(last[:, None], last)
        total = 2 * self.end + self.segment * (block - 1)
        shared = torch.minimum(first[:, None], first) * torch.minimum(last[:, None], last)
        return shared / total if total else shared


class Lines:
    """All lines, each with its ladder of resistances.

    Args:
        conductances: (..., lines, block) siemens.
        ladder: of every line.
    """

    def __init__(self, conductances: Tensor, ladder: Ladder) -> None:
        self.conductances = conductances
        self.count, self.block = conductances.shape[-2:]
        self._high, self._low = _ladder_factors(conductances, ladder)
        self._lower = torch.ones(self.block, self.block, dtype=torch.bool, device=conductances.device).tril()

    def rises(self, some: slice) -> Tensor:
        """(..., some lines, block, block) ohms: volts along a line for an ampere from the block through each device."""
        return self._symmetric(self._high[..., some, :], self._low[..., some, :])

    def draws(self, some: slice) -> Tensor:
        """(..., some lines, block, block) siemens: current from the block into a line for a volt at each node."""
        own = self.conductances[..., some, :]
        draws = self._symmetric(self._high[..., some, :] * own, self._low[..., some, :] * -own)
        draws.diagonal(dim1=-2, dim2=-1).add_(own)
        return draws

    def _symmetric(self, high: Tensor, low: Tensor) -> Tensor:
        below = high[..., :, None] * low[..., None, :]
        return torch.where(self._lower, below, below.mT)

    def parts(self) -> Iterator[slice]:
        """All lines in parts that stay in cache, the last ones first."""
        at_once = max(1, _AT_ONCE // max(1, self.conductances[..., 0, :].numel() * self.block))
        for stop in range(self.count, 0, -at_once):
            yield slice(max(0, stop - at_once), stop)

    def across(self, k: int, rise: Tensor, nodes: Tensor) -> Tensor:
        """(..., block, any): volts across the devices of line k for volts at the block, relative to the tap."""
        return nodes - rise @ (self.conductances[..., k, :, None] * nodes)


def _ladder_factors(conductances: Tensor, ladder: Ladder) -> tuple[Tensor, Tensor]:
    """Vectors high and low: an ampere into crossing j lifts crossing i >= j by high[i] low[j] volts, and j by as much.

    A resistance seen from a node is kept as a pair (volts, amperes), so that neither an open end nor 0 ohms is special.

    Raises:
        CellwrightError: voltages fall along a line by more than double precision holds.
    """
    devices = conductances.movedim(-1, 0)
    both = torch.stack([devices, devices.flip(0)], 1).contiguous()
    volts, amperes = torch.ones_like(both[0]), torch.zeros_like(both[0])
    for side, nearest in enumerate(("first", "last")):
        if ladder.taps in (nearest, "both"):
            volts[side], amperes[side] = ladder.end, 1.0
    seen = [(volts, amperes)]
    for place in both[:-1]:
        amperes = torch.addcmul(amperes, place, volts)
        volts = torch.add(volts, amperes, alpha=ladder.segment)
        scale = (volts + amperes).reciprocal_()
        volts, amperes = volts * scale, amperes * scale
        seen.append((volts, amperes))
    v, i = (torch.stack(part).movedim(0, -1) for part in zip(*seen, strict=True))
    before_v, before_i, after_v, after_i = v[0], i[0], v[1].flip(-1), i[1].flip(-1)
    through = conductances * before_v * after_v + before_i * after_v + before_v * after_i
    own = before_v * after_v / torch.where(through == 0, 1.0, through)
    if ladder.segment == 0:
        return torch.ones_like(own), own
    passed = after_v / (after_v + ladder.segment * (after_i + conductances * after_v))
    fall = passed.log().clamp_(min=_VANISHED).cumsum(-1)
    fall = fall - fall[..., -1:] / 2
    if bool((fall.abs() > _STEEPEST).any()):
        raise CellwrightError(
            "wires of this resistance keep less than 1e-500 of a voltage from end to end: lower their segments, or "
            "the conductances"
        )
    return fall.exp(), own * (-fall).exp()
