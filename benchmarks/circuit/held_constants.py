"""The constants of ``held_lstm.py``'s `MeasuredLSTM`, fitted to single steps of the twin.

    python benchmarks/circuit/held_constants.py [--fold 4] [--kept FOLDER] [--data FOLDER]

The twin of the network ``held`` reads training wafers of a fold. From each of its states the cell makes one step, and
the five constants make the least of what its c then is beside the twin's; classes are not used. Prints the constants,
and how far h departs over whole sequences without and with them.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import torch
from held_lstm import HeldLSTM, MeasuredLSTM
from scipy.optimize import least_squares
from torch import Tensor
from wafer import KEPT, Bench

from cellwright import Recurrent
from cellwright.circuit.problems import Problem

NAMES = ("keep", "bend", "gated", "gain", "always")
NEUTRAL = (1.0, 0.0, 0.0, 1.0, 0.0)
EVERY = 4
"""Of how many training wafers one is read."""


def next_c(stored: Mapping[str, Tensor], x: Tensor, h: Tensor, c: Tensor) -> Callable[[np.ndarray], Tensor]:
    """The cell's c after one step from the states of the twin, as a function of the constants."""
    pedestal, d = HeldLSTM.pedestal, HeldLSTM.linear_range
    sums = x @ stored["weight_ih"].T + (h + pedestal) @ stored["weight_hh"].T + stored["bias_ih"]
    i, f, g, _ = sums.split(1, dim=-1)
    written, f, held = torch.sigmoid(i) * torch.tanh(g), torch.sigmoid(f), c + pedestal
    wide, narrow = torch.tanh(d * held) / d, torch.tanh(held)

    def at(constants: np.ndarray) -> Tensor:
        keep, bend, gated, gain, always = map(float, constants)
        return f * (keep * wide - bend * narrow + gated) + gain * written + always

    return at


def fitted(own: Problem, x: Tensor, twin: Mapping[str, Tensor]) -> dict[str, float]:
    stored = {name: tensor.double() for name, tensor in own.state.items()}
    at = next_c(stored, x[1:], twin["h"][:-1], twin["c"][:-1])
    found = least_squares(lambda constants: (at(constants) - twin["c"][1:]).flatten().numpy(), NEUTRAL)
    return dict(zip(NAMES, map(float, found.x), strict=True))


def departure(own: Problem, x: Tensor, twin: Mapping[str, Tensor], cell: HeldLSTM) -> tuple[float, float]:
    """How far h of the network's weights in a cell is from the twin over whole sequences: the most, and rms."""
    layer = Recurrent(cell, own.input_size, own.hidden_size, dtype=torch.float64)
    layer.load_state_dict(own.layer.state_dict())
    with torch.no_grad():
        away = layer(x)[0] - twin["h"]
    return float(away.abs().max()), float(away.square().mean().sqrt())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--fold", type=int, default=4, help="whose training wafers, from 0")
    parser.add_argument("--kept", type=Path, default=KEPT, help="folder of trained networks")
    parser.add_argument("--data", type=Path, help="folder of data sets; by default CELLWRIGHT_DATA")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    bench = Bench(arguments.kept, arguments.data)
    name = "wafer-sequence", "held", arguments.fold
    own = bench.problem(*name)
    x = own.task.training_data(own.recipe).everything.inputs[::EVERY].double().transpose(0, 1)
    with torch.no_grad():
        twin = bench.circuit(*name).twin.run({"x": x})
    constants = fitted(own, x, twin)
    print(", ".join(f"{name} {value:.4f}" for name, value in constants.items()))
    for title, cell in (("HeldLSTM", HeldLSTM()), ("MeasuredLSTM", MeasuredLSTM(**constants))):
        print("{}: h departs by at most {:.3f}, rms {:.4f}".format(title, *departure(own, x, twin, cell)))


if __name__ == "__main__":
    main()
