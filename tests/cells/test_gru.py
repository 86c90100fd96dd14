"""The gated recurrent unit: every form of it against formulas in NumPy, and torch's own cell."""

import re

import numpy as np
import pytest
import torch

from cellwright.cells import GRU, MinimalGatedUnit, catalogue, entries, find
from cellwright.errors import CellwrightError
from cellwright.program import evaluate, families


def logistic(value):
    return 1 / (1 + np.exp(-value))


def before_the_matrix(v, r):
    """Cho et al. 2014, equation 8: the reset gate acts on h."""
    p, h = v.parts, v.inputs["h"]
    return v.inputs["x"] @ p["weight_ih.n"].T + (r * h) @ p["weight_hh.n"].T + p.get("bias_ih.n", 0.0)


def after_the_matrix(v, r):
    """The reset gate acts on U h + b."""
    p = v.parts
    fed_back = v.inputs["h"] @ p["weight_hh.n"].T + p.get("bias_hh.n", 0.0)
    return v.inputs["x"] @ p["weight_ih.n"].T + p.get("bias_ih.n", 0.0) + r * fed_back


SEEN = {"after": after_the_matrix, "before": before_the_matrix}
MIXED = {"keeps": lambda z, n, h: z * h + (1 - z) * n, "replaces": lambda z, n, h: (1 - z) * h + z * n}


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("update", MIXED)
@pytest.mark.parametrize("reset", SEEN)
def test_it_computes_its_formula(bench, reset, update, bias):
    values = bench.draw(GRU(reset=reset, update=update, bias=bias))
    assert any(name.startswith("bias") for name in values.stored) == bias
    r, z = logistic(values.seen("r")), logistic(values.seen("z"))
    bench.same(values.computed()["h"], MIXED[update](z, np.tanh(SEEN[reset](values, r)), values.inputs["h"]))


def test_the_form_of_the_tutorial_has_one_bias(bench):
    """Equations 57 to 66: reset after the matrix, the bias outside, and an update gate that keeps."""
    values = bench.draw(GRU(recurrent_bias=False))
    assert "bias_hh" not in values.stored
    r, z = logistic(values.seen("r")), logistic(values.seen("z"))
    bench.same(values.computed()["h"], MIXED["keeps"](z, np.tanh(after_the_matrix(values, r)), values.inputs["h"]))
    assert GRU(recurrent_bias=True).program().parameters[1].name == GRU().program().parameters[1].name == "bias_ih.r"


def test_a_minimal_gated_unit_computes_its_formula(bench):
    """Zhou et al. 2016."""
    values = bench.draw(MinimalGatedUnit())
    f = logistic(values.seen("f"))
    n = np.tanh(before_the_matrix(values, f))
    bench.same(values.computed()["h"], (1 - f) * values.inputs["h"] + f * n)


def test_the_names_of_the_literature():
    cells = {name: cell for name, cell in catalogue("sequence").items() if type(cell) is GRU}
    assert cells == {"gru": GRU(reset="after"), "gru-cho": GRU(reset="before")}
    assert find("mgu") == MinimalGatedUnit()
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
        ({"update": "forgets"}, "update is one of keeps, replaces; got 'forgets'"),
        ({"recurrent_bias": 1}, "recurrent_bias is True or False; got 1"),
        ({"recurrent_bias": True, "reset": "before"}, "recurrent_bias is a second bias beside U h: it needs .*"),
        ({"recurrent_bias": True, "bias": False}, "recurrent_bias is a second bias beside U h: it needs .*"),
    ],
)
def test_what_is_refused_says_why(fields, message):
    with pytest.raises(CellwrightError, match=f"^{message}$"):
        GRU(**fields)


def test_a_cell_prints_what_makes_it_special():
    assert repr(find("gru")) == "GRU()"
    assert repr(find("gru-cho")) == "GRU(reset='before')"
