"""Prefix beam search beside a plain one in dictionaries; a pyramid of layers beside a stack.

    python benchmarks/layers/ctc.py [--threads 1,2] [--markdown]

The plain search is the published algorithm for one sequence, in Python's floats and dictionaries, called for each
sequence of the batch. Outputs are those of a network that is sure at most steps (spikes between blanks) or random ones,
the worst case: then the beam changes at every step. What is told is processor time in turns that follow one another,
which waiting for a core does not lengthen; with two threads, for layers alone, it is time on the wall, which says
nothing unless the cores are free. Results go to ``ctc.csv`` beside this file; ``docs/ctc.md`` shows them.
"""

from __future__ import annotations

import argparse
import csv
import io
import math
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "common"))

from command import numbers
from rows import Spread

from cellwright.files import write_atomically

HERE = Path(__file__).parent
TURNS, TURN_SECONDS = 5, 0.05
STEPS = 100
SEARCHES = [
    *((batch, width, 30, "sure") for batch, width in ((1, 16), (32, 4), (32, 16), (32, 64))),
    (4, 16, 1000, "sure"),
    *((batch, width, 30, "random") for batch, width in ((1, 16), (32, 16))),
]
PYRAMIDS = [(2, 2), (4, 2)]
HEAD = ("what", "case", "threads", "ours_ms", "peer_ms", "ratio", "ratio_low", "ratio_high", "ours_us_a_step")

Clock = Callable[[], float]


def plain_search(y: Sequence[Sequence[float]], width: int) -> list[tuple[tuple[int, ...], float]]:
    """One sequence with the blank 0: logarithms of probabilities in, the beam out (Hannun et al. 2014)."""
    nothing = -math.inf
    beam: list[tuple[tuple[int, ...], tuple[float, float]]] = [((), (0.0, nothing))]
    for row in y:
        found: dict[tuple[int, ...], tuple[float, float]] = {}
        for prefix, (in_blank, in_label) in beam:
            total = added(in_blank, in_label)
            blank, label = found.get(prefix, (nothing, nothing))
            repeated = in_label + row[prefix[-1]] if prefix else nothing
            found[prefix] = added(blank, total + row[0]), added(label, repeated)
            for index in range(1, len(row)):
                before = in_blank if prefix and prefix[-1] == index else total
                longer = (*prefix, index)
                blank, label = found.get(longer, (nothing, nothing))
                found[longer] = blank, added(label, before + row[index])
        beam = sorted(found.items(), key=lambda item: -added(*item[1]))[:width]
    return [(prefix, added(*both)) for prefix, both in beam]


def added(one: float, other: float) -> float:
    """ln(exp(one) + exp(other))"""
    if one < other:
        one, other = other, one
    return one if other == -math.inf else one + math.log1p(math.exp(other - one))


def turns(works: Sequence[Callable[[], object]], clock: Clock) -> list[list[float]]:
    """Milliseconds a call of each work, turn by turn."""
    calls = []
    for work in works:
        work()
        start = clock()
        work()
        calls.append(max(1, round(TURN_SECONDS / max(clock() - start, 1e-6))))
    found: list[list[float]] = [[] for _ in works]
    for _ in range(TURNS):
        for row, (work, count) in enumerate(zip(works, calls, strict=True)):
            start = clock()
            for _ in range(count):
                work()
            found[row].append(1e3 * (clock() - start) / count)
    return found


def as_row(what: str, case: str, threads: int, ours: list[float], peer: list[float], row_steps: int) -> tuple[str, ...]:
    ratio = Spread.of([other / own for own, other in zip(ours, peer, strict=True)])
    middle = Spread.of(ours).median
    values = (middle, Spread.of(peer).median, ratio.median, ratio.low, ratio.high, 1e3 * middle / row_steps)
    return (what, case, str(threads), *(f"{number:.2f}" for number in values))


def searches() -> list[tuple[str, ...]]:
    import torch

    from cellwright.layers.ctc import prefix_beam_search

    torch.set_num_threads(1)
    rows = []
    for batch, width, labels, kind in SEARCHES:
        torch.manual_seed(0)
        outputs = 3 * torch.randn(STEPS, batch, labels, dtype=torch.float64)
        if kind == "sure":
            outputs[:, :, 0] += 18.0
            outputs[::6].scatter_(2, torch.randint(1, labels, (len(outputs[::6]), batch, 1)), 24.0)
        y = outputs.log_softmax(-1).transpose(0, 1).tolist()
        works = [lambda: prefix_beam_search(outputs, width=width), lambda: [plain_search(one, width) for one in y]]  # noqa: B023  (called in this round alone)
        case = f"{kind}, {labels} labels, batch {batch}, width {width}"
        rows.append(as_row("prefix beam search", case, 1, *turns(works, time.process_time), STEPS * batch))
        print(rows[-1], flush=True)
    return rows


def pyramids(threads_each: Sequence[int]) -> list[tuple[str, ...]]:
    """A stack and a pyramid of the same units in training: the pyramid reads twice the width at half the steps."""
    import torch

    from cellwright import Recurrent
    from cellwright.layers import PyramidalRecurrent

    rows = []
    for threads in threads_each:
        clock = time.process_time if threads == 1 else time.perf_counter
        torch.set_num_threads(threads)
        for layers, factor in PYRAMIDS:
            torch.manual_seed(0)
            x = torch.randn(128, 16, 32)
            pyramid = PyramidalRecurrent("lstm", 32, 64, layers, factor=factor)
            stack = Recurrent("lstm", 32, 64, layers, bidirectional=True)
            works = [lambda: pyramid(x)[0].sum().backward(), lambda: stack(x)[0].sum().backward()]  # noqa: B023  (called in this round alone)
            case = f"{layers} layers, 128 steps, batch 16, 64 units"
            rows.append(as_row("pyramid, training step", case, threads, *turns(works, clock), 128 * 16))
            print(rows[-1], flush=True)
    return rows


def markdown() -> str:
    """The rows as a table."""
    with (HERE / "ctc.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    lines = [
        "| what | case | threads | ours, ms | peer, ms | ratio | quartiles | ours, µs a step and row |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        span = f"{row['ratio_low']}-{row['ratio_high']}"
        names = ("what", "case", "threads", "ours_ms", "peer_ms", "ratio")
        lines.append(f"| {' | '.join((*(row[name] for name in names), span, row['ours_us_a_step']))} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--markdown", action="store_true", help="print the table of what was measured, and stop")
    parser.add_argument("--threads", type=numbers, default=(1, 2), help="of layers, with commas between them")
    options = parser.parse_args()
    if options.markdown:
        print(markdown())
        return
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(HEAD)
    writer.writerows([*searches(), *pyramids(options.threads)])
    write_atomically(HERE / "ctc.csv", text.getvalue())


if __name__ == "__main__":
    main()
