"""Phased LSTM and time-aware LSTM: compiled beside interpreted, and beside the compiled LSTM of the same size.

    python benchmarks/layers/timed.py [--threads 1,2] [--markdown]

Turns of the three follow one another. With one thread processor time is told, which waiting for a core does not
lengthen; with more, time on the wall, which says nothing on a machine whose cores others use: there it is left out. A
training step is zero_grad, forward, mean of squares and backward, in float32. Results go to ``timed.csv`` beside this
file; ``docs/timed-cells.md`` shows them.
"""

from __future__ import annotations

import argparse
import csv
import io
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parents[1] / "common"))

from command import numbers
from rows import INFERENCE, TRAINING, Size, Spread

from cellwright import Recurrent, kernels
from cellwright.files import write_atomically

HERE = Path(__file__).parent
TURNS, TURN_SECONDS = 7, 0.05
CELLS = ("phased", "tlstm")
SIZES = (Size(100, 32, 2, 110), Size(100, 8, 16, 64))
HEAD = (
    "cell", "size", "mode", "threads", "compiled_ms", "interpreted_ms", "lstm_ms", "speed_up", "speed_up_low",
    "speed_up_high", "cost_over_lstm", "cost_low", "cost_high",
)  # fmt: skip

Work = Callable[[], object]


def work(cell: str, size: Size, mode: str) -> Work:
    """A call of a layer on irregular times, or a training step."""
    torch.manual_seed(0)
    layer = Recurrent(cell, size.features, size.units).train(mode == TRAINING)
    x, gaps = torch.randn(size.steps, size.rows, size.features), torch.rand(size.steps, size.rows)
    times = {"phased": {"time": gaps.cumsum(0)}, "tlstm": {"elapsed": gaps}}.get(cell, {})

    def inference() -> None:
        with torch.no_grad():
            layer(x, **times)

    def training_step() -> None:
        layer.zero_grad()
        layer(x, **times)[0].square().mean().backward()

    return training_step if mode == TRAINING else inference


def interpreted(compiled: Work) -> Work:
    def run() -> None:
        with kernels.switched(False):
            compiled()

    return run


def turns(works: list[Work], clock: Callable[[], float]) -> list[list[float]]:
    """Milliseconds a call of each work, turn by turn."""
    calls = []
    for each in works:
        each()
        start = clock()
        each()
        calls.append(max(1, round(TURN_SECONDS / max(clock() - start, 1e-6))))
    found: list[list[float]] = [[] for _ in works]
    for _ in range(TURNS):
        for own, each, count in zip(found, works, calls, strict=True):
            start = clock()
            for _ in range(count):
                each()
            own.append(1e3 * (clock() - start) / count)
    return found


def measured(thread_counts: Sequence[int]) -> Iterator[tuple[str, ...]]:
    for threads in thread_counts:
        torch.set_num_threads(threads)
        clock = time.process_time if threads == 1 else time.perf_counter
        for cell in CELLS:
            for size in SIZES:
                for mode in (INFERENCE, TRAINING):
                    own = work(cell, size, mode)
                    ours, slow, lstm = turns([own, interpreted(own), work("lstm", size, mode)], clock)
                    speed_up = Spread.of([other / one for one, other in zip(ours, slow, strict=True)])
                    cost = Spread.of([one / other for one, other in zip(ours, lstm, strict=True)])
                    numbers = (
                        *(Spread.of(each).median for each in (ours, slow, lstm)),
                        *(speed_up.median, speed_up.low, speed_up.high),
                        *(cost.median, cost.low, cost.high),
                    )
                    row = (cell, str(size), mode, str(threads), *(f"{number:.2f}" for number in numbers))
                    print(*row, sep="  ", flush=True)
                    yield row


def table() -> str:
    """The kept results in Markdown."""
    with (HERE / "timed.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    lines = [
        "| cell, (T, B, I, H) | mode | threads | compiled | interpreted | times as fast | times the LSTM |",
        "|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| `{row['cell']}`, {row['size']} | {row['mode']} | {row['threads']} | {row['compiled_ms']} ms "
        f"| {row['interpreted_ms']} ms | {row['speed_up']} ({row['speed_up_low']}–{row['speed_up_high']}) "
        f"| {row['cost_over_lstm']} ({row['cost_low']}–{row['cost_high']}) |"
        for row in rows
    ]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--markdown", action="store_true", help="print the results that are there")
    parser.add_argument("--threads", type=numbers, default=(1,), metavar="N,N", help="thread counts, 1 by default")
    options = parser.parse_args()
    if not options.markdown:
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerows([HEAD, *measured(options.threads)])
        write_atomically(HERE / "timed.csv", text.getvalue().encode())
    print(table())


if __name__ == "__main__":
    main()
