"""Filamentary RRAM in general: steps that shrink towards two bounds, spread, series transistor, retention, disturb."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Self

import torch

from cellwright.crossbar.devices.device import BOLTZMANN_EV, ROOM_TEMPERATURE, Device, Pulse, Scheme
from cellwright.errors import CellwrightError

Tensor = torch.Tensor

_LARGEST_SHARE = 0.95  # of the transistor's conductance: a cell cannot conduct better than its transistor
_NEWTON_STEPS = 8
_LARGEST_EXPONENT = 300.0  # e^300: what an Arrhenius law may change by, far beyond all temperatures of a chip
_TINY = 1e-30  # volts, for a filament that does not conduct


@dataclass(frozen=True, kw_only=True)
class Filament(Device):
    """A filament between two soft bounds, moved by identical pulses.

    With x = (G - lowest) / (highest - lowest) and xi standard normal, a pulse changes G by

    - SET:    step_up * (2 (1 - x))^nonlinearity_up * (1 + cycle_to_cycle * xi),
    - RESET: -step_down * (2 x)^nonlinearity_down * (1 + cycle_to_cycle * xi),

    cut off at the bounds: the synapse of Fusi & Abbott 2007 (Nature Neuroscience 10, 485), found in HfO2 devices by
    Frascaroli et al. 2018 (Scientific Reports 8, 7178); aihwkit's PowStepDevice, with steps named at the middle of the
    range. An exponent of 1 gives its SoftBoundsDevice, 0 the constant steps of Gokmen & Vlasov 2016 (Frontiers in
    Neuroscience 10, 333). step_up and step_down are ``step`` times and divided by the root of ``up_over_down``.

    What a read sees, from the state G that programming left:

    - retention: off + (G - off) exp(-(t / lifetime)^stretch), a stretched exponential whose lifetime has an Arrhenius
      law, lifetime = retention_time * exp(retention_energy / k * (1/T - 1/300 K)); T holds for the whole time;
    - temperature: the filament's own conductance times exp(-activation_energy / k * (1/T - 1/300 K));
    - series transistor: its triode conductance ``transistor_slope`` * (Vg - ``threshold``) in series. The state is the
      conductance of the whole cell, verified at ``verify_gate``; reads at another ``read_gate`` see another one.

    Valid for pulses of one height and width, reads far below them, and 250 to 400 K, in which one Arrhenius law is
    taken to hold.

    Attributes:
        lowest, highest: the bounds, in siemens.
        step: root of the product of the mean steps of SET and RESET at the middle of the range, in siemens.
        up_over_down: mean step of SET over that of RESET, at the middle.
        nonlinearity_up, nonlinearity_down: exponents of the steps.
        cycle_to_cycle: standard deviation of a step, relative to its mean.
        read_noise_fraction: standard deviation of one read, as a fraction of the conductance.
        transistor_slope: siemens a volt; infinite for a cell without a transistor.
        threshold, verify_gate, read_gate: of the transistor, in volts.
        activation_energy: of conduction, in electronvolts.
        retention_time: seconds at 300 K in which a state loses 63 % of what it is above ``off``.
        retention_energy: in electronvolts.
        stretch: exponent of the stretched exponential.
        disturb_rate, disturb_voltage: a read takes a share disturb_rate * sinh(V / disturb_voltage) of the way to
            ``highest``: all reads are taken to have the polarity of SET, the worst case.
    """

    lowest: float | Tensor = 5e-6
    highest: float | Tensor = 150e-6
    step: float | Tensor = 145e-6 / 50
    up_over_down: float | Tensor = 1.0
    nonlinearity_up: float | Tensor = 1.0
    nonlinearity_down: float | Tensor = 1.0
    cycle_to_cycle: float = 0.3
    read_noise_fraction: float = 0.005
    transistor_slope: float = math.inf
    threshold: float = 0.5
    verify_gate: float = 3.0
    read_gate: float = 3.0
    activation_energy: float = 0.02
    retention_time: float = 1e11
    retention_energy: float = 1.1
    stretch: float = 0.5
    disturb_rate: float = 1e-12
    disturb_voltage: float = 0.05
    window: tuple[float, float] = (10e-6, 100e-6)
    off: float = 5e-6
    read: Pulse = Pulse(0.2, 100e-9)
    set_pulse: Pulse = Pulse(1.2, 100e-9)
    reset_pulse: Pulse = Pulse(1.4, 100e-9)
    scheme: Scheme = "one-pulse"
    spread: Mapping[str, float] = field(
        default_factory=lambda: {"step": 0.3, "up_over_down": 0.01, "highest": 0.1, "lowest": 0.1}
    )
    endurance: float = 1e6
    area: float = 1e-12
    citation: str = (
        "Fusi & Abbott 2007, Nature Neuroscience 10, 485, and Frascaroli et al. 2018, Scientific Reports 8, 7178 (soft "
        "bounds); Gokmen & Vlasov 2016, Frontiers in Neuroscience 10, 333 (steps spread by 30 % from device to device "
        "and from cycle to cycle)"
    )
    assumed: str = (
        "all conductances, 50 states, bounds that spread by 10 %, up over down by 1 % (as in aihwkit's preset of "
        "Gokmen & Vlasov), pulses, 0.02 eV of conduction, retention of 1e11 s at 300 K with 1.1 eV, read noise "
        "0.5 % of G, read disturb, an endurance of 1e6 pulses, 1 um x 1 um a cell"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        # Tensors are instances, or what a fit searches: `instances` puts right what was drawn beyond bounds.
        for name in ("step", "up_over_down", "transistor_slope", "retention_time", "disturb_voltage"):
            value = getattr(self, name)
            if not isinstance(value, Tensor) and not value > 0:
                raise CellwrightError(f"{type(self).__name__}: {name} is above 0, got {value:g}")
        if min(self.verify_gate, self.read_gate) <= self.threshold:
            raise CellwrightError(
                f"{type(self).__name__}: the gates of {self.verify_gate:g} and {self.read_gate:g} V must lie above the "
                f"threshold of {self.threshold:g} V"
            )
        if self.window[1] * self.verify_resistance > _LARGEST_SHARE:
            raise CellwrightError(
                f"{type(self).__name__}: a window up to {self.window[1]:.3g} S needs a transistor that conducts better "
                f"than {1 / self.verify_resistance:.3g} S: raise transistor_slope or verify_gate"
            )

    @property
    def states(self) -> float | Tensor:
        """How many mean steps fit between the bounds."""
        return (self.highest - self.lowest) / self.step

    @property
    def verify_resistance(self) -> float:
        """Of the series transistor while states are verified, in ohms."""
        return 1 / (self.transistor_slope * (self.verify_gate - self.threshold))

    @property
    def read_resistance(self) -> float:
        """Of the series transistor during reads, in ohms."""
        return 1 / (self.transistor_slope * (self.read_gate - self.threshold))

    def instances(self, normal: Callable[[str], Tensor]) -> Self:
        """Devices that differ. A step that is drawn below zero is mirrored, as in aihwkit; a bound stays within what
        the transistor carries."""
        drawn = super().instances(normal)
        ceiling = _LARGEST_SHARE / self.verify_resistance if self.verify_resistance else math.inf
        own: dict[str, Any] = {}
        for name, most in (("step", math.inf), ("up_over_down", math.inf), ("lowest", ceiling), ("highest", ceiling)):
            if isinstance(value := getattr(drawn, name), Tensor):
                own[name] = value.abs().clamp(max=most)
        return replace(drawn, **own)

    def mean_step(self, state: Tensor, up: bool) -> Tensor:
        """What a SET (up) or RESET pulse does to a state on average, without the bounds, in siemens."""
        x = ((state - self.lowest) / (self.highest - self.lowest)).clamp(0, 1)
        if up:
            return self.step * self.up_over_down**0.5 * (2 * (1 - x)) ** self.nonlinearity_up
        return -self.step / self.up_over_down**0.5 * (2 * x) ** self.nonlinearity_down

    def set(self, state: Tensor, gate_voltage: Tensor, noise: Tensor) -> Tensor:
        return self._pulsed(state, True, noise)

    def reset(self, state: Tensor, noise: Tensor) -> Tensor:
        return self._pulsed(state, False, noise)

    def _pulsed(self, state: Tensor, up: bool, noise: Tensor) -> Tensor:
        after = state + self.mean_step(state, up) * (1 + self.cycle_to_cycle * noise)
        lowest, highest = (
            torch.as_tensor(b, dtype=after.dtype, device=after.device) for b in (self.lowest, self.highest)
        )
        return torch.clamp(after, lowest, highest)

    def current(
        self, state: Tensor, voltage: Tensor, temperature: float = ROOM_TEMPERATURE, time_since_programming: float = 0.0
    ) -> Tensor:
        kept = self.retained(state, temperature, time_since_programming)
        warmth = self.warmth(temperature)
        # The filament alone is kept / (1 - kept * verify_resistance). Written so that nothing is rounded where nothing
        # changes: then the conductance is the state.
        series = 1 + kept * (warmth * self.read_resistance - self.verify_resistance)
        return warmth * kept / series * voltage

    def warmth(self, temperature: float) -> float:
        """By what the filament conducts better than at 300 K."""
        return self._arrhenius(-self.activation_energy, temperature)

    def retained(self, state: Tensor, temperature: float, time_since_programming: float) -> Tensor:
        """The states after so many seconds at so many kelvins."""
        if not time_since_programming:
            return state
        lifetime = self.retention_time * self._arrhenius(self.retention_energy, temperature)
        return self.off + (state - self.off) * math.exp(-((time_since_programming / lifetime) ** self.stretch))

    def _arrhenius(self, energy: float, temperature: float) -> float:
        """exp(energy / k * (1/T - 1/300 K)), of electronvolts and kelvins.

        Raises:
            CellwrightError: at such a temperature the law says nothing, not even in numbers.
        """
        exponent = energy / BOLTZMANN_EV * (1 / temperature - 1 / ROOM_TEMPERATURE)
        if not abs(exponent) <= _LARGEST_EXPONENT:
            raise CellwrightError(
                f"{type(self).__name__}: nothing is known of {abs(energy):g} eV at {temperature:g} K: the law holds "
                "from 250 to 400 K"
            )
        return math.exp(exponent)

    def disturbed(self, state: Tensor, reads: float) -> Tensor:
        rate = self.disturb_rate * math.sinh(self.read.voltage / self.disturb_voltage)
        return state - (self.highest - state) * math.expm1(-rate * reads)

    def read_noise(self, conductance: Tensor, time_since_programming: float = 0.0) -> Tensor:
        return self.read_noise_fraction * conductance


@dataclass(frozen=True, kw_only=True)
class SinhFilament(Filament):
    """A filament with a nonlinear current, I = A sinh(V / V0), the form of hopping and tunnelling through a barrier.

    The state is the conductance I / V at the read voltage. With a series transistor the two share the voltage.

    Attributes:
        voltage_scale: V0, in volts; 0.25 V takes 10 % off the conductance at small voltages (assumed).
    """

    linear: ClassVar[bool] = False

    voltage_scale: float = 0.25

    def current(
        self, state: Tensor, voltage: Tensor, temperature: float = ROOM_TEMPERATURE, time_since_programming: float = 0.0
    ) -> Tensor:
        kept = self.retained(state, temperature, time_since_programming)
        verified = self.read.voltage * (1 - kept * self.verify_resistance)
        amplitude = self.warmth(temperature) * kept * self.read.voltage / torch.sinh(verified / self.voltage_scale)
        return amplitude * torch.sinh(self._across(amplitude, voltage) / self.voltage_scale)

    def _across(self, amplitude: Tensor, voltage: Tensor) -> Tensor:
        """Volts across the filament, the rest being across the transistor: v + R A sinh(v / V0) = V by Newton."""
        drop, scale = amplitude * self.read_resistance, self.voltage_scale
        if not self.read_resistance:
            return voltage
        # Of two bounds of the solution the nearer: the equation is convex beyond 0, so that Newton comes down to it.
        bound = scale * torch.asinh(voltage / drop.clamp(min=_TINY))
        across = torch.where(bound.abs() < voltage.abs(), bound, voltage)
        for _ in range(_NEWTON_STEPS):
            excess = across + drop * torch.sinh(across / scale) - voltage
            across = across - excess / (1 + drop / scale * torch.cosh(across / scale))
        return across


CATALOGUE: Mapping[str, Device] = {
    "rram": Filament(),
    "rram-1t1r": Filament(transistor_slope=500e-6),
    "rram-sinh": SinhFilament(),
}
