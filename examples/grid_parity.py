"""A Grid LSTM of depth alone learns the parity of bits that it sees at once (Kalchbrenner, Danihelka & Graves 2016).

    python examples/grid_parity.py [--seeds 3] [--steps 3000]

The network is the paper's tied 1-LSTM: k bits are projected to h and m, the same block is applied again and again along
depth, and a unit tells from the last h whether the number of ones is odd. Parity changes with every bit, so that no
part of the input tells anything by itself.

It is trained on 6 of 10 of all 2^k strings and tested on the others, which it has never seen. What has to be beaten:
chance (0.5), and a feed-forward network of as many layers and about as many weights, trained in the same way. That one
learns its strings by heart, and faster; what is asked is whether it has found the rule. It gets the better of three
learning rates, by its accuracy on the test strings, which favours it.

The paper is said to reach 250 bits, on strings drawn anew all the time; that takes far longer than these minutes.
"""

from __future__ import annotations

import argparse
import statistics
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from cellwright.cells import GridLSTM
from cellwright.layers import GridRecurrent

BATCH = 32


class Size(NamedTuple):
    """Bits, units, blocks along depth."""

    bits: int
    units: int
    depth: int


class Parity(nn.Module):
    """From bits (batch, bits) as -1 and 1 to the score (batch,) of an odd number of ones."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        self.grid = GridRecurrent(GridLSTM(dimensions=1), size.bits, size.units, size.depth)
        self.odd = nn.Linear(size.units, 1)

    def forward(self, bits: Tensor) -> Tensor:
        """Scores (batch,)."""
        return self.odd(self.grid(bits)).squeeze(1)


class FeedForward(nn.Module):
    """Layers of rectified units, as many as there are blocks, and so wide that there are as many weights."""

    def __init__(self, size: Size, weights: int) -> None:
        super().__init__()
        width = next(w for w in range(1, weights) if w * (size.bits + 2) + (size.depth - 1) * w * (w + 1) >= weights)
        layers: list[nn.Module] = []
        for inputs in (size.bits, *[width] * (size.depth - 1)):
            layers += [nn.Linear(inputs, width), nn.ReLU()]
        self.layers = nn.Sequential(*layers, nn.Linear(width, 1))

    def forward(self, bits: Tensor) -> Tensor:
        """Scores (batch,)."""
        return self.layers(bits).squeeze(1)


class Strings(NamedTuple):
    """Bits (number, bits) as -1 and 1, and whether the ones among them are odd (number,)."""

    bits: Tensor
    odd: Tensor


def divided(bits: int, share: float, seed: int) -> tuple[Strings, Strings]:
    """All strings of so many bits in random order: a share for training, the others."""
    ones = torch.arange(2**bits).unsqueeze(1) >> torch.arange(bits) & 1
    order = torch.randperm(2**bits, generator=torch.Generator().manual_seed(seed))
    known, unseen = order.split([round(share * 2**bits), 2**bits - round(share * 2**bits)])
    x, odd = (2 * ones - 1).float(), (ones.sum(1) % 2).float()
    return Strings(x[known], odd[known]), Strings(x[unseen], odd[unseen])


class Learnt(NamedTuple):
    """Accuracy on strings that were not trained on, and on those that were; the steps that were taken."""

    unseen: float
    known: float
    steps: int


def trained(model: nn.Module, known: Strings, unseen: Strings, steps: int, rate: float, seed: int) -> Learnt:
    """Train until nearly all of the last batches were right, or for so many steps."""
    draws = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.Adam(model.parameters(), rate)
    recent, step = 0.5, 0
    while step < steps and recent < 0.995:
        chosen = torch.randint(len(known.odd), (BATCH,), generator=draws)
        scores, odd = model(known.bits[chosen]), known.odd[chosen]
        optimizer.zero_grad()
        binary_cross_entropy_with_logits(scores, odd).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        recent += 0.01 * (float(((scores > 0) == (odd > 0)).double().mean()) - recent)
        step += 1
    return Learnt(accuracy(model, unseen), accuracy(model, known), step)


@torch.no_grad()
def accuracy(model: nn.Module, strings: Strings) -> float:
    """Share of strings whose parity is told."""
    return float(((model(strings.bits) > 0) == (strings.odd > 0)).double().mean())


def both(size: Size, steps: int, seed: int) -> tuple[Learnt, Learnt]:
    """What the Grid LSTM and the feed-forward network learn of the same strings."""
    known, unseen = divided(size.bits, 0.6, seed)
    torch.manual_seed(seed)
    grid = Parity(size)
    weights = sum(parameter.numel() for parameter in grid.parameters())
    found = []
    for rate in (0.01, 0.003, 0.001):
        torch.manual_seed(seed)
        found.append(trained(FeedForward(size, weights), known, unseen, steps, rate, seed))
    return trained(grid, known, unseen, steps, 0.01, seed), max(found)


def main(seeds: int = 3, steps: int = 3000) -> None:
    """Print accuracies on strings that were not trained on, from few bits to more."""
    print(
        f"parity of unseen strings: accuracy, mean of {seeds} seeds [least to most], chance 0.5; on known ones; steps"
    )
    for size in (Size(8, 64, 4), Size(9, 64, 4), Size(10, 64, 4)):
        runs = [both(size, steps, seed) for seed in range(seeds)]
        for name, learnt in zip(("tied 1-LSTM", "feed-forward"), zip(*runs, strict=True), strict=True):
            scores = [each.unseen for each in learnt]
            spread = f"{statistics.mean(scores):.3f} [{min(scores):.3f} to {max(scores):.3f}]"
            known = statistics.mean(each.known for each in learnt)
            taken = ", ".join(str(each.steps) for each in learnt)
            print(f"{size.bits:3d} bits  {name:<13} {spread}  {known:.3f}  {taken}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=3000)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    main(arguments.seeds, arguments.steps)
