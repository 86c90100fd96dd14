"""sLSTM against its formula in NumPy, with and without the stabiliser."""

import numpy as np
import pytest

from cellwright.cells import SLSTM, find
from cellwright.errors import CellwrightError


def logistic(value):
    return 1 / (1 + np.exp(-value))


FORGET = {"sigmoid": logistic, "exp": np.exp}


def unstabilised(v, c, n):
    """Beck et al. 2024, equations 8 to 14."""
    i, f = np.exp(v.seen("i")), FORGET[v.cell.forget_gate](v.seen("f"))
    z, o = np.tanh(v.seen("z")), logistic(v.seen("o"))
    c, n = f * c + i * z, f * n + i
    return o * c / n, c, n


def stabilised(v):
    """Equations 15 to 17 beside them."""
    m = np.maximum(np.log(FORGET[v.cell.forget_gate](v.seen("f"))) + v.inputs["m"], v.seen("i"))
    h, c, n = unstabilised(v, v.inputs["c"] * np.exp(v.inputs["m"]), v.inputs["n"] * np.exp(v.inputs["m"]))
    return {"h": h, "c": c / np.exp(m), "n": n / np.exp(m), "m": m}


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("forget_gate", FORGET)
def test_it_computes_its_formula(bench, forget_gate, bias):
    values = bench.draw(SLSTM(forget_gate=forget_gate, bias=bias))
    assert any(name.startswith("bias") for name in values.stored) == bias
    expected, computed = stabilised(values), values.computed()
    for name, state in expected.items():
        bench.same(computed[name], state)


@pytest.mark.parametrize("forget_gate", FORGET)
def test_gates_beyond_the_largest_number_do_no_harm(bench, forget_gate):
    """exp(1000) is infinite, and the output is that of the largest gate: what has been stored, or what is new."""
    values = bench.draw(SLSTM(forget_gate=forget_gate))
    values.inputs |= {name: np.abs(values.inputs[name]) for name in ("c", "n")}
    values.parts["bias_ih.i"][:] = 1e3
    new = values.computed(["z", "o"])
    bench.same(new["h"], new["o"] * new["z"])
    values.inputs["m"][:] = 3e3
    values.parts["bias_ih.f"][:] = 1e2
    kept = values.computed(["o"])
    bench.same(kept["h"], kept["o"] * values.inputs["c"] / values.inputs["n"])
    assert all(np.isfinite(state).all() for state in kept.values())


def test_a_first_step_that_takes_hardly_anything_in_is_still_that_of_its_gates(bench):
    """From nothing kept, h = o * z whatever the input gate is: exp(-1000) alone is zero, and 0 / 0 nothing."""
    values = bench.draw(SLSTM())
    values.inputs |= {name: np.zeros_like(values.inputs[name]) for name in ("h", "c", "n", "m")}
    values.parts["bias_ih.i"][:] = -1e3
    first = values.computed(["z", "o"])
    bench.same(first["h"], first["o"] * first["z"])


def test_what_is_refused_says_why():
    assert find("slstm") == SLSTM()
    with pytest.raises(CellwrightError, match=r"^forget_gate is one of sigmoid, exp; got 'tanh'$"):
        SLSTM(forget_gate="tanh")
    with pytest.raises(CellwrightError, match=r"^bias is True or False; got 1$"):
        SLSTM(bias=1)
