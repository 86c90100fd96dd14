"""Units without memory and simple recurrent networks against formulas in NumPy, and torch's own cell."""

import re

import numpy as np
import pytest
import torch

from cellwright.cells import RNN, FeedForward, FullyRecurrent, Jordan, entries, find
from cellwright.cells.simple import ACTIVATIONS
from cellwright.errors import CellwrightError
from cellwright.program import equations, evaluate, reverse


def logistic(value):
    return 1 / (1 + np.exp(-value))


SQUASHING = {
    "tanh": np.tanh,
    "identity": lambda value: value,
    "sigmoid": logistic,
    "sigmoid[-2,2]": lambda value: 4 * logistic(value) - 2,
    "sigmoid[-1,1]": lambda value: 2 * logistic(value) - 1,
    "relu": lambda value: np.maximum(value, 0),
    "threshold": lambda value: np.where(value > 0, 1.0, -1.0),
}


def seen(v, unit, **read):
    """W x + U h + ... + b of a unit: what is read by the family of its matrix."""
    products = [value @ v.parts[f"weight_{family}.{unit}"].T for family, value in read.items()]
    return sum(products) + sum(v.parts.get(f"bias_{family}.{unit}", 0.0) for family in read)


def feed_forward(v):
    return {"y": SQUASHING[v.cell.activation](v.cell.steepness * seen(v, "y", ih=v.inputs["x"]))}


def simple(v):
    return {"h": SQUASHING[v.cell.activation](seen(v, "h", ih=v.inputs["x"], hh=v.inputs["h"]))}


def jordan(v):
    s = v.cell.decay * v.inputs.get("s", 0.0) + v.inputs["y"]
    h = SQUASHING[v.cell.activation](seen(v, "h", ih=v.inputs["x"], hh=s))
    y = SQUASHING[v.cell.output_activation](seen(v, "y", hy=h))
    return {"y": y, "s": s} if v.cell.decay else {"y": y}


def fully_recurrent(v):
    """One matrix for all units: they see x and all previous outputs, hidden or not."""
    read = np.concatenate([v.inputs["x"], v.inputs["h"], v.inputs["y"]], 1)
    matrices = [np.concatenate([v.parts[f"weight_{f}.{unit}"] for f in ("ih", "hh", "y_h")], 1) for unit in ("y", "h")]
    biases = np.concatenate([v.parts[f"bias_ih.{unit}"] for unit in ("y", "h")]) if v.cell.bias else 0.0
    units = SQUASHING[v.cell.activation](read @ np.concatenate(matrices).T + biases)
    return {"y": units[:, : len(matrices[0])], "h": units[:, len(matrices[0]) :]}


CASES = [
    *(
        (FeedForward(activation=name, steepness=steepness), feed_forward)
        for name in SQUASHING
        for steepness in (1, 3.0)
    ),
    (FeedForward(bias=False), feed_forward),
    *((RNN(activation=name), simple) for name in SQUASHING),
    (RNN(recurrent_bias=True), simple),
    (RNN(bias=False), simple),
    (Jordan(), jordan),
    (Jordan(activation="tanh", output_activation="identity", decay=0.5), jordan),
    (Jordan(bias=False), jordan),
    (FullyRecurrent(), fully_recurrent),
    (FullyRecurrent(activation="tanh", bias=False), fully_recurrent),
]


@pytest.mark.parametrize(("cell", "formula"), CASES, ids=[str(cell) for cell, _ in CASES])
def test_it_computes_its_formula(bench, cell, formula):
    values = bench.draw(cell)
    expected, computed = formula(values), values.computed()
    assert computed.keys() == expected.keys() == cell.state_axes().keys()
    for name, state in expected.items():
        bench.same(computed[name], state)
    assert any(name.startswith("bias") for name in values.stored) == cell.bias


def test_every_squashing_function_is_tested():
    assert ACTIVATIONS.keys() == SQUASHING.keys()


@pytest.mark.parametrize("nonlinearity", ["tanh", "relu"])
def test_it_is_torchs_cell(bench, nonlinearity):
    cell, sizes = RNN(activation=nonlinearity, recurrent_bias=True), {"feature": 3, "unit": 6}
    torch.manual_seed(0)
    theirs = torch.nn.RNNCell(3, 6, nonlinearity=nonlinearity, dtype=torch.float64)
    x, h = torch.randn(4, 3, dtype=torch.float64), torch.randn(4, 6, dtype=torch.float64)
    ours = evaluate(cell.program(), {"x": x, "h": h}, dict(theirs.named_parameters()), sizes)["h"]
    bench.same(ours.detach().numpy(), theirs(x, h).detach().numpy())


