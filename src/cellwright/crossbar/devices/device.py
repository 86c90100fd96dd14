"""What a memristive device answers: a current, and what a pulse does to it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch

Tensor = torch.Tensor

ROOM_TEMPERATURE = 300.0


@dataclass(frozen=True)
class Pulse:
    """A voltage pulse: volts and seconds."""

    voltage: float
    width: float


@dataclass(frozen=True, kw_only=True)
class Device(ABC):
    """A kind of device. Its instances on a chip are a state tensor of any shape; here the state is a conductance.

    Attributes:
        window: lowest and highest conductance that a SET pulse reaches on purpose, in siemens.
        off: conductance that a RESET pulse leaves on average, in siemens.
        read: the read pulse; inputs span plus and minus its voltage.
        set_pulse, reset_pulse: the programming pulses.
        gate_window: lowest and highest gate voltage of the series transistor during SET, in volts.
        gate_step: the steps in which the gate voltage can be chosen, in volts; 0 for any.
        area: of one device with its selector, in square metres.
        citation: where the numbers come from.
        assumed: which numbers have no source, and what they rest on.
    """

    window: tuple[float, float]
    off: float
    read: Pulse
    set_pulse: Pulse
    reset_pulse: Pulse
    gate_window: tuple[float, float]
    gate_step: float
    area: float
    citation: str
    assumed: str

    @abstractmethod
    def current(
        self,
        state: Tensor,
        voltage: Tensor,
        temperature: float = ROOM_TEMPERATURE,
        time_since_programming: float = 0.0,
    ) -> Tensor:
        """Amperes through devices at the given volts, kelvins and seconds; shapes broadcast."""

    @abstractmethod
    def set(self, state: Tensor, gate_voltage: Tensor, noise: Tensor) -> Tensor:
        """The states after one SET pulse; ``noise`` is standard normal, one number a device."""

    @abstractmethod
    def reset(self, state: Tensor, noise: Tensor) -> Tensor:
        """The states after one RESET pulse; ``noise`` is standard normal, one number a device."""

    @abstractmethod
    def gate_voltage(self, conductance: Tensor) -> Tensor:
        """The gate voltage at which SET aims at a conductance."""

    @property
    @abstractmethod
    def gate_slope(self) -> float:
        """What a volt at the gate adds to the conductance that SET aims at, in siemens a volt."""

    @abstractmethod
    def read_noise(self, conductance: Tensor) -> Tensor:
        """Standard deviation of the conductance from one read to the next, in siemens."""

    def conductance(self, state: Tensor) -> Tensor:
        """The conductance that a read sees, in siemens."""
        voltage = torch.tensor(self.read.voltage, dtype=state.dtype, device=state.device)
        return self.current(state, voltage) / self.read.voltage

    def pulse_energy(self, pulse: Pulse, before: Tensor, after: Tensor) -> Tensor:
        """Joules of one pulse: V^2 G t at the mean of the conductances before and after it.

        The series transistor limits the current of a real SET pulse, so that this is an upper estimate.
        """
        return pulse.voltage**2 * pulse.width * (before + after) / 2
