"""A cell written in ten lines gets everything without another line."""

from __future__ import annotations

import pytest
import torch
from torch.testing import assert_close

from cellwright import Recurrent, kernels
from cellwright.cells import Cell, affine, maximum, sigmoid, tanh, weight
from cellwright.kernels.loop import CompiledLoop


class Own(Cell):
    states = ("h", "c")

    def step(self, x, h, c):
        f = sigmoid(affine("f", x, h) + weight("weight_peephole", "f") * c)
        g = tanh(affine("g", x, f * h))
        c = f * c + maximum(1 - f, 0.25) * g
        return tanh(c) * sigmoid(affine("o", x, c)), c


RUNS = {
    "plain": ({}, {}),
    "stacked": ({"num_layers": 2, "bidirectional": True}, {}),
    "ragged": ({}, {"lengths": [5, 0, 3, 5, 1, 2, 4, 4, 3]}),
    "recorded": ({}, {"record": ("f", "g", "c")}),
    "recomputed": ({"recompute": True}, {}),
}


def everything(layer: Recurrent, x: torch.Tensor, call: object, **options: object) -> list[torch.Tensor]:
    x = x.clone().requires_grad_()
    output, states, *signals = call(x, **options)
    values = [output, *states, *(signal for found in signals for signal in found.values())]
    loss = sum(value.square().sum() for value in values)
    return [value.detach() for value in values] + list(torch.autograd.grad(loss, [x, *layer.parameters()]))


@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
def test_it_runs_compiled(run: str, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    built, options = RUNS[run]
    layer, x = Recurrent(Own(), 3, 7, dtype=dtype, **built), torch.randn(5, 9, 3, dtype=dtype)
    calls = []
    real = CompiledLoop.backward
    monkeypatch.setattr(CompiledLoop, "backward", lambda self, *a: calls.append(self) or real(self, *a))
    ours = everything(layer, x, layer, **options)
    assert calls
    with kernels.switched(False):
        assert_close(ours, everything(layer, x, layer, **options))


def test_it_is_frozen_and_held_by_graphs() -> None:
    torch.manual_seed(0)
    layer, x = Recurrent(Own(), 3, 7), torch.randn(5, 9, 3)
    expected = everything(layer, x, layer)
    assert_close(everything(layer, x, layer.freeze()), expected)
    layer.unfreeze()
    torch.use_deterministic_algorithms(False)
    compiled = torch.compile(layer, fullgraph=True, backend="aot_eager")
    assert_close(everything(layer, x, compiled), expected)
