"""The LSTM family: every variant against a formula in NumPy, every combination of fields allowed or refused."""

import dataclasses
import itertools
import math
import re

import numpy as np
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from cellwright.cells import LSTM, catalogue, entries, find
from cellwright.errors import CellwrightError

INPUT, HIDDEN, BATCH = 3, 6, 2  # as the bench draws them


def logistic(value):
    return 1 / (1 + np.exp(-value))


def peephole(v, gate, c):
    return v.parts[f"weight_peephole.{gate}"] * c


def plain(v, **_):
    c = logistic(v.seen("f")) * v.inputs["c"] + logistic(v.seen("i")) * np.tanh(v.seen("g"))
    return logistic(v.seen("o")) * np.tanh(c), c


def original(v):
    """1997: no forget gate, squashing to [-2, 2] and [-1, 1], gates i and o fed back to gates and candidate."""
    c = v.inputs["c"] + logistic(v.seen("i", "i", "o")) * (4 * logistic(v.seen("g", "i", "o")) - 2)
    o = logistic(v.seen("o", "i", "o"))
    return o * (2 * logistic(c) - 1), c, logistic(v.seen("i", "i", "o")), o


def greff(v, *, nig=False, nfg=False, nog=False, niaf=False, noaf=False, cifg=False, fgr=False):
    """Greff et al. 2017, section II (vanilla) and III.B (variants): i and f see the old c, o the new one."""
    fed_back = ("i", "f", "o") if fgr else ()
    before = v.inputs["c"]
    i = 1.0 if nig else logistic(v.seen("i", *fed_back) + peephole(v, "i", before))
    f = 1.0 if nfg else 1 - i if cifg else logistic(v.seen("f", *fed_back) + peephole(v, "f", before))
    g = v.seen("g") if niaf else np.tanh(v.seen("g"))
    c = g * i + before * f
    o = 1.0 if nog else logistic(v.seen("o", *fed_back) + peephole(v, "o", c))
    h = (c if noaf else np.tanh(c)) * o
    return (h, c, i, f, o) if fgr else (h, c)


def projected(v):
    """Sak et al. 2014: the output of an LSTM with peepholes, mapped to fewer units; these are fed back."""
    h, c = greff(v)
    return h @ v.parts["weight_hr.h"].T, c


FORMULAS = {"lstm": plain, "lstm1997": original, "peephole": greff, "lstmp": projected}
VARIANTS = ["nig", "nfg", "nog", "niaf", "noaf", "cifg", "fgr"]
FORMULAS |= {name: lambda v, name=name: greff(v, **{name: True}) for name in VARIANTS}


def test_the_names_of_the_literature():
    names = ["lstm", "lstm1997", "peephole", *VARIANTS, "lstmp"]
    assert [name for name, cell in catalogue("sequence").items() if type(cell) is LSTM] == names
    assert all(re.search(r"(19|20)\d\d", entries()[name].citation) for name in names)
    assert all(entries()[name].title for name in names)


@pytest.mark.parametrize("name", FORMULAS)
def test_variants_compute_their_formula(bench, name):
    values = bench.draw(find(name))
    for (state, got), expected in zip(values.computed().items(), FORMULAS[name](values), strict=True):
        assert state in values.cell.state_axes()
        bench.same(got, expected)


def test_variants_differ_from_one_another():
    cells = catalogue()
    texts = {name: str(cells[name].program()) for name in FORMULAS}
    assert len(set(texts.values())) == len(texts)


def test_squashing_of_1997(bench):
    record = bench.draw(find("lstm1997"), scale=30.0).computed(["g"])
    assert record["g"].min() >= -2
    assert record["g"].max() <= 2
    assert np.abs(record["g"]).max() > 1.99
    assert np.abs(record["h"]).max() <= 1
    assert np.abs(record["h"]).max() > 0.99


