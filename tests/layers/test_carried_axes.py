"""A cell whose recurrent matrix is applied to each of several blocks, and what reads a cell otherwise of such ones."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from cellwright import Recurrent, to_onnx
from cellwright.cells import Cell, affine, catalogue, linear, sigmoid, tanh
from cellwright.crossbar import ChipSettings, program
from cellwright.digital import FixedPoint, fixed_point
from cellwright.errors import CellwrightError
from cellwright.layers import TreeRecurrent, Trees

INPUT, BLOCKS, CELLS = 3, 2, 3


class SharedBlocks(Cell):
    """Two minimal gated units beside one another, which share their recurrent matrices but not those of x."""

    def sizes(self, input_size, hidden_size, projection_size=0):
        return super().sizes(input_size, hidden_size, projection_size) | {"block": BLOCKS, "cell": CELLS}

    def state_axes(self):
        return {"h": ("block", "cell")}

    def step(self, x, h):
        axes, cell = ("block", "cell"), ("cell",)
        f = sigmoid(linear("f", x, axes, bias=True) + linear("f", h, cell, reads=cell))
        n = tanh(linear("n", x, axes, bias=True) + linear("n", f * h, cell, reads=cell))
        return (1 - f) * h + f * n


class OneBlock(Cell):
    """The same without blocks."""

    def step(self, x, h):
        f = sigmoid(affine("f", x, h))
        n = tanh(affine("n", x, f * h))
        return (1 - f) * h + f * n


@pytest.fixture
def layer():
    torch.manual_seed(0)
    return Recurrent(SharedBlocks(), INPUT, BLOCKS * CELLS, dtype=torch.float64)


@pytest.fixture
def x():
    return torch.randn(5, 4, INPUT, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def test_it_is_interpreted_and_is_its_blocks_one_by_one(layer, x, laws, caplog):
    x.requires_grad_()
    output, state = layer(x)
    assert "is interpreted, because a matrix is applied along a further axis" in caplog.text
    alone = Recurrent(OneBlock(), INPUT, CELLS, dtype=torch.float64)
    parts = []
    for block in range(BLOCKS):
        rows = torch.arange(2 * BLOCKS * CELLS).reshape(2, BLOCKS, CELLS)[:, block].flatten()
        own = {
            "weight_ih_l0": layer.weight_ih_l0[rows],
            "bias_ih_l0": layer.bias_ih_l0[rows],
            "weight_hh_l0": layer.weight_hh_l0,
        }
        parts.append(torch.func.functional_call(alone, own, (x,)))
    laws.same(output, torch.cat([out for out, _ in parts], -1))
    laws.same(state, torch.cat([final for _, final in parts], -1))
    leaves = (x, *layer.parameters())
    expected = torch.autograd.grad(sum(out.square().sum() for out, _ in parts), leaves)
    laws.same(torch.autograd.grad(output.square().sum(), leaves), expected)


def test_an_ideal_chip_and_many_bits_compute_the_same(layer, x):
    output, _ = layer(x)
    chip = program(layer, ChipSettings().ideal(), chips=2, calibration=x)
    assert (chip(x)[0] - output).abs().max() < 1e-10
    rounded = fixed_point(layer, FixedPoint(bits=24), calibration=x)
    assert (rounded(x)[0] - output).abs().max() < 1e-4


class Dense(nn.Module):
    """A network over trees."""

    def __init__(self, cell):
        super().__init__()
        self.tree = TreeRecurrent(cell, INPUT, 4)
        self.dense = nn.Linear(4, 2)

    def forward(self, x, trees):
        return self.dense(self.tree(x, trees)[0])


@pytest.mark.parametrize("name", catalogue("tree"))
def test_networks_over_trees_say_what_they_are_not(name, tmp_path):
    model, trees, x = Dense(name), Trees.from_parents([[-1, 0, 0]]), torch.randn(3, INPUT)
    with pytest.raises(CellwrightError, match="belongs to a TreeRecurrent, which no array holds"):
        program(model, ChipSettings().ideal())
    with pytest.raises(CellwrightError, match="tree is a TreeRecurrent with parameters, and what is rounded"):
        fixed_point(model, calibration=(x, trees))
    for each in (model, model.tree):
        with pytest.raises(CellwrightError, match="a TreeRecurrent cannot be exported: its levels differ from tree to"):
            to_onnx(each, tmp_path / "tree.onnx")
