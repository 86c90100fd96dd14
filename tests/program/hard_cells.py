"""Cells that a program has to carry, in the notation, each beside a formula written by hand in torch.

A formula takes the inputs and the parameters by name (``weight_ih.i``), tensors of shape (..., axes), and returns the
new states in order.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from cellwright.cells import (
    Cell,
    affine,
    exp,
    linear,
    log,
    log_sigmoid,
    maximum,
    mean,
    mod,
    sigmoid,
    sqrt,
    tanh,
    weight,
    where,
)

Tensors = Mapping[str, Tensor]


@dataclass(frozen=True)
class Hard:
    """A cell, its formula, and the inputs and parameters that make sense only above zero."""

    cell: Cell
    formula: Callable[[Tensors, Tensors], tuple[Tensor, ...]]
    positive: tuple[str, ...] = ()


def preactivation(p: Tensors, gate: str, x: Tensor, h: Tensor) -> Tensor:
    return x @ p[f"weight_ih.{gate}"].T + h @ p[f"weight_hh.{gate}"].T + p[f"bias_ih.{gate}"]


class GRUResetBefore(Cell):
    """Cho et al. 2014: the reset gate acts before the matrix, U (r * h)."""

    def step(self, x, h):
        r = sigmoid(affine("r", x, h))
        z = sigmoid(affine("z", x, h))
        candidate = tanh(affine("candidate", x, r * h))
        return z * h + (1 - z) * candidate


def gru_reset_before(v: Tensors, p: Tensors) -> tuple[Tensor, ...]:
    x, h = v["x"], v["h"]
    r = torch.sigmoid(preactivation(p, "r", x, h))
    z = torch.sigmoid(preactivation(p, "z", x, h))
    return (z * h + (1 - z) * torch.tanh(preactivation(p, "candidate", x, r * h)),)


class GRUResetAfter(Cell):
    """The form of cuDNN and torch: the reset gate acts on U h + b, so both biases are needed."""

    def step(self, x, h):
        r = sigmoid(affine("r", x, h, recurrent_bias=True))
        z = sigmoid(affine("z", x, h, recurrent_bias=True))
        n = tanh(linear("n", x, bias=True) + r * linear("n", h, bias=True))
        return (1 - z) * n + z * h


def gru_reset_after(v: Tensors, p: Tensors) -> tuple[Tensor, ...]:
    x, h = v["x"], v["h"]
    r, z = (torch.sigmoid(preactivation(p, k, x, h) + p[f"bias_hh.{k}"]) for k in "rz")
    inner = h @ p["weight_hh.n"].T + p["bias_hh.n"]
    n = torch.tanh(x @ p["weight_ih.n"].T + p["bias_ih.n"] + r * inner)
    return ((1 - z) * n + z * h,)


def normalised(value, name):
    """Layer normalisation over the units, with gain and offset."""
    centred = value - mean(value, "unit")
    deviation = sqrt(mean(centred * centred, "unit") + 1e-5)
    return centred / deviation * weight("gain", name) + weight("offset", name)


class LayerNormalisedLSTM(Cell):
    """Ba, Kiros & Hinton 2016, appendix: W x and U h are normalised apart, and so is c."""

    states = ("h", "c")

    def step(self, x, h, c):
        def seen(gate):
            return normalised(linear(gate, x), f"x{gate}") + normalised(linear(gate, h), f"h{gate}")

        i = sigmoid(seen("i"))
        f = sigmoid(seen("f"))
        g = tanh(seen("g"))
        o = sigmoid(seen("o"))
        c = f * c + i * g
        return o * tanh(normalised(c, "c")), c


def layer_normalised_lstm(v: Tensors, p: Tensors) -> tuple[Tensor, ...]:
    def norm(value: Tensor, name: str) -> Tensor:
        shape = value.shape[-1:]
        return torch.nn.functional.layer_norm(value, shape, p[f"gain.{name}"], p[f"offset.{name}"], eps=1e-5)

    seen = {
        k: norm(v["x"] @ p[f"weight_ih.{k}"].T, f"x{k}") + norm(v["h"] @ p[f"weight_hh.{k}"].T, f"h{k}") for k in "ifgo"
    }
    c = torch.sigmoid(seen["f"]) * v["c"] + torch.sigmoid(seen["i"]) * torch.tanh(seen["g"])
    return torch.sigmoid(seen["o"]) * torch.tanh(norm(c, "c")), c


class ProjectedLSTM(Cell):
    """Sak, Senior & Beaufays 2014: what is fed back is a projection of the cells' outputs."""

    states = ("h", "c")

    def step(self, x, h, c):
        i = sigmoid(affine("i", x, h))
        f = sigmoid(affine("f", x, h))
        g = tanh(affine("g", x, h))
        c = f * c + i * g
        o = sigmoid(affine("o", x, h))
        return linear("h", o * tanh(c), ("projection",), family="hr"), c

    def state_axes(self):
        return {"h": ("projection",), "c": ("unit",)}