def generic(cell, v, parts):
    """Any combination of fields, with blocks as a dimension of their own."""
    blocks = HIDDEN // cell.cells_per_block
    in_blocks = (BATCH, blocks, cell.cells_per_block)
    flat = {name: array.reshape(BATCH, -1) for name, array in v.items()}
    gates = [k for k in "ifo" if f"weight_ih.{k}" in parts]
    fed_back = gates if cell.gate_recurrence != "none" else []

    def seen(unit):
        read = [("weight_ih", flat["x"]), ("weight_hh", flat["h"])]
        if unit != "g" or cell.gate_recurrence == "units":
            read += [(f"weight_{k}_h", flat[k]) for k in fed_back]
        total = sum(array @ parts[f"{family}.{unit}"].reshape(-1, array.shape[1]).T for family, array in read)
        return total + sum(parts[b].reshape(-1) for b in (f"bias_ih.{unit}", f"bias_hh.{unit}") if b in parts)

    def gate(name, c):
        peep = (c.reshape(BATCH, -1) * parts[f"weight_peephole.{name}"].reshape(-1)).reshape(in_blocks).sum(-1)
        return logistic(seen(name) + peep) if cell.peepholes else logistic(seen(name))

    def without_peepholes(name, c):
        return logistic(seen(name))

    activations = {
        "tanh": np.tanh,
        "identity": lambda z: z,
        "sigmoid": logistic,
        "sigmoid[-2,2]": lambda z: 4 * logistic(z) - 2,
        "sigmoid[-1,1]": lambda z: 2 * logistic(z) - 1,
    }
    gate = gate if cell.peepholes else without_peepholes
    before = v["c"].reshape(in_blocks)
    ones = np.ones((BATCH, blocks))
    i = gate("i", before) if cell.input_gate else ones
    f = 1 - i if cell.coupled else gate("f", before) if cell.forget_gate else ones
    g = activations[cell.input_activation](seen("g")).reshape(in_blocks)
    c = f[..., None] * before + i[..., None] * g
    o = gate("o", c) if cell.output_gate else ones
    h = (o[..., None] * activations[cell.output_activation](c)).reshape(BATCH, -1)
    if cell.projection:
        h = h @ parts["weight_hr.h"].T
    new = {"h": h, "c": c.reshape(BATCH, -1), "i": i, "f": f, "o": o}
    return [new[name] for name in ("h", "c", *fed_back)]


ACTIVATION = st.sampled_from(["tanh", "identity", "sigmoid", "sigmoid[-2,2]", "sigmoid[-1,1]"])
RARELY = st.sampled_from([False, False, False, True])
START = st.sampled_from([None, None, None, None, None, 1.0])
FIELDS = st.fixed_dictionaries(
    {
        **dict.fromkeys(("forget_gate", "input_gate", "output_gate"), RARELY.map(lambda rare: not rare)),
        **dict.fromkeys(("coupled", "projection", "recurrent_bias"), RARELY),
        "peepholes": st.booleans(),
        "input_activation": ACTIVATION,
        "output_activation": ACTIVATION,
        "gate_recurrence": st.sampled_from(["none", "gates", "units"]),
        "cells_per_block": st.sampled_from([1, 2, 3]),
        "biases": st.sampled_from(["all", "gates", "none"]),
        **dict.fromkeys(("forget_bias", "input_bias", "output_bias"), START),
    }
)


def allowed(fields):
    """Which combinations make a cell: the rules of the docstring, said once more."""
    own = {
        "i": fields["input_gate"],
        "f": fields["forget_gate"] and not fields["coupled"],
        "o": fields["output_gate"],
    }
    started = {"i": fields["input_bias"], "f": fields["forget_bias"], "o": fields["output_bias"]}
    return not any(
        [
            fields["coupled"] and not (fields["forget_gate"] and fields["input_gate"]),
            (fields["peepholes"] or fields["gate_recurrence"] != "none") and not any(own.values()),
            fields["projection"] and (fields["cells_per_block"] > 1 or fields["gate_recurrence"] != "none"),
            fields["recurrent_bias"] and fields["biases"] != "all",
            any(started[k] is not None and (not own[k] or fields["biases"] == "none") for k in own),
        ]
    )


@settings(max_examples=400)
@given(FIELDS)
def test_every_combination_of_fields_computes_its_formula_or_is_refused(bench, fields):
    event("allowed" if allowed(fields) else "refused")
    if not allowed(fields):
        with pytest.raises(CellwrightError):
            LSTM(**fields)
        return
    cell = LSTM(**fields)
    values = bench.draw(cell)
    results = values.computed()
    assert [*results] == [*cell.state_axes()]
    for got, expected in zip(results.values(), generic(cell, values.inputs, values.parts), strict=True):
        bench.same(got.reshape(BATCH, -1), expected)
    gates = {name for name in "ifo" if f"bias_ih.{name}" in values.parts}
    assert cell.initial_biases().keys() <= gates


