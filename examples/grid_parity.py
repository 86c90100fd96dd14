"""A Grid LSTM of depth alone learns the parity of bits that it sees at once (Kalchbrenner, Danihelka & Graves 2016).

    python examples/grid_parity.py

The network is the paper's tied 1-LSTM: k bits are projected to h and m, the same block is applied again and again along
depth, and a unit tells from the last h whether the number of ones is odd. Parity changes with every bit, so that no
part of the input tells anything by itself.

What has to be beaten: chance (0.5), and a feed-forward network of as many layers and about as many weights, which
is trained in the same way. The paper is said to reach 250 bits; that takes far longer than the minutes of this example.

Every batch is drawn anew, and the test strings are others again. With k bits there are 2^k strings, so that the longer
ones of the test have hardly been seen in training. A run ends early once it has learnt.
"""

from __future__ import annotations

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


def strings(number: int, bits: int, draws: torch.Generator) -> tuple[Tensor, Tensor]:
    """Random bits (number, bits) as -1 and 1, and whether the ones among them are odd."""
    drawn = torch.randint(2, (number, bits), generator=draws)
    return (2 * drawn - 1).float(), (drawn.sum(1) % 2).float()


class Learnt(NamedTuple):
    """Test accuracy, and the steps that were taken."""

    accuracy: float
    steps: int


def trained(model: nn.Module, bits: int, steps: int, rate: float, seed: int) -> Learnt:
    """Train until nearly all of the last batches were right, or for so many steps; then test on 2000 other strings."""
    draws, test = torch.Generator().manual_seed(seed), torch.Generator().manual_seed(1_000_000 + seed)
    optimizer = torch.optim.Adam(model.parameters(), rate)
    recent, step = 0.5, 0
    while step < steps and recent < 0.995:
        x, odd = strings(BATCH, bits, draws)
        scores = model(x)
        optimizer.zero_grad()
        binary_cross_entropy_with_logits(scores, odd).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        recent += 0.01 * (float(((scores > 0) == (odd > 0)).double().mean()) - recent)
        step += 1
    with torch.no_grad():
        x, odd = strings(2000, bits, test)
        return Learnt(float(((model(x) > 0) == (odd > 0)).double().mean()), step)


def both(size: Size, steps: int, seed: int, rate: float = 0.01) -> tuple[Learnt, Learnt]:
    """What the Grid LSTM and the feed-forward network learn. The latter takes the better of two rates."""
    torch.manual_seed(seed)
    grid = Parity(size)
    learnt = trained(grid, size.bits, steps, rate, seed)
    found = []
    for slower in (1.0, 0.1):
        torch.manual_seed(seed)
        other = FeedForward(size, sum(parameter.numel() for parameter in grid.parameters()))
        found.append(trained(other, size.bits, steps, slower * rate, seed))
    return learnt, max(found)


def main(seeds: int = 3, steps: int = 6000) -> None:
    """Print test accuracies, from few bits to more."""
    print(f"parity: test accuracy, mean of {seeds} seeds [least to most], steps; chance is 0.5")
    for size in (Size(8, 64, 4), Size(12, 64, 4), Size(16, 64, 8)):
        by_name = zip(
            ("tied 1-LSTM", "feed-forward"),
            zip(*(both(size, steps, s) for s in range(seeds)), strict=True),
            strict=True,
        )
        for name, learnt in by_name:
            scores = [each.accuracy for each in learnt]
            taken = ", ".join(str(each.steps) for each in learnt)
            spread = f"{statistics.mean(scores):.3f} [{min(scores):.3f} to {max(scores):.3f}]"
            print(f"{size.bits:3d} bits, depth {size.depth}  {name:<13} {spread}  {taken}", flush=True)


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
