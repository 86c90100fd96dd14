"""Which cells become ONNX's own operators: those that they compute, however they are written, and no others."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from cellwright import Recurrent, cells, to_onnx
from cellwright.cells import Cell, affine, catalogue, entries, linear, mean, relu, sigmoid, tanh, weight
from cellwright.errors import CellwrightError
from cellwright.export import native as native_operators
from cellwright.export.native import native

NATIVE = {
    "lstm": ("LSTM", {"input_forget": 0, "activations": [b"Sigmoid", b"Tanh", b"Tanh"]}),
    "peephole": ("LSTM", {"input_forget": 0, "activations": [b"Sigmoid", b"Tanh", b"Tanh"]}),
    "cifg": ("LSTM", {"input_forget": 1, "activations": [b"Sigmoid", b"Tanh", b"Tanh"]}),
    "niaf": ("LSTM", {"activations": [b"Sigmoid", b"Affine", b"Tanh"], "activation_alpha": [1.0]}),
    "noaf": ("LSTM", {"activations": [b"Sigmoid", b"Tanh", b"Affine"], "activation_beta": [0.0]}),
    "gru": ("GRU", {"linear_before_reset": 1}),
    "gru-cho": ("GRU", {"linear_before_reset": 0}),
    "mgu": ("GRU", {"linear_before_reset": 0}),
    "sigmoid-unit": ("RNN", {"activations": [b"Sigmoid"]}),
    "elman": ("RNN", {"activations": [b"Sigmoid"]}),
    "rnn": ("RNN", {"activations": [b"Tanh"]}),
    "rnn-relu": ("RNN", {"activations": [b"Relu"]}),
}
"""What the catalogue's cells become, if not Scan, and attributes of it."""


@pytest.mark.parametrize("name", catalogue("sequence"))
def test_what_a_cell_of_the_catalogue_becomes(name: str, tmp_path: Path, nodes: Callable) -> None:
    cell = entries()[name].cell
    layer = Recurrent(cell, 3, 4, proj_size=2 if cell.projects else 0)
    exported = to_onnx(layer, tmp_path / "layer.onnx")
    found = nodes(tmp_path / "layer.onnx")
    operator, attributes = NATIVE.get(name, ("Scan", {}))
    assert exported.operators == {"layer": operator}
    assert {"LSTM", "GRU", "RNN", "Scan"} & found.keys() == {operator}
    (node,) = found[operator]
    assert attributes.items() <= node.items()


@pytest.mark.parametrize(("name", "has"), [("lstm", False), ("peephole", True), ("cifg", True)])
def test_peepholes_are_there_where_the_cell_has_them(name: str, has: bool, tmp_path: Path) -> None:
    import onnx

    to_onnx(Recurrent(name, 3, 4), tmp_path / "layer.onnx")
    (node,) = [node for node in onnx.load(tmp_path / "layer.onnx").graph.node if node.op_type == "LSTM"]
    assert (len(node.input) == 8 and node.input[7] != "") is has


class Renamed(Cell):
    """An LSTM in other words, sums and products in another order, with a forget gate that is biased in the step."""

    states = ("answer", "memory")

    def step(self, x, answer, memory):
        keep = sigmoid(1 + affine("keep", x, answer))
        new = tanh(affine("new", x, answer))
        write = sigmoid(linear("write", answer) + linear("write", x))
        memory = new * write + memory * keep
        read = sigmoid(affine("read", x, answer) - 0.5 * weight("p", "read") * memory)
        return tanh(memory) * read, memory


class ForgetFirst(Cell):
    """Coupled gates, where the forget gate has the weights."""

    states = ("h", "c")

    def step(self, x, h, c):
        f = sigmoid(affine("f", x, h))
        c = f * c + (1 - f) * tanh(affine("g", x, h))
        return sigmoid(affine("o", x, h)) * tanh(c), c


class Tied(Cell):
    """Both gates have the same weights, as in a minimal gated unit, but independent of one another in the sum."""

    states = ("h", "c")

    def step(self, x, h, c):
        f = sigmoid(affine("f", x, h))
        c = f * (c + tanh(affine("g", x, h)))
        return sigmoid(affine("o", x, h)) * tanh(c), c


class Chung(Cell):
    """A GRU whose update gate works the other way round (Chung et al. 2014)."""

    def step(self, x, h):
        z = sigmoid(affine("z", x, h))
        r = sigmoid(affine("r", x, h))
        return h + z * (tanh(affine("n", x, r * h)) - h)


class Minimal(Cell):
    """Zhou et al. 2016: a GRU with one gate for two."""

    def step(self, x, h):
        f = sigmoid(affine("f", x, h))
        return (1 - f) * h + f * tanh(affine("g", x, f * h))


class Elman(Cell):
    def step(self, x, h):
        return tanh(affine("h", x, h))


class Rectified(Cell):
    def step(self, x, h):
        return relu(affine("h", x, h) / 2)


ALSO_NATIVE = {
    Renamed: "LSTM",
    ForgetFirst: "LSTM",
    Tied: "LSTM",
    Chung: "GRU",
    Minimal: "GRU",
    Elman: "RNN",
    Rectified: "RNN",
}


