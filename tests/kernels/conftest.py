"""What the tests of kernels share: cells of every stage kind, one cache for all, memory that begins as NaN."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar

import pytest
import torch

from cellwright.cells import (
    LSTM,
    Cell,
    affine,
    catalogue,
    exp,
    linear,
    log,
    log_sigmoid,
    maximum,
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


class Stabilised(Cell):
    """Beck et al. 2024, eqs. 8-17: exponential gates under a running maximum."""

    states = ("h", "c", "n", "m")

    def step(self, x, h, c, n, m):
        log_f = log_sigmoid(affine("f", x, h)) + m
        log_i = affine("i", x, h)
        m = maximum(log_f, log_i)
        f, i = exp(log_f - m), exp(log_i - m)
        c = f * c + i * tanh(affine("z", x, h))
        n = f * n + i
        return sigmoid(affine("o", x, h)) * c / (n + 1), c, n, m


class TimeAware(Cell):
    """Baytas et al. 2017: a linear map of c, and the elapsed time, one number a row."""

    states = ("h", "c")
    sequences: ClassVar = {"x": ("feature",), "elapsed": ()}

    def step(self, x, elapsed, h, c):
        short = tanh(linear("d", c, bias=True))
        c = c - short + short / log(2.8 + elapsed)
        i, f = sigmoid(affine("i", x, h)), sigmoid(affine("f", x, h))
        c = f * c + i * tanh(affine("g", x, h))
        return sigmoid(affine("o", x, h)) * tanh(c), c


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
    "stabilised": Stabilised(),
    "time-aware": TimeAware(),
    "oddments": Oddments(),
}


@pytest.fixture(params=CELLS, scope="session")
def cell(request: pytest.FixtureRequest) -> Cell:
    """Every cell of the catalogue, and one of every further kind."""
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
