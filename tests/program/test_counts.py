"""What a step costs is what the sources say that it costs."""

from math import prod

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cellwright.cells import LSTM, Cell, affine, find, log, maximum_over, mean, sigmoid, sum_over, weight
from cellwright.program import counts, families, merge_sums

WHOLE = st.integers(1, 9)


def test_the_survey(sizes):
    """Off the crossbar of Li et al.: 3M sigmoid, 2M tanh, 3M products and "2M additions".

    An LSTM has M additions off the crossbar, those of c = f * c + i * g, with 2M addends; that is how we read the
    figure. W x + U h + b adds up on the bit lines and is no addition of its own.
    """
    tally = counts(find("lstm").program())
    figures = {kind: tally.polynomial(kind) for kind in tally.tallies}
    assert figures == {
        "weights": "4MN + 4M²",
        "biases": "4M",
        "sigmoid": "3M",
        "tanh": "2M",
        "products": "3M",
        "additions": "M",
        "addends": "2M",
    }
    # The survey's array of M + N + 1 rows and 4M columns, before each weight becomes a pair.
    assert tally.parameters(sizes) == (sizes["unit"] + sizes["feature"] + 1) * 4 * sizes["unit"]


def weights_of_family(cell, sizes, *names):
    stored = families(cell.program(), sizes)
    return sum(rows * columns for rows, columns in (stored[name].shape for name in names))


@given(blocks=WHOLE, inputs=WHOLE)
def test_the_tutorials_complexity_for_blocks_of_one_cell(blocks, inputs):
    """Section 9.4, eq. 47: B (C (BC + BC + BC) + BC) recurrent weights; eq. 48: In B S weights from the inputs.

    S is not defined there. A block of one cell has four units that read, its cell and three gates: S = 4.
    """
    cell, sizes = LSTM(biases="none"), {"feature": inputs, "unit": blocks}
    recurrent = blocks * (1 * (blocks + blocks + blocks) + blocks)
    assert weights_of_family(cell, sizes, "weight_hh") == recurrent
    assert weights_of_family(cell, sizes, "weight_ih") == inputs * blocks * 4
    assert counts(cell.program()).at(sizes)["weights"] == recurrent + inputs * blocks * 4


@given(blocks=WHOLE, cells=st.integers(2, 9), inputs=WHOLE)
def test_the_tutorials_complexity_for_blocks_of_several_cells(blocks, cells, inputs):
    """Eq. 47 gives every cell an input and a forget gate of its own, though the cells of a block share their gates.

    A block has C cells and three gates, each with BC recurrent weights: B (C BC + 3 BC). The printed equation is too
    large by B (C - 1) 2 BC. In eq. 48, S = C + 3.
    """
    cell = LSTM(cells_per_block=cells, biases="none")
    sizes = cell.sizes(inputs, blocks * cells)
    all_cells = blocks * cells
    printed = blocks * (cells * (all_cells + all_cells + all_cells) + all_cells)
    recurrent = weights_of_family(cell, sizes, "weight_hh")
    assert recurrent == blocks * (cells * all_cells + 3 * all_cells)
    assert printed - recurrent == blocks * (cells - 1) * 2 * all_cells
    assert weights_of_family(cell, sizes, "weight_ih") == inputs * blocks * (cells + 3)


def test_merging_costs_nothing(any_cell):
    assert counts(merge_sums(any_cell.program())).tallies == counts(any_cell.program()).tallies


def test_counts_are_the_parameters_that_are_stored(any_cell, sizes):
    stored = sum(prod(family.shape) for family in families(any_cell.program(), sizes).values())
    assert counts(any_cell.program()).parameters(sizes) == stored


@pytest.mark.parametrize(
    ("name", "kind", "polynomial"),
    [
        ("peephole", "elementwise weights", "3M"),
        ("peephole", "products", "6M"),
        ("fgr", "weights", "4MN + 13M²"),
        ("lstm1997", "weights", "3MN + 9M²"),
        ("lstm1997", "sigmoid", "4M"),
        ("lstm1997", "tanh", "0"),
        ("lstm1997", "scalings", "2M"),
        ("lstm1997", "offsets", "2M"),
        ("cifg", "offsets", "M"),
        ("cifg", "weights", "3MN + 3M²"),
        ("niaf", "tanh", "M"),
        ("gru", "weights", "3MN + 3M²"),
        ("gru", "biases", "6M"),
        ("gru-cho", "biases", "3M"),
        ("gru", "products", "3M"),
        ("lnlstm", "elementwise weights", "22M"),
        ("lnlstm", "sqrt", "3"),
        ("lstmp", "weights", "4MN + 5MP"),
    ],
)
def test_variants(name, kind, polynomial):
    assert counts(find(name).program()).polynomial(kind) == polynomial


class Ensemble(Cell):
    """An axis of its own, reductions over it, numbers beside signals."""

    def step(self, x, h):
        k = sigmoid(affine("k", x, h, out=("member", "unit")))
        peak = maximum_over(k, "member") * sum_over(k, "member") / 2
        return peak / log(mean(k, "member")) * weight("gain") - 3 * h + 1 / h


def test_axes_of_a_cells_own_reductions_and_numbers_beside_signals():
    tally = counts(Ensemble().program())
    assert {kind: tally.polynomial(kind) for kind in tally.tallies} == {
        "weights": "M·member·N + M²·member",
        "biases": "M·member",
        "elementwise weights": "M",
        "sigmoid": "M·member",
        "comparisons": "M·member − M",
        "additions": "2·M·member",  # twice n - 1 in the reductions, and two more between units
        "addends": "2·M·member + 4M",
        "products": "2M",
        "scalings": "3M",
        "log": "M",
        "divisions": "2M",
    }
    assert tally.at({"unit": 10, "member": 3, "feature": 2})["comparisons"] == 20


def test_the_text_lists_every_kind():
    assert str(counts(find("lstm").program())) == (
        "4MN + 4M² weights, 4M biases, 3M sigmoid, 2M tanh, 3M products, M additions, 2M addends"
    )


@pytest.mark.parametrize(
    ("name", "weights", "additions"),
    # One for each child to what is seen of x, K - 1 to add up their c, one for i * g; of a sum also K - 1 for their h.
    [("childsum-tree", "4MN + 4M²", "3KM − M"), ("nary-tree", "4MN + 3M²K + K²M²", "2KM")],
)
def test_what_a_matrix_does_along_an_axis_is_added_off_the_bit_lines(name, weights, additions):
    tallied = counts(find(name).program())
    assert (tallied.polynomial("weights"), tallied.polynomial("additions")) == (weights, additions)
    merged = counts(merge_sums(find(name).program()))
    assert merged.polynomial("additions") == additions