@pytest.mark.parametrize("cell", ALSO_NATIVE, ids=lambda cell: cell.__name__)
def test_a_cell_of_ones_own_may_be_one(cell: type[Cell], tmp_path: Path, run: Callable, close: Callable) -> None:
    layer = Recurrent(cell(), 3, 4, 2, bidirectional=True)
    exported = to_onnx(layer, tmp_path / "layer.onnx")
    assert exported.operators == {"layer": ALSO_NATIVE[cell]}
    x = torch.randn(6, 2, 3, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        close(run(tmp_path / "layer.onnx", {"x": x})["output"], layer(x)[0])


@pytest.mark.parametrize("inner", cells.lstm.ACTIVATIONS)
@pytest.mark.parametrize("outer", cells.lstm.ACTIVATIONS)
def test_activations_that_the_operator_has(inner: str, outer: str) -> None:
    found = native(cells.LSTM(input_activation=inner, output_activation=outer, peepholes=True))
    assert found is not None
    assert found.reference.activations == ("sigmoid", inner, outer)


@pytest.mark.parametrize(("inner", "outer"), [("sigmoid[-2,2]", "sigmoid[-1,1]"), ("identity", "sigmoid")])
def test_activations_in_both_directions(inner: str, outer: str, tmp_path: Path, run: Callable, close: Callable) -> None:
    layer = Recurrent(cells.LSTM(input_activation=inner, output_activation=outer), 3, 4, bidirectional=True)
    assert to_onnx(layer, tmp_path / "layer.onnx").operators == {"layer": "LSTM"}
    x = torch.randn(6, 2, 3, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        close(run(tmp_path / "layer.onnx", {"x": x})["output"], layer(x)[0])


def test_a_direction_without_peepholes_is_one_of_zeros(tmp_path: Path, run: Callable, close: Callable) -> None:
    layer = Recurrent("peephole", 3, 4, bidirectional=True)
    layer.weight_peephole_l0.data.zero_()
    to_onnx(layer, tmp_path / "layer.onnx")
    x = torch.randn(6, 2, 3, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        close(run(tmp_path / "layer.onnx", {"x": x})["output"], layer(x)[0])


class OldPeephole(Cell):
    """The output gate sees the memory of before, which is no LSTM of ONNX's."""

    states = ("h", "c")

    def step(self, x, h, c):
        i = sigmoid(affine("i", x, h))
        f = sigmoid(affine("f", x, h))
        o = sigmoid(affine("o", x, h) + weight("p", "o") * c)
        c = f * c + i * tanh(affine("g", x, h))
        return o * tanh(c), c


class CandidateSees(Cell):
    """The candidate sees the memory, too."""

    states = ("h", "c")

    def step(self, x, h, c):
        i = sigmoid(affine("i", x, h))
        f = sigmoid(affine("f", x, h))
        g = tanh(affine("g", x, h) + weight("p", "g") * c)
        c = f * c + i * g
        return sigmoid(affine("o", x, h)) * tanh(c), c


class Doubled(Cell):
    """Twice the candidate."""

    states = ("h", "c")

    def step(self, x, h, c):
        i = sigmoid(affine("i", x, h))
        f = sigmoid(affine("f", x, h))
        c = f * c + 2 * i * tanh(affine("g", x, h))
        return sigmoid(affine("o", x, h)) * tanh(c), c


class Squared(Cell):
    """The input gate twice."""

    states = ("h", "c")

    def step(self, x, h, c):
        i = sigmoid(affine("i", x, h))
        c = sigmoid(affine("f", x, h)) * c + i * i * tanh(affine("g", x, h))
        return sigmoid(affine("o", x, h)) * tanh(c), c


class Skipping(Cell):
    """A GRU with a residual."""

    def step(self, x, h):
        z = sigmoid(affine("z", x, h))
        return (1 - z) * tanh(affine("n", x, h)) + z * h + 0.1 * h


class TwoSteps(Cell):
    """W x goes through a second matrix."""

    def step(self, x, h):
        return tanh(linear("a", linear("b", x), bias=True) + linear("c", h))


class Centred(Cell):
    """A simple network, normalised."""

    def step(self, x, h):
        seen = affine("h", x, h)
        return tanh(seen - mean(seen, "unit"))


class Many(Cell):
    """A product of many sums, which has more terms than are looked at."""

    def step(self, x, h):
        product = affine("s0", x, h)
        for place in range(1, 8):
            product = product * affine(f"s{place}", x, h)
        return tanh(product)


OTHERS = [OldPeephole, CandidateSees, Doubled, Squared, Skipping, TwoSteps, Centred, Many]


@pytest.mark.parametrize("cell", OTHERS, ids=lambda cell: cell.__name__)
def test_what_is_nearly_one_is_none(cell: type[Cell], tmp_path: Path, run: Callable, close: Callable) -> None:
    layer = Recurrent(cell(), 3, 4)
    assert to_onnx(layer, tmp_path / "layer.onnx").operators == {"layer": "Scan"}
    x = torch.randn(6, 2, 3, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        close(run(tmp_path / "layer.onnx", {"x": x})["output"], layer(x)[0])


def test_a_wrong_match_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    class Wrong(native_operators.Match):
        def weights(self):
            found = super().weights()
            return None if found is None else {**found, "bias_ih.i": {"bias_ih.f": 1.0}}

    monkeypatch.setattr(native_operators, "Match", Wrong)
    with pytest.raises(CellwrightError, match="taken for ONNX's LSTM, but computes another h"):
        native(cells.LSTM(forget_bias=3.25))


def test_float64_has_no_operators_of_its_own(tmp_path: Path) -> None:
    exported = to_onnx(Recurrent("lstm", 3, 4, dtype=torch.float64), tmp_path / "layer.onnx")
    assert exported.operators == {"layer": "Scan"}
