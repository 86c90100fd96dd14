"""Phased LSTM and time-aware LSTM: their equations by hand, and where they are the LSTM."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from cellwright import Recurrent
from cellwright.cells import LSTM, PhasedLSTM, TimeAwareLSTM
from cellwright.layers.compiled import compiled_step

STEPS, BATCH, INPUTS, UNITS = 9, 3, 2, 4
VARIANTS = (
    PhasedLSTM(peepholes=True, leak_in_evaluation=False),
    PhasedLSTM(coupled=True, learned_open_ratio=False),
    PhasedLSTM(magnitudes=True, shift_added=True),
    PhasedLSTM(cells_per_block=2),
    TimeAwareLSTM(peepholes=True, projection=True),
    TimeAwareLSTM(coupled=True, decay="inverse"),
    TimeAwareLSTM(cells_per_block=2, gate_recurrence="units"),
    TimeAwareLSTM(decay="none"),
)


def layer_of(cell, **options):
    torch.manual_seed(0)
    options = {"dtype": torch.float64, "proj_size": 2 if cell.projects else 0} | options
    return Recurrent(cell, INPUTS, UNITS, **options)


def inputs(scale: float = 1.0) -> tuple[torch.Tensor, torch.Tensor]:
    """x, and one positive number for each sample and step."""
    torch.manual_seed(1)
    x = torch.randn(STEPS, BATCH, INPUTS, dtype=torch.float64)
    return x, scale * (0.1 + torch.rand(STEPS, BATCH, dtype=torch.float64))


def weights(layer: Recurrent) -> dict[str, np.ndarray]:
    return {name.removesuffix("_l0"): p.detach().numpy() for name, p in layer.named_parameters()}


def sigma(z: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-z))


def lstm_step(w: dict[str, np.ndarray], x: np.ndarray, h: np.ndarray, c: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    i, f, g, o = np.split(x @ w["weight_ih"].T + h @ w["weight_hh"].T + w["bias_ih"], 4, -1)
    c = sigma(f) * c + sigma(i) * np.tanh(g)
    return sigma(o) * np.tanh(c), c


def set_(layer: Recurrent, **values: object) -> Recurrent:
    with torch.no_grad():
        for name, value in values.items():
            getattr(layer, f"{name}_l0").copy_(torch.as_tensor(value))
    return layer


def lstm_of(layer: Recurrent, **options: object) -> Recurrent:
    """The LSTM with the weights of a timed one."""
    plain = layer_of(LSTM(**options))
    plain.load_state_dict({name: layer.state_dict()[name] for name in plain.state_dict()})
    return plain


# Phased LSTM

GATE = {"period": [2.0, 3.0, 5.0, 0.7], "shift": [0.3, 11.0, -4.0, 0.0], "open_ratio": [0.4, 0.7, 0.9, 0.05]}


@pytest.mark.parametrize("is_authors", [False, True], ids=["paper", "authors' code"])
def test_phased_lstm_is_that_of_neil_and_others(laws, is_authors):
    """Equations 6 to 10; and the authors' code, where the signs of period and open ratio do not matter."""
    sign = -1 if is_authors else 1
    gate = {name: np.array(value) * (1 if name == "shift" else sign) for name, value in GATE.items()}
    layer = set_(layer_of(PhasedLSTM(leak=0.1, magnitudes=is_authors, shift_added=is_authors)), **gate)
    x, time = inputs(20.0)
    output, (h_n, c_n), recorded = layer(x, time=time, record=("k", "phi"))
    h = c = np.zeros((BATCH, UNITS))
    tau, s, r = (np.array(value) for value in GATE.values())
    parts = set()
    for n in range(STEPS):
        phi = np.mod(time[n].numpy()[:, None] + sign * -s, tau) / tau
        k = np.where(phi < r / 2, 2 * phi / r, np.where(phi < r, 2 - 2 * phi / r, 0.1 * phi))
        parts |= {*(phi < r / 2).ravel(), *(2 * (phi < r)).ravel()}
        opened_h, opened_c = lstm_step(weights(layer), x[n].numpy(), h, c)
        h, c = k * opened_h + (1 - k) * h, k * opened_c + (1 - k) * c
        laws.same([output[n], recorded["k_l0"][n], recorded["phi_l0"][n]], [torch.tensor(v) for v in (h, k, phi)])
    laws.same([h_n[0], c_n[0]], [torch.tensor(h), torch.tensor(c)])
    assert parts == {0, 1, 2}  # rising, falling and closed: all of it was seen


