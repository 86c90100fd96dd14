"""Layers of grids by wavefronts, beside a loop over points that evaluates the same cell on the same weights.

    python benchmarks/layers/multidimensional.py [--threads 1,2]

The loop computes a point at a time, of all samples at once, with the sums of products merged. Values are compared
first. Both are timed in turns; the ratio is taken turn by turn, and told as median, least and most. With one thread it
is processor time that is told, which waiting for a core does not lengthen; with more it is time by the clock. Results
go to ``multidimensional.csv`` beside this file.
"""

from __future__ import annotations

import argparse
import csv
import io
import itertools
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from cellwright.cells import GridLSTM, MultidimensionalLSTM
from cellwright.files import write_atomically
from cellwright.layers import GridRecurrent, MultidimensionalRecurrent
from cellwright.layers.stages import merged

RESULTS = Path(__file__).with_suffix(".csv")
TURNS = 3
Layer = MultidimensionalRecurrent | GridRecurrent


def works() -> Iterator[tuple[str, str, Layer, Tensor]]:
    """What is measured: name, size, layer, input."""
    for units, batch in itertools.product((16, 64), (1, 8, 32)):
        layer = MultidimensionalRecurrent("mdlstm", 1, units)
        yield "mdlstm", f"28 x 28, {units} units, batch {batch}", layer, torch.randn(batch, 1, 28, 28)
    for batch in (1, 8):
        volume = MultidimensionalRecurrent(MultidimensionalLSTM(dimensions=3, peepholes=True), 1, 16)
        yield "mdlstm", f"10 x 10 x 10, 16 units, batch {batch}", volume, torch.randn(batch, 1, 10, 10, 10)
        time_and_depth = GridRecurrent("grid", 4, 16, 8)
        yield "grid", f"50 steps, depth 8, 16 units, batch {batch}", time_and_depth, torch.randn(batch, 4, 50)
        image = GridRecurrent(GridLSTM(dimensions=3), 1, 16, 4)
        yield "grid", f"14 x 14, depth 4, 16 units, batch {batch}", image, torch.randn(batch, 1, 14, 14)


def point_by_point(layer: Layer, x: Tensor) -> Tensor:
    """The output of a layer, a point at a time."""
    cell, sizes = layer.cell, layer.sizes
    stored = {name.removesuffix("_l0"): tensor for name, tensor in layer.named_parameters()}
    body = merged(cell, tuple(sorted(sizes.items()))).bind(stored, x)
    is_grid = isinstance(layer, GridRecurrent)
    shape = (*x.shape[2:], layer.depth) if isinstance(layer, GridRecurrent) else tuple(x.shape[2:])
    zeros = dict.fromkeys(cell.state_axes(), x.new_zeros(len(x), layer.hidden_size))
    found: dict[tuple[int, ...], dict[str, Tensor]] = {}
    for point in itertools.product(*map(range, shape)):
        before = [found.get(tuple(k - (d == e) for e, k in enumerate(point)), zeros) for d in range(len(shape))]
        if isinstance(layer, GridRecurrent):
            if point[-1] == 0:
                before[-1] = {n: x[(..., *point[:-1])] @ p.T for n, p in layer.projections.items()}
            inputs = {name: before[int(name[1:]) - 1][name] for name in zeros}
        else:
            inputs = {name: torch.stack([each[name] for each in before], 1) for name in zeros}
            inputs["x"] = x[(..., *point)]
        found[point] = body(inputs)
    output = f"h{cell.dimensions}" if is_grid else "h"
    tops = [states[output] for point, states in found.items() if not is_grid or point[-1] == shape[-1] - 1]
    return torch.stack(tops, 2).unflatten(2, x.shape[2:])


def modes(layer: Layer, run: Callable[[], Tensor]) -> dict[str, Callable[[], Any]]:
    """A call without gradients, and one with them."""

    def training_step() -> None:
        layer.zero_grad()
        run().square().mean().backward()

    return {"inference": torch.no_grad()(run), "training step": training_step}


def measured(layer: Layer, x: Tensor, clock: Callable[[], float]) -> Iterator[dict[str, str]]:
    """A row for each mode."""
    torch.testing.assert_close(layer(x), point_by_point(layer, x), rtol=1e-3, atol=1e-4)
    ours = modes(layer, lambda: layer(x))
    theirs = modes(layer, lambda: point_by_point(layer, x))
    for mode, work in ours.items():
        turns = []
        for _ in range(TURNS + 1):
            times = []
            for each in (work, theirs[mode]):
                start = clock()
                each()
                times.append(clock() - start)
            turns.append(times)
        own, ratios = [1000 * turn[0] for turn in turns[1:]], [turn[1] / turn[0] for turn in turns[1:]]
        yield {
            "mode": mode,
            "milliseconds": f"{statistics.median(own):.2f}",
            "times faster": f"{statistics.median(ratios):.1f}",
            "least": f"{min(ratios):.1f}",
            "most": f"{max(ratios):.1f}",
        }


def main() -> None:
    """Measure all, and write the rows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--machine", default="", help="what to say of it: shared, idle")
    options = parser.parse_args()
    rows: list[dict[str, str]] = []
    for threads in map(int, options.threads.split(",")):
        torch.set_num_threads(threads)
        for cell, size, layer, x in works():
            for row in measured(layer, x, time.process_time if threads == 1 else time.perf_counter):
                rows.append({"cell": cell, "size": size, "threads": str(threads), **row, "machine": options.machine})
                print(", ".join(rows[-1].values()), flush=True)
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_atomically(RESULTS, text.getvalue())


if __name__ == "__main__":
    main()
