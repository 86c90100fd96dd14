"""The machine: what it is, what it can do at most, and what torch runs on it."""

from __future__ import annotations

import os
import platform
import re
import time
from collections.abc import Callable
from pathlib import Path

import llvmlite.binding as llvm
import torch
from torch import nn
from torch.autograd.profiler import profile

import cellwright

PEAK_SIZES = (768, 1536)
"""Rows and columns of the square matrices whose products show the peak."""

PEAK_CALLS = 12
COPIED_BYTES = 2**28
"""More than a last-level cache holds."""


def describe() -> dict[str, object]:
    """The machine, the software, and measured limits, by what to call them."""
    products = peak_products()
    return {
        "processor": processor(),
        "cores": os.cpu_count(),
        "vectors": torch.backends.cpu.get_cpu_capability(),
        "system": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
        "cellwright": cellwright.__version__,
        "torch": torch.__version__,
        "oneDNN": onednn(),
        "torch.nn.LSTM, inference": implementation(nn.LSTM(8, 8), training=False),
        "torch.nn.LSTM, training": implementation(nn.LSTM(8, 8), training=True),
        "torch.nn.GRU": implementation(nn.GRU(8, 8), training=True),
        "torch.nn.RNN": implementation(nn.RNN(8, 8), training=True),
        "flush denormals": False,
        "peak, GFLOP/s": round(max(products.values()), 1),
        "peak by": ", ".join(f"{name} {speed:.0f}" for name, speed in products.items()),
        "bandwidth, GB/s": round(bandwidth(), 1),
    }


def processor() -> str:
    """The processor as the system names it and, since virtual machines hide much, as LLVM recognises it."""
    model = platform.processor() or platform.machine()
    information = Path("/proc/cpuinfo")
    if information.is_file():
        found = re.search(r"^model name\s*:\s*(.+)$", information.read_text(encoding="utf-8"), re.MULTILINE)
        model = found.group(1).strip() if found else model
    return f"{model} ({llvm.get_host_cpu_name()})"


def onednn() -> str:
    """Whether torch has oneDNN, and which."""
    if not torch.backends.mkldnn.is_available():
        return "not available"
    found = re.search(r"MKL-DNN (v[\d.]+)", torch.__config__.show())
    return found.group(1) if found else "available"


def implementation(layer: nn.RNNBase, training: bool) -> str:
    """What torch runs a layer by, told from the operations that its profiler sees."""
    x = torch.randn(4, 2, layer.input_size)
    layer.train(training)
    with torch.set_grad_enabled(training), profile() as watched:
        output = layer(x)[0]
        if training:
            output.square().mean().backward()
    names = {event.name for event in watched.function_events}
    fused = sorted(name for name in names if name.startswith("aten::mkldnn_rnn_layer"))
    return f"oneDNN ({', '.join(fused)})" if fused else f"a loop of torch's operations (aten::{layer.mode.lower()})"


def peak_products() -> dict[str, float]:
    """GFLOP/s of large products of float32 matrices, by each of torch's ways to compute them; the best of a few calls.

    The largest stands for the machine's peak. That is what a program can have, not what the clock promises.
    """
    speeds: dict[str, float] = {}
    for size in PEAK_SIZES:
        for name, product in _products(size).items():
            speed = 2e-9 * size**3 / _fastest(product)
            speeds[name] = max(speed, speeds.get(name, 0.0))
    return speeds


def _products(size: int) -> dict[str, Callable[[], object]]:
    x, w = torch.randn(size, size), torch.randn(size, size)
    ways: dict[str, Callable[[], object]] = {
        "torch.mm": lambda: torch.mm(x, w),
        "torch.nn.functional.linear": lambda: nn.functional.linear(x, w),
    }
    if torch.backends.mkldnn.is_available():
        blocked_x, blocked_w, bias = x.to_mkldnn(), w.to_mkldnn(), torch.zeros(size).to_mkldnn()
        ways["linear of oneDNN"] = lambda: nn.functional.linear(blocked_x, blocked_w, bias)
    return ways


def bandwidth() -> float:
    """Gigabytes a second, read and written, of a copy between arrays that no cache holds."""
    source = torch.ones(COPIED_BYTES // 4)
    target = torch.empty_like(source)
    return 2e-9 * COPIED_BYTES / _fastest(lambda: target.copy_(source))


def _fastest(work: Callable[[], object]) -> float:
    """Seconds of the fastest of a few calls, after one that does not count."""
    work()
    seconds = []
    for _ in range(PEAK_CALLS):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return min(seconds)
