"""Reverse mode as a pass gives torch's derivatives, first and second, and torch's at ties, NaN and infinity."""

import math

import pytest
import torch

from cellwright.cells import Cell, find, linear, maximum, maximum_over, mean, minimum, relu, sum_over, tanh, weight
from cellwright.errors import CellwrightError
from cellwright.program import Program, evaluate, merge_sums, reverse, trace
from cellwright.program.operators import OPERATORS, STRUCTURAL
from cellwright.program.values import input_value, pointwise


def seeds_for(outputs, prefix):
    generator = torch.Generator().manual_seed(len(prefix))
    return {prefix + n: torch.randn(t.shape, generator=generator, dtype=t.dtype) for n, t in outputs.items()}


def by_part(values, gradients, prefix):
    """Gradients of the leaves (stored tensors whole) as gradients of inputs and parameters."""
    found = dict(zip(values.leaves, gradients, strict=True))
    inputs = {prefix + name: found[name] for name in values.inputs}
    parts = {prefix + n: t for key, family in values.families.items() for n, t in family.views(found[key]).items()}
    return inputs | parts


def check_derivatives(values, program, close, orders=1):
    """Reverse a program time and again, and compare with torch's autograd on the interpreter's forward.

    What the reverse leaves out must be zero. The values that one order yields are differentiated for the next.
    """
    values.require_gradients()
    outputs = values.evaluate()
    for order in range(1, orders + 1):
        prefix = "d" * order + "_"
        seeds = {name: seed.requires_grad_() for name, seed in seeds_for(outputs, prefix).items()}
        gradients = torch.autograd.grad(
            list(outputs.values()),
            list(values.leaves.values()),
            list(seeds.values()),
            create_graph=order < orders,
            materialize_grads=True,
        )
        program, expected = reverse(program, prefix), by_part(values, gradients, prefix)
        values.inputs |= seeds
        got = values.evaluate(program)
        for name, gradient in expected.items():
            close(got.get(name, torch.zeros_like(gradient)), gradient, f"{name} of order {order}")
        assert got.keys() <= expected.keys()
        outputs = {name: expected[name] for name in got}


@pytest.mark.parametrize("lead", [(5,), (), (2, 3)], ids=str)
def test_reverse_is_autograd(any_cell, lead, draw, close):
    values = draw(any_cell, lead)
    check_derivatives(values, values.program, close)


def test_reverse_of_reverse_is_double_autograd(any_cell, draw, close):
    values = draw(any_cell, (3,))
    check_derivatives(values, values.program, close, orders=2)


@pytest.mark.parametrize("name", ["GRU, reset before", "memory blocks", "sLSTM"])
def test_third_derivatives(name, hard_cells, draw, close):
    values = draw(hard_cells[name].cell, (2,))
    check_derivatives(values, values.program, close, orders=3)


def test_one_prefix_is_enough_for_two_orders_but_not_for_three():
    second = reverse(reverse(find("lstm").program()))
    assert {f"d_{name}" for name in reverse(find("lstm").program()).outputs} <= {v.name for v in second.inputs}
    with pytest.raises(CellwrightError, match="the program has an input 'd_d_x': reverse it with another prefix"):
        reverse(second)


def test_reverse_of_merged_sums_is_autograd(any_cell, draw, close):
    values = draw(any_cell)
    check_derivatives(values, merge_sums(values.program), close, orders=2)


class Uneven(Cell):
    """The derivatives read only some biases, and a matrix reads a weight, which no sample has of its own."""

    def step(self, x, h):
        unread = linear("unread", x, bias=True)
        read = tanh(linear("read", x, bias=True) + linear("read", h))
        shared = linear("k", weight("shared")) + linear("k2", h)
        return unread + read * shared


def test_reverse_of_parameters_that_are_not_all_read(draw, close):
    values = draw(Uneven())
    check_derivatives(values, values.program, close, orders=2)
    values = draw(Uneven())
    check_derivatives(values, merge_sums(values.program), close, orders=2)
    read = {value.name for value in reverse(values.program).values if value.operator == "parameter"}
    assert {"bias_ih.read"} == {name for name in read if name.startswith("bias")}


def test_the_reverse_program_is_a_program(any_cell):
    backward = reverse(any_cell.program())
    forward = any_cell.program()
    assert set(backward.outputs) <= {f"d_{value.name}" for value in (*forward.inputs, *forward.parameters)}
    assert backward.parameters == forward.parameters
    assert {v.name for v in backward.inputs_with_role("cotangent")} == {f"d_{name}" for name in forward.outputs}


SPECIAL = [math.nan, math.inf, -math.inf, 0.0, -0.0, 1.0, 1.0, -1.0, 0.3, 0.1, 2.5, -2.5]


