"""A law for one-transistor-one-memristor cells whose SET pulse is steered by the gate voltage of the transistor."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from cellwright.crossbar.devices.device import Device
from cellwright.errors import CellwrightError

Tensor = torch.Tensor


@dataclass(frozen=True, kw_only=True)
class GateControlled(Device):
    """A SET pulse leaves max(slope * Vg + intercept, G), a RESET pulse ``off``; both with normal noise.

    The law of Li et al. 2019 (Nature Machine Intelligence 1, 49; github.com/lican81/memNN, ``backend/xbar.m``).
    Conductances are cut off at 0. The device is linear; neither temperature nor time enters. Valid for gate voltages
    inside ``gate_window``.

    Attributes:
        slope: siemens a volt at the gate.
        intercept: siemens at no gate voltage (far outside the gate window).
        programming_noise: standard deviation of the noise of one pulse, in siemens.
        read_noise_fraction: standard deviation of one read, as a fraction of the conductance.
    """

    slope: float | Tensor
    intercept: float | Tensor
    programming_noise: float
    read_noise_fraction: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.slope, Tensor) and not (math.isfinite(self.slope) and self.slope):
            raise CellwrightError(
                f"{type(self).__name__}: with a slope of {self.slope:g} S/V no gate voltage aims at a conductance: "
                "expected siemens a volt, other than 0"
            )

    def set(self, state: Tensor, gate_voltage: Tensor, noise: Tensor) -> Tensor:
        aimed = torch.maximum(self.slope * gate_voltage + self.intercept, state)
        return torch.clamp(aimed + self.programming_noise * noise, min=0.0)

    def reset(self, state: Tensor, noise: Tensor) -> Tensor:
        return torch.clamp(self.off + self.programming_noise * noise, min=0.0)

    def gate_voltage(self, conductance: Tensor) -> Tensor:
        return (conductance - self.intercept) / self.slope

    @property
    def gate_slope(self) -> float | Tensor:
        return self.slope

    def read_noise(self, conductance: Tensor, time_since_programming: float = 0.0) -> Tensor:
        return self.read_noise_fraction * conductance
