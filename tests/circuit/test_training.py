"""Training through the twin: what the circuit's curves cost comes back, on inputs that training has not seen."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from cellwright import Recurrent
from cellwright.circuit.calibration import Laboratory
from cellwright.circuit.design import Design
from cellwright.circuit.layer import TwinLayer


@pytest.mark.parametrize("seed", [0, 1])
def test_training_through_the_twin_gives_back_what_the_curves_cost(
    seed: int, formulas: Callable[..., Laboratory]
) -> None:
    torch.manual_seed(seed)
    teacher = Recurrent("lstm", 1, 2, batch_first=True, dtype=torch.float64)
    with torch.no_grad():
        for parameter in teacher.parameters():
            parameter.mul_(1.5)
        teacher.bias_ih_l0[2:4] += 2  # the forget gate is open: c grows to where tanh(c) is far from c
    twin = TwinLayer(teacher, formulas(design=Design(linear_range=1.0)))
    seen, unseen = 2 * torch.rand(2, 32, 4, 1, dtype=torch.float64) - 1

    def error(x: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            expected = teacher(x)[0]
        return (twin(x)[0] - expected).square().mean().sqrt()

    lost = float(error(unseen).detach())
    optimizer = torch.optim.Adam(twin.parameters(), lr=0.02)
    for _ in range(30):
        optimizer.zero_grad()
        error(seen).backward()
        optimizer.step()
    assert lost > 0.015
    assert float(error(unseen).detach()) < lost / 3
