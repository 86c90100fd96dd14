"""The interpreter gives what formulas written by hand give, on any leading dimensions, dtype and device."""

import pytest
import torch
from torch import nn

from cellwright.cells import Cell, find, linear, sigmoid, tanh, weight
from cellwright.errors import CellwrightError
from cellwright.program import Arithmetic, Interpreter, Program, Value, evaluate, linear_groups, merge_sums
from cellwright.program.values import input_value


@pytest.mark.parametrize("lead", [(5,), (), (2, 5)], ids=str)
def test_hard_cells_compute_their_formulas(hard, lead, draw, close):
    values = draw(hard.cell, lead)
    expected = hard.formula(values.inputs, values.parameters)
    for (name, got), wanted in zip(values.evaluate().items(), expected, strict=True):
        close(got, wanted, name)


def test_gru_with_reset_after_is_that_of_torch(hard_cells, draw, close, sizes):
    values = draw(hard_cells["GRU, reset after"].cell)
    layer = nn.GRUCell(sizes["feature"], sizes["unit"], dtype=torch.float64)
    layer.load_state_dict(values.stored)
    close(values.evaluate()["h"], layer(values.inputs["x"], values.inputs["h"]))


def test_lstm_is_that_of_torch(draw, close, sizes):
    values = draw(find("lstm"))
    layer = nn.LSTMCell(sizes["feature"], sizes["unit"], dtype=torch.float64)
    layer.load_state_dict(values.stored | {"bias_hh": torch.zeros_like(values.stored["bias_ih"])})
    h, c = layer(values.inputs["x"], (values.inputs["h"], values.inputs["c"]))
    got = values.evaluate()
    close(got["h"], h, "h")
    close(got["c"], c, "c")


def test_samples_are_computed_each_by_itself(any_cell, draw, close):
    values = draw(any_cell, (2, 3))
    whole = values.evaluate()
    for index in ((0, 2), (1, 0)):
        one = values.evaluate(inputs={name: tensor[index] for name, tensor in values.inputs.items()})
        for name, tensor in one.items():
            close(tensor, whole[name][index], name)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16], ids=str)
def test_results_have_the_dtype_of_the_parameters(any_cell, dtype, draw):
    for tensor in draw(any_cell, dtype=dtype).evaluate().values():
        assert tensor.dtype == dtype


def test_float32_is_as_near_to_float64_as_rounding_lets_it(any_cell, draw):
    exact, rounded = draw(any_cell).evaluate(), draw(any_cell, dtype=torch.float32).evaluate()
    for name, tensor in exact.items():
        assert (rounded[name] - tensor).abs().max() <= 2e-5 * tensor.abs().max()


def test_results_are_on_the_device_of_the_parameters(any_cell, draw):
    values = draw(any_cell)
    expected = values.evaluate()
    values.inputs = {name: tensor.to("meta") for name, tensor in values.inputs.items()}
    values.stored = {name: tensor.to("meta") for name, tensor in values.stored.items()}
    for name, tensor in values.evaluate().items():
        assert tensor.is_meta
        assert tensor.shape == expected[name].shape


def test_gradients_pass_gradcheck(hard, draw):
    values = draw(hard.cell, (2,)).require_gradients()
    names, inputs = list(values.inputs), len(values.inputs)

    def forward(*leaves):
        values.stored = dict(zip(values.stored, leaves[inputs:], strict=True))
        return tuple(values.evaluate(inputs=dict(zip(names, leaves[:inputs], strict=True))).values())

    leaves = tuple(values.leaves.values())
    assert torch.autograd.gradcheck(forward, leaves, fast_mode=True)
    assert torch.autograd.gradgradcheck(forward, leaves, fast_mode=True)


@pytest.mark.filterwarnings("ignore:`torch.jit.script:DeprecationWarning")  # torch's own, where jvp is first used
def test_forward_mode_and_vmap(any_cell, draw, close):
    values = draw(any_cell, (3,))

    def forward(inputs):
        return values.evaluate(inputs=inputs)

    tangents = {name: torch.ones_like(tensor) for name, tensor in values.inputs.items()}
    outputs, slopes = torch.func.jvp(forward, (values.inputs,), (tangents,))
    mapped = torch.func.vmap(forward)(values.inputs)
    step = 1e-6
    ahead, behind = (forward({n: t + sign * step for n, t in values.inputs.items()}) for sign in (1, -1))
    for name, expected in values.evaluate().items():
        close(outputs[name], expected, name)
        close(mapped[name], expected, name)
        difference = (ahead[name] - behind[name]) / (2 * step)
        assert (slopes[name] - difference).abs().max() < 1e-7 * (1 + difference.abs().max())


def test_named_values_are_recorded(draw, close):
    values = draw(find("cifg"))
    recorded = Interpreter(values.program, {"feature": 3, "unit": 4}).bind(values.stored, values.inputs["h"])(
        values.inputs, ["i", "f", "g"]
    )
    close(recorded["f"], 1 - recorded["i"], "f")
    assert recorded["g"].shape == (5, 4)


class Blocks(Cell):
    """Groups of several axes, one node without bias."""

    def step(self, x, h):
        i = sigmoid(linear("i", x, ("block",), bias=True) + linear("i", h, ("block",), bias=True))
        g = linear("g", x, ("block", "cell"), bias=True) + linear("g", h, ("block", "cell"))
        o = linear("o", x, ("block",)) + linear("o", h, ("block",))
        return i * tanh(g) * o

    def state_axes(self):
        return {"h": ("block", "cell")}


