"""A state may be one number a sample; a kernel leaves such a cell to the interpreter."""

import torch

from cellwright import Recurrent, kernels
from cellwright.cells import Cell, affine, mean, tanh


class Moody(Cell):
    states = ("h", "mood")

    def state_axes(self):
        return {"h": ("unit",), "mood": ()}

    def step(self, x, h, mood):
        h = tanh(affine("h", x, h) + mood)
        return h, 0.5 * mood + mean(h, "unit")


def test_a_state_of_one_number_a_sample_is_the_hand_written_loop():
    layer = Recurrent(Moody(), 3, 4, dtype=torch.float64)
    x = torch.randn(5, 2, 3, dtype=torch.float64, requires_grad=True)
    h, mood, expected = torch.zeros(2, 4).double(), torch.zeros(2).double(), []
    for step in x:
        before = step @ layer.weight_ih_l0.T + layer.bias_ih_l0 + h @ layer.weight_hh_l0.T
        h = torch.tanh(before + mood[:, None])
        mood = 0.5 * mood + h.mean(-1)
        expected.append(h)
    (wanted,) = torch.autograd.grad(torch.stack(expected).square().sum() + mood.sum(), x)
    for on in (True, False):
        with kernels.switched(on):
            output, (last, moods) = layer(x)
        (got,) = torch.autograd.grad(output.square().sum() + moods.sum(), x)
        torch.testing.assert_close(output, torch.stack(expected), rtol=1e-12, atol=1e-14)
        torch.testing.assert_close(last[0], h, rtol=1e-12, atol=1e-14)
        torch.testing.assert_close(moods[0, :, 0], mood, rtol=1e-12, atol=1e-14)
        torch.testing.assert_close(got, wanted, rtol=1e-12, atol=1e-14)
