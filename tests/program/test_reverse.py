"""Reverse mode as a pass gives torch's derivatives, first and second, and torch's at ties, NaN and infinity."""

import math

import pytest
import torch

from cellwright.cells import Cell, linear, maximum, maximum_over, mean, minimum, relu, sum_over, tanh
from cellwright.program import Program, evaluate, merge_sums, reverse, trace
from cellwright.program.operators import OPERATORS, STRUCTURAL
from cellwright.program.values import input_value, pointwise


def seeds_for(outputs, seed=1):
    generator = torch.Generator().manual_seed(seed)
    return {f"d_{n}": torch.randn(t.shape, generator=generator, dtype=t.dtype) for n, t in outputs.items()}


def by_part(values, gradients):
    """Gradients of the leaves (stored tensors whole) as gradients of inputs and parameters."""
    found = dict(zip(values.leaves, gradients, strict=True))
    inputs = {f"d_{name}": found[name] for name in values.inputs}
    parts = {f"d_{n}": t for key, family in values.families.items() for n, t in family.views(found[key]).items()}
    return inputs | parts


def check_gradients(values, program, close):
    """Compare a reverse program with autograd on the interpreter; what it leaves out must be zero."""
    values.require_gradients()
    outputs = values.evaluate()
    seeds = seeds_for(outputs)
    gradients = torch.autograd.grad(
        list(outputs.values()), list(values.leaves.values()), list(seeds.values()), materialize_grads=True
    )
    got = values.evaluate(program, **seeds)
    for name, expected in by_part(values, gradients).items():
        close(got.get(name, torch.zeros_like(expected)), expected, name)
    assert got.keys() <= by_part(values, gradients).keys()


@pytest.mark.parametrize("lead", [(5,), (), (2, 3)], ids=str)
def test_reverse_is_autograd(any_cell, lead, draw, close):
    values = draw(any_cell, lead)
    check_gradients(values, reverse(values.program), close)


def test_reverse_of_merged_sums_is_autograd(any_cell, draw, close):
    values = draw(any_cell)
    check_gradients(values, reverse(merge_sums(values.program)), close)


def test_reverse_of_reverse_is_double_autograd(any_cell, draw, close):
    values = draw(any_cell, (3,)).require_gradients()
    outputs = values.evaluate()
    seeds = {name: seed.requires_grad_() for name, seed in seeds_for(outputs).items()}
    first = reverse(values.program)
    gradients = torch.autograd.grad(
        list(outputs.values()), list(values.leaves.values()), list(seeds.values()), create_graph=True
    )
    slopes = {n: t for n, t in by_part(values, gradients).items() if n in first.outputs}
    second_seeds = seeds_for(slopes, seed=2)
    expected = torch.autograd.grad(
        list(slopes.values()),
        [*values.leaves.values(), *seeds.values()],
        list(second_seeds.values()),
        materialize_grads=True,
    )
    got = values.evaluate(reverse(first), **seeds, **second_seeds)
    count = len(values.leaves)
    wanted = by_part(values, expected[:count])
    wanted |= {f"d_{name}": gradient for name, gradient in zip(seeds, expected[count:], strict=True)}
    for name, gradient in wanted.items():
        close(got.get(name, torch.zeros_like(gradient)), gradient, name)


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
    check_gradients(values, reverse(values.program), close)


def test_every_operator_is_reversed_somewhere_here():
    """A new row of the table must come with a test: this one fails until the row is named."""
    pointwise_tested = {*UNARY, *BINARY, "where", "less", "equal", "floor_divide"}
    assert pointwise_tested == OPERATORS.keys()
    backward = reverse(reverse(Ties().program()))
    assert STRUCTURAL.keys() - {v.operator for v in backward.values} <= {"matrix"}


def test_an_output_that_is_an_input_passes_its_cotangent_on():
    x = input_value("x", ("unit",), "sequence")
    program = Program.from_outputs({"y": x}, [x])
    backward = reverse(program)
    assert backward.outputs["d_x"].name == "d_y"
