"""What regularisation costs: layers with each option beside the plain layer, in turns, in training and in evaluation.

    python benchmarks/layers/regularisation.py [--threads 1] [--turns 9]

What is told is processor time, which waiting for a core does not lengthen (but threads that wait for one another use).
The ratio is that of the layer with the option over that of the plain one, turn by turn: its median and quartiles. Last
comes zoneout as it is written without a compiled loop: ``torch.nn.LSTMCell`` step by step. Results go to
``regularisation.csv`` beside this file; ``docs/regularisation.md`` shows them.
"""

from __future__ import annotations

import argparse
import csv
import io
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import torch
from onnx_speed import calls_in_a_turn, seconds
from rows import INFERENCE, TRAINING, Size, Spread
from torch import nn

from cellwright import Recurrent
from cellwright.files import write_atomically

SIZES = (Size(200, 8, 32, 64), Size(100, 32, 64, 128))
PLAIN = "plain"
OPTIONS: Mapping[str, Mapping[str, float]] = {
    PLAIN: {},
    "zoneout": {"zoneout": 0.1},
    "input_dropout": {"input_dropout": 0.2},
    "recurrent_dropout": {"recurrent_dropout": 0.2},
    "weight_dropout": {"weight_dropout": 0.5},
    "all": {"zoneout": 0.1, "input_dropout": 0.2, "recurrent_dropout": 0.2, "weight_dropout": 0.5},
}
BY_STEPS = "zoneout of torch.nn.LSTMCell"


class SteppedZoneout(nn.Module):
    """Zoneout of h and c around torch's cell, a step at a time."""

    def __init__(self, features: int, units: int, probability: float) -> None:
        super().__init__()
        self.cell, self.probability = nn.LSTMCell(features, units), probability

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, tuple[torch.Tensor, torch.Tensor]]:
        h = c = x.new_zeros(x.shape[1], self.cell.hidden_size)
        outputs = []
        for now in x.unbind():
            new = self.cell(now, (h, c))
            h, c = (self._zoned(old, each) for old, each in zip((h, c), new, strict=True))
            outputs.append(h)
        return torch.stack(outputs), (h, c)

    def _zoned(self, old: torch.Tensor, new: torch.Tensor) -> torch.Tensor:
        if not self.training:
            return self.probability * old + (1 - self.probability) * new
        return torch.where(torch.rand_like(old) < self.probability, old, new)


def work(layer: nn.Module, x: torch.Tensor, mode: str) -> Callable[[], None]:
    """One call without gradients in evaluation, or everything between two updates of the weights."""
    layer.train(mode == TRAINING)

    def infer() -> None:
        with torch.no_grad():
            layer(x)

    def train() -> None:
        layer.zero_grad()
        layer(x)[0].square().mean().backward()

    return train if mode == TRAINING else infer


def measured(size: Size, mode: str, turns: int) -> Iterator[dict[str, str]]:
    """A row for each option."""
    torch.manual_seed(0)
    x = torch.randn(size.steps, size.rows, size.features)
    layers: dict[str, nn.Module] = {
        name: Recurrent("lstm", size.features, size.units, **options) for name, options in OPTIONS.items()
    }
    layers[BY_STEPS] = SteppedZoneout(size.features, size.units, 0.1)
    works = {name: work(layer, x, mode) for name, layer in layers.items()}
    calls = {name: calls_in_a_turn(each) for name, each in works.items()}
    taken = [{name: seconds(each, calls[name]) for name, each in works.items()} for _ in range(turns)]
    for name in layers:
        ratio = Spread.of([turn[name] / turn[PLAIN] for turn in taken])
        yield {
            "option": name,
            "size": str(size),
            "mode": mode,
            "threads": str(torch.get_num_threads()),
            "microseconds": f"{1e6 * Spread.of([turn[name] for turn in taken]).median:.0f}",
            "ratio": f"{ratio.median:.2f}",
            "low": f"{ratio.low:.2f}",
            "high": f"{ratio.high:.2f}",
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, nargs="+", default=[1])
    parser.add_argument("--turns", type=int, default=9)
    arguments = parser.parse_args()
    rows = []
    for threads in arguments.threads:
        torch.set_num_threads(threads)
        for size in SIZES:
            for mode in (TRAINING, INFERENCE):
                for row in measured(size, mode, arguments.turns):
                    rows.append(row)
                    print(*row.values(), flush=True)
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_atomically(Path(__file__).with_suffix(".csv"), text.getvalue())


if __name__ == "__main__":
    main()