def projected_lstm(v: Tensors, p: Tensors) -> tuple[Tensor, ...]:
    i, f, g, o = (preactivation(p, k, v["x"], v["h"]) for k in "ifgo")
    c = torch.sigmoid(f) * v["c"] + torch.sigmoid(i) * torch.tanh(g)
    return (torch.sigmoid(o) * torch.tanh(c)) @ p["weight_hr.h"].T, c


class SLSTM(Cell):
    """Beck et al. 2024, eqs. 8-17: exponential gates, stabilised by a running maximum m and normalised by n."""

    states = ("h", "c", "n", "m")

    def step(self, x, h, c, n, m):
        log_f = log_sigmoid(affine("f", x, h)) + m
        log_i = affine("i", x, h)
        m = maximum(log_f, log_i)
        f = exp(log_f - m)
        i = exp(log_i - m)
        c = f * c + i * tanh(affine("z", x, h))
        n = f * n + i
        o = sigmoid(affine("o", x, h))
        return o * c / n, c, n, m


def slstm(v: Tensors, p: Tensors) -> tuple[Tensor, ...]:
    f, i, z, o = (preactivation(p, k, v["x"], v["h"]) for k in "fizo")
    forget = torch.nn.functional.logsigmoid(f) + v["m"]
    m = torch.maximum(forget, i)
    c = torch.exp(forget - m) * v["c"] + torch.exp(i - m) * torch.tanh(z)
    n = torch.exp(forget - m) * v["n"] + torch.exp(i - m)
    return torch.sigmoid(o) * c / n, c, n, m


class PhasedLSTM(Cell):
    """Neil, Pfeiffer & Liu 2016: a gate k that opens for a part r of each period tau of the time t, leaking else."""

    states = ("h", "c")
    sequences = {"x": ("feature",), "t": ()}  # noqa: RUF012
    leak: float = 1e-3

    def step(self, x, t, h, c):
        tau, s, r = weight("tau"), weight("s"), weight("r")
        phi = mod(t - s, tau) / tau
        k = where(phi < 0.5 * r, 2 * phi / r, where(phi < r, 2 - 2 * phi / r, self.leak * phi))
        i = sigmoid(affine("i", x, h))
        f = sigmoid(affine("f", x, h))
        g = tanh(affine("g", x, h))
        o = sigmoid(affine("o", x, h))
        proposed = f * c + i * g
        return k * (o * tanh(proposed)) + (1 - k) * h, k * proposed + (1 - k) * c


def phased_lstm(v: Tensors, p: Tensors) -> tuple[Tensor, ...]:
    tau, r = p["tau"], p["r"]
    phi = torch.remainder(v["t"].unsqueeze(-1) - p["s"], tau) / tau
    rising, falling = 2 * phi / r, 2 - 2 * phi / r
    k = torch.where(phi < r / 2, rising, torch.where(phi < r, falling, 1e-3 * phi))
    i, f, g, o = (preactivation(p, name, v["x"], v["h"]) for name in "ifgo")
    proposed = torch.sigmoid(f) * v["c"] + torch.sigmoid(i) * torch.tanh(g)
    output = torch.sigmoid(o) * torch.tanh(proposed)
    return k * output + (1 - k) * v["h"], k * proposed + (1 - k) * v["c"]


class MemoryBlocks(Cell):
    """Hochreiter & Schmidhuber 1997: the cells of a block share its gates; here without gate recurrence."""

    states = ("h", "c")

    def step(self, x, h, c):
        i = sigmoid(affine("i", x, h, out=("block",)))
        g = 4 * sigmoid(affine("g", x, h, out=("block", "cell"))) - 2
        c = c + i * g
        o = sigmoid(affine("o", x, h, out=("block",)))
        return o * (2 * sigmoid(c) - 1), c

    def state_axes(self):
        return {"h": ("block", "cell"), "c": ("block", "cell")}


