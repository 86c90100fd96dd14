"""Threads: the same bits however many share a batch, and no trouble with forks, workers and other threads."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch

from cellwright import LSTM, Recurrent
from cellwright.cells import Cell
from cellwright.kernels import loop, threads


@pytest.fixture
def _sharing(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every batch is worth sharing."""
    monkeypatch.setattr(loop, "_WORTH_SHARING", 0)
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def results(layer: Recurrent, x: torch.Tensor, lengths: list[int] | None = None) -> list[torch.Tensor]:
    x = x.clone().requires_grad_()
    output, state = layer(x, lengths=lengths)
    states = (state,) if isinstance(state, torch.Tensor) else state
    gradients = torch.autograd.grad([output.sum(), *(s.square().sum() for s in states)], [x, *layer.parameters()])
    return [output.detach(), *(s.detach() for s in states), *gradients]


def same_bits(left: list[torch.Tensor], right: list[torch.Tensor]) -> bool:
    return all(torch.equal(one, other) for one, other in zip(left, right, strict=True))


@pytest.mark.usefixtures("_sharing")
@pytest.mark.parametrize("rows", [8, 16, 19, 33])
def test_any_number_of_threads_gives_the_same_bits(cell: Cell, rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    if cell.sequences.keys() != {"x"}:
        pytest.skip("it reads more than x")
    layer = Recurrent(cell, 5, 6, proj_size=3 if cell.projects else 0)
    x = torch.randn(7, rows, 5)
    lengths = [(3 * row) % 8 for row in range(rows)]
    shared = []
    real = threads.share
    monkeypatch.setattr(threads, "share", lambda *a: shared.append(len(a[4])) or real(*a))
    torch.set_num_threads(1)
    expected = [results(layer, x), results(layer, x, lengths)]
    assert set(shared) <= {1}
    for count in (2, 3, 5):
        torch.set_num_threads(count)
        for _ in range(2):
            assert same_bits(results(layer, x), expected[0])
            assert same_bits(results(layer, x, lengths), expected[1])
    assert max(shared) == 5


def model() -> tuple[LSTM, torch.Tensor]:
    torch.manual_seed(0)
    return LSTM(3, 9), torch.randn(4, 24, 3)


@pytest.mark.usefixtures("_sharing")
@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded")
def test_a_child_forked_after_use_has_threads_of_its_own() -> None:
    layer, x = model()
    torch.set_num_threads(2)
    expected = results(layer, x)
    child = os.fork()
    if child == 0:
        code = 1
        try:
            code = 0 if same_bits(results(layer, x)[:3], expected[:3]) else 2
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


SCRIPT = """
import multiprocessing
import torch
from cellwright import LSTM
from cellwright.kernels import loop

def output(_=None):
    loop._WORTH_SHARING = 0
    torch.set_num_threads(2)
    torch.manual_seed(0)
    return LSTM(3, 9)(torch.randn(4, 24, 3))[0].detach()

if __name__ == "__main__":
    here = output()
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        assert all(torch.equal(there, here) for there in pool.map(output, range(2)))
"""


def test_spawned_processes_compute_the_same(tmp_path: Path) -> None:
    (tmp_path / "spawned.py").write_text(SCRIPT)
    subprocess.run([sys.executable, tmp_path / "spawned.py"], check=True, timeout=100)


@pytest.mark.usefixtures("_sharing")
def test_two_threads_of_the_caller_at_once() -> None:
    layer, x = model()
    torch.set_num_threads(3)
    expected = results(layer, x)
    barrier = threading.Barrier(2)

    def run(_: int) -> bool:
        barrier.wait()
        return all(same_bits(results(layer, x), expected) for _ in range(20))

    with ThreadPoolExecutor(2) as pool:
        assert all(pool.map(run, range(2)))


class Encoded(torch.utils.data.Dataset[torch.Tensor]):
    """A data set that runs a layer, in whatever process it is asked."""

    def __init__(self) -> None:
        self.layer, self.x = model()

    def __len__(self) -> int:
        return 4

    def __getitem__(self, index: int) -> torch.Tensor:
        with torch.no_grad():
            return self.layer(self.x + index)[0]


@pytest.mark.usefixtures("_sharing")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded")
def test_workers_of_a_data_loader() -> None:
    torch.set_num_threads(2)
    data = Encoded()
    expected = [data[index] for index in range(4)]
    loader = torch.utils.data.DataLoader(data, batch_size=None, num_workers=2)
    assert same_bits(list(loader), expected)


@pytest.fixture(params=["torch's threads", "a pool"])
def _threads(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "a pool":
        monkeypatch.setattr(threads._team, "is_lost", True)
    elif threads._team.functions() is None:
        pytest.skip("this process has no OpenMP threads that could be asked")


@pytest.mark.usefixtures("_sharing", "_threads")
def test_both_kinds_of_threads_do_every_part() -> None:
    layer, x = model()
    torch.set_num_threads(1)
    expected = results(layer, x)
    for count in (2, 4, 12):
        torch.set_num_threads(count)
        assert same_bits(results(layer, x), expected)
