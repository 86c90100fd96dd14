"""The transimpedance amplifier behind a bit line: an operational amplifier with a feedback resistor.

Its output voltage is taken as a current through the feedback resistor, so that it compares with the current of the bit
line: output / R_f = gain * I + offset. To first order in the errors (Sedra & Smith, Microelectronic Circuits, chapter
on operational amplifiers; an amplifier of one pole):

- a finite open-loop gain A leaves the virtual ground with an input resistance R_f / (1 + A), which the wires see as
  part of the sense resistance, and makes the gain A / (1 + A);
- an offset voltage v of the amplifier sits on the virtual ground: the bit line draws v Y more, with Y the conductance
  of all its devices (with wires, of their effective ones), and the output moves by v besides: v (1 / R_f + Y);
- the feedback resistor errs by a part of its value;
- the noise gain 1 + R_f Y divides the bandwidth B: a read that lasts t settles to 1 - exp(-2 pi B t / (1 + R_f Y)).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, pi

import torch

from cellwright.crossbar.draws import Draws
from cellwright.errors import CellwrightError

Tensor = torch.Tensor


@dataclass(frozen=True, kw_only=True)
class ReadOut:
    """A transimpedance amplifier a bit line. The defaults are assumed: a two-stage amplifier of 0.18 um CMOS.

    Attributes:
        feedback: the resistor R_f, in ohms.
        open_loop_gain: A; ``inf`` is an ideal virtual ground.
        offset: standard deviation of the offset voltage from amplifier to amplifier, in volts.
        gain_error: standard deviation of the feedback resistor, relative to its value.
        bandwidth: gain-bandwidth product B, in hertz; ``inf`` settles at once.
    """

    feedback: float = 1e3
    open_loop_gain: float = 1e4
    offset: float = 1e-3
    gain_error: float = 0.005
    bandwidth: float = 100e6

    def __post_init__(self) -> None:
        for name, low in (("feedback", 0.0), ("open_loop_gain", 0.0), ("bandwidth", 0.0)):
            if not getattr(self, name) > low:
                raise CellwrightError(f"{name} of a read-out is positive, got {getattr(self, name)!r}")
        for name in ("offset", "gain_error"):
            if not 0 <= getattr(self, name) < inf:
                raise CellwrightError(f"{name} of a read-out is a standard deviation, got {getattr(self, name)!r}")

    @property
    def input_resistance(self) -> float:
        """Between a bit line and true ground, in ohms."""
        return self.feedback / (1 + self.open_loop_gain)

    def gain(self, conductance: Tensor, draws: Draws, time: float) -> Tensor:
        """What each amplifier makes of an ampere.

        Args:
            conductance: (chips, bit lines): of all devices on a bit line, in siemens.
            time: of a read, in seconds.
        """
        error = self.gain_error * draws.normal("amplifier gain", 0, conductance.shape[-1])
        settled = 1 - torch.exp(-2 * pi * self.bandwidth * time / (1 + self.feedback * conductance))
        finite = 1.0 if self.open_loop_gain == inf else self.open_loop_gain / (1 + self.open_loop_gain)
        return finite * settled * (1 + error)

    def offset_current(self, conductance: Tensor, draws: Draws) -> Tensor:
        """Amperes that each amplifier adds, of the shape of ``conductance``: (chips, bit lines)."""
        volts = self.offset * draws.normal("amplifier offset", 0, conductance.shape[-1])
        return volts * (1 / self.feedback + conductance)
