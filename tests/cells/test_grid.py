"""Blocks of a Grid LSTM against the paper's equations by hand: priority, tied weights, dimensions without a cell."""

from __future__ import annotations

import numpy as np
import pytest

from cellwright.cells import LSTM, GridLSTM, LayerNormLSTM, MultidimensionalLSTM
from cellwright.errors import CellwrightError


def logistic(value):
    return 1 / (1 + np.exp(-value))


def product(v, gate, hidden):
    """W H, with the bias where there is one."""
    terms = [h @ v.parts[f"weight_h{k + 1}.{gate}"].T for k, h in enumerate(hidden)]
    return sum(terms) + v.parts.get(f"bias_h1.{gate}", 0.0)


def transform(v, dimension, hidden, peepholes=False, standard=False):
    """Equation 1 of Kalchbrenner et al. for one dimension, from H and its memory."""
    m = v.inputs[f"m{dimension}"]

    def gate(letter, c):
        seen = v.parts[f"weight_peephole.{letter}{dimension}"] * c if peepholes else 0.0
        return logistic(product(v, f"{letter}{dimension}", hidden) + seen)

    new = gate("f", m) * m + gate("i", m) * np.tanh(product(v, f"g{dimension}", hidden))
    o = gate("o", new)
    return o * np.tanh(new) if standard else np.tanh(o * new), new


def hidden(v, count, **new):
    return [new.get(f"h{d}", v.inputs[f"h{d}"]) for d in range(1, count + 1)]


def plain(v):
    (h1, m1), (h2, m2) = (transform(v, d, hidden(v, 2)) for d in (1, 2))
    return {"h1": h1, "h2": h2, "m1": m1, "m2": m2}


def second_first(v):
    """Dimension 1 has priority: the other is computed first, and its new h seen."""
    h2, m2 = transform(v, 2, hidden(v, 2))
    h1, m1 = transform(v, 1, hidden(v, 2, h2=h2))
    return {"h1": h1, "h2": h2, "m1": m1, "m2": m2}


def one_after_the_other(v):
    h3, m3 = transform(v, 3, hidden(v, 3), standard=True)
    h2, m2 = transform(v, 2, hidden(v, 3, h3=h3), standard=True)
    h1, m1 = transform(v, 1, hidden(v, 3, h3=h3, h2=h2), standard=True)
    return {"h1": h1, "h2": h2, "h3": h3, "m1": m1, "m2": m2, "m3": m3}


def with_peepholes(v):
    h, m = transform(v, 1, hidden(v, 1), peepholes=True)
    return {"h1": h, "m1": m}


def no_cell_in_depth(v):
    """Depth is a plain layer that reads the new h of time."""
    h1, m1 = transform(v, 1, hidden(v, 2))
    return {"h1": h1, "h2": np.tanh(product(v, "v2", hidden(v, 2, h1=h1))), "m1": m1}


def passed_on(v):
    h1, m1 = transform(v, 1, hidden(v, 2), standard=True)
    return {"h1": h1, "h2": h1, "m1": m1}


BLOCKS = {
    "as published": (GridLSTM(), plain),
    "priority": (GridLSTM(priority=(1,)), second_first),
    "priorities": (GridLSTM(dimensions=3, priority=(2, 1), output="o*tanh(m)"), one_after_the_other),
    "peepholes": (GridLSTM(dimensions=1, transform=LSTM(peepholes=True)), with_peepholes),
    "no cell": (GridLSTM(without_cell=(2,), connection="tanh", priority=(2,)), no_cell_in_depth),
    "pass": (GridLSTM(without_cell=(2,), connection="pass", output="o*tanh(m)"), passed_on),
}


@pytest.mark.parametrize("name", BLOCKS)
def test_a_block_computes_its_formula(name, bench):
    cell, formula = BLOCKS[name]
    values = bench.draw(cell)
    got, expected = values.computed(), formula(values)
    assert got.keys() == expected.keys() == cell.state_axes().keys()
    for state, array in expected.items():
        bench.same(got[state], array)


@pytest.mark.parametrize(("count", "priority"), [(1, ()), (2, ()), (2, (2,)), (3, (3, 1))])
def test_tied_weights_are_the_same_weights_in_every_dimension(count, priority, bench):
    tied = bench.draw(GridLSTM(dimensions=count, priority=priority, tied=True))
    apart = bench.draw(GridLSTM(dimensions=count, priority=priority))
    for part, view in apart.parts.items():
        view[...] = tied.parts[part[:-1]]
    assert sum(array.size for array in apart.stored.values()) == count * sum(a.size for a in tied.stored.values())
    apart.inputs.update(tied.inputs)
    for state, array in apart.computed().items():
        bench.same(tied.computed()[state], array)


def test_tied_gates_are_one_product():
    """Without priority all dimensions see the same H through the same weights."""
    for tied, products in ((True, 4 * 2), (False, 2 * 4 * 2)):
        program = GridLSTM(tied=tied).program()
        assert sum(value.operator == "linear" for value in program.values) == products


def test_signals_are_named_after_their_dimension():
    program = GridLSTM(without_cell=(3,), dimensions=3).program()
    assert {f"{letter}{d}" for letter in "ifgohm" for d in (1, 2)} | {"h3"} == program.named.keys()


def test_biases_start_where_the_transform_says():
    assert GridLSTM(transform=LSTM(forget_bias=1.0)).initial_biases() == {"f1": 1.0, "f2": 1.0}
    assert GridLSTM(transform=LSTM(forget_bias=1.0), tied=True).initial_biases() == {"f": 1.0}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dimensions": 0}, "dimensions is a whole number from 1; got 0"),
        ({"output": "tanh"}, r"output is one of tanh\(o\*m\), o\*tanh\(m\); got 'tanh'"),
        ({"tied": 1}, "tied is True or False; got 1"),
        ({"priority": (3,)}, r"priority is a tuple of different dimensions from 1 to 2; got \(3,\)"),
        ({"priority": (1, 1)}, "different dimensions"),
        ({"without_cell": [2]}, r"without_cell is a tuple of different dimensions from 1 to 2; got \[2\]"),
        ({"without_cell": (1, 2)}, "names all 2 dimensions: leave one that has a cell"),
        ({"connection": "relu"}, "connection is one of tanh, identity"),
        ({"connection": "pass"}, "hands on the h of the one dimension that has a cell; here 2 have one"),
        ({"transform": LSTM(projection=True)}, "a transform takes no projection=True"),
        ({"transform": LayerNormLSTM()}, r"transform is an LSTM of one predecessor, LSTM\(...\); got LayerNormLSTM"),
        ({"transform": MultidimensionalLSTM()}, "transform is an LSTM of one predecessor"),
    ],
    ids=str,
)
def test_what_is_refused(options, message):
    with pytest.raises(CellwrightError, match=message) as caught:
        GridLSTM(**options)
    assert "\n" not in str(caught.value)
