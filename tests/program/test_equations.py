"""Equations on paper, in three notations: kept texts for the catalogue, well-formed for every cell."""

import re
import xml.etree.ElementTree as ElementTree

import pytest

from cellwright.cells import (
    LSTM,
    Cell,
    absolute,
    affine,
    catalogue,
    equal,
    exp,
    find,
    linear,
    log,
    log_sigmoid,
    maximum,
    maximum_over,
    mean,
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
from cellwright.program import Program, equations, evaluate
from cellwright.program.values import pointwise


class Everything(Cell):
    """Every operator and every way in which brackets matter."""

    states = ("h", "c", "kept", "same")

    def step(self, x, h, c, kept, same):
        differences = h - (c - kept) - same
        quotients = h / (c / kept) / (h * c)
        products = (h + c) * (h - c) * 2 + (-h) * (h / c)
        negatives = -(h + c) - -h * -1.5
        remainders = mod(h - c, c) / c * mod(h, c * h)
        small = 1e-7 * h + 2.5e9 - c * -3e-8
        chosen = where(h < c + 1, h, where(equal(h, c), 1, 0)) * (h > 0.5)
        functions = exp(log(h)) + relu(minimum(h, maximum(c, 2))) + log_sigmoid(h - c) * absolute(h - c) + sqrt(h * c)
        reduced = sum_over(h + c, "unit") * h - mean(h, "unit") + maximum_over(h * c, "unit") * c
        alpha = (
            weight("tau", out=())
            * weight("gain", "candidate", symbol="a<b")
            * linear("alpha", h + c)
            * tanh(linear("b", c))
        )
        total = differences + quotients + products + negatives + remainders + small + chosen + functions + reduced
        h = total * sigmoid(alpha + affine("gate", x, h))
        return h, h * h, kept, h


CELLS = {**catalogue(), "everything": Everything(), "memory blocks": LSTM(cells_per_block=2, peepholes=True)}
CELLS["two biases, projection"] = LSTM(recurrent_bias=True, projection=True)


@pytest.mark.parametrize("notation", ["unicode", "latex"])
def test_equations_read_as_before(notation, golden):
    texts = []
    for name, cell in CELLS.items():
        lines = [getattr(equation, notation) for equation in equations(cell.program())]
        texts.append("\n".join([f"{name}:", *(f"  {line}" for line in lines)]))
    golden(f"equations_{notation}.txt", "\n\n".join(texts) + "\n")


def test_the_lstm_as_in_the_textbook():
    assert [equation.unicode for equation in equations(find("lstm").program())] == [
        "iₜ = σ(W_i xₜ + U_i hₜ₋₁ + b_i)",
        "fₜ = σ(W_f xₜ + U_f hₜ₋₁ + b_f)",
        "gₜ = tanh(W_g xₜ + U_g hₜ₋₁ + b_g)",
        "cₜ = fₜ ⊙ cₜ₋₁ + iₜ ⊙ gₜ",
        "oₜ = σ(W_o xₜ + U_o hₜ₋₁ + b_o)",
        "hₜ = oₜ ⊙ tanh(cₜ)",
    ]


@pytest.fixture(params=[*CELLS, "hard"], ids=str)
def lines(request, hard_cells):
    if request.param == "hard":
        return [equation for hard in hard_cells.values() for equation in equations(hard.cell.program())]
    return equations(CELLS[request.param].program())


def test_every_named_value_has_one_equation(any_cell):
    program = any_cell.program()
    names = [equation.name for equation in equations(program)]
    assert sorted(names) == sorted(program.named)
    assert len(set(names)) == len(names)


def test_mathml_is_well_formed(lines):
    namespace = "{http://www.w3.org/1998/Math/MathML}"
    children = {"msub": 2, "msup": 2, "mfrac": 2, "munder": 2}
    for equation in lines:
        root = ElementTree.fromstring(equation.mathml)
        assert root.tag == f"{namespace}math"
        for element in root.iter():
            tag = element.tag.removeprefix(namespace)
            assert tag in {*children, "math", "mrow", "mi", "mo", "mn", "mtext", "msqrt"}
            assert len(element) == children.get(tag, len(element))
            assert len(element) == 0 or not (element.text or "").strip()
            assert tag not in ("mi", "mo", "mn", "mtext") or element.text


def test_latex_is_balanced(lines):
    for equation in lines:
        depth = 0
        for sign in re.sub(r"\\[{}\\]", "", equation.latex):
            depth += {"{": 1, "}": -1}.get(sign, 0)
            assert depth >= 0
        assert depth == 0
        assert equation.latex.count(r"\left") - equation.latex.count(r"\leftarrow") == equation.latex.count(r"\right")
        assert equation.latex.count(r"\begin{cases}") == equation.latex.count(r"\end{cases}")
        assert equation.latex.isascii()


def test_brackets_are_where_they_change_the_value():
    texts = {equation.name: equation.unicode for equation in equations(Everything().program())}
    assert texts["differences"] == "differencesₜ = hₜ₋₁ − (cₜ₋₁ − keptₜ₋₁) − sameₜ₋₁"
    assert texts["quotients"] == "quotientsₜ = hₜ₋₁ / (cₜ₋₁ / keptₜ₋₁) / (hₜ₋₁ ⊙ cₜ₋₁)"
    assert texts["remainders"].startswith("remaindersₜ = ((hₜ₋₁ − cₜ₋₁) mod cₜ₋₁) / cₜ₋₁ ⊙ (hₜ₋₁ mod (cₜ₋₁ ⊙ hₜ₋₁))")
    assert texts["same"] == "sameₜ = hₜ"
    assert texts["kept"] == "keptₜ = keptₜ₋₁"


def test_the_text_says_what_the_interpreter_computes(draw, close):
    """Sums, products, quotients and negatives in Unicode, evaluated as the Python that they almost are."""
    named = ["differences", "quotients", "products", "negatives"]
    values = draw(Everything())
    recorded = evaluate(values.program, values.inputs, values.stored, {"feature": 3, "unit": 4}, named)
    before = {f"{name}_before": tensor for name, tensor in values.inputs.items()}
    for equation in equations(values.program):
        if equation.name in named:
            text = equation.unicode.partition(" = ")[2].replace("ₜ₋₁", "_before").replace("⊙", "*").replace("−", "-")
            times = re.sub(r"(?<=[\d)]) (?=[\w(])", " * ", text)
            close(eval(times, before), recorded[equation.name], equation.name)


def test_rows_of_the_table_have_their_brackets():
    """The operators that no step can write, as they are only in derivatives."""
    h = find("lstm").program().inputs[1]
    outputs = {"k": pointwise("sign", h + 1) * pointwise("floor_divide", h + 1, h * h)}
    (equation,) = equations(Program.from_outputs(outputs))
    assert equation.unicode == "kₜ = sign(hₜ₋₁ + 1) ⊙ ⌊(hₜ₋₁ + 1) / (hₜ₋₁ ⊙ hₜ₋₁)⌋"
