"""A device without faults, for the chip that must equal the software network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch

from cellwright.crossbar.devices.device import Device, Pulse

Tensor = torch.Tensor


@dataclass(frozen=True, kw_only=True)
class Ideal(Device):
    """A linear conductance that takes any value in its window exactly, at the first pulse, and keeps it.

    Valid everywhere; it is nobody's device. Its gate voltage runs from 0 to 1 V over the window.
    """

    window: tuple[float, float] = (1e-6, 100e-6)
    off: float = 0.0
    read: Pulse = Pulse(0.2, 100e-9)
    set_pulse: Pulse = Pulse(0.0, 0.0)
    reset_pulse: Pulse = Pulse(0.0, 0.0)
    gate_window: tuple[float, float] = (0.0, 1.0)
    gate_step: float = 0.0
    area: float = 0.0
    citation: str = "an idealisation"
    assumed: str = "everything: window 1 to 100 uS, reads of 0.2 V and 100 ns; programming costs nothing"

    def set(self, state: Tensor, gate_voltage: Tensor, noise: Tensor) -> Tensor:
        return self.window[0] + gate_voltage * self.gate_slope

    def reset(self, state: Tensor, noise: Tensor) -> Tensor:
        return torch.full_like(state, self.off)

    def gate_voltage(self, conductance: Tensor) -> Tensor:
        return (conductance - self.window[0]) / self.gate_slope

    @property
    def gate_slope(self) -> float:
        return self.window[1] - self.window[0]


CATALOGUE: Mapping[str, Device] = {"ideal": Ideal()}
