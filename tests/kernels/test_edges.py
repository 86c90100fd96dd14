"""What a kernel must not take for granted."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from torch.nn.utils import parametrize

from cellwright import GRU, LSTM, CellwrightError, Recurrent, kernels
from cellwright.cells import Cell, affine, exp, less, linear, tanh, weight


class MixedFamily(Cell):
    """A bias and an elementwise weight in one stored tensor."""

    def step(self, x, h):
        return tanh(affine("f", x, h)) + weight("bias_ih", "extra") * h


class NamedAsItsInput(Cell):
    """A weight with the name of a sequence."""

    def step(self, x, h):
        return tanh(affine("f", x, h)) + weight("x") * h


class Blind(Cell):
    """Reads no sequence."""

    def step(self, x, h):
        return tanh(linear("h", h, bias=True)) + 0.1


class ConditionAsNumber(Cell):
    """A condition that is added up."""

    def step(self, x, h):
        z = affine("h", x, h)
        return tanh(z) + 0.25 * less(z, h)


class Decaying(Cell):
    """One constant over time made of another."""

    def step(self, x, h):
        rate = exp(weight("weight_rate"))
        decay = exp(-rate)
        return decay * h + tanh(affine("u", x, h))


def test_constants_that_are_recorded() -> None:
    layer, x = Recurrent(Decaying(), 3, 5, dtype=torch.float64), torch.randn(4, 6, 3, dtype=torch.float64)
    found = []
    for on in (True, False):
        with kernels.switched(on):
            _, _, signals = layer(x, record=("rate", "decay"), lengths=[4, 0, 2, 3, 1, 4])
            loss = sum(signal.square().sum() for signal in signals.values())
            found.append((signals, torch.autograd.grad(loss, layer.weight_rate_l0)))
    torch.testing.assert_close(*found)


@pytest.mark.parametrize("cell", [MixedFamily(), NamedAsItsInput(), Blind(), ConditionAsNumber()], ids=str)
def test_odd_names_are_interpreted(cell: Cell, caplog: pytest.LogCaptureFixture) -> None:
    layer = Recurrent(cell, 3, 5)
    layer(torch.randn(4, 6, 3))[0].sum().backward()
    assert "is interpreted, because" in caplog.text


def test_a_first_call_under_another_default_device() -> None:
    script = """
import torch, cellwright
layer, x = cellwright.LSTM(3, 5), torch.randn(4, 6, 3)
with torch.device("meta"):
    layer(x)[0].sum().backward()
assert layer.weight_hh_l0.grad.isfinite().all()
"""
    subprocess.run([sys.executable, "-c", script], check=True)


def test_resets_without_values_are_refused() -> None:
    with pytest.raises(CellwrightError, match="meta"):
        LSTM(3, 5)(torch.randn(4, 6, 3), resets=torch.zeros(4, 6, dtype=torch.bool, device="meta"))


def test_parameters_of_other_shapes_are_refused() -> None:
    layer = GRU(3, 5)
    layer(torch.randn(4, 6, 3))
    layer.weight_hh_l0.data = torch.randn(2, 2)
    with pytest.raises(RuntimeError):
        layer(torch.randn(4, 6, 3))


def test_masks_that_change_before_the_backward_pass() -> None:
    layer, x = LSTM(3, 5), torch.randn(4, 6, 3)
    resets, lengths = torch.rand(4, 6) < 0.5, torch.tensor([4, 1, 2, 3, 0, 4])
    found = []
    for spoil in (False, True):
        given = resets.clone(), lengths.clone()
        output, _ = layer(x, resets=given[0], lengths=given[1])
        if spoil:
            given[0].zero_()
            given[1].zero_()
        found.append(torch.autograd.grad(output.square().sum(), layer.weight_hh_l0)[0])
    assert torch.equal(*found)


def test_training_after_inference_mode() -> None:
    """Memory of inference mode is not what a backward pass keeps."""
    torch.use_deterministic_algorithms(False)
    layer = Recurrent("lstm", 16, 128)
    with torch.inference_mode():
        layer(torch.randn(2, 64, 16))
    layer(torch.randn(1, 32, 16))[0].sum().backward()


class Doubled(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return 2 * x


def test_a_frozen_layer_with_a_parametrised_weight() -> None:
    layer, x = LSTM(3, 8), torch.randn(4, 6, 3)
    parametrize.register_parametrization(layer, "weight_hh_l0", Doubled())
    layer.freeze()
    with torch.no_grad():
        for _ in range(8):
            layer.parametrizations.weight_hh_l0.original.mul_(0.7)
            with kernels.switched(False):
                expected = layer(x)[0]
            torch.testing.assert_close(layer(x)[0], expected)


@pytest.mark.filterwarnings("ignore:The .grad attribute")  # of torch's own, where a graph goes on after a break
def test_graphs_under_autocast_are_interpreted() -> None:
    layer, x = GRU(3, 5), torch.randn(4, 6, 3)
    compiled = torch.compile(layer, backend="eager")
    with torch.autocast("cpu", torch.bfloat16):
        state = torch.randn(1, 6, 5)
        torch.testing.assert_close(compiled(x, state)[0], layer(x, state)[0])
    torch._dynamo.reset()
