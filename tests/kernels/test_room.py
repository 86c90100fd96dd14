"""Memory: what is kept for the backward pass, and what stays when many calls have been made."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch

from cellwright import Recurrent
from cellwright.kernels import room


@pytest.fixture
def _memory_is_used_again() -> Iterator[None]:
    torch.use_deterministic_algorithms(False)
    yield
    for kept in room._kept.values():
        kept.clear()


def kept_for_backward(layer: Recurrent, x: torch.Tensor) -> int:
    """Bytes that the tape holds, without inputs, parameters and output."""
    sizes = {}
    with torch.autograd.graph.saved_tensors_hooks(lambda t: sizes.update({t.data_ptr(): t.nbytes}) or t, lambda t: t):
        output, _ = layer(x)
    for tensor in (x, output, *layer.parameters()):
        sizes.pop(tensor.data_ptr(), None)
    return sum(sizes.values())


def test_what_is_kept() -> None:
    """An LSTM keeps its three gates, the candidate, tanh(c) and c; recomputing, it keeps c."""
    x, steps, rows, units = torch.randn(20, 8, 16), 20, 8, 32
    assert kept_for_backward(Recurrent("lstm", 16, units), x) == 6 * 4 * steps * rows * units
    assert kept_for_backward(Recurrent("lstm", 16, units, recompute=True), x) == 4 * steps * rows * units


def resident() -> int:
    """Bytes of this process in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


@pytest.mark.usefixtures("_memory_is_used_again")
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="this system does not tell a process its size")
def test_a_thousand_random_lengths_leave_memory_flat() -> None:
    layer = Recurrent("lstm", 8, 32)
    draws = random.Random(0)

    def call() -> None:
        x = torch.randn(draws.randint(1, 200), draws.randint(1, 20), 8)
        layer(x)[0].square().mean().backward()

    for _ in range(200):
        call()
    before = resident()
    for _ in range(1000):
        call()
    assert resident() - before < 16 << 20


@pytest.mark.usefixtures("_memory_is_used_again")
def test_memory_in_use_is_not_given_twice() -> None:
    first = room.take(room.SMALL, torch.float32)
    second = room.take(room.SMALL, torch.float32)
    assert first.untyped_storage().data_ptr() != second.untyped_storage().data_ptr()
    place = first.data_ptr()
    del first
    again = room.take(room.SMALL, torch.float32)
    assert again.data_ptr() == place


@pytest.mark.usefixtures("_memory_is_used_again")
def test_what_is_kept_for_reuse_is_bounded() -> None:
    held = [room.take(room._KEPT // 8 // 4 + k, torch.float32) for k in range(20)]
    assert sum(t.nbytes for t in room._kept[torch.float32]) <= room._KEPT
    assert len(held) == 20
    assert room.take(room._KEPT, torch.float32).numel() == room._KEPT
    assert sum(t.nbytes for t in room._kept[torch.float32]) <= room._KEPT


@pytest.mark.usefixtures("_memory_is_used_again")
def test_threads_never_share_memory() -> None:
    barrier = threading.Barrier(4)

    def run(thread: int) -> bool:
        barrier.wait()
        for turn in range(200):
            tensor = room.take(room.SMALL + turn % 3, torch.float32)
            tensor.fill_(thread)
            if not bool((tensor == thread).all()):
                return False
        return True

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(run, range(4)))
