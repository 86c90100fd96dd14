"""Random programs: the interpreter, the reverse and the stages, against torch on tensors aligned by hand."""

from collections.abc import Callable
from dataclasses import dataclass
from math import prod

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cellwright.program import evaluate, merge_sums, reverse, split_stages, trace
from cellwright.program.operators import maximum_over, mean, sum_over, where
from cellwright.program.trace import parameter
from cellwright.program.values import input_value, linear_value, pointwise

SIZES = {"block": 2, "cell": 3, "unit": 4}
INPUTS = {"x": ("block",), "y": ("unit",), "z": (), "s": ("block", "unit"), "u": ("cell",)}
WEIGHTS = {"p": ("unit",), "q": ("block", "cell"), "r": ("cell",)}
BATCH = 3


@dataclass
class Pair:
    """The same value twice: traced, and a torch tensor with a dimension for the batch and for every axis."""

    value: object
    tensor: torch.Tensor


def one_plus_absolute(pair: Pair) -> Pair:
    return Pair(1 + abs(pair.value), 1 + pair.tensor.abs())


UNARY: dict[str, Callable] = {
    "negative": torch.neg,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "absolute": torch.abs,
    "relu": torch.relu,
    "log_sigmoid": torch.nn.functional.logsigmoid,
}
POSITIVE: dict[str, Callable] = {"log": torch.log, "sqrt": torch.sqrt}
BINARY: dict[str, Callable] = {
    "add": torch.add,
    "subtract": torch.sub,
    "multiply": torch.mul,
    "maximum": torch.maximum,
    "minimum": torch.minimum,
}
QUOTIENT: dict[str, Callable] = {"divide": torch.div, "mod": torch.remainder}
REDUCTIONS: dict[str, tuple[Callable, Callable]] = {
    "mean": (mean, lambda t, d: t.mean(d, keepdim=True)),
    "sum": (sum_over, lambda t, d: t.sum(d, keepdim=True)),
    "maximum": (maximum_over, lambda t, d: t.amax(d, keepdim=True)),
}


OUTS = (("unit",), ("block", "cell"), ("cell",), ())


def through_a_matrix(pair: Pair, out: tuple[str, ...], matrices: dict[str, torch.Tensor]) -> Pair:
    """A linear value, and the product with its matrix, which it draws and adds to ``matrices``."""
    columns = [axis for axis in SIZES if axis in pair.value.axes]
    family = f"matrix{len(matrices)}"
    shape = prod(SIZES[axis] for axis in out), prod(SIZES[axis] for axis in columns)
    matrix = torch.linspace(-1, 1, prod(shape), dtype=torch.float64).reshape(shape).requires_grad_()
    matrices[family] = matrix
    named = parameter(family, out, family=family, part="all", symbol="M", columns=tuple(columns))
    result = pair.tensor.reshape(-1, shape[1]) @ matrix.T
    return Pair(linear_value([pair.value], [named], [], out), aligned(result, out))


def grown(pairs: list[Pair], choice: tuple[str, int, int, int], matrices: dict[str, torch.Tensor]) -> Pair:
    """Apply the chosen operator to values chosen among those there are."""
    operator, first, second, third = choice
    a, b, c = (pairs[index % len(pairs)] for index in (first, second, third))
    if operator in UNARY:
        return Pair(pointwise(operator, a.value), UNARY[operator](a.tensor))
    if operator in POSITIVE:
        a = one_plus_absolute(a)
        return Pair(pointwise(operator, a.value), POSITIVE[operator](a.tensor))
    if operator in BINARY:
        return Pair(pointwise(operator, a.value, b.value), BINARY[operator](a.tensor, b.tensor))
    if operator in QUOTIENT:
        b = one_plus_absolute(b)
        return Pair(pointwise(operator, a.value, b.value), QUOTIENT[operator](a.tensor, b.tensor))
    if operator == "where":
        return Pair(where(a.value < b.value, c.value, b.value), torch.where(a.tensor < b.tensor, c.tensor, b.tensor))
    if operator == "linear":
        return through_a_matrix(a, OUTS[second % len(OUTS)], matrices)
    axes = [axis for axis in SIZES if axis in a.value.axes]
    if not axes:
        return Pair(2 * a.value - 1, 2 * a.tensor - 1)
    axis = axes[second % len(axes)]
    traced, direct = REDUCTIONS[operator.removeprefix("over ")]
    return Pair(traced(a.value, axis), direct(a.tensor, 1 + list(SIZES).index(axis)))


