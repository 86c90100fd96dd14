"""Working around devices that failed: other rows for the weights, and other targets for the partners.

After a first pass of write-verify the devices that did not reach their targets are known, and so is what they read.
They get no more pulses. Then

- **remapping** gives each chip an order of its rows in which the failed devices hurt least: the assignment of weights
  to rows with the smallest sum of squared errors (Kuhn's Hungarian method, from SciPy);
- **compensation** moves the partner of a failed device so that their difference is as near to the weight as it gets.
  The partner may take any value of the window, or stay erased.

A second pass programs what has a new target.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment

from cellwright.crossbar.devices import Device
from cellwright.crossbar.layout import PairLayout
from cellwright.crossbar.programming import Programmed

Tensor = torch.Tensor


@dataclass(frozen=True)
class Plan:
    """What the second pass is to reach.

    Attributes:
        targets: (chips, word lines, bit lines), in siemens.
        order: (chips, rows): which row of the weights lies at each row of the array; None where none has moved.
    """

    targets: Tensor
    order: Tensor | None


def plan(
    device: Device, layout: PairLayout, wanted: Tensor, first: Programmed, *, compensate: bool, remap: bool
) -> Plan:
    """Plan the second pass for the failures of the first.

    Args:
        wanted: (word lines, bit lines): the targets of the first pass.
    """
    positive, negative = layout.parts(wanted)
    pairs = _Pairs(device, layout, first, compensate)
    order = None
    if remap:
        order = pairs.best_order(positive, negative)
        positive, negative = positive[order], negative[order]
    else:
        positive, negative = (part.expand(len(first.conductances), *part.shape) for part in (positive, negative))
    if pairs.compensated:
        positive, negative = pairs.with_partners(positive, negative)
    return Plan(layout.place(positive, negative), order)


class _Pairs:
    """The failed devices of all chips, pair by pair: tensors (chips, rows, columns)."""

    def __init__(self, device: Device, layout: PairLayout, first: Programmed, compensate: bool) -> None:
        self.device = device
        self.fixed = layout.parts(first.conductances)
        self.failed = layout.parts(~first.within)
        # All columns share a reference: it cannot be moved for one of them.
        self.compensated = compensate and layout.along != "reference"

    def with_partners(self, positive: Tensor, negative: Tensor) -> tuple[Tensor, Tensor]:
        """Targets in which the partner of a failed device makes up for it as well as it can."""
        wanted = positive - negative
        for_negative = self._nearest(self.fixed[0] - wanted)
        for_positive = self._nearest(self.fixed[1] + wanted)
        one, other = self.failed
        return torch.where(other & ~one, for_positive, positive), torch.where(one & ~other, for_negative, negative)

    def _nearest(self, target: Tensor) -> Tensor:
        """The conductance nearest to a target that a device can take: inside its window, or erased."""
        inside = target.clamp(*self.device.window)
        erased = torch.full_like(target, self.device.off)
        return torch.where((erased - target).abs() < (inside - target).abs(), erased, inside)

    def best_order(self, positive: Tensor, negative: Tensor) -> Tensor:
        """(chips, rows): for each row of the array, the row of the weights (rows, columns) that suits it."""
        chips = range(len(self.fixed[0]))
        found = [linear_sum_assignment(self._losses(chip, positive, negative).T.cpu().numpy())[1] for chip in chips]
        return torch.from_numpy(np.stack(found)).to(positive.device)

    def _losses(self, chip: int, positive: Tensor, negative: Tensor) -> Tensor:
        """(rows of the weights, rows of the array): summed squares of what would be missing from the differences."""
        positive, negative = positive[:, None], negative[:, None]
        wanted = positive - negative
        fixed, failed = ([part[chip][None] for part in parts] for parts in (self.fixed, self.failed))
        if self.compensated:
            partners = self._nearest(fixed[1] + wanted), self._nearest(fixed[0] - wanted)
        else:
            partners = positive, negative
        both, first, second = fixed[0] - fixed[1], fixed[0] - partners[1], partners[0] - fixed[1]
        got = torch.where(failed[0], torch.where(failed[1], both, first), torch.where(failed[1], second, wanted))
        losses = (got - wanted).square().sum(-1)
        # Between equals, rows stay where they are: what moves is programmed anew.
        moved = 1 - torch.eye(len(losses), dtype=losses.dtype, device=losses.device)
        return losses + 1e-9 * (losses.max() + 1e-30) * moved
