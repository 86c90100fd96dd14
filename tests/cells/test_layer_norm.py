"""Layer normalisation against torch's, and what keeps it in place."""

import math

import numpy as np
import pytest
import torch
from torch.nn.functional import layer_norm

from cellwright.cells import Cell, LayerNormLSTM, find, tanh, weight
from cellwright.errors import CellwrightError

GATES = "ifgo"


def by_torch(v, epsilon):
    """Ba, Kiros & Hinton 2016, supplement, equations 20 to 22: the four gates of one product are one vector."""
    p = {name: torch.from_numpy(array) for name, array in v.parts.items()}
    x, h, c = (torch.from_numpy(v.inputs[name]) for name in ("x", "h", "c"))

    def stacked(family, suffix=""):
        return torch.cat([p[f"{family}.{gate}{suffix}"] for gate in GATES])

    def normalised(value, name):
        gain, offset = stacked("gain", name), stacked("offset", name)
        return layer_norm(value, value.shape[-1:], gain, offset, epsilon)

    from_x, from_h = x @ stacked("weight_ih").T, h @ stacked("weight_hh").T
    seen = normalised(from_h, "h") + normalised(from_x, "x") + stacked("bias_ih")
    i, f, g, o = seen.chunk(4, -1)
    c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    h = torch.sigmoid(o) * torch.tanh(layer_norm(c, c.shape[-1:], p["gain.c"], p["offset.c"], epsilon))
    return {"h": h.numpy(), "c": c.numpy()}


@pytest.mark.parametrize("epsilon", [1e-5, 0.0, 0.5])
@pytest.mark.parametrize("scale", [1.0, 1e-3, 1e3])
def test_it_computes_its_formula(bench, epsilon, scale):
    values = bench.draw(LayerNormLSTM(epsilon=epsilon), scale=scale)
    expected = by_torch(values, epsilon)
    for state, got in values.computed().items():
        bench.same(got, expected[state])


def test_scaling_and_shifting_its_matrices_changes_nothing(bench):
    """What is normalised does not see it: the invariance that the paper's table 1 lists, without epsilon."""
    values = bench.draw(LayerNormLSTM(epsilon=0.0))
    before = values.computed()
    values.stored["weight_ih"] *= 3.0
    values.stored["weight_hh"] *= 0.25
    values.stored["weight_ih"] += np.ones_like(values.stored["weight_ih"])
    for state, got in values.computed().items():
        bench.same(got, before[state])


def test_what_is_normalised_has_mean_0_and_variance_1(bench):
    values = bench.draw(LayerNormLSTM(epsilon=0.0))
    found = values.computed(["i_x", "f_x", "g_x", "o_x", "deviation_x"])
    normalised = np.stack([found[f"{gate}_x"] for gate in GATES], 1) / found["deviation_x"][:, None, None]
    np.testing.assert_allclose(normalised.mean((1, 2)), 0, atol=1e-12)
    np.testing.assert_allclose(normalised.var((1, 2)), 1, rtol=1e-12)


def test_the_name_of_the_literature():
    assert find("lnlstm") == LayerNormLSTM()
    assert find("lnlstm").gates == tuple(GATES)


@pytest.mark.parametrize("epsilon", [-1e-5, math.inf, math.nan, "1e-5", None, True])
def test_what_is_refused_says_why(epsilon):
    with pytest.raises(CellwrightError, match="epsilon is a finite number from 0; got"):
        LayerNormLSTM(epsilon=epsilon)


def test_initial_values_name_what_the_step_uses():
    class Scaled(Cell):
        def step(self, x, h):
            return tanh(weight("gain") * h)

        def initial_values(self):
            return {"gain": 1.0, "gian": 1.0}

    with pytest.raises(CellwrightError, match=r"^Scaled.initial_values names gian; its step uses gain$"):
        Scaled().program()
