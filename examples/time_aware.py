"""Time-aware LSTM on irregular samples: what is remembered fades with the time that has passed, not with the steps.

    python examples/time_aware.py
    python examples/time_aware.py --seeds 10 --updates 1000

Baytas et al. (2017, KDD, 65) built the T-LSTM for patients' records, where visits are days or years apart. Here doses
of a drug are taken at irregular times, and after each of them the level in the blood is asked for, which falls by half
every 5 hours; gaps are 0.1 to 50 hours long, with an even logarithm. The LSTM that is not told the gaps has to be
beaten: it can know no more than the doses and how much is left of them in the mean. An LSTM that reads the logarithm of
the gap as a second feature is told all that the T-LSTM is told, and says whether the cell is worth it: here it is not,
as gates that see the gap learn any law of fading, while a T-LSTM's own fades by 1 / log(e + gap). Errors are parts of
the variance of the levels, so that always saying the mean has 1.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from cellwright import Recurrent
from cellwright.cells import LSTM, Cell, TimeAwareLSTM

HALF_LIFE = 5.0


@dataclass(frozen=True)
class Doses:
    """Amounts, gaps before them in hours, and levels after them, each (time, batch)."""

    amounts: Tensor
    gaps: Tensor
    levels: Tensor


def doses(count: int, draws: torch.Generator, steps: int = 30) -> Doses:
    """Draw doses of so many patients."""
    amounts = torch.rand(steps, count, generator=draws)
    gaps = 0.1 * 500 ** torch.rand(steps, count, generator=draws)
    left = 0.5 ** (gaps / HALF_LIFE)
    levels = [amounts[0]]
    for amount, part in zip(amounts[1:], left[1:], strict=True):
        levels.append(part * levels[-1] + amount)
    return Doses(amounts, gaps, torch.stack(levels))


class Levels(nn.Module):
    """A recurrent layer and one dense layer; the gaps go where the cell reads them, into a feature, or nowhere."""

    def __init__(self, cell: Cell, units: int, *, is_told: bool = False) -> None:
        super().__init__()
        self.reads_gaps, self.is_told = "elapsed" in cell.sequences, is_told
        self.recurrent = Recurrent(cell, 1 + is_told, units)
        self.dense = nn.Linear(units, 1)

    def forward(self, given: Doses) -> Tensor:
        told = [given.amounts, given.gaps.log()] if self.is_told else [given.amounts]
        times = {"elapsed": given.gaps} if self.reads_gaps else {}
        hidden, _ = self.recurrent(torch.stack(told, -1), **times)
        levels: Tensor = self.dense(hidden).squeeze(-1)
        return levels


MODELS: Mapping[str, Callable[[int], Levels]] = {
    "tlstm": lambda units: Levels(TimeAwareLSTM(), units),
    "lstm": lambda units: Levels(LSTM(), units),
    "lstm, told the gaps": lambda units: Levels(LSTM(), units, is_told=True),
    "tlstm, told the gaps": lambda units: Levels(TimeAwareLSTM(), units, is_told=True),
}


def error(name: str, seed: int, units: int = 16, updates: int = 300, learning_rate: float = 1e-2) -> float:
    """Train a model on new patients in each update; its squared error on 1,000 others, over the variance."""
    torch.manual_seed(seed)
    draws = torch.Generator().manual_seed(1000 + seed)
    model = MODELS[name](units)
    optimizer = torch.optim.Adam(model.parameters(), learning_rate)
    for _ in range(updates):
        batch = doses(32, draws)
        loss = nn.functional.mse_loss(model(batch), batch.levels)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    tested = doses(1000, torch.Generator().manual_seed(10_000 + seed))
    with torch.no_grad():
        return float(nn.functional.mse_loss(model.eval()(tested), tested.levels) / tested.levels.var())


def main(arguments: Sequence[str] | None = None) -> None:
    """Train each model for each seed and print its error."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--units", type=int, default=16)
    parser.add_argument("--updates", type=int, default=300, help="of 32 patients each")
    parser.add_argument("--learning-rate", type=float, default=1e-2, help="of Adam")
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args(arguments)
    print(f"squared error over the variance of the levels, {options.seeds} seeds, {options.updates} updates")
    for name in MODELS:
        found = [
            error(name, seed, options.units, options.updates, options.learning_rate) for seed in range(options.seeds)
        ]
        print(f"{name:22} {statistics.mean(found):.4f} ({min(found):.4f} to {max(found):.4f})")


if __name__ == "__main__":
    main()