def test_most_small_combinations_are_cells():
    names = ["forget_gate", "input_gate", "output_gate", "coupled", "peepholes"]
    base = {field.name: field.default for field in dataclasses.fields(LSTM)}
    combinations = [
        base | dict(zip(names, chosen, strict=True)) for chosen in itertools.product([True, False], repeat=5)
    ]
    accepted = 0
    for fields in combinations:
        try:
            LSTM(**fields)
        except CellwrightError:
            assert not allowed(fields)
        else:
            assert allowed(fields)
            accepted += 1
    assert accepted == 19


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"input_activation": "relu"}, "input_activation is one of tanh, identity, .*; got 'relu'"),
        ({"output_activation": None}, "output_activation is one of .*; got None"),
        ({"gate_recurrence": True}, "gate_recurrence is one of none, gates, units; got True"),
        ({"biases": "some"}, "biases is one of all, gates, none; got 'some'"),
        ({"peepholes": "no"}, "peepholes is True or False; got 'no'"),
        ({"forget_gate": 1}, "forget_gate is True or False; got 1"),
        ({"forget_bias": "1"}, "forget_bias is a finite number or None; got '1'"),
        ({"input_bias": True}, "input_bias is a finite number or None; got True"),
        ({"forget_bias": math.inf}, "forget_bias is a finite number or None; got inf"),
        ({"output_bias": math.nan}, "output_bias is a finite number or None; got nan"),
        ({"cells_per_block": 0}, "cells_per_block is a whole number from 1; got 0"),
        ({"cells_per_block": 1.5}, "cells_per_block is a whole number from 1; got 1.5"),
        ({"cells_per_block": True}, "cells_per_block is a whole number from 1; got True"),
        ({"coupled": True, "input_gate": False}, "coupled ties the forget gate to the input gate"),
        ({"coupled": True, "forget_bias": 1.0}, "forget_bias starts the bias of the gate f, which this cell does not"),
        ({"output_gate": False, "output_bias": 1.0}, "output_bias starts the bias of the gate o"),
        ({"biases": "none", "input_bias": 0.0}, "input_bias starts the bias of the gate i"),
        ({"projection": True, "cells_per_block": 2}, "projection is defined for blocks of one cell"),
        ({"recurrent_bias": True, "biases": "gates"}, "it needs biases='all'"),
    ],
)
def test_what_is_refused_says_why(fields, message):
    with pytest.raises(CellwrightError, match=message) as caught:
        LSTM(**fields)
    assert "\n" not in str(caught.value)


def test_sizes_that_do_not_fit():
    with pytest.raises(CellwrightError, match="in blocks of 4: 6 does not divide evenly"):
        LSTM(cells_per_block=4).sizes(INPUT, HIDDEN)
    with pytest.raises(CellwrightError, match=r"LSTM\(projection=True\) takes a projection_size from 1; got 0"):
        LSTM(projection=True).sizes(INPUT, HIDDEN)
    with pytest.raises(CellwrightError, match=r"LSTM\(\) takes no projection_size: it has no projection; got 2"):
        LSTM().sizes(INPUT, HIDDEN, 2)


def test_initial_biases_by_gate():
    assert LSTM().initial_biases() == {}
    assert LSTM(forget_bias=1.0, output_bias=-2).initial_biases() == {"f": 1.0, "o": -2}


def test_gates_and_states():
    assert find("lstm").gates == ("i", "f", "g", "o")
    assert LSTM(projection=True).gates == ("i", "f", "g", "o")
    assert [name for name, cell in catalogue().items() if cell.projects and isinstance(cell, LSTM)] == ["lstmp"]
    assert find("cifg").gates == ("i", "g", "o")
    assert list(find("lstm1997").state_axes()) == ["h", "c", "i", "o"]
    assert list(find("fgr").state_axes()) == ["h", "c", "i", "f", "o"]
    cell = LSTM(projection=True)
    assert cell.state_sizes(cell.sizes(INPUT, HIDDEN, 2)) == {"h": 2, "c": HIDDEN}
    cell = LSTM(cells_per_block=3, gate_recurrence="gates")
    assert cell.state_sizes(cell.sizes(INPUT, HIDDEN)) == {"h": 6, "c": 6, "i": 2, "f": 2, "o": 2}


def test_a_cell_prints_what_makes_it_special():
    assert repr(find("lstm")) == "LSTM()"
    assert repr(LSTM(peepholes=True, forget_bias=1.0)) == "LSTM(peepholes=True, forget_bias=1.0)"
    assert eval(repr(find("lstm1997"))) == find("lstm1997")


def test_equal_fields_are_equal_cells_and_fields_cannot_be_changed():
    assert LSTM(peepholes=True) == find("peephole")
    assert LSTM(peepholes=True).program() is find("peephole").program()
    assert LSTM() != find("peephole")
    with pytest.raises(AttributeError):
        find("lstm").peepholes = True
