"""Placeholder."""

from dataclasses import dataclass

import torch


@dataclass
class Solved:
    currents: torch.Tensor


def solve_nonlinear(current, voltages, wires):
    assert wires is None
    return Solved(current(voltages[..., :, None]).sum(-2))
