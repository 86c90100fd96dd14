"""Cellwright's LSTM beside torch.nn.LSTM in one run: inference and training step, float32, one thread.

    python benchmarks/layers.py [--repeats 9] [--cell NAME]

Both take turns, so that a busy moment meets both. A training step is zero_grad, forward, mean of squares, backward.
Printed are medians in microseconds, the spread between quartiles, and torch's time over ours (above 1 we are faster).
With ``--cell`` another cell of the catalogue runs beside the same torch.nn.LSTM; its work is then not the same.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable
from functools import partial

os.environ["OMP_NUM_THREADS"] = "1"

import torch

import cellwright

GRID = [(1, 1, 64, 64), (3, 16, 1, 4), (15, 16, 1, 15), (152, 32, 1, 16), (100, 1, 64, 64), (100, 8, 64, 64)]
GRID += [(100, 32, 64, 128)]
"""(steps, rows, features, units)."""


def inference(layer: torch.nn.Module, x: torch.Tensor) -> None:
    with torch.no_grad():
        layer(x)


def training_step(layer: torch.nn.Module, x: torch.Tensor) -> None:
    layer.zero_grad()
    layer(x)[0].square().mean().backward()


def seconds(run: Callable[[], None], times: int) -> float:
    start = time.perf_counter()
    for _ in range(times):
        run()
    return (time.perf_counter() - start) / times


def side_by_side(runs: list[Callable[[], None]], repeats: int) -> list[list[float]]:
    """Microseconds of each run, ``repeats`` times in turns of about ten milliseconds."""
    counts = [max(1, round(0.01 / min(seconds(run, 2) for _ in range(3)))) for run in runs]
    turns = [[1e6 * seconds(run, count) for run, count in zip(runs, counts, strict=True)] for _ in range(repeats)]
    return [list(column) for column in zip(*turns, strict=True)]


def summary(times: list[float]) -> str:
    low, middle, high = statistics.quantiles(times, n=4)
    return f"{middle:8.0f} ±{(high - low) / 2:5.0f}"


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--repeats", type=int, default=9)
    arguments.add_argument("--cell", default="lstm")
    options = arguments.parse_args()
    torch.set_num_threads(1)
    start = time.perf_counter()
    training_step(cellwright.Recurrent(options.cell, 3, 4), torch.randn(2, 5, 3))
    print(f"first training step of a process: {time.perf_counter() - start:.2f} s")
    for kind, step in {"inference": inference, "training step": training_step}.items():
        print(f"\n{kind}, microseconds\n{'(T, B, I, H)':>20} {'ours':>15} {'torch.nn.LSTM':>15}   ratio")
        ratios = []
        for steps, rows, features, units in GRID:
            torch.manual_seed(0)
            layers = [cellwright.Recurrent(options.cell, features, units), torch.nn.LSTM(features, units)]
            x = torch.randn(steps, rows, features)
            runs = [partial(step, layer, x) for layer in layers]
            ours, theirs = side_by_side(runs, options.repeats)
            ratios.append(statistics.median(theirs) / statistics.median(ours))
            name = f"({steps}, {rows}, {features}, {units})"
            print(f"{name:>20} {summary(ours)} {summary(theirs)}   {ratios[-1]:.2f}", flush=True)
        print(f"worst {min(ratios):.2f}, geometric mean {statistics.geometric_mean(ratios):.2f}")


if __name__ == "__main__":
    main()
