"""The published networks have the published numbers of weights."""

from dataclasses import replace

import pytest

from cellwright.cells import LSTM, FullyRecurrent, find, network_weights
from cellwright.program import counts


def hidden_layer(cells_per_block, biases):
    """1997: gates are fed back to all units; 264 and the like follow only with the blocks and biases of each task."""
    return replace(find("lstm1997"), cells_per_block=cells_per_block, biases=biases)


# Hochreiter & Schmidhuber 1997: experiment, blocks, cells a block, inputs, outputs, biases of hidden units and of
# outputs, weights.
PUBLISHED = [
    ("1 Reber grammar", 4, 1, 7, 7, "gates", False, 264),
    ("1 Reber grammar", 3, 2, 7, 7, "gates", False, 276),
    ("2c long lags, 50 symbols", 2, 1, 54, 2, "none", False, 364),
    ("2c long lags, 1000 symbols", 2, 1, 1004, 2, "none", False, 6064),
    ("3 two sequences", 3, 1, 1, 1, "all", False, 102),
    ("4 adding, 5 multiplication", 2, 2, 2, 1, "all", True, 93),
    ("6a temporal order", 2, 2, 8, 4, "all", True, 156),
    ("6b temporal order, three symbols", 3, 2, 8, 8, "all", True, 308),
]


@pytest.mark.parametrize(
    ("blocks", "cells", "inputs", "outputs", "biases", "output_bias", "weights"),
    [row[1:] for row in PUBLISHED],
    ids=[f"{row[0]}: {row[-1]}" for row in PUBLISHED],
)
def test_the_networks_of_1997(blocks, cells, inputs, outputs, biases, output_bias, weights):
    cell = hidden_layer(cells, biases)
    assert network_weights(cell, inputs, blocks * cells, outputs, output_bias=output_bias) == weights


# The same, table 1: what the others had for the Reber grammar, 7 inputs and 7 outputs, no biases.
@pytest.mark.parametrize(("hidden", "weights"), [(3, 170), (12, 494)])
def test_the_fully_recurrent_networks_of_1989(hidden, weights):
    """Smith & Zipser: 7 of the units are the outputs."""
    cell = FullyRecurrent(bias=False)
    sizes = cell.sizes(7, hidden, 7)
    assert counts(cell.program()).parameters(sizes) == weights == (7 + hidden + 7) * (hidden + 7)


def test_the_elman_network_of_1989():
    """Cleeremans, Servan-Schreiber & McClelland: 15 hidden units."""
    assert network_weights(replace(find("elman"), bias=False), 7, 15, 7, output_bias=False) == 435


def test_the_continual_reber_network_of_2000():
    """Gers, Schmidhuber & Cummins: 4 blocks of 2, gates not fed back, biased gates and outputs, shortcuts: 424."""
    cell = LSTM(cells_per_block=2, biases="gates")
    assert network_weights(cell, 7, 8, 7, shortcuts=True) == 424


def test_the_timing_network_of_2002():
    """Gers, Schraudolph & Schmidhuber: one cell with peepholes, one input, one output, biases throughout: 17."""
    cell = LSTM(peepholes=True, input_activation="identity", output_activation="identity")
    assert network_weights(cell, 1, 1, 1) == 17


@pytest.mark.parametrize(("name", "units", "thousands"), [("gru-cho", 227, 168.9), ("peephole", 195, 169.1)])
def test_the_speech_models_of_2014(name, units, thousands):
    """Chung, Gulcehre, Cho & Bengio (arXiv:1412.3555, table 1): hidden layers that read 20 samples at a time."""
    cell = find(name)
    assert round(counts(cell.program()).parameters(cell.sizes(20, units)) / 1000, 1) == thousands


@pytest.mark.parametrize(("cells", "projected", "inputs", "outputs"), [(2048, 512, 40, 8000), (3, 2, 5, 7)])
def test_the_projected_networks_of_2014(cells, projected, inputs, outputs):
    """Sak, Senior & Beaufays (arXiv:1402.1128) give the size as a formula, without biases."""
    published = cells * projected * 4 + inputs * cells * 4 + projected * outputs + cells * projected + cells * 3
    cell = replace(find("lstmp"), biases="none")
    assert network_weights(cell, inputs, cells, outputs, output_bias=False, projection_size=projected) == published


def test_the_output_layer_reads_what_the_cell_puts_out():
    cell = LSTM(projection=True)
    sizes = cell.sizes(3, 6, 2)
    assert network_weights(cell, 3, 6, 5, projection_size=2) == counts(cell.program()).parameters(sizes) + 5 * (2 + 1)