# What a unit says of (false, false), (false, true), (true, false), (true, true), where true is 1 and false -1.
BOOLEAN = {"and": (1, 1, -1), "or": (1, 1, 1), "nand": (-1, -1, 1), "nor": (-1, -1, -1)}
TABLES = {"and": [-1, -1, -1, 1], "or": [-1, 1, 1, 1], "nand": [1, 1, 1, -1], "nor": [1, -1, -1, -1]}
PAIRS = torch.tensor([[-1.0, -1], [-1, 1], [1, -1], [1, 1]])


def perceptron(*weights):
    """One unit: the weights of its inputs, then its bias."""
    *of_inputs, bias = weights
    stored = {"weight_ih": torch.tensor([of_inputs], dtype=torch.float32), "bias_ih": torch.tensor([float(bias)])}

    def said(x):
        sizes = {"feature": len(of_inputs), "unit": 1}
        return evaluate(find("perceptron").program(), {"x": x, "y": torch.zeros(len(x), 1)}, stored, sizes)["y"]

    return said


@pytest.mark.parametrize("function", BOOLEAN)
def test_perceptrons_are_boolean_functions(function):
    """Those of the tutorial, section 3.1."""
    assert perceptron(*BOOLEAN[function])(PAIRS).flatten().tolist() == TABLES[function]


def test_two_layers_of_perceptrons_are_the_exclusive_or():
    """It is not linearly separable: (a or b) and (a nand b)."""
    hidden = torch.cat([perceptron(*BOOLEAN[name])(PAIRS) for name in ("or", "nand")], 1)
    assert perceptron(*BOOLEAN["and"])(hidden).flatten().tolist() == [-1, 1, 1, -1]


def test_a_perceptron_fires_above_its_threshold_alone_and_has_no_derivative():
    x = torch.tensor([[-1e-30], [0.0], [1e-30]], requires_grad=True)
    said = perceptron(1, 0)(x)
    assert said.flatten().tolist() == [-1, -1, 1]
    (gradient,) = torch.autograd.grad(said.sum(), x)
    assert not gradient.any()
    assert not reverse(find("perceptron").program()).outputs


def test_without_decay_a_jordan_network_has_its_output_alone_as_state():
    assert list(Jordan().state_axes()) == ["y"]
    assert [equation.unicode for equation in equations(find("jordan").program())] == [
        "hₜ = σ(W_h xₜ + U_h yₜ₋₁ + b_h)",
        "yₜ = σ(V_y hₜ + b_y)",
    ]


def test_the_names_of_the_literature():
    assert {name: str(find(name)) for name in ("perceptron", "sigmoid-unit", "elman", "jordan", "rnn", "rnn-relu")} == {
        "perceptron": "FeedForward(activation='threshold')",
        "sigmoid-unit": "FeedForward()",
        "elman": "RNN(activation='sigmoid')",
        "jordan": "Jordan()",
        "rnn": "RNN()",
        "rnn-relu": "RNN(activation='relu')",
    }
    assert str(find("fully-recurrent")) == "FullyRecurrent()"
    cells = [entry for entry in entries().values() if type(entry.cell).__module__ == "cellwright.cells.simple"]
    assert len(cells) == 7
    assert all(re.search(r"(19|20)\d\d", entry.citation) for entry in cells)


REFUSED = [
    (FeedForward, {"activation": "step"}, "activation is one of tanh, identity, .*, relu, threshold; got 'step'"),
    (FeedForward, {"steepness": 0}, "steepness is a finite number above 0; got 0"),
    (FeedForward, {"steepness": float("inf")}, "steepness is a finite number above 0; got inf"),
    (FeedForward, {"bias": 1}, "bias is True or False; got 1"),
    (RNN, {"activation": None}, "activation is one of .*; got None"),
    (RNN, {"bias": "no"}, "bias is True or False; got 'no'"),
    (RNN, {"recurrent_bias": 2}, "recurrent_bias is True or False; got 2"),
    (RNN, {"bias": False, "recurrent_bias": True}, "recurrent_bias doubles every bias: it needs bias=True"),
    (Jordan, {"activation": "step"}, "activation is one of .*; got 'step'"),
    (Jordan, {"output_activation": "softmax"}, "output_activation is one of .*; got 'softmax'"),
    (Jordan, {"decay": 1.0}, "decay is a number from 0 and below 1; got 1.0"),
    (Jordan, {"bias": None}, "bias is True or False; got None"),
    (FullyRecurrent, {"activation": 3}, "activation is one of .*; got 3"),
    (FullyRecurrent, {"bias": 0}, "bias is True or False; got 0"),
]


@pytest.mark.parametrize(("kind", "fields", "message"), REFUSED, ids=[f"{k.__name__} {f}" for k, f, _ in REFUSED])
def test_what_is_refused_says_why(kind, fields, message):
    with pytest.raises(CellwrightError, match=f"^{message}$"):
        kind(**fields)
