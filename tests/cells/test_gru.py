"""The gated recurrent unit: both places of the reset gate against formulas in NumPy, and torch's own cell."""

import re

import numpy as np
import pytest
import torch

from cellwright.cells import GRU, catalogue, entries, find
from cellwright.errors import CellwrightError
from cellwright.program import evaluate, families


def logistic(value):
    return 1 / (1 + np.exp(-value))


def cho(v):
    """Cho et al. 2014, equations 5 to 8: the reset gate acts on h."""
    h, p = v.inputs["h"], v.parts
    r, z = logistic(v.seen("r")), logistic(v.seen("z"))
    n = np.tanh(v.inputs["x"] @ p["weight_ih.n"].T + (r * h) @ p["weight_hh.n"].T + p.get("bias_ih.n", 0.0))
    return z * h + (1 - z) * n


def cudnn(v):
    """The reset gate acts on U h + b."""
    h, p = v.inputs["h"], v.parts
    r, z = logistic(v.seen("r")), logistic(v.seen("z"))
    fed_back = h @ p["weight_hh.n"].T + p.get("bias_hh.n", 0.0)
    n = np.tanh(v.inputs["x"] @ p["weight_ih.n"].T + p.get("bias_ih.n", 0.0) + r * fed_back)
    return z * h + (1 - z) * n


FORMULAS = {"after": cudnn, "before": cho}


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("reset", FORMULAS)
def test_it_computes_its_formula(bench, reset, bias):
    values = bench.draw(GRU(reset=reset, bias=bias))
    assert any(name.startswith("bias") for name in values.stored) == bias
    bench.same(values.computed()["h"], FORMULAS[reset](values))


def test_the_names_of_the_literature():
    cells = {name: cell for name, cell in catalogue("sequence").items() if isinstance(cell, GRU)}
    assert cells == {"gru": GRU(reset="after"), "gru-cho": GRU(reset="before")}
    assert all("Cho" in entries()[name].citation and re.search("2014", entries()[name].citation) for name in cells)


@pytest.mark.parametrize("name", ["gru", "gru-cho"])
def test_an_open_update_gate_keeps_the_state(bench, name):
    """The sign convention: z near 1 keeps h, z near 0 replaces it."""
    values = bench.draw(find(name))
    values.parts["bias_ih.z"][:] = 1e3
    bench.same(values.computed()["h"], values.inputs["h"])
    values.parts["bias_ih.z"][:] = -1e3
    results = values.computed(["n"])
    bench.same(results["h"], results["n"])


@pytest.mark.parametrize("bias", [True, False])
def test_it_is_torchs_cell(bench, bias):
    """The same stored tensors, gates in the order r, z, n, and the same step."""
    cell = GRU(bias=bias)
    assert cell.gates == ("r", "z", "n")
    sizes = cell.sizes(3, 6)
    torch.manual_seed(0)
    theirs = torch.nn.GRUCell(3, 6, bias=bias, dtype=torch.float64)
    stored = dict(theirs.named_parameters())
    assert {name: family.shape for name, family in families(cell.program(), sizes).items()} == {
        name: tuple(tensor.shape) for name, tensor in stored.items()
    }
    x, h = torch.randn(4, 3, dtype=torch.float64), torch.randn(4, 6, dtype=torch.float64)
    ours = evaluate(cell.program(), {"x": x, "h": h}, stored, sizes)["h"]
    bench.same(ours.detach().numpy(), theirs(x, h).detach().numpy())


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"reset": "between"}, "reset is one of after, before; got 'between'"),
        ({"reset": True}, "reset is one of after, before; got True"),
        ({"bias": 1}, "bias is True or False; got 1"),
        ({"bias": None}, "bias is True or False; got None"),
    ],
)
def test_what_is_refused_says_why(fields, message):
    with pytest.raises(CellwrightError, match=f"^{message}$"):
        GRU(**fields)


def test_a_cell_prints_what_makes_it_special():
    assert repr(find("gru")) == "GRU()"
    assert repr(find("gru-cho")) == "GRU(reset='before')"
