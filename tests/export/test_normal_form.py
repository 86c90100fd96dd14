"""The normal form computes what its program does, and is the same for the same formula in other words."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from torch import Tensor

from cellwright.cells import Cell, affine, linear, sigmoid, tanh, weight
from cellwright.export.normal_form import NormalForm, TooLargeError
from cellwright.program import Program, evaluate, families, trace
from cellwright.program.values import input_value

SIZES = {"feature": 3, "unit": 2}
OPERANDS = ("x", "h", "weight", "bias", "number")
BINARY = {
    "add": lambda left, right: left + right,
    "subtract": lambda left, right: left - right,
    "multiply": lambda left, right: left * right,
}
UNARY = {
    "negative": lambda value: -value,
    "half": lambda value: value / 2,
    "sigmoid": sigmoid,
    "tanh": tanh,
    "matrix": lambda value: linear("again", value, family="again"),
}

trees = st.recursive(
    st.sampled_from(OPERANDS),
    lambda inner: st.tuples(st.sampled_from([*UNARY]), inner) | st.tuples(st.sampled_from([*BINARY]), inner, inner),
    max_leaves=8,
)


def program_of(tree) -> Program:
    def built(tree, x, h):
        if isinstance(tree, str):
            operands = {
                "x": lambda: linear("g", x),
                "h": lambda: h,
                "weight": lambda: weight("p", "g"),
                "bias": lambda: affine("b", x),
                "number": lambda: 1.5 * weight("one", "g") * 0 + 1.5,
            }
            return operands[tree]()
        operator, *inner = tree
        return {**UNARY, **BINARY}[operator](*(built(each, x, h) for each in inner))

    inputs = [input_value("x", ("feature",), "sequence"), input_value("h", ("unit",), "state")]
    return trace(lambda x, h: built(tree, x, h) + 0 * h, inputs, ("h",))


def computed(form: NormalForm, values: Mapping[str, Tensor], matrices: Mapping[str, Tensor]) -> Tensor:
    """The polynomial of the only output, with values for inputs and elementwise weights."""

    def of_polynomial(items) -> Tensor:
        total = torch.zeros(5, 1, dtype=torch.float64)
        for monomial, factor in items:
            product = torch.tensor(factor, dtype=torch.float64)
            for number in monomial:
                product = product * of_atom(form.atoms[number])
            total = total + product
        return total

    def of_atom(atom) -> Tensor:
        if atom.kind in ("input", "parameter"):
            return values[atom.name]
        (argument,) = (of_polynomial(items) for items in atom.arguments)
        if atom.kind == "matrix":
            matrix = matrices[atom.name]
            return argument.expand(5, matrix.shape[1]) @ matrix.T
        return {"sigmoid": torch.sigmoid, "tanh": torch.tanh}[atom.kind](argument)

    return of_polynomial(form.outputs["h"].items())


@given(trees)
def test_it_computes_what_the_program_does(tree) -> None:
    program = program_of(tree)
    try:
        form = NormalForm(program)
    except TooLargeError:
        assume(False)
    generator = torch.Generator().manual_seed(0)

    def drawn(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator, dtype=torch.float64)

    layout = families(program, SIZES)
    stored = {name: drawn(*family.shape) for name, family in layout.items()}
    inputs = {"x": drawn(5, 3), "h": drawn(5, 2)}
    parts = {name: part for key, family in layout.items() for name, part in family.views(stored[key]).items()}
    expected = evaluate(program, inputs, stored, SIZES)["h"]
    got = computed(form, {**inputs, **parts}, parts).expand_as(expected)
    assert (got - expected).abs().max() <= 1e-12 * max(1.0, float(expected.abs().max()))


def form_of(step) -> NormalForm:
    return NormalForm(type("Written", (Cell,), {"step": step})().program())


def test_other_words_for_the_same_are_the_same() -> None:
    def plainly(self, x, h):
        z = sigmoid(affine("z", x, h))
        return (1 - z) * tanh(linear("n", x)) + z * h

    def otherwise(self, x, h):
        z = sigmoid(affine("z", x, h))
        n = tanh(linear("n", x))
        return n - z * (n - h)

    def another(self, x, h):
        z = sigmoid(affine("z", x, h))
        return (1 - z) * h + z * tanh(linear("n", x))

    forms = [form_of(step) for step in (plainly, otherwise, another)]
    assert [len(form.outputs["h"]) for form in forms] == [3, 3, 3]
    told = [sorted((len(monomial), factor) for monomial, factor in form.outputs["h"].items()) for form in forms]
    assert told[0] == told[1]
    kinds = [{form.atoms[number].kind for (number, *more) in form.outputs["h"] if not more} for form in forms]
    assert kinds == [{"tanh"}, {"tanh"}, {"input"}]


def test_a_turned_gate_has_the_opposite_weights() -> None:
    def step(self, x, h):
        z = sigmoid(affine("z", x, h))
        return z * h

    program = type("Turned", (Cell,), {"step": step})().program()
    form = NormalForm(program, ("z",))
    (gate,) = [atom for atom in form.atoms if atom.kind == "sigmoid"]
    assert {factor for _, factor in gate.arguments[0]} == {-1.0}
    assert sorted(form.outputs["h"].values()) == [-1.0, 1.0]
