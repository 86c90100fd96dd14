"""Tree LSTMs against the equations of the paper in NumPy, and what makes no tree LSTM."""

from __future__ import annotations

import re

import numpy as np
import pytest

from cellwright.cells import LSTM, TreeLSTM, catalogue, entries, find
from cellwright.errors import CellwrightError
from cellwright.program import equations


def logistic(value):
    return 1 / (1 + np.exp(-value))


def child_sum(v):
    """Tai, Socher & Manning 2015, equations 2 to 8."""
    x, h, c, p = v.inputs["x"], v.inputs["h"], v.inputs["c"], v.parts
    total = h[:, 0] + h[:, 1]

    def seen(gate, read):
        return x @ p[f"weight_ih.{gate}"].T + read @ p[f"weight_hh.{gate}"].T + p[f"bias_ih.{gate}"]

    i, o, u = logistic(seen("i", total)), logistic(seen("o", total)), np.tanh(seen("g", total))
    c = i * u + sum(logistic(seen("f", h[:, k])) * c[:, k] for k in range(2))
    return o * np.tanh(c), c


def n_ary(v):
    """The same, equations 9 to 14: a matrix for each child, for each pair of children in the forget gates."""
    x, h, c, p = v.inputs["x"], v.inputs["h"], v.inputs["c"], v.parts

    def seen(gate, matrices):
        read = sum(h[:, k] @ matrices[:, k].T for k in range(2))
        return x @ p[f"weight_ih.{gate}"].T + read + p[f"bias_ih.{gate}"]

    i, o, u = (seen(gate, p[f"weight_hh.{gate}"]) for gate in "iog")
    c = logistic(i) * np.tanh(u) + sum(logistic(seen("f", p["weight_hh.f"][k])) * c[:, k] for k in range(2))
    return logistic(o) * np.tanh(c), c


@pytest.mark.parametrize(("name", "formula"), [("childsum-tree", child_sum), ("nary-tree", n_ary)])
def test_it_computes_its_formula(bench, name, formula):
    values = bench.draw(find(name))
    got, expected = values.computed(), formula(values)
    bench.same(got["h"], expected[0])
    bench.same(got["c"], expected[1])


@pytest.mark.parametrize("children", ["sum", "ordered"])
def test_peepholes_see_the_cell_of_each_child(bench, children):
    """Gates by what they were seen to be: f of each child, i of both, o of the new cell."""
    cell = TreeLSTM(children=children, peepholes=True)
    values = bench.draw(cell)
    got = values.computed(["i", "f", "o"])
    p, c = {gate: values.parts[f"weight_peephole.{gate}"] for gate in "ifo"}, values.inputs["c"]
    plain = bench.draw(cell)
    for gate in "ifo":
        plain.parts[f"weight_peephole.{gate}"][:] = 0
    without = plain.computed(["i", "f", "o"])

    def logit(gate):
        return np.log(gate / (1 - gate))

    seen = {"i": (p["i"] * c).sum(1), "f": p["f"] * c, "o": p["o"] * got["c"]}
    for gate, term in seen.items():
        np.testing.assert_allclose(logit(got[gate]), logit(without[gate]) + term, rtol=0, atol=1e-9)


def test_the_names_of_the_literature():
    assert catalogue("tree") == {"childsum-tree": TreeLSTM(), "nary-tree": TreeLSTM(children="ordered")}
    assert all("2015" in entries()[name].citation for name in catalogue("tree"))
    assert repr(find("nary-tree")) == "TreeLSTM(children='ordered')"


def test_the_child_sum_as_in_the_paper():
    assert [equation.unicode for equation in equations(find("childsum-tree").program())] == [
        "totalₜ = Σ_k(hₖ)",
        "iₜ = σ(W_i xₜ + U_i totalₜ + b_i)",
        "fₖₜ = σ(W_f xₜ + b_f + U_f hₖ)",
        "gₜ = tanh(W_g xₜ + U_g totalₜ + b_g)",
        "cₜ = Σ_k(fₖₜ ⊙ cₖ) + iₜ ⊙ gₜ",
        "oₜ = σ(W_o xₜ + U_o totalₜ + b_o)",
        "hₜ = oₜ ⊙ tanh(cₜ)",
    ]


def test_it_is_an_lstm_with_its_fields():
    cell = TreeLSTM(input_gate=False, output_activation="identity", forget_bias=1.0)
    assert isinstance(cell, LSTM)
    assert cell.gates == ("f", "g", "o")
    assert cell.initial_biases() == {"f": 1.0}
    assert TreeLSTM(children="ordered", arity=5).sizes(3, 4)["predecessor"] == 5


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"children": "both"}, "children is one of sum, ordered; got 'both'"),
        ({"arity": 0}, "arity is a whole number from 1; got 0"),
        ({"arity": True}, "arity is a whole number from 1; got True"),
        ({"coupled": True}, "TreeLSTM takes no coupled=True: one input gate cannot set a forget gate for each"),
        (
            {"gate_recurrence": "gates"},
            "TreeLSTM takes no gate_recurrence='gates': gates are handed on to no",
        ),
        ({"cells_per_block": 2}, "TreeLSTM takes no cells_per_block=2: blocks are of one cell"),
        ({"recurrent_bias": True}, "TreeLSTM takes no recurrent_bias=True: torch, whose second bias it is, has no"),
        ({"peepholes": 1}, "peepholes is True or False; got 1"),
    ],
)
def test_what_is_refused_says_why(fields, message):
    with pytest.raises(CellwrightError, match=f"^{re.escape(message)}"):
        TreeLSTM(**fields)
