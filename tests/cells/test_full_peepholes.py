"""Wikipedia's peephole LSTM against its formula in NumPy."""

import numpy as np
import pytest

from cellwright.cells import LSTM, FullPeepholeLSTM, find
from cellwright.errors import CellwrightError


def logistic(value):
    return 1 / (1 + np.exp(-value))


def wikipedia(v, squashed):
    """ "Long short-term memory", section "Peephole LSTM"; g is what sigma_c makes of W_c x + b_c."""
    x, c, p = v.inputs["x"], v.inputs["c"], v.parts
    seen = {gate: x @ p[f"weight_ih.{gate}"].T + p[f"bias_ih.{gate}"] for gate in "ifgo"}
    i, f, o = (logistic(seen[gate] + c @ p[f"weight_c_h.{gate}"].T) for gate in "ifo")
    c = f * c + i * np.tanh(seen["g"])
    return {"h": o * squashed(c), "c": c}


@pytest.mark.parametrize("activation", ["tanh", "identity"])
def test_it_computes_its_formula(bench, activation):
    values = bench.draw(FullPeepholeLSTM(output_activation=activation))
    squashed = np.tanh if activation == "tanh" else np.asarray
    for name, expected in wikipedia(values, squashed).items():
        bench.same(values.computed()[name], expected)


def test_the_output_is_not_fed_back(bench):
    values = bench.draw(find("peephole-full"))
    before = values.computed()
    values.inputs["h"] += 1
    after = values.computed()
    assert all(np.array_equal(before[name], after[name]) for name in before)


def test_variants_of_an_lstm_are_its_variants(bench):
    values = bench.draw(FullPeepholeLSTM(coupled=True))
    assert {name for name in values.parts if name.startswith("weight_c_h")} == {"weight_c_h.i", "weight_c_h.o"}


@pytest.mark.parametrize(
    "fields", [{"peepholes": True}, {"projection": True}, {"gate_recurrence": "gates"}, {"recurrent_bias": True}]
)
def test_what_is_refused_says_why(fields):
    LSTM(**fields)
    with pytest.raises(CellwrightError, match=r"^FullPeepholeLSTM sees c through matrices of its own"):
        FullPeepholeLSTM(**fields)
