"""Pulses of known devices, as somebody would have measured them."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

from cellwright.crossbar.devices.filament import Filament
from cellwright.crossbar.devices.gate_controlled import GateControlled
from cellwright.crossbar.fitting import Train


class Bench:
    """Makes the pulses; every number comes from its seed."""

    def __init__(self, seed: int) -> None:
        self.generator = torch.Generator().manual_seed(seed)

    def normal(self, *shape: int) -> torch.Tensor:
        return torch.randn(*shape, dtype=torch.float64, generator=self.generator)

    def up_and_down(
        self, device: Filament, cycles: int = 25, pulses: int = 100, devices: int = 1, read_noise: float = 0.0
    ) -> list[Train]:
        """Cycles of so many pulses up and as many down, from the lower bound on; a read before the first."""
        own = device.instances(lambda name: self.normal(devices)) if devices > 1 else device
        state = torch.full((devices,), device.off, dtype=torch.float64)
        volts, states = [0.0], [state]
        for volt in ([1.2] * pulses + [-1.4] * pulses) * cycles:
            noise = self.normal(devices)
            state = own.set(state, state, noise) if volt > 0 else own.reset(state, noise)
            volts.append(volt)
            states.append(state)
        seen = torch.stack(states)
        seen = (seen * (1 + read_noise * self.normal(*seen.shape))).numpy()
        names = [str(index) for index in range(devices)] if devices > 1 else [""]
        return [
            Train(device=name, pulse=np.arange(len(volts)), voltage=np.array(volts), gate_voltage=None, conductance=g)
            for name, g in zip(names, seen.T, strict=True)
        ]

    def gate_sweeps(self, device: GateControlled, sweeps: int = 40, devices: int = 1) -> list[Train]:
        """Sweeps of SET pulses up the gate window and half of it down, each after a RESET."""
        own = device.instances(lambda name: self.normal(devices)) if devices > 1 else device
        state = torch.zeros(devices, dtype=torch.float64)
        up = np.linspace(*device.gate_window, 30)
        rows = []
        for gate in [5.0, *up, *up[:15:-2]] * sweeps:
            noise = self.normal(devices)
            reset = gate > device.gate_window[1]
            state = own.reset(state, noise) if reset else own.set(state, torch.full_like(state, gate), noise)
            rows.append((-1.7 if reset else 2.5, gate, *state.tolist()))
        volts, gates, *conductances = np.array(rows).T
        names = [str(index) for index in range(devices)] if devices > 1 else [""]
        return [
            Train(device=name, pulse=np.arange(1, len(rows) + 1), voltage=volts, gate_voltage=gates, conductance=g)
            for name, g in zip(names, conductances, strict=True)
        ]


@pytest.fixture
def bench() -> Callable[[int], Bench]:
    return Bench
