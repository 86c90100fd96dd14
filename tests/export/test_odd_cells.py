"""Cells at the edges of what a step may be, in a Scan."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from cellwright import Recurrent, to_onnx
from cellwright.cells import (
    Cell,
    affine,
    equal,
    less,
    linear,
    maximum_over,
    mean,
    minimum,
    relu,
    sum_over,
    tanh,
    weight,
    where,
)
from cellwright.kernels import switched


class Blind(Cell):
    """Reads nothing but itself: a Scan has to count its steps by something."""

    def step(self, x, h):
        return tanh(linear("h", h, bias=True)) + 0.1


class WithoutWeights(Cell):
    """Has nothing to learn."""

    def step(self, x, h):
        return 0.5 * h + 0.5 * mean(x, "feature")


class Unchanged(Cell):
    """One state is another one's old value, and one is never changed."""

    states = ("h", "before", "always")

    def step(self, x, h, before, always):
        return tanh(affine("h", x, before)) + always, h, always


class Twice(Cell):
    """Two states are one value."""

    states = ("h", "c")

    def step(self, x, h, c):
        new = tanh(affine("h", x, h) + c)
        return new, new


class Scalars(Cell):
    """A weight of one number, sums over units, a vector that is made of weights alone."""

    def step(self, x, h):
        scale = weight("scale", out=()) + 1
        shared = linear("w", tanh(weight("v")), family="shared")
        return tanh(affine("h", x, h) * scale + shared - sum_over(h, "unit") + maximum_over(h, "unit"))


class Conditions(Cell):
    """Conditions that choose, and that count as numbers."""

    def step(self, x, h):
        seen = affine("h", x, h)
        is_small = less(seen, 0.25)
        chosen = where(is_small, minimum(seen, h), relu(seen))
        return 0.5 * chosen + 0.25 * is_small + 0.1 * equal(h, h)


class OneNumber(Cell):
    """A state of one number a sample, and one of two axes."""

    states = ("h", "total", "grid")

    def step(self, x, h, total, grid):
        total = 0.5 * total + mean(h, "unit")
        grid = tanh(linear("g", x, ("block", "unit")) + 0.5 * grid + total)
        return tanh(affine("h", x, h) + sum_over(grid, "block") + linear("k", grid, family="grid")), total, grid

    def state_axes(self):
        return {"h": ("unit",), "total": (), "grid": ("block", "unit")}

    def sizes(self, input_size, hidden_size, projection_size=0):
        return {**super().sizes(input_size, hidden_size, projection_size), "block": 2}


CELLS = [Blind, WithoutWeights, Unchanged, Twice, Scalars, Conditions, OneNumber]


@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: cell.__name__)
def test_an_odd_cell(cell: type[Cell], tmp_path: Path, run: Callable, close: Callable) -> None:
    torch.manual_seed(0)
    layer = Recurrent(cell(), 3, 4, 2, bidirectional=True, dtype=torch.float64)
    exported = to_onnx(layer, tmp_path / "layer.onnx", torch.randn(5, 2, 3, dtype=torch.float64))
    assert exported.operators == {"layer": "Scan"}
    x = torch.randn(6, 3, 3, dtype=torch.float64)
    sizes = layer.cell.state_sizes(layer.layer_sizes(0))
    states = {name: torch.randn(4, 3, size, dtype=torch.float64) for name, size in sizes.items()}
    with torch.no_grad(), switched(False):
        output, final = layer(x, tuple(states.values()))
    got = run(tmp_path / "layer.onnx", {"x": x, **{f"initial_{name}": state for name, state in states.items()}})
    close(got["output"], output)
    for name, state in zip(sizes, final if len(states) > 1 else (final,), strict=True):
        close(got[f"final_{name}"], state, name)
