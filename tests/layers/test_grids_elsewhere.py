"""What the rest of the house does with layers of grids: it counts them, or says in one line that it does not have them.

And what torch does: copies, graphs, inference before training.
"""

from __future__ import annotations

import copy
import pickle

import pytest
import torch
from torch import nn

from cellwright import crossbar
from cellwright.cells import GridLSTM
from cellwright.digital import fixed_point, work_of
from cellwright.errors import CellwrightError
from cellwright.export import to_onnx
from cellwright.layers import GridRecurrent, MultidimensionalRecurrent

UNITS = 3
LAYERS = {
    "multidimensional": lambda: MultidimensionalRecurrent("mdlstm", 1, UNITS, directions="all"),
    "grid": lambda: GridRecurrent(GridLSTM(dimensions=3), 1, UNITS, 2),
}


class Classifier(nn.Module):
    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer, self.out = layer, nn.Linear(layer.output_size, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.out(self.layer(x).mean((2, 3)))


@pytest.fixture(params=LAYERS)
def model(request: pytest.FixtureRequest) -> nn.Module:
    torch.manual_seed(0)
    return Classifier(LAYERS[request.param]())


@pytest.fixture
def x() -> torch.Tensor:
    return torch.randn(2, 1, 3, 4, generator=torch.Generator().manual_seed(0))


def test_a_chip_asks_to_leave_it_digital(model):
    with pytest.raises(
        CellwrightError, match=r"belongs to a \w+, which no array holds .* pass allow_digital=\['layer'\]"
    ):
        crossbar.program(model)


def test_fixed_point_asks_to_leave_it_in_floating_point(model):
    with pytest.raises(CellwrightError, match=r"layer is a \w+ with parameters, .* pass allow_float=\['layer'\]"):
        fixed_point(model)


def test_an_accelerator_counts_the_products_of_a_point(model):
    """Four directions of 5 gates that read x and two h; depth 2 of three transforms of 4 gates that read three h."""
    by_layer = {
        MultidimensionalRecurrent: 4 * 5 * UNITS * (1 + 2 * UNITS),
        GridRecurrent: 2 * 3 * 4 * UNITS * 3 * UNITS + 2 * UNITS,
    }
    counted = sum(product.rows * product.columns for work in work_of(model) for product in work.products)
    assert counted == by_layer[type(model.layer)] + model.out.weight.numel()


def test_a_file_for_onnx_is_refused(model, x, tmp_path):
    for each in (model, model.layer):
        with pytest.raises(CellwrightError, match=f"a {type(model.layer).__name__} cannot be exported: layers that"):
            to_onnx(each, tmp_path / "model.onnx", example_inputs=(x,))


def test_copies_compute_the_same(model, x):
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert torch.equal(other(x), model(x))


def test_a_graph_computes_the_same(laws):
    layer = MultidimensionalRecurrent("mdlstm", 1, UNITS)
    x = torch.randn(1, 1, 2, 2)
    laws.same(torch.export.export(layer.eval(), (x,)).module()(x), layer(x), 1e-6)
    laws.same(layer(x + 1), copy.deepcopy(layer)(x + 1))  # nothing of the graph is kept for later calls


def test_compiled_by_torch_as_not_compiled(model, x):
    assert torch.equal(torch.compile(model.layer, backend="eager")(x), model.layer(x))


def test_training_after_inference_mode(model):
    """What is kept from call to call serves gradients, too."""
    x = torch.randn(3, 1, 5, 2)
    with torch.inference_mode():
        model(x)
    model(x).sum().backward()
    assert all(parameter.grad is not None for parameter in model.parameters())
