"""From weights to target conductances: bit slices, scales, and where it pays to clip."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch

from cellwright.errors import CellwrightError

Tensor = torch.Tensor
Encoding = Literal["balanced", "one-sided", "reference"]
PairEncoding = Literal["balanced", "one-sided"]
"""Those that a chip can choose: a reference comes with its layout."""
ScalePer = Literal["array", "column"]

_CLIPS = tuple(step / 20 for step in range(6, 21))  # of the largest weight: what a search tries, 0.3 to 1


@dataclass(frozen=True)
class Targets:
    """Two target conductances for each weight, in siemens, and the scale: siemens of difference a unit of weight.

    Attributes:
        positive, negative: (rows, columns).
        scale: (columns,).
    """

    positive: Tensor
    negative: Tensor
    scale: Tensor


def conductances(
    weights: Tensor,
    window: tuple[float, float],
    encoding: Encoding = "balanced",
    per: ScalePer = "array",
    clip: float | Tensor = 1.0,
) -> Targets:
    """Map weights to pairs of conductances, the largest weight to the whole window.

    Args:
        weights: (rows, columns).
        window: lowest and highest conductance, in siemens.
        encoding: ``balanced``: both devices move apart from the middle of the window, as in Li et al. 2019;
            ``one-sided``: one device stays at the lower end, which takes less current; ``reference``: the second
            device stays in the middle, so that all weights can share it, at half of the scale.
        per: one scale an ``array`` or one a ``column``.
        clip: this part of the largest weight takes the whole window, and what is larger is cut off; (columns,) with a
            scale a column.

    Raises:
        CellwrightError: a weight is not finite; the encoding is unknown.
    """
    if not bool(torch.isfinite(weights).all()):
        raise CellwrightError("a weight is NaN or infinite: such a network cannot be programmed; look at its training")
    low, high = window
    if encoding not in ("balanced", "one-sided", "reference"):
        raise CellwrightError(f"an encoding is 'balanced', 'one-sided' or 'reference', got {encoding!r}")
    largest = clip * largest_of(weights.detach(), per)
    span = (high - low) / 2 if encoding == "reference" else high - low
    scale = span / torch.where(largest > 0, largest, 1.0)
    differences = weights.clamp(-largest, largest) * scale
    middle = (low + high) / 2
    if encoding == "one-sided":
        return Targets(low + differences.clamp(min=0), low + (-differences).clamp(min=0), scale)
    if encoding == "reference":
        return Targets(middle + differences, torch.full_like(differences, middle), scale)
    return Targets(middle + differences / 2, middle - differences / 2, scale)


def largest_of(weights: Tensor, per: ScalePer) -> Tensor:
    """(columns,): the largest absolute weight of the array or of each column."""
    if per not in ("array", "column"):
        raise CellwrightError(f"a scale is one an 'array' or one a 'column', got {per!r}")
    if not weights.numel():
        return weights.new_zeros(weights.shape[-1])
    by_column = weights.abs().amax(0)
    return by_column if per == "column" else by_column.amax().expand_as(by_column)


def bit_slices(weights: Tensor, count: int, bits: int) -> tuple[Tensor, ...]:
    """Weights as a sum of slices, most significant first, each for an array of its own.

    Sign and magnitude: a slice holds ``bits`` bits of the magnitude, with the weight's sign; the next holds the
    following bits of what is left. The last holds all that is left, as its devices are analog. The sum is exact.
    Slicing is ISAAC's (Shafiee et al. 2016, section IV), where every slice is digital and unsigned.

    Raises:
        CellwrightError: no slices, or no bits.
    """
    if count < 1 or bits < 1:
        raise CellwrightError(f"bit slices are at least 1, of at least 1 bit; got {count} of {bits} bits")
    left, found = weights, []
    unit = float(weights.detach().abs().max()) / (2**bits - 1) if weights.numel() else 0.0
    for _ in range(count - 1):
        if unit == 0:
            break
        # The largest weight is a whole number of units, which rounding of the division must not make one less.
        digits = torch.trunc(left / unit * (1 + 1e-12))
        found.append(digits * unit)
        left = left - found[-1]
        unit /= 2**bits
    found += [left, *(torch.zeros_like(left) for _ in range(count - len(found) - 1))]
    return tuple(found)


def best_clip(
    weights: Tensor,
    second_moment: Tensor,
    error: float,
    window: tuple[float, float],
    encoding: Encoding,
    per: ScalePer,
) -> Tensor:
    """(columns,): the part of the largest weight that should take the whole window, so that outputs err least.

    A smaller part cuts weights off and makes those that are left larger than the devices' errors. With D the weights
    cut off, S the second moment of the inputs and sigma the error of a device, a column's output errs by
    D^T S D + 2 sigma^2 / scale^2 tr S in the mean square; the smallest on a grid from 0.3 to 1 is taken, by the column
    or by the whole array.

    Args:
        weights: (rows, columns), for inputs in full scales.
        second_moment: (rows, rows) of these inputs.
        error: standard deviation of a device's conductance from its target, in siemens.
    """
    losses = []
    for clip in _CLIPS:
        targets = conductances(weights, window, encoding, per, clip)
        kept = (targets.positive - targets.negative) / targets.scale
        cut = weights - kept
        noise = 2 * (error / targets.scale).square() * second_moment.diagonal().sum()
        losses.append((cut * (second_moment @ cut)).sum(0) + noise)
    loss = torch.stack(losses)
    loss = loss if per == "column" else loss.sum(1, keepdim=True).expand_as(loss)
    return loss.new_tensor(_CLIPS)[loss.argmin(0)]