def test_a_group_whose_nodes_differ_in_biases_and_axes(draw, close):
    values = draw(Blocks())
    close(values.evaluate(merge_sums(values.program))["h"], values.evaluate()["h"])


def test_a_group_function_stands_in_for_the_weights(draw, close, sizes):
    values = draw(find("lstm"))
    merged = merge_sums(values.program)
    (group,) = linear_groups(merged)
    rows = torch.cat([values.stored["weight_ih"], values.stored["weight_hh"]], 1)
    seen = []

    def crossbar(inputs):
        seen.append([tuple(tensor.shape) for tensor in inputs])
        return (torch.cat(list(inputs), -1) @ rows.T + values.stored["bias_ih"]).split(4, -1)

    bound = Interpreter(merged, sizes).bind({}, values.inputs["h"], {group.name: crossbar})
    close(bound(values.inputs)["h"], values.evaluate()["h"])
    assert seen == [[(5, 3), (5, 4)]]


def test_an_arithmetic_computes_every_value(any_cell, draw, sizes):
    """It is asked once for each value but parameters, and what it returns is what runs."""

    class Counting(Arithmetic):
        def __init__(self):
            self.asked, self.computed_so_far, self.products = [], [], 0

        def product(self, inputs, weights, bias=None):
            self.products += 1
            return super().product(inputs, weights, bias)

        def computed(self, value, function):
            self.asked.append(value)

            def counted(*arguments):
                self.computed_so_far.append(value)
                return function(*arguments)

            return counted

    values, arithmetic = draw(any_cell), Counting()
    like = next(iter(values.inputs.values()))
    bound = Interpreter(values.program, sizes).bind(values.stored, like, arithmetic=arithmetic)
    results = bound(values.inputs)
    expected = {value.serial for value in values.program.values if value.operator != "parameter"}
    assert len(arithmetic.asked) == len(expected)
    assert {value.serial for value in arithmetic.asked} == expected
    assert {value.serial for value in arithmetic.computed_so_far} == expected
    assert arithmetic.products == sum(len(group.inputs) for group in linear_groups(values.program))
    plain = values.evaluate()
    assert all(torch.equal(results[name], plain[name]) for name in plain)


def test_a_group_function_sees_flat_inputs(draw, close, sizes):
    values = draw(Blocks())
    merged = merge_sums(values.program)
    plain = Interpreter(merged, sizes)
    (group,) = plain.groups
    parts = values.parameters

    def crossbar(inputs):
        assert [tuple(tensor.shape) for tensor in inputs] == [(5, 3), (5, 6)]
        x, h = inputs
        columns = []
        for gate in "igo":
            recurrent = parts[f"weight_hh.{gate}"]
            column = x @ parts[f"weight_ih.{gate}"].reshape(-1, 3).T + h @ recurrent.reshape(-1, 6).T
            columns.append(
                column + sum(parts[b].flatten() for b in (f"bias_ih.{gate}", f"bias_hh.{gate}") if b in parts)
            )
        return columns

    bound = plain.bind({}, values.inputs["h"], {group.name: crossbar})
    close(bound(values.inputs)["h"], values.evaluate()["h"])


def test_what_is_missing_is_named(draw, sizes):
    values = draw(find("lstm"))
    interpreter = Interpreter(values.program, sizes)
    like = values.inputs["h"]
    with pytest.raises(CellwrightError, match="no values are given for the parameters bias_ih, weight_ih"):
        interpreter.bind({"weight_hh": values.stored["weight_hh"]}, like)
    with pytest.raises(CellwrightError, match=r"no linear group is called 'y, h'; the program has: x; h"):
        interpreter.bind(values.stored, like, {"y, h": lambda inputs: inputs})
    bound = interpreter.bind(values.stored, like)
    with pytest.raises(CellwrightError, match="the input 'c' is missing; the program reads: x, h, c"):
        bound({"x": values.inputs["x"], "h": values.inputs["h"]})
    with pytest.raises(CellwrightError, match="computes no 'z' by itself; it has: i, f, g, c, o, h"):
        bound(values.inputs, ["z"])
    with pytest.raises(CellwrightError, match="no size is known for the axis 'unit'"):
        Interpreter(values.program, {"feature": 3})


def test_the_layout_of_a_derived_program_is_that_of_the_whole(draw, close, sizes):
    """A program that reads only some parts of a stored tensor still finds them in their rows."""

    class Gains(Cell):
        def step(self, x, h):
            early = weight("gain", "early") * tanh(linear("i", x))
            late = weight("gain", "late") * linear("i", h)
            return early + late

    values = draw(Gains())
    assert Interpreter(values.program, sizes).families["gain"].shape == (8,)
    merged = merge_sums(values.program)
    only_late = type(merged).from_outputs({"late": merged.named["late"]}, merged.inputs, merged.parameters)
    late = values.stored["gain"][4:] * (values.inputs["h"] @ values.stored["weight_hh"].T)
    close(values.evaluate(only_late)["late"], late)


def test_an_operator_without_a_row():
    x = input_value("x", ("unit",), "sequence")
    program = Program.from_outputs({"y": Value("convolve", (x,), x.axes)})
    assert repr(program.outputs["y"]) == "<convolve (batch, unit)>"
    assert repr(x) == "<input x (batch, unit)>"
    with pytest.raises(CellwrightError, match=r"knows no operator 'convolve': add a row to program/operators.py"):
        evaluate(program, {"x": torch.ones(4)}, {}, {"unit": 4})
