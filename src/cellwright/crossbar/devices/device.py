"""What a memristive device answers: a current, and what a pulse does to it."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, ClassVar, Literal, Self, get_args

import torch

from cellwright.errors import CellwrightError

Tensor = torch.Tensor
Scheme = Literal["two-pulse", "one-pulse"]

ROOM_TEMPERATURE = 300.0
BOLTZMANN_EV = 8.617333262e-5
"""In electronvolts a kelvin (exact in the SI of 2019)."""

LARGEST_CONDUCTANCE = 0.1
"""Siemens; no device comes near: more is a slip of units."""


@dataclass(frozen=True)
class Pulse:
    """A voltage pulse: volts and seconds."""

    voltage: float
    width: float


@dataclass(frozen=True, kw_only=True)
class Device(ABC):
    """A kind of device. Its instances on a chip are a state tensor of any shape; here the state is a conductance.

    A parameter of a device is a number, alike for all instances, or a tensor with a number for each of them; see
    ``instances``. A device is linear unless its class says otherwise: then its ``current`` is its conductance times
    the voltage, and a crossbar of such devices is one matrix.

    Attributes:
        window: lowest and highest conductance that a SET pulse reaches on purpose, in siemens.
        off: conductance that a RESET pulse leaves on average, in siemens; devices start there.
        read: the read pulse; inputs span plus and minus its voltage.
        set_pulse, reset_pulse: the programming pulses.
        scheme: how write-verify corrects a device that is too high: ``two-pulse`` by RESET and then SET, ``one-pulse``
            by RESET alone, for devices that a pulse moves by a step.
        rounds: of write-verify that one programming takes at most, whatever the chip allows: 1 for a device whose pulse
            stands for a whole published programming.
        gate_window: lowest and highest gate voltage of the series transistor during SET, in volts.
        gate_step: the steps in which the gate voltage can be chosen, in volts; 0 for any.
        spread: standard deviation among devices of a parameter, relative to its mean, by the parameter's name.
        endurance: pulses that a device takes before it fails.
        area: of one device with its selector, in square metres.
        citation: where the numbers come from.
        assumed: which numbers have no source, and what they rest on.
    """

    linear: ClassVar[bool] = True

    window: tuple[float, float]
    off: float
    read: Pulse
    set_pulse: Pulse
    reset_pulse: Pulse
    scheme: Scheme = "two-pulse"
    rounds: float = float("inf")
    gate_window: tuple[float, float] = (0.0, 0.0)
    gate_step: float = 0.0
    spread: Mapping[str, float] = field(default_factory=dict)
    endurance: float = float("inf")
    area: float
    citation: str
    assumed: str

    def __post_init__(self) -> None:
        kind, (low, high) = type(self).__name__, self.window
        if not 0 <= self.off <= low < high:
            raise CellwrightError(
                f"{kind}: expected 0 <= off <= lowest < highest conductance of the window, in siemens; got off "
                f"{self.off:g} and the window {low:g} to {high:g}"
            )
        if high > LARGEST_CONDUCTANCE:
            raise CellwrightError(
                f"{kind}: a conductance of {high:g} S is beyond any device: conductances are in siemens, 5 uS is 5e-6"
            )
        if not (self.read.voltage > 0 and self.endurance > 0):
            raise CellwrightError(
                f"{kind}: read voltage and endurance are positive, got {self.read.voltage:g} V and {self.endurance:g}"
            )
        for name in ("read", "set_pulse", "reset_pulse"):
            pulse: Pulse = getattr(self, name)
            if not (math.isfinite(pulse.voltage) and 0 <= pulse.width < math.inf):
                raise CellwrightError(
                    f"{kind}: {name} of {pulse.voltage:g} V for {pulse.width:g} s: expected volts and 0 or more seconds"
                )
        if self.scheme not in get_args(Scheme):
            raise CellwrightError(f"{kind}: scheme is {' or '.join(map(repr, get_args(Scheme)))}, got {self.scheme!r}")
        if not self.rounds >= 1:
            raise CellwrightError(f"{kind}: programming takes 1 round or more, got rounds = {self.rounds:g}")
        if unknown := self.spread.keys() - {entry.name for entry in fields(self)}:
            raise CellwrightError(f"{kind}: spread names {', '.join(sorted(unknown))}, which the device does not have")
        if wrong := next((name for name, part in self.spread.items() if not 0 <= part < math.inf), None):
            raise CellwrightError(f"{kind}: the spread of {wrong} is {self.spread[wrong]:g}: expected 0 or more")

    @abstractmethod
    def set(self, state: Tensor, gate_voltage: Tensor, noise: Tensor) -> Tensor:
        """The states after one SET pulse; ``noise`` is standard normal, one number a device."""

    @abstractmethod
    def reset(self, state: Tensor, noise: Tensor) -> Tensor:
        """The states after one RESET pulse; ``noise`` is standard normal, one number a device."""

    def current(
        self,
        state: Tensor,
        voltage: Tensor,
        temperature: float = ROOM_TEMPERATURE,
        time_since_programming: float = 0.0,
    ) -> Tensor:
        """Amperes through devices at the given volts, kelvins and seconds; shapes broadcast."""
        return state * voltage

    def differentiated(
        self, state: Tensor, voltage: Tensor, temperature: float, time_since_programming: float
    ) -> tuple[Tensor, Tensor]:
        """The current with its derivative by the voltage, in siemens; shapes broadcast."""
        with torch.enable_grad():
            volts = voltage.detach().broadcast_to(torch.broadcast_shapes(voltage.shape, state.shape)).requires_grad_()
            current = self.current(state.detach(), volts, temperature, time_since_programming)
            (slope,) = torch.autograd.grad(current.sum(), volts)
        return current.detach(), slope

    def disturbed(self, state: Tensor, reads: float) -> Tensor:
        """The states after so many reads at the read voltage."""
        return state

    def read_noise(self, conductance: Tensor, time_since_programming: float = 0.0) -> Tensor:
        """Standard deviation of the conductance from one read to the next, in siemens."""
        return torch.zeros_like(conductance)

    def gate_voltage(self, conductance: Tensor) -> Tensor:
        """The gate voltage at which SET aims at a conductance; without a gate, any."""
        return torch.zeros_like(conductance)

    @property
    def gate_slope(self) -> float | Tensor:
        """What a volt at the gate adds to the conductance that SET aims at, in siemens a volt."""
        return float("inf")

    @property
    def varies(self) -> bool:
        """Do devices differ from one another?"""
        return bool(self.spread)

    def instances(self, normal: Callable[[str], Tensor]) -> Self:
        """Devices that differ: each parameter of ``spread`` as a tensor, one number a device.

        Args:
            normal: gives standard normal numbers for a parameter's name, of the shape of the states.
        """
        drawn: dict[str, Any] = {
            name: getattr(self, name) * (1 + part * normal(name)) for name, part in self.spread.items()
        }
        return replace(self, **drawn)

    def mapped(self, function: Callable[[Tensor], Tensor]) -> Self:
        """The same device with every parameter that is a tensor put through a function, to select or reshape it."""
        values = {entry.name: getattr(self, entry.name) for entry in fields(self)}
        tensors: dict[str, Any] = {name: function(value) for name, value in values.items() if isinstance(value, Tensor)}
        return replace(self, **tensors) if tensors else self

    def conductance(
        self, state: Tensor, temperature: float = ROOM_TEMPERATURE, time_since_programming: float = 0.0
    ) -> Tensor:
        """The conductance that a read sees, in siemens."""
        voltage = torch.tensor(self.read.voltage, dtype=state.dtype, device=state.device)
        return self.current(state, voltage, temperature, time_since_programming) / self.read.voltage

    def pulse_energy(self, pulse: Pulse, before: Tensor, after: Tensor) -> Tensor:
        """Joules of one pulse: V^2 G t at the mean of the conductances before and after it.

        The series transistor limits the current of a real SET pulse, so that this is an upper estimate.
        """
        return pulse.voltage**2 * pulse.width * (before + after) / 2
