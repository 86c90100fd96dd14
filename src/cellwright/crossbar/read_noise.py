"""Read noise of an array, to first order: the variance of a bit line's current from the noise of its devices.

A device whose conductance moves by dG at the voltage v adds dG v to its bit line, less what the wires keep from the
sense (``Network.sensitivity``); what leaks to other bit lines is left out. The voltage depends on all inputs, which
would take a quadratic form of rows x rows a bit line. Nearly all of it are two things, though: the device's own word
line, and the current I of its own bit line, which lifts the line:

    v = a u - r I

with a and r for each device by least squares over inputs like those of the calibration. Three products with matrices of
the size of the array then give the variance, u^2 own - 2 I (u cross) + I^2 level.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from cellwright.crossbar.layout import PairLayout
from cellwright.crossbar.wires import Network

Tensor = torch.Tensor


@dataclass(frozen=True)
class NoiseForm:
    """The variance u^2 own - 2 I (u cross) + I^2 level of each bit line, for inputs u; see the module.

    Attributes:
        own: (chips, rows, lines), siemens squared.
        cross: (chips, rows, lines), siemens; None without wires.
        level: (chips, lines); None without wires.
    """

    own: Tensor
    cross: Tensor | None = None
    level: Tensor | None = None

    @classmethod
    def of(cls, network: Network, spread: Tensor, layout: PairLayout, moments: Tensor) -> NoiseForm:
        """Of an array whose devices have the standard deviations ``spread``, (chips, word lines, bit lines) siemens.

        Args:
            moments: (chips, rows, rows): second moments of the inputs that are expected.
        """
        weight = (spread * network.sensitivity).square()
        own, back = _voltages(network, layout, moments)
        return cls(
            own=layout.fold_squares(weight * own.square()),
            cross=layout.fold_squares(weight * own * back),
            level=(weight * back.square()).sum(-2),
        )

    @classmethod
    def without_wires(cls, spread: Tensor, layout: PairLayout) -> NoiseForm:
        """Every device is at its word line's voltage."""
        return cls(layout.fold_squares(spread.square()))

    def variance(self, inputs: Tensor, currents: Tensor, *, pulse_width: bool = False) -> Tensor:
        """(chips, batch, lines) siemens squared.

        Args:
            inputs: (chips, batch, rows), in full scales.
            currents: (chips, batch, lines): of the bit lines for these inputs, in siemens.
            pulse_width: inputs are pulses of full height that last for a part of the read: their noise grows with
                that part instead of the square of the input.
        """
        own, cross = self.products(inputs, pulse_width=pulse_width)
        if cross is None or self.level is None:
            return own.to(currents.dtype)
        rest = torch.addcmul(-2 * cross.to(currents.dtype), currents, self.level[..., None, :])
        return torch.addcmul(own.to(currents.dtype), currents, rest).clamp_(min=0)

    def products(self, inputs: Tensor, *, pulse_width: bool) -> tuple[Tensor, Tensor | None]:
        """u^2 own and u cross, (chips, batch, lines), in the precision of the form."""
        u = inputs.to(self.own.dtype)
        cross = None if self.cross is None else u @ self.cross
        return (u.abs() if pulse_width else u * u) @ self.own, cross

    def single(self) -> NoiseForm:
        """In single precision, which is plenty for a variance, but for the level."""
        return NoiseForm(self.own.float(), None if self.cross is None else self.cross.float(), self.level)

    def split(self, chips: int) -> list[NoiseForm]:
        """So many chips at a time."""
        own = self.own.split(chips)
        cross = [None] * len(own) if self.cross is None else self.cross.split(chips)
        level = [None] * len(own) if self.level is None else self.level.split(chips)
        return [NoiseForm(*parts) for parts in zip(own, cross, level, strict=True)]

    def mapped(self, function: Callable[[Tensor], Tensor]) -> NoiseForm:
        """With the matrices put through a function."""
        return NoiseForm(function(self.own), None if self.cross is None else function(self.cross), self.level)

    def amplified(self, gain: Tensor) -> NoiseForm:
        """Behind amplifiers of a gain, (chips, lines); the currents are then those behind the amplifiers too."""
        own = self.own * gain.square()[:, None]
        return NoiseForm(own, None if self.cross is None else self.cross * gain[:, None], self.level)


def joined(forms: Sequence[NoiseForm]) -> NoiseForm:
    """The forms of several groups of chips as one."""
    cross = [form.cross for form in forms if form.cross is not None]
    level = [form.level for form in forms if form.level is not None]
    own = torch.cat([form.own for form in forms])
    return NoiseForm(own, torch.cat(cross) if cross else None, torch.cat(level) if level else None)


def _voltages(network: Network, layout: PairLayout, moments: Tensor) -> tuple[Tensor, Tensor]:
    """a, in volts a full scale of the device's own input, and r, in ohms: both (chips, word lines, bit lines).

    Least squares of each device's voltage on its own input u and its line's current I: with moments S of the inputs,
    the products v'S u, v'S I, u'S u, u'S I and I'S I of the coefficients are all that it takes.
    """
    currents = layout.fold_rows(network.effective)
    rows = currents.shape[-2]
    place = layout.row_of_lines(rows).to(currents.device)
    patterns = layout.drive(torch.eye(rows, dtype=currents.dtype, device=currents.device)).mT
    # A little of independent inputs keeps what never varies in the calibration from leaving nothing to fit.
    size = moments.diagonal(dim1=-2, dim2=-1).mean(-1)[:, None, None].clamp(min=1e-12)
    moments = moments / size + 1e-3 * torch.eye(rows, dtype=moments.dtype, device=moments.device)
    volts = network.voltages_across(patterns)  # (chips, lines, word lines, rows)
    current_moments = moments @ currents  # (chips, rows, lines)
    of_current = (volts @ current_moments.mT[..., None])[..., 0].mT
    of_own = (volts * moments[:, None, place]).sum(-1).mT
    own_own = moments.diagonal(dim1=-2, dim2=-1)[:, place, None]
    own_current = current_moments[:, place]
    current_current = (currents * current_moments).sum(-2, keepdim=True)
    determinant = own_own * current_current - own_current.square()
    fits = determinant > 1e-12 * own_own * current_current
    safe = torch.where(fits, determinant, 1.0)
    own = torch.where(fits, (of_own * current_current - of_current * own_current) / safe, of_own / own_own)
    back = torch.where(fits, -(of_current * own_own - of_own * own_current) / safe, 0.0)
    return own, back
