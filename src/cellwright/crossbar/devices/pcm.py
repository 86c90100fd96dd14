"""Phase-change memory with its published noise and drift."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Self

import torch

from cellwright.crossbar.devices.device import Device, Pulse

Tensor = torch.Tensor

_FIXED_POINT_STEPS = 25  # most devices take five; a strange drift after a long time takes more


@dataclass(frozen=True, kw_only=True)
class PhaseChange(Device):
    """Doped Ge2Sb2Te5 of the million-device array of Joshi et al. 2020, by the model of Nandakumar et al. 2019.

    Conductances g are in units of ``largest`` (25 uS), times in seconds since the read at t0 = 20 s that ended
    programming, logarithms natural:

    - A SET leaves g + N(0, sigma), sigma = max(-1.1731 g^2 + 1.9650 g + 0.26348, 0) uS. That is what iterative
      programming (read and correct, Papandreou et al. 2011) left on the array: one SET here stands for all of it.
    - G(t) = G ((t + t0) / t0)^-nu. Each device has its nu = |mu + s n|, n standard normal, with
      mu = -0.0155 ln g + 0.0244 in [0.049, 0.1], s = -0.0125 ln g - 0.0059 in [0.008, 0.045].
    - The noise of a read has the standard deviation G Q sqrt(ln((t + t0 + tr) / (2 tr))),
      Q = min(0.0088 / g^0.65, 0.2), tr = 250 ns: 1/f noise integrated from the width of a read to the time since
      programming.

    Valid for reads at 0.2 V, where the device is taken as linear, at room temperature (temperature does not enter), up
    to a day or so after programming. Two departures from the sources: g in nu and Q is the conductance that was
    programmed, not its target; and noise is independent from read to read, though 1/f noise is not. As there is no
    gate, ``gate_voltage`` stands for what the pulse generator is told: 0 to 1 over the window.

    Attributes:
        largest: the conductance to which the fits refer, in siemens.
        first_read: t0, in seconds.
        read_width: tr, in seconds.
        pulse_current: of one programming pulse, in amperes.
        drift_normal: n: standard normal, one number a device.
    """

    largest: float = 25e-6
    first_read: float = 20.0
    read_width: float = 250e-9
    pulse_current: float = 300e-6
    drift_normal: float | Tensor = 0.0
    window: tuple[float, float] = (0.0, 25e-6)
    off: float = 0.0
    read: Pulse = Pulse(0.2, 250e-9)
    set_pulse: Pulse = Pulse(1.5, 10e-6)
    reset_pulse: Pulse = Pulse(2.0, 100e-9)
    rounds: float = 1
    gate_window: tuple[float, float] = (0.0, 1.0)
    endurance: float = 1e8
    area: float = 25e-12
    citation: str = (
        "Nandakumar et al. 2019, ICECS, pp. 727-730, and Joshi et al. 2020, Nature Communications 11, 2473; numbers as "
        "in IBM's aihwkit (PCMLikeNoiseModel)"
    )
    assumed: str = (
        "0.2 V a read, 10 us at 1.5 V and 300 uA for all pulses of one SET, 100 ns at 2 V and 300 uA for a RESET, an "
        "endurance of 1e8 pulses, 5 um x 5 um a cell"
    )

    def programming_noise(self, conductance: Tensor) -> Tensor:
        """Standard deviation of what iterative programming leaves, in siemens."""
        g = conductance / self.largest
        return (self.largest / 25) * (-1.1731 * g.square() + 1.9650 * g + 0.26348).clamp(min=0)

    def drift_exponent(self, conductance: Tensor) -> Tensor:
        """nu of each device, by the conductance that was programmed, in siemens."""
        logarithm = (conductance / self.largest).clamp(min=1e-7).log()
        mean = (-0.0155 * logarithm + 0.0244).clamp(0.049, 0.1)
        deviation = (-0.0125 * logarithm - 0.0059).clamp(0.008, 0.045)
        return (mean + deviation * self.drift_normal).abs()

    def set(self, state: Tensor, gate_voltage: Tensor, noise: Tensor) -> Tensor:
        aimed = self.window[0] + gate_voltage * self.gate_slope
        return (aimed + self.programming_noise(aimed) * noise).clamp(min=0)

    def reset(self, state: Tensor, noise: Tensor) -> Tensor:
        left = torch.full_like(state, self.off)
        return (left + self.programming_noise(left) * noise).clamp(min=0)

    def current(
        self, state: Tensor, voltage: Tensor, temperature: float = 300.0, time_since_programming: float = 0.0
    ) -> Tensor:
        return state * self._left(state, time_since_programming) * voltage

    def _left(self, state: Tensor, time_since_programming: float) -> Tensor:
        """What drift leaves of a programmed conductance, as a fraction."""
        elapsed = (time_since_programming + self.first_read) / self.first_read
        return elapsed ** -self.drift_exponent(state)

    def programmed(self, conductance: Tensor, time_since_programming: float) -> Tensor:
        """The conductance that was programmed and drifted to this one: a fixed point, as its drift depends on it."""
        state = conductance
        for _ in range(_FIXED_POINT_STEPS if time_since_programming else 0):
            state = conductance / self._left(state, time_since_programming)
        return state

    def read_noise(self, conductance: Tensor, time_since_programming: float = 0.0) -> Tensor:
        g = (self.programmed(conductance, time_since_programming) / self.largest).abs()
        strength = (0.0088 / (g**0.65).clamp(min=1e-3)).clamp(max=0.2)
        span = time_since_programming + self.first_read + self.read_width
        return conductance * strength * math.sqrt(math.log(span / (2 * self.read_width)))

    def gate_voltage(self, conductance: Tensor) -> Tensor:
        return (conductance - self.window[0]) / self.gate_slope

    @property
    def gate_slope(self) -> float:
        return self.window[1] - self.window[0]

    @property
    def varies(self) -> bool:
        return True

    def instances(self, normal: Callable[[str], Tensor]) -> Self:
        drawn = super().instances(normal) if self.spread else self
        return replace(drawn, drift_normal=normal("drift_normal"))

    def pulse_energy(self, pulse: Pulse, before: Tensor, after: Tensor) -> Tensor:
        """Joules of one pulse, V I t: the heated device conducts far better than a read sees."""
        return torch.full_like(before, pulse.voltage * self.pulse_current * pulse.width)


CATALOGUE: Mapping[str, Device] = {"pcm": PhaseChange()}
