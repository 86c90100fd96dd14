"""An LSTM on chips: (T, B, I, H) = (32, 16, 64, 64), batch first, without gradients."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import torch
from bench import SIZE, Bench, apart, milliseconds
from rows import Row
from torch import nn

import cellwright
from cellwright.crossbar import Chip, ChipSettings, program

ONE, MANY = 1, 50
TRAINING_STEP = "torch.nn.LSTM's training step"
FEW_REPEATS = 3
"""Of what takes seconds."""


def lstm_with_wires(bench: Bench) -> None:
    """One chip whose only cause of error are its wires: the whole way from the weights to the outputs, and a call.

    The solve is that of every tile, with all that noise and energy would need.
    """
    model, x = lstm_and_input()
    settings = ChipSettings().only("wires")
    chip = program(model, settings, chips=ONE)
    works = {
        "with the solve": lambda: run(program(model, settings, chips=ONE), x),
        "after the solve": lambda: run(chip, x),
    }
    for name, work in works.items():
        timings = bench.timed({name: work})
        ours = milliseconds(timings.seconds[name])
        bench.report(Row("lstm", name, str(SIZE), "", "ms", ours, disturbed=timings.disturbed))


def chips(bench: Bench) -> None:
    """A call of one chip and of 50 with every cause of error, converters and read noise among them."""
    model, x = lstm_and_input()
    start = time.perf_counter()
    one = program(model, chips=ONE, calibration=x)
    programmed = time.perf_counter() - start
    works = {"ours": lambda: run(one, x), TRAINING_STEP: training_step(x)}
    timings = bench.timed(works)
    ours, theirs = (milliseconds(timings.seconds[name]) for name in works)
    bench.report(Row("chips", "one chip", str(SIZE), "inference", "ms", ours, TRAINING_STEP, theirs,
                     timings.ratio("ours", over=TRAINING_STEP), disturbed=timings.disturbed,
                     note=f"programmed in {programmed:.1f} s"))  # fmt: skip
    start = time.perf_counter()
    many = program(model, chips=MANY, calibration=x)
    programmed = time.perf_counter() - start
    timings = bench.timed({"ours": lambda: run(many, x), "one": lambda: run(one, x)}, FEW_REPEATS)
    ours, theirs = (milliseconds(timings.seconds[name]) for name in ("ours", "one"))
    bench.report(Row("chips", f"{MANY} chips", str(SIZE), "inference", "ms", ours, "one chip", theirs,
                     timings.ratio("ours", over="one"), disturbed=timings.disturbed,
                     note=f"programmed in {programmed:.1f} s"))  # fmt: skip


def aihwkit(bench: Bench) -> None:
    """A call of one chip beside the same LSTM on aihwkit's inference tiles, in a Python of its own.

    Of its two LSTM cells, one tile for both matrices or one for each, the faster one counts. InferenceRPUConfig is its
    default, StandardHWATrainingPreset the one it proposes for comparisons: 8 bits, read noise, voltage drop on wires.
    """
    model, x = lstm_and_input()
    chip = program(model, chips=ONE, calibration=x)
    timings = bench.timed({"ours": lambda: run(chip, x)})
    ours = milliseconds(timings.seconds["ours"])
    said = bench.peer("aihwkit", *map(str, SIZE), str(bench.repeats))
    for configuration, by_cell in said["seconds"].items():
        cell = min(by_cell, key=lambda name: statistics.median(by_cell[name]))
        theirs = milliseconds(by_cell[cell])
        times = statistics.median(by_cell[cell]) / statistics.median(said["training step"])
        bench.report(Row("aihwkit", "one chip", str(SIZE), configuration, "ms", ours, f"aihwkit {said['version']}",
                         theirs, apart(ours, theirs), disturbed=timings.disturbed,
                         note=f"{cell}, {times:.1f} times {TRAINING_STEP} in the same process"))  # fmt: skip


def lstm_and_input() -> tuple[nn.Module, torch.Tensor]:
    torch.manual_seed(0)
    return cellwright.LSTM(SIZE.features, SIZE.units, batch_first=True), torch.randn(
        SIZE.rows, SIZE.steps, SIZE.features
    )


def run(chip: Chip, x: torch.Tensor) -> None:
    with torch.no_grad():
        chip(x)


def training_step(x: torch.Tensor) -> Callable[[], None]:
    """zero_grad, forward, mean of squares, backward of torch's own layer."""
    layer = nn.LSTM(SIZE.features, SIZE.units, batch_first=True)

    def step() -> None:
        layer.zero_grad()
        layer(x)[0].square().mean().backward()

    return step