OPERATORS = [*UNARY, *POSITIVE, *BINARY, *QUOTIENT, "where", "linear", *(f"over {name}" for name in REDUCTIONS)]
CHOICES = st.lists(
    st.tuples(st.sampled_from(OPERATORS), *(st.integers(0, 40) for _ in range(3))), min_size=2, max_size=15
)


def aligned(tensor: torch.Tensor, axes: tuple[str, ...]) -> torch.Tensor:
    """A dimension for the batch and for every axis, of size one where there is none."""
    return tensor.reshape([-1] + [SIZES[axis] if axis in axes else 1 for axis in SIZES])


def build(choices, seed):
    """A random program and what torch says that it computes, on leaves that require gradients."""
    generator = torch.Generator().manual_seed(seed)

    def leaf(axes, *lead):
        shape = (*lead, *(SIZES[axis] for axis in axes))
        return torch.randn(shape, generator=generator, dtype=torch.float64).requires_grad_()

    inputs = {name: leaf(axes, BATCH) for name, axes in INPUTS.items()}
    weights = {name: leaf(axes) for name, axes in WEIGHTS.items()}
    direct = [aligned(tensor, (INPUTS | WEIGHTS)[name]) for name, tensor in (inputs | weights).items()]
    matrices, expected = {}, {}

    def step(*values):
        values += tuple(parameter(n, axes, family=n, part=n, symbol=n) for n, axes in WEIGHTS.items())
        pairs = [Pair(value, tensor) for value, tensor in zip(values, direct, strict=True)]
        for choice in choices:
            pairs.append(grown(pairs, choice, matrices))
        results = [pairs[-1], pairs[-2]]
        for name, pair in zip(("first", "second"), results, strict=True):
            shape = [BATCH] * ("batch" in pair.value.axes) + [SIZES[axis] for axis in SIZES if axis in pair.value.axes]
            expected[name] = pair.tensor.reshape(shape)
        return tuple(pair.value for pair in results)

    roles = {name: "state" if name in "su" else "sequence" for name in INPUTS}
    traced = [input_value(name, axes, roles[name]) for name, axes in INPUTS.items()]
    program = trace(step, traced, ["first", "second"])
    used = {value.name for value in program.parameters}
    return program, inputs, {n: t for n, t in (weights | matrices).items() if n in used}, expected


def near(got, expected, scale):
    assert got.shape == expected.shape
    assert (got - expected).abs().max() <= 1e-12 * scale


@settings(max_examples=200)
@given(CHOICES, st.integers(0, 2**16))
def test_interpreter_is_torch(choices, seed):
    program, inputs, weights, expected = build(choices, seed)
    for derived in (program, merge_sums(program)):
        got = evaluate(derived, inputs, weights, SIZES)
        for name, tensor in expected.items():
            near(got[name], tensor, tensor.detach().abs().max())


@settings(max_examples=200)
@given(CHOICES, st.integers(0, 2**16))
def test_reverse_is_autograd(choices, seed):
    program, inputs, weights, expected = build(choices, seed)
    leaves = inputs | weights
    seeds = {f"d_{name}": torch.randn_like(tensor) for name, tensor in expected.items()}
    gradients = torch.autograd.grad(
        list(expected.values()), list(leaves.values()), list(seeds.values()), materialize_grads=True
    )
    got = evaluate(reverse(program), inputs | seeds, weights, SIZES)
    scale = max(1.0, *(gradient.abs().max().item() for gradient in gradients))
    for name, gradient in zip(leaves, gradients, strict=True):
        near(got.get(f"d_{name}", torch.zeros_like(gradient)).reshape(gradient.shape), gradient, scale)


@settings(max_examples=100)
@given(CHOICES, st.integers(0, 2**16))
def test_stages_are_the_whole(choices, seed):
    program, inputs, weights, expected = build(choices, seed)
    stages = split_stages(program)
    ahead = evaluate(stages.hoisted, inputs, weights, SIZES)
    got = evaluate(stages.recurrent, inputs | ahead, weights, SIZES)
    for name, tensor in expected.items():
        near(got[name], tensor, tensor.detach().abs().max())
