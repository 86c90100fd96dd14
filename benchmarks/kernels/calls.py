"""What calls cost: above the kernel's own time, and the first time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch
from bench import TORCH_LSTM, VANILLA, Bench, Work, work_of
from measuring import side_by_side
from rows import INFERENCE, TRAINING, Row, Size, Spread
from torch import nn

import cellwright

TINY = Size(1, 1, 1, 1)
BASELINE = "x * w"
FIRST_CALLS = 3
SCRIPT = Path(__file__).with_name("made_up.py")


class OneMultiplication(nn.Module):
    """The smallest layer that has a gradient."""

    def __init__(self) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.ones(1))

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor]:
        return (x * self.w,)


def overhead(bench: Bench) -> None:
    """The call of a layer of one unit over one step of one sequence, whose kernels take a fraction of a microsecond.

    From a training step is taken what zero_grad, the loss and its backward cost around a single multiplication.
    """
    torch.manual_seed(0)
    works: dict[str, Work] = {
        "cellwright.LSTM": work_of(cellwright.LSTM(1, 1), TINY),
        VANILLA: work_of(cellwright.Recurrent("lstm", 1, 1), TINY),
        TORCH_LSTM: work_of(nn.LSTM(1, 1), TINY),
    }
    for mode in (INFERENCE, TRAINING):
        runs = {name: work.in_mode(mode) for name, work in works.items()}
        runs[BASELINE] = work_of(OneMultiplication(), TINY).in_mode(mode)
        timings = side_by_side(runs, bench.repeats, bench.cores)
        for subject in works:
            training = mode == TRAINING
            row = Row(
                "overhead",
                subject,
                str(TINY),
                mode,
                "µs",
                timings.excess(subject, over=BASELINE) if training else timings.microseconds(subject),
                disturbed=timings.disturbed,
                note=f"{mode} of {BASELINE} taken off" if training else "whole call",
            )
            bench.report(row)


def first(bench: Bench) -> None:
    """The first calls of a cell that nobody has seen, in processes of their own.

    Cold with an empty cache folder, then cached with the folder that this filled. A first call is building the layer,
    a call without gradients and a training step. Other lengths and batches follow, which should compile nothing.
    """
    runs: dict[str, list[dict[str, Any]]] = {"cold": [], "cached": []}
    for _ in range(min(FIRST_CALLS, bench.repeats)):
        with tempfile.TemporaryDirectory() as folder:
            for found in runs.values():  # the second finds what the first compiled
                found.append(_run_made_up(Path(folder) / "cache", bench.threads))
    after_first = runs["cold"][0]["compiled first"]
    if not after_first:
        bench.report(Row("first", "new T or B", note="the cell was not compiled"))
        return
    for kind, found in runs.items():
        first_call = Spread.of([run["first call"] for run in found])
        with_import = Spread.of([run["import"] + run["first call"] for run in found])
        bench.report(Row("first", kind, mode="first call", unit="s", ours=first_call, note="without importing"))
        bench.report(Row("first", kind, mode="with import", unit="s", ours=with_import, note="importing included"))
    new_sizes = [run["compiled later"] for run in runs["cold"]]
    slowest = 1e3 * max(run["slowest later"] for run in runs["cold"])
    row = Row(
        "first",
        "new T or B",
        mode="compiled",
        unit="files",
        ours=Spread.of(new_sizes),
        note=f"beside {after_first} after the first call; the slowest call of a new size took {slowest:.0f} ms",
    )
    bench.report(row)


def _run_made_up(cache: Path, threads: int) -> dict[str, Any]:
    """What the script of the made-up cell measures with a cache folder."""
    environment = {**os.environ, "CELLWRIGHT_CACHE": str(cache)}
    command = [sys.executable, str(SCRIPT), str(threads)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{SCRIPT.name} failed:\n{done.stderr}")
    measured: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return measured
