"""First weights by search: of many that are drawn, those whose last output tells two classes apart best.

From usual first weights, a single unit that reads a long sequence mostly learns nothing: its last output hardly depends
on what it read. A search over a few hundred draws finds one that does.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cellwright.layers import Recurrent
from cellwright.tasks.classifier import Classifier

SPREAD = 1.5
"""Standard deviation of the weights and biases that are drawn."""

GAIN = 1.5
"""Size of the weights of the dense layer, with which training begins."""


def start_best(network: Classifier, inputs: Tensor, classes: Tensor, draws: int, limit: float, seed: int) -> None:
    """Give a classifier of two classes the best of ``draws`` first weights, in place.

    The best is the one with the unit whose last output, cut at its best threshold, has the highest balanced accuracy.
    The dense layer then starts with that threshold.

    Args:
        network: one layer in one direction.
        inputs, classes: to judge by, (batch, time, features) and (batch,).
        limit: no weight is larger.
        seed: of the draws.
    """
    draw, layer = np.random.default_rng(seed), network.recurrent
    best, found = 0.0, {name: tensor.clone() for name, tensor in layer.state_dict().items()}
    unit, sign, threshold = 0, 1.0, 0.0
    for _ in range(draws):
        _draw_weights(layer, draw, inputs.shape[1], limit)
        with torch.no_grad():
            last = layer(inputs)[0][:, -1].double().numpy()
        for index, outputs in enumerate(last.T):
            gain, at = _separation(outputs, classes.numpy())
            if abs(gain) > best:
                best, unit, sign, threshold = abs(gain), index, math.copysign(1.0, gain), at
                found = {name: tensor.clone() for name, tensor in layer.state_dict().items()}
    layer.load_state_dict(found)
    with torch.no_grad():
        network.dense.weight.zero_()
        network.dense.weight[:, unit] = torch.tensor([sign, -sign]) * GAIN
        network.dense.bias.copy_(torch.tensor([-sign, sign]) * GAIN * threshold)


def _draw_weights(layer: Recurrent, draw: np.random.Generator, steps: int, limit: float) -> None:
    """Normal weights; a unit with a forget gate remembers for a time between 1 and all steps.

    Such a gate's bias is the logarithm of that time, as in chrono initialisation (Tallec & Ollivier 2018, ICLR), and
    an input gate's lies about half of it below zero.
    """
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.copy_(torch.from_numpy(draw.normal(0, SPREAD, tuple(parameter.shape))))
        gates, units = layer.cell.gates, layer.hidden_size
        bias = layer.stored(0, "_l0").get("bias_ih")
        if "f" in gates and bias is not None:
            memory = torch.from_numpy(draw.uniform(0, math.log(steps), units)).to(bias)
            rows = {gate: slice(place * units, (place + 1) * units) for place, gate in enumerate(gates)}
            bias[rows["f"]] = memory
            if "i" in rows:
                bias[rows["i"]] -= memory / 2
        for parameter in layer.parameters():
            parameter.clamp_(-limit, limit)


def _separation(outputs: NDArray[np.float64], classes: NDArray[np.int64]) -> tuple[float, float]:
    """What a threshold gains over chance, -1 to 1, and where it lies; above zero if class 0 lies above it."""
    order = np.argsort(outputs, kind="stable")
    first = classes[order] == 0
    below = np.cumsum(~first) / max((~first).sum(), 1) - np.cumsum(first) / max(first.sum(), 1)
    at = int(np.abs(below).argmax())
    return float(below[at]), float(outputs[order[at]])
