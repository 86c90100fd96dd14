"""What the tests of kernels share: cells of every stage kind, one cache for all, memory that begins as NaN."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import torch

from cellwright.cells import (
    LSTM,
    Cell,
    affine,
    catalogue,
    minimum,
    mod,
    relu,
    sigmoid,
    sqrt,
    sum_over,
    tanh,
    weight,
    where,
)


class Oddments(Cell):
    """Every other operator of the table, inside the loop, and a number a row that is computed from units."""

    states = ("h", "c")

    def step(self, x, h, c):
        a, b = affine("a", x, h), affine("b", x, c)
        strength = sigmoid(sum_over(a * h, "unit"))
        wrapped = mod(a + c, 0.75 + relu(b))
        chosen = where(a < b, minimum(a, c), abs(b) * weight("slope"))
        c = tanh(wrapped + strength * chosen)
        return c * sqrt(1 + b * b) / 4, c


CELLS: Mapping[str, Cell] = {
    **catalogue("sequence"),
    "projection": LSTM(projection=True, recurrent_bias=True),
    "blocks of two": LSTM(cells_per_block=2, gate_recurrence="units", forget_gate=False),
    "blocks with peepholes": LSTM(cells_per_block=2, peepholes=True),
    "oddments": Oddments(),
}


@pytest.fixture(params=CELLS, scope="session")
def cell(request: pytest.FixtureRequest) -> Cell:
    """Every cell of the catalogue, and one of every further kind."""
    return CELLS[request.param]


SAME_CODE = {"sigmoid-unit", "elman", "rnn-relu", "nig", "nfg", "nog", "niaf", "noaf", "cifg", "mgu"}
"""Cells whose loops are made of nothing that another one's is not made of."""


@pytest.fixture(params=[name for name in CELLS if name not in SAME_CODE], scope="session")
def telling_cell(request: pytest.FixtureRequest) -> Cell:
    """Cells enough for what depends on how code is printed, not on which cell it is of."""
    return CELLS[request.param]


@pytest.fixture(autouse=True, scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """One cache of compiled code for all tests, and not the user's."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("compiled")
        patch.setenv("CELLWRIGHT_CACHE", str(folder))
        yield folder


@pytest.fixture(autouse=True)
def _memory_begins_as_nan() -> Iterator[None]:
    """So that a kernel shows what it reads before it wrote it."""
    torch.use_deterministic_algorithms(True)
    yield
    torch.use_deterministic_algorithms(False)
