"""How far a crossbar's input amplitude or conductances can be lowered at a given signal-to-noise ratio.

Smagulova & James 2019 (section 3.1.2, after Li et al. 2019) name two ways to larger arrays, whose size the output
current limits: smaller input amplitudes, as long as the signal-to-noise ratio allows, and lower conductances, which
are a matter of the device's materials. Both save energy. This is what noise leaves of them.

One output is the difference of n pairs of devices, read for a time t. With the amplitude V of every input, the mean
conductance G of a device and the largest difference D of a pair:

- signal: n V D, when all pairs pull one way (full scale); sqrt(n) V D, when their signs are random
- thermal noise: 4 k T (2 n G) B                 (Johnson 1928, Nyquist 1928)
- shot noise: 2 q (2 n G V) B                    (Schottky 1918; an upper bound: it is full at a barrier, and a metallic
  filament shows less of it)
- read noise: 2 n (r G V)^2, with a standard deviation r G of each device from read to read, all independent
- B = 1 / (2 t): the bandwidth of noise of an integration over t

all as powers of a current, in square amperes. Wires, converters and sense amplifiers add noise of their own.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf, sqrt
from typing import Literal

import torch

from cellwright.crossbar.devices import Device
from cellwright.crossbar.devices.device import ROOM_TEMPERATURE
from cellwright.errors import CellwrightError

BOLTZMANN = 1.380649e-23
"""J/K, exact since 2019 (SI)."""
ELEMENTARY_CHARGE = 1.602176634e-19
"""C, exact since 2019 (SI)."""

Signal = Literal["full scale", "random"]


@dataclass(frozen=True, kw_only=True)
class Column:
    """One output of a crossbar of differential pairs, in SI units.

    Attributes:
        pairs: n, which is the number of inputs with the bias.
        voltage: V, the amplitude of every input.
        conductance: G, the mean of a device.
        difference: D, of a pair at the largest weight.
        read_noise: r, as a fraction of the conductance.
        time: t, of a read.
        temperature: T, in kelvins.
        signal: what counts as signal: "full scale" or "random".

    Raises:
        CellwrightError: a number that is not positive (read noise and temperature may be 0), or an unknown signal.
    """

    pairs: int
    voltage: float
    conductance: float
    difference: float
    read_noise: float
    time: float
    temperature: float = ROOM_TEMPERATURE
    signal: Signal = "full scale"

    def __post_init__(self) -> None:
        for name in ("pairs", "voltage", "conductance", "difference", "time"):
            if not 0 < getattr(self, name) < inf:
                raise CellwrightError(f"{name}={getattr(self, name)}: expected a positive number")
        if not (0 <= self.read_noise < inf and 0 <= self.temperature < inf):
            raise CellwrightError(
                f"read noise and temperature are 0 or more, got {self.read_noise} and {self.temperature}"
            )
        if self.signal not in ("full scale", "random"):
            raise CellwrightError(f"signal={self.signal!r}: expected 'full scale' or 'random'")

    @classmethod
    def of(cls, device: Device, pairs: int, *, signal: Signal = "full scale") -> Column:
        """A column of some device: every device in the middle of its window, read as the device is."""
        low, high = device.window
        middle = torch.tensor((low + high) / 2, dtype=torch.float64)
        return cls(
            pairs=pairs,
            voltage=device.read.voltage,
            conductance=float(middle),
            difference=high - low,
            read_noise=float(device.read_noise(middle) / middle),
            time=device.read.width,
            signal=signal,
        )

    @property
    def bandwidth(self) -> float:
        """Of the noise, in hertz."""
        return 1 / (2 * self.time)

    @property
    def signal_power(self) -> float:
        """Square amperes."""
        return self._gain * self.voltage**2

    @property
    def thermal_noise(self) -> float:
        """Square amperes."""
        return 4 * BOLTZMANN * self.temperature * self._total * self.bandwidth

    @property
    def shot_noise(self) -> float:
        """Square amperes."""
        return 2 * ELEMENTARY_CHARGE * self.current * self.bandwidth

    @property
    def device_noise(self) -> float:
        """Square amperes, of the devices' read noise."""
        return self._flicker * self.voltage**2

    @property
    def signal_to_noise(self) -> float:
        """A ratio of powers."""
        return self.signal_power / (self.thermal_noise + self.shot_noise + self.device_noise)

    @property
    def largest_signal_to_noise(self) -> float:
        """What no amplitude and no conductance exceeds: the read noise grows with both as the signal does."""
        return self._gain / self._flicker if self._flicker else inf

    @property
    def current(self) -> float:
        """Amperes that the devices of the column take, both of each pair."""
        return self._total * self.voltage

    @property
    def energy(self) -> float:
        """Joules that the devices take in a read: V^2 (2 n G) t."""
        return self.current * self.voltage * self.time

    def with_least_voltage(self, signal_to_noise: float) -> Column:
        """The same column at the smallest amplitude that has a signal-to-noise ratio (of powers).

        With the signal A V^2 and the noise a + b V + c V^2, that is the positive root of
        (A - S c) V^2 - S b V - S a = 0.

        Raises:
            CellwrightError: the read noise alone leaves less, at any amplitude.
        """
        left = self._left_by_read_noise(signal_to_noise)
        thermal, shot = signal_to_noise * self.thermal_noise, signal_to_noise * self.shot_noise / self.voltage
        return replace(self, voltage=(shot + sqrt(shot**2 + 4 * left * thermal)) / (2 * left))

    def with_least_conductance(self, signal_to_noise: float) -> Column:
        """The same column with all conductances lowered by one factor k, as far as a signal-to-noise ratio allows.

        The signal and the read noise go with k^2, the other noise with k: k = S (a + b V) / ((A - S c) V^2). Above 1
        it says how much higher the conductances would have to be.

        Raises:
            CellwrightError: the read noise alone leaves less, at any conductance.
        """
        left = self._left_by_read_noise(signal_to_noise)
        factor = signal_to_noise * (self.thermal_noise + self.shot_noise) / (left * self.voltage**2)
        return replace(self, conductance=factor * self.conductance, difference=factor * self.difference)

    def pairs_within(self, current: float) -> int:
        """How many pairs a column can have if its devices may take so many amperes together.

        Raises:
            CellwrightError: not even one.
        """
        pairs = int(current / (2 * self.conductance * self.voltage))
        if pairs < 1:
            raise CellwrightError(
                f"one pair takes {2 * self.conductance * self.voltage:.3g} A, which is more than {current:.3g} A: "
                "lower the voltage or the conductance"
            )
        return pairs

    def _left_by_read_noise(self, signal_to_noise: float) -> float:
        if not 0 < signal_to_noise < inf:
            raise CellwrightError(f"a signal-to-noise ratio is a positive ratio of powers, got {signal_to_noise}")
        left = self._gain - signal_to_noise * self._flicker
        if left <= 0:
            raise CellwrightError(
                f"a signal-to-noise ratio of {signal_to_noise:.4g} is out of reach: the read noise alone leaves "
                f"{self.largest_signal_to_noise:.4g}"
            )
        return left

    @property
    def _gain(self) -> float:
        """Signal power a square volt."""
        return self.difference**2 * (self.pairs**2 if self.signal == "full scale" else self.pairs)

    @property
    def _flicker(self) -> float:
        """Power of the read noise a square volt."""
        return 2 * self.pairs * (self.read_noise * self.conductance) ** 2

    @property
    def _total(self) -> float:
        """Conductance of all devices."""
        return 2 * self.pairs * self.conductance


def ratio_of_bits(bits: float) -> float:
    """The signal-to-noise ratio (of powers) at which noise is as large as that of a converter of so many bits.

    Full scale beside a rounding error of step / sqrt(12), with 2^(bits - 1) steps to full scale:
    12 * 4^(bits - 1).

    Raises:
        CellwrightError: less than one bit.
    """
    if not 1 <= bits < inf:
        raise CellwrightError(f"a converter has 1 bit or more, got {bits}")
    return 12 * 4.0 ** (bits - 1)
