"""Convolutional recurrent layers beside their bare convolutions and pointwise operations.

    python benchmarks/layers/convolutional.py [--threads 1,2] [--repeats 9]

The peer is the shortest loop that computes the same with torch: one convolution over the input of all steps, and at
each step one convolution of the state, a sum, the activations and products of the cell. Both take turns in one process;
a row gives medians, and the quartiles of the ratio turn by turn. ``processor`` is the same ratio of processor time,
which other work on the machine disturbs less; ``disturbed`` says that there was some. A training step is zero_grad,
forward, mean of squares, backward. Rows go to ``convolutional.csv`` beside this file.
"""

from __future__ import annotations

import argparse
import csv
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

sys.path.insert(0, str(Path(__file__).parents[1] / "common"))

from measuring import Cores, Timings, side_by_side

from cellwright.cells.convolutional import ConvLSTM
from cellwright.layers import ConvolutionalRecurrent

HERE = Path(__file__).parent
REACH = 1.3
"""How many times as long as the peer a layer may take."""


class Size(NamedTuple):
    """Steps, rows of the batch, channels of input and states, rows and columns of a map, of a kernel."""

    steps: int
    batch: int
    channels: int
    map: int
    kernel: int


SIZES = (
    Size(10, 4, 4, 8, 3),
    Size(10, 4, 16, 16, 3),
    Size(10, 4, 16, 16, 5),
    Size(4, 1, 64, 32, 3),
    Size(4, 1, 64, 32, 5),
)
FIELDS = (
    "threads",
    "peepholes",
    *Size._fields,
    "mode",
    "ours_ms",
    "bare_ms",
    "ratio",
    "low",
    "high",
    "processor",
    "disturbed",
)


def bare(layer: ConvolutionalRecurrent, x: Tensor) -> Tensor:
    """The outputs of a ConvLSTM by torch's operations alone."""
    peephole = getattr(layer, "weight_peephole_l0", None)
    p_i, p_f, p_o = (None,) * 3 if peephole is None else peephole.view(3, -1, 1, 1)
    padding = layer.weight_hh_l0.shape[-1] // 2
    seen = F.conv2d(x.flatten(0, 1), layer.weight_ih_l0, layer.bias_ih_l0, padding=padding).unflatten(0, x.shape[:2])
    h = c = x.new_zeros(x.shape[1], layer.output_channels, *x.shape[3:])
    outputs = []
    for ahead in seen.unbind():
        i, f, g, o = (ahead + F.conv2d(h, layer.weight_hh_l0, padding=padding)).chunk(4, 1)
        if peephole is not None:
            i, f = i + p_i * c, f + p_f * c
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o if peephole is None else o + p_o * c) * torch.tanh(c)
        outputs.append(h)
    return torch.stack(outputs)


def processor_ratio(works: Mapping[str, Callable[[], object]], repeats: int) -> float:
    """The median ratio of processor time, the works in turns of some hundredths of a second."""

    def seconds(work: Callable[[], object], calls: int) -> float:
        start = time.process_time()
        for _ in range(calls):
            work()
        return (time.process_time() - start) / calls

    calls = max(1, round(0.03 / seconds(works["bare"], 1)))
    return statistics.median(seconds(works["ours"], calls) / seconds(works["bare"], calls) for _ in range(repeats))


def measured(size: Size, peepholes: bool, repeats: int, cores: Cores) -> dict[str, tuple[Timings, float]]:
    """Inference and training steps of one size, and their ratios of processor time."""
    torch.manual_seed(0)
    cell = ConvLSTM(kernel_size=size.kernel, peepholes=peepholes)
    layer = ConvolutionalRecurrent(cell, size.channels, size.channels)
    x = torch.randn(size.steps, size.batch, size.channels, size.map, size.map)
    torch.testing.assert_close(layer(x)[0], bare(layer, x))
    computed: dict[str, Callable[[], Tensor]] = {"ours": lambda: layer(x)[0], "bare": lambda: bare(layer, x)}

    def inference(compute: Callable[[], Tensor]) -> Callable[[], None]:
        def work() -> None:
            with torch.no_grad():
                compute()

        return work

    def training(compute: Callable[[], Tensor]) -> Callable[[], None]:
        def work() -> None:
            layer.zero_grad()
            compute().square().mean().backward()

        return work

    modes = {"inference": inference, "training": training}
    found = {}
    for mode, of_mode in modes.items():
        works = {name: of_mode(compute) for name, compute in computed.items()}
        found[mode] = side_by_side(works, repeats, cores), processor_ratio(works, repeats)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description="ConvLSTM layers beside their bare convolutions")
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--repeats", type=int, default=9)
    options = parser.parse_args()
    rows = []
    for threads in map(int, options.threads.split(",")):
        torch.set_num_threads(threads)
        cores = Cores()
        for size in SIZES:
            for peepholes in (False, True) if size.channels == 16 else (False,):
                for mode, (timings, processor) in measured(size, peepholes, options.repeats, cores).items():
                    ours, theirs = (timings.microseconds(name).median / 1000 for name in ("ours", "bare"))
                    ratio = timings.ratio("ours", "bare")
                    figures = (ours, theirs, ratio.median, ratio.low, ratio.high, processor)
                    numbers = [f"{figure:.4g}" for figure in figures]
                    rows.append([threads, peepholes, *size, mode, *numbers, bool(timings.disturbed)])
                    verdict = "reached" if processor <= REACH else "missed"
                    print(*rows[-1], f"({REACH} {verdict})", flush=True)
                    with (HERE / "convolutional.csv").open("w", newline="", encoding="utf-8") as file:
                        csv.writer(file, lineterminator="\n").writerows([FIELDS, *rows])


if __name__ == "__main__":
    main()