def memory_blocks(v: Tensors, p: Tensors) -> tuple[Tensor, ...]:
    def seen(unit: str, axes: str) -> Tensor:
        recurrent = torch.einsum(f"...kn,{axes}kn->...{axes}", v["h"], p[f"weight_hh.{unit}"])
        from_input = torch.einsum(f"...e,{axes}e->...{axes}", v["x"], p[f"weight_ih.{unit}"])
        return from_input + recurrent + p[f"bias_ih.{unit}"]

    i, o = (torch.sigmoid(seen(gate, "b")).unsqueeze(-1) for gate in "io")
    c = v["c"] + i * (4 * torch.sigmoid(seen("g", "bc")) - 2)
    return o * (2 * torch.sigmoid(c) - 1), c


class TimeAwareLSTM(Cell):
    """Baytas et al. 2017: the short-term part of c, a linear map of it, fades with the elapsed time dt."""

    states = ("h", "c")
    sequences = {"x": ("feature",), "dt": ()}  # noqa: RUF012

    def step(self, x, dt, h, c):
        short = tanh(linear("d", c, bias=True))
        adjusted = c - short + short / log(math.e + dt)
        i = sigmoid(affine("i", x, h))
        f = sigmoid(affine("f", x, h))
        g = tanh(affine("g", x, h))
        o = sigmoid(affine("o", x, h))
        c = f * adjusted + i * g
        return o * tanh(c), c


def time_aware_lstm(v: Tensors, p: Tensors) -> tuple[Tensor, ...]:
    short = torch.tanh(v["c"] @ p["weight_c_h.d"].T + p["bias_c_h.d"])
    discount = 1 / torch.log(math.e + v["dt"]).unsqueeze(-1)
    i, f, g, o = (preactivation(p, k, v["x"], v["h"]) for k in "ifgo")
    c = torch.sigmoid(f) * (v["c"] - short + discount * short) + torch.sigmoid(i) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(c), c


class SharedBlocks(Cell):
    """Blocks that share their recurrent matrices: these read the cells of a block, and the blocks are carried along."""

    def sizes(self, input_size, hidden_size, projection_size=0):
        return super().sizes(input_size, hidden_size, projection_size) | {"block": 2, "cell": hidden_size // 2}

    def state_axes(self):
        return {"h": ("block", "cell")}

    def step(self, x, h):
        axes, cell = ("block", "cell"), ("cell",)
        z = sigmoid(linear("z", x, axes, bias=True) + linear("z", h, cell, reads=cell))
        n = tanh(linear("n", x, axes, bias=True) + linear("n", z * h, cell, reads=cell, bias=True))
        return (1 - z) * h + z * n


def shared_blocks(v: Tensors, p: Tensors) -> tuple[Tensor, ...]:
    def from_x(gate):
        return (p[f"weight_ih.{gate}"] @ v["x"][..., None, :, None]).squeeze(-1) + p[f"bias_ih.{gate}"]

    z = torch.sigmoid(from_x("z") + v["h"] @ p["weight_hh.z"].T)
    n = torch.tanh(from_x("n") + (z * v["h"]) @ p["weight_hh.n"].T + p["bias_hh.n"])
    return ((1 - z) * v["h"] + z * n,)


HARD: Mapping[str, Hard] = {
    "GRU, reset before": Hard(GRUResetBefore(), gru_reset_before),
    "GRU, reset after": Hard(GRUResetAfter(), gru_reset_after),
    "layer-normalised LSTM": Hard(LayerNormalisedLSTM(), layer_normalised_lstm),
    "projected LSTM": Hard(ProjectedLSTM(), projected_lstm),
    "sLSTM": Hard(SLSTM(), slstm, positive=("n",)),
    "Phased LSTM": Hard(PhasedLSTM(), phased_lstm, positive=("t", "tau", "r")),
    "memory blocks": Hard(MemoryBlocks(), memory_blocks),
    "shared blocks": Hard(SharedBlocks(), shared_blocks),
    "T-LSTM": Hard(TimeAwareLSTM(), time_aware_lstm, positive=("dt",)),
}