@pytest.mark.parametrize("options", [{}, {"peepholes": True}, {"coupled": True}])
def test_phased_lstm_with_its_gate_open_is_the_lstm(laws, options):
    """With the period 2, no shift and r = 1, k is exactly 1 at odd times."""
    layer = set_(layer_of(PhasedLSTM(**options)), period=2.0, shift=0.0, open_ratio=1.0)
    x, _ = inputs()
    odd = 2.0 * torch.arange(STEPS, dtype=torch.float64).unsqueeze(-1).expand(STEPS, BATCH) + 1
    laws.same(layer(x, time=odd), lstm_of(layer, **options)(x))


def test_a_closed_gate_keeps_the_state_in_evaluation():
    """And leaks in training; the layer stays on its compiled loop."""
    layer = set_(layer_of(PhasedLSTM(leak_in_evaluation=False)), period=10.0, shift=0.0, open_ratio=0.1)
    x, time = inputs()
    closed = 5 + time  # phases from 0.51 to 0.61
    state = tuple(torch.randn(1, BATCH, UNITS, dtype=torch.float64) for _ in range(2))
    _, leaked = layer(x, state, time=closed)
    _, kept = layer.eval()(x, state, time=closed)
    for before, after, moved in zip(state, kept, leaked, strict=True):
        assert torch.equal(before, after)
        assert 0 < (before - moved).abs().max() < 0.1
    leaking = layer_of(PhasedLSTM())
    assert leaking.eval().running_cell is leaking.cell


def test_the_phase_in_float32_is_as_right_as_documented():
    """Late times cost precision: by the bound of the docstring, which is nearly reached."""
    exact = set_(layer_of(PhasedLSTM()), period=math.e)
    rounded = layer_of(PhasedLSTM(), dtype=torch.float32)
    rounded.load_state_dict(exact.state_dict())
    exact.load_state_dict(rounded.state_dict())
    for latest in (1e2, 1e4, 1e5):
        x, time = inputs(latest)
        phi = exact(x, time=time, record="phi")[2]["phi_l0"]
        found = rounded(x.float(), time=time.float(), record="phi")[2]["phi_l0"].double()
        error = (phi - found + 0.5) % 1 - 0.5  # just before 1 and just after 0 are the same
        bound = 6e-8 * (2 * time.max() + exact.shift_l0.max()) / math.e + 1e-7
        assert bound / 50 < error.abs().max() < bound


# Time-aware LSTM


@pytest.mark.parametrize("decay", ["logarithm", "inverse"])
def test_tlstm_is_that_of_baytas_and_others(laws, decay):
    layer = layer_of(TimeAwareLSTM(decay=decay))
    x, elapsed = inputs(5.0)
    output, (h_n, c_n) = layer(x, elapsed=elapsed)
    h = c = np.zeros((BATCH, UNITS))
    w = weights(layer)
    for n in range(STEPS):
        gap = elapsed[n].numpy()[:, None]
        short = np.tanh(c @ w["weight_c_h"].T + w["bias_c_h"])
        c = c - short + short * (1 / np.log(np.e + gap) if decay == "logarithm" else 1 / gap)
        h, c = lstm_step(w, x[n].numpy(), h, c)
        laws.same(output[n], torch.tensor(h))
    laws.same([h_n[0], c_n[0]], [torch.tensor(h), torch.tensor(c)])


@pytest.mark.parametrize(
    ("decay", "gap", "options"),
    [("none", 3.0, {"gate_recurrence": "gates"}), ("logarithm", 0.0, {"peepholes": True}), ("inverse", 1.0, {})],
)
def test_tlstm_without_decay_is_the_lstm(laws, decay, gap, options):
    layer = layer_of(TimeAwareLSTM(decay=decay, **options))
    x, _ = inputs()
    laws.same(layer(x, elapsed=torch.full((STEPS, BATCH), gap, dtype=torch.float64)), lstm_of(layer, **options)(x))


# Both


@pytest.mark.parametrize("cell", VARIANTS, ids=str)
def test_variants_are_compiled_and_their_gradients_right(cell):
    layer = layer_of(cell)
    sizes = tuple(sorted(layer.layer_sizes(0).items()))
    for each in (cell, cell.in_evaluation()):
        is_compiled = compiled_step(each, sizes).loop(torch.float64) is not None
        assert is_compiled == (cell.cells_per_block == 1)  # sums over a block are interpreted, as an LSTM's
    x, time = (tensor[:4, :2] for tensor in inputs(10.0))
    name = [*cell.sequences][1]
    parameters = dict(layer.named_parameters())

    def output(x, time, *values):
        given = dict(zip(parameters, values, strict=True))
        return torch.func.functional_call(layer, given, (x,), {name: time})[0]

    tensors = [t.detach().requires_grad_() for t in (x, time, *parameters.values())]
    assert torch.autograd.gradcheck(output, tensors)
