"""Phased LSTM tells frequencies apart that are sampled at odd times: the first task of its paper, in a short form.

    python examples/phased_frequency.py
    python examples/phased_frequency.py --units 110 --sequences 5000 --epochs 70 --learning-rate 0.001 --seeds 5

Neil, Pfeiffer & Liu 2016 (NIPS 29, 3882, section 3.1): half of the sine waves have a period between 5 and 6, the
others a shorter or longer one, between 1 and 100 with an even logarithm; they last 15 to 125 and begin at random.
Regular samples are 1 apart (``standard``) or 0.1 (``high``); ``asynchronous`` ones, 15 to 125 of them, lie anywhere.
Which half is a wave from? Chance is 50 %. The LSTM, which has to be beaten, is told the time as a second feature, as in
the paper; it has to learn what a moment means before it can compare two samples, while a unit of a Phased LSTM that
opens once in the period of a wave sees the same value of it again and again, however it is sampled. An LSTM whose
feature runs from 0 to 1, which is kinder than the paper's to 125, is beaten, too.
"""

from __future__ import annotations

import argparse
import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from cellwright import Recurrent
from cellwright.cells import LSTM, Cell, PhasedLSTM

PUBLISHED = {
    "standard": {"phased": 99.26, "lstm": 89.34},
    "high": {"phased": 99.61, "lstm": 51.72},
    "asynchronous": {"phased": 97.89, "lstm": 69.02},
}
"""Per cent right, means of 5 seeds after 70 epochs of 5,000 waves, 110 units: saved output of the authors' notebook."""

LONGEST = 125.0


@dataclass(frozen=True)
class Waves:
    """Sampled sine waves: values and times (time, batch), lengths and labels (batch,), 1 for periods from 5 to 6."""

    values: Tensor
    times: Tensor
    lengths: Tensor
    labels: Tensor


def waves(count: int, sampling: str, draws: torch.Generator) -> Waves:
    """Draw waves; ``sampling`` is one of ``PUBLISHED``."""

    def uniform(low: float, high: float, *shape: int) -> Tensor:
        return low + (high - low) * torch.rand(*(shape or (count,)), generator=draws)

    labels = (torch.arange(count) % 2)[torch.randperm(count, generator=draws)]
    # Even in the logarithm from 1 to 5 and from 6 to 100: the gap between them is cut out.
    place = uniform(0.0, math.log(100 * 5 / 6))
    other = torch.where(place < math.log(5), place, place + math.log(6 / 5)).exp()
    period = torch.where(labels == 1, uniform(5.0, 6.0), other)
    duration = uniform(15.0, LONGEST)
    start = uniform(0.0, 1.0) * (LONGEST - duration)
    if sampling == "asynchronous":
        lengths = uniform(15.0, LONGEST).long()
        longest = int(lengths.max())
        places = uniform(0.0, 1.0, longest, count)
        has_ended = torch.arange(longest).unsqueeze(-1) >= lengths
        times = start + duration * places.masked_fill(has_ended, 1.0).sort(0).values
    else:
        apart = {"standard": 1.0, "high": 0.1}[sampling]
        lengths = (duration / apart).long()
        times = start + apart * torch.arange(int(lengths.max())).unsqueeze(-1)
    values = torch.sin(2 * math.pi * (times / period + uniform(0.0, 1.0)))
    return Waves(values, times, lengths, labels)


class Detector(nn.Module):
    """A recurrent layer and one dense layer. A cell that does not read the time is told it as a second feature.

    ``unit`` is the unit of that feature.
    """

    def __init__(self, cell: Cell, units: int, unit: float = 1.0) -> None:
        super().__init__()
        self.reads_time, self.unit = "time" in cell.sequences, unit
        self.recurrent = Recurrent(cell, 1 if self.reads_time else 2, units)
        self.dense = nn.Linear(units, 2)

    def forward(self, given: Waves) -> Tensor:
        values, times = given.values.unsqueeze(-1), given.times
        if self.reads_time:
            _, (last, _) = self.recurrent(values, time=times, lengths=given.lengths)
        else:
            both = torch.cat([values, times.unsqueeze(-1) / self.unit], -1)
            _, (last, _) = self.recurrent(both, lengths=given.lengths)
        logits: Tensor = self.dense(last[0])
        return logits


MODELS: Mapping[str, Callable[[int], Detector]] = {
    "phased": lambda units: Detector(PhasedLSTM(), units),
    "lstm": lambda units: Detector(LSTM(), units),
    "lstm, scaled time": lambda units: Detector(LSTM(), units, LONGEST),
}


def accuracy(
    name: str,
    seed: int,
    sampling: str = "asynchronous",
    units: int = 64,
    sequences: int = 1000,
    epochs: int = 12,
    learning_rate: float = 1e-2,
) -> float:
    """Train a model on new waves in each epoch, 32 at a time; the part of 1,000 others that it gets right."""
    torch.manual_seed(seed)
    draws = torch.Generator().manual_seed(1000 + seed)
    model = MODELS[name](units)
    optimizer = torch.optim.Adam(model.parameters(), learning_rate)
    for _ in range(epochs * (sequences // 32)):
        batch = waves(32, sampling, draws)
        loss = nn.functional.cross_entropy(model(batch), batch.labels)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    tested = waves(1000, sampling, torch.Generator().manual_seed(10_000 + seed))
    with torch.no_grad():
        return float((model.eval()(tested).argmax(-1) == tested.labels).double().mean())


def main(arguments: Sequence[str] | None = None) -> None:
    """Train each model for each seed and print what they get right, beside what was published."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sampling", choices=PUBLISHED, default="asynchronous")
    parser.add_argument("--units", type=int, default=64)
    parser.add_argument("--sequences", type=int, default=1000, help="an epoch")
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--learning-rate", type=float, default=1e-2, help="of Adam; the paper's is 0.001")
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args(arguments)
    print(f"{options.sampling} sampling, {options.seeds} seeds, {options.epochs} epochs of {options.sequences} waves")
    for name in MODELS:
        found = [
            100
            * accuracy(
                name, seed, options.sampling, options.units, options.sequences, options.epochs, options.learning_rate
            )
            for seed in range(options.seeds)
        ]
        ours = f"{statistics.mean(found):5.1f} % right ({min(found):.1f} to {max(found):.1f})"
        published = PUBLISHED[options.sampling].get(name)
        print(f"{name:17} {ours}" + (f"; published, at the paper's size: {published} %" if published else ""))


if __name__ == "__main__":
    main()
