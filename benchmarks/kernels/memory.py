"""How much memory is kept between forward and backward.

Counted is what torch's allocator handed out during the forward pass and has not taken back after it, without the
output and the final states, which are the caller's. torch's own layers draw the workspace of oneDNN from it too.
In torch's deterministic mode our kernels ask for new memory at each call, and so does everything else; otherwise they
use again what an earlier call has left (``cellwright/kernels/room.py``), and the allocator would see nothing of it.
"""

from __future__ import annotations

import inspect
from typing import Any

import torch
from bench import TORCH_LSTM, Bench
from rows import Row, Size, Spread
from torch import nn
from torch.autograd.profiler import profile

import cellwright

KNOWN_BYTES = 1_000_000
WARM_UP = Size(5, 5, 0, 0)
"""Steps and rows of a call that compiles; another size than those measured, so that buffers of one size show."""


def memory(bench: Bench) -> None:
    """Rows whose ratio says how much of what torch.nn.LSTM keeps our layers keep."""
    torch.use_deterministic_algorithms(True)
    check_method()
    recomputes = "recompute" in inspect.signature(cellwright.Recurrent).parameters
    if not recomputes:
        bench.report(Row("memory", "recomputing", note="not available in this version"))
    for size in bench.sizes:
        torch.manual_seed(0)
        layers: dict[str, nn.Module] = {"cellwright.LSTM": cellwright.LSTM(size.features, size.units)}
        if recomputes:
            options: dict[str, Any] = {"recompute": True}
            layers["recomputing"] = cellwright.Recurrent("lstm", size.features, size.units, **options)
        theirs = kept_bytes(nn.LSTM(size.features, size.units), size)
        for subject, layer in layers.items():
            ours = kept_bytes(layer, size)
            row = Row(
                "memory",
                subject,
                str(size),
                "between passes",
                "bytes",
                Spread.of([ours]),
                TORCH_LSTM,
                Spread.of([theirs]),
                Spread.of([ours / theirs]),
            )
            bench.report(row)
    torch.use_deterministic_algorithms(False)


def kept_bytes(layer: nn.Module, size: Size) -> int:
    """Bytes that a layer keeps for its backward pass at a size."""
    layer(torch.randn(WARM_UP.steps, WARM_UP.rows, size.features))[0].sum().backward()
    x = torch.randn(size.steps, size.rows, size.features)
    with profile(profile_memory=True) as watched:
        output, states = layer(x)
    handed_out = sum(event.self_cpu_memory_usage for event in watched.function_events)
    returned = [output, *(states if isinstance(states, tuple) else (states,))]
    return int(handed_out) - sum(tensor.nbytes for tensor in returned)


class _KeepsKnownBytes(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
        torch.empty(5 * KNOWN_BYTES, dtype=torch.uint8)  # given back at once, so not counted
        ctx.save_for_backward(torch.empty(KNOWN_BYTES, dtype=torch.uint8))
        return 2 * x

    @staticmethod
    def backward(ctx: Any, *cotangents: torch.Tensor) -> torch.Tensor:
        return 2 * cotangents[0]


class _Known(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.ones(1))

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, tuple[()]]:
        return _KeepsKnownBytes.apply(self.w.expand_as(x)), ()


def check_method() -> None:
    """Measure a layer that keeps a known number of bytes.

    Raises:
        RuntimeError: the measurement is wrong, so that nothing else should be measured with it.
    """
    found = kept_bytes(_Known(), Size(30, 40, 50, 0))
    if found != KNOWN_BYTES:
        raise RuntimeError(f"a layer that keeps {KNOWN_BYTES} bytes was measured to keep {found}")
