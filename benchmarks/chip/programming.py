"""Programming one array, pulse by pulse."""

from __future__ import annotations

import torch
from bench import Bench
from rows import Row, Spread

from cellwright.crossbar.devices import find
from cellwright.crossbar.draws import Draws
from cellwright.crossbar.programming import write_verify

DEVICE, SHAPE, TOLERANCE = "li2019", (128, 64), 2e-6


def programming(bench: Bench) -> None:
    """Write-verify of one array of Li et al.'s device to within 2 uS of targets anywhere in its window.

    No device is stuck. The draws are the same at every call, so that all do the same work.
    """
    device, draws = find(DEVICE), Draws(0, 1, "benchmark")
    low, high = device.window
    targets = low + (high - low) * torch.rand(SHAPE, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    stuck = torch.zeros(1, *SHAPE, dtype=torch.int8)
    found = write_verify(device, targets, draws, stuck, tolerance=TOLERANCE)
    timings = bench.timed({"ours": lambda: write_verify(device, targets, draws, stuck, tolerance=TOLERANCE)})
    reached = f"yield {100 * found.programming_yield.item():.2f} %, {found.pulses.item():.2f} pulses a device"
    bench.report(
        Row("programming", DEVICE, f"{SHAPE[0]} x {SHAPE[1]}", "write-verify", "s", Spread.of(timings.seconds["ours"]),
            disturbed=timings.disturbed, note=reached)
    )  # fmt: skip
