"""Parameters are stored as torch stores them, gate after gate, with named views."""

import pytest
import torch

from cellwright.cells import LSTM, Cell, affine, find, linear, tanh, weight
from cellwright.errors import CellwrightError
from cellwright.program import families


def test_shapes_are_those_of_torch(sizes):
    stored = families(LSTM(recurrent_bias=True, projection=True).program(), sizes)
    layer = torch.nn.LSTM(sizes["feature"], sizes["unit"], proj_size=sizes["projection"])
    shapes = {name.removesuffix("_l0"): tuple(tensor.shape) for name, tensor in layer.named_parameters()}
    assert {name: family.shape for name, family in stored.items()} == shapes


def test_shapes_of_a_gru_are_those_of_torch(sizes):
    stored = families(find("gru").program(), sizes)
    layer = torch.nn.GRU(sizes["feature"], sizes["unit"])
    shapes = {name.removesuffix("_l0"): tuple(tensor.shape) for name, tensor in layer.named_parameters()}
    assert {name: family.shape for name, family in stored.items()} == shapes
    assert [part.name for part in stored["bias_hh"].parts] == [f"bias_hh.{gate}" for gate in "rzn"]


def test_parts_tile_the_stored_tensor(any_cell, sizes):
    for family in families(any_cell.program(), sizes).values():
        numbers = torch.arange(torch.Size(family.shape).numel(), dtype=torch.float64).reshape(family.shape)
        views = family.views(numbers)
        assert torch.equal(torch.cat([view.flatten() for view in views.values()]), numbers.flatten())
        assert all(view.untyped_storage().data_ptr() == numbers.untyped_storage().data_ptr() for view in views.values())


def test_gates_in_order(sizes):
    stored = families(find("peephole").program(), sizes)
    assert [part.name for part in stored["weight_hh"].parts] == [f"weight_hh.{gate}" for gate in "ifgo"]
    assert [part.rows for part in stored["weight_peephole"].parts] == [slice(0, 4), slice(4, 8), slice(8, 12)]


def test_a_matrix_of_one_column_is_no_vector():
    class Mixed(Cell):
        def step(self, x, h):
            return tanh(affine("n", x, h)) * weight("weight_ih", "gain")

    with pytest.raises(
        CellwrightError, match=r"weight_ih have different numbers of columns \(weight_ih.n: 1, weight_ih.gain: none"
    ):
        families(Mixed().program(), {"feature": 1, "unit": 4})


def test_a_matrix_that_reads_one_number_has_one_column(draw, close):
    class Timed(Cell):
        sequences = {"x": ("feature",), "dt": ()}  # noqa: RUF012

        def step(self, x, dt, h):
            return tanh(affine("n", x, h, dt)) + linear("speed", h, ())

    values = draw(Timed())
    assert values.stored["weight_dt_h"].shape == (4, 1)
    parts, x, dt, h = values.parameters, *(values.inputs[name] for name in ("x", "dt", "h"))
    seen = x @ parts["weight_ih.n"].T + parts["bias_ih.n"] + h @ parts["weight_hh.n"].T
    speed = h @ parts["weight_hh.speed"]
    expected = torch.tanh(seen + dt[:, None] * parts["weight_dt_h.n"]) + speed[:, None]
    close(values.evaluate()["h"], expected)


def test_matrices_that_read_different_widths(sizes):
    class Wide(Cell):
        def step(self, x, h):
            wide = tanh(linear("a", h, ("block", "cell")))
            return linear("b", wide)

    with pytest.raises(CellwrightError, match="give one of them a family of its own"):
        families(Wide().program(), sizes)