def both_ways(step, *leaves, cotangent=2.0):
    """A pointwise function traced and reversed, and the same by torch: pairs of (value, gradients...)."""
    names = [f"x{k}" for k in range(len(leaves))]
    program = trace(step, [input_value(name, (), "sequence") for name in names], ["y"])
    inputs = dict(zip(names, (leaf.requires_grad_() for leaf in leaves), strict=True))
    value = evaluate(program, inputs, {}, {})["y"]
    seed = torch.full_like(value, cotangent)
    expected = torch.autograd.grad(value, list(inputs.values()), seed, materialize_grads=True)
    got = evaluate(reverse(program), inputs | {"d_y": seed}, {}, {})
    return [(got.get(f"d_{name}", torch.zeros_like(e)), e) for name, e in zip(names, expected, strict=True)]


UNARY = ["negative", "sigmoid", "tanh", "exp", "log", "sqrt", "absolute", "sign", "relu", "log_sigmoid"]
BINARY = ["add", "subtract", "multiply", "divide", "maximum", "minimum", "mod"]


@pytest.mark.parametrize("cotangent", [2.0, math.inf, 0.0])
@pytest.mark.parametrize("operator", UNARY)
def test_derivatives_of_one_argument_pass_nan_and_infinity_as_torch(operator, cotangent):
    leaf = torch.tensor(SPECIAL, dtype=torch.float64)
    for got, expected in both_ways(lambda x: pointwise(operator, x), leaf, cotangent=cotangent):
        torch.testing.assert_close(got, expected, rtol=1e-14, atol=0, equal_nan=True)


@pytest.mark.parametrize("cotangent", [2.0, math.inf, 0.0])
@pytest.mark.parametrize("operator", BINARY)
def test_derivatives_of_two_arguments_pass_nan_infinity_and_ties_as_torch(operator, cotangent):
    left, right = torch.cartesian_prod(torch.tensor(SPECIAL, dtype=torch.float64), torch.tensor(SPECIAL).double()).T
    pairs = both_ways(lambda a, b: pointwise(operator, a, b), left.clone(), right.clone(), cotangent=cotangent)
    for got, expected in pairs:
        torch.testing.assert_close(got, expected, rtol=1e-14, atol=0, equal_nan=True)


@pytest.mark.parametrize("condition", ["less", "equal"])
def test_where_passes_nan_and_infinity_as_torch(condition):
    left, right = torch.cartesian_prod(torch.tensor(SPECIAL, dtype=torch.float64), torch.tensor(SPECIAL).double()).T

    def step(a, b):
        return pointwise("where", pointwise(condition, a, b), a, 3 * b)

    for got, expected in both_ways(step, left.clone(), right.clone(), cotangent=math.inf):
        torch.testing.assert_close(got, expected, rtol=0, atol=0, equal_nan=True)


def test_mod_by_what_divides_but_for_rounding():
    """1.0 mod 0.1 is 0.0999..., so nine periods have passed, though 1.0 / 0.1 rounds to 10."""
    left, right = torch.tensor([1.0], dtype=torch.float64), torch.tensor([0.1], dtype=torch.float64)
    (_, (got, expected)) = both_ways(lambda a, b: a % b, left, right, cotangent=1.0)
    assert got.item() == expected.item() == -9.0


class Ties(Cell):
    """Everything whose derivative is a matter of convention where values are equal."""

    def step(self, x, h):
        peak = maximum_over(h, "unit")
        return maximum(h, tanh(h)) + minimum(h, peak) + relu(h) * sum_over(h, "unit") + linear("i", x) * mean(h, "unit")


def test_equal_values_share_the_gradient_as_in_torch(draw, close):
    values = draw(Ties())
    values.inputs["h"] = torch.tensor(
        [[0.0, 0, 0, 0], [1, 1, 1, -1], [2, 2, 0, 1], [-1, -1, -2, -1], [0, 0, 3, 3]], dtype=torch.float64
    )
    check_derivatives(values, values.program, close)


def test_every_operator_is_reversed_somewhere_here():
    """A new row of the table must come with a test: this one fails until the row is named."""
    pointwise_tested = {*UNARY, *BINARY, "where", "less", "equal", "floor_divide"}
    assert pointwise_tested == OPERATORS.keys()
    backward = [v.operator for cell in (Ties(), find("convlstm")) for v in reverse(reverse(cell.program())).values]
    assert STRUCTURAL.keys() - set(backward) <= {"matrix"}


def test_an_output_that_is_an_input_passes_its_cotangent_on():
    x = input_value("x", ("unit",), "sequence")
    program = Program.from_outputs({"y": x}, [x])
    backward = reverse(program)
    assert backward.outputs["d_x"].name == "d_y"
