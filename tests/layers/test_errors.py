"""What torch refuses is refused, in one line that names what was wrong and what was expected."""

from __future__ import annotations

import warnings
from typing import ClassVar

import pytest
import torch
from torch import nn

from cellwright import GRU, LSTM, Recurrent, cells
from cellwright.cells import Cell, affine, exp, tanh
from cellwright.errors import CellwrightError

BUILDS = [
    ({"input_size": 0}, "input_size is a whole number from 1, got 0"),
    ({"input_size": -1}, "input_size is a whole number from 1, got -1"),
    ({"hidden_size": 0}, "hidden_size is a whole number from 1, got 0"),
    ({"hidden_size": 2.5}, "hidden_size is a whole number from 1, got 2.5"),
    ({"hidden_size": "8"}, "hidden_size is a whole number from 1, got '8'"),
    ({"num_layers": 0}, "num_layers is a whole number from 1, got 0"),
    ({"num_layers": 1.5}, "num_layers is a whole number from 1, got 1.5"),
    ({"dropout": 1.5, "num_layers": 2}, "dropout is a probability between 0 and 1, got 1.5"),
    ({"dropout": -0.1, "num_layers": 2}, "dropout is a probability between 0 and 1, got -0.1"),
    ({"dropout": float("nan"), "num_layers": 2}, "dropout is a probability between 0 and 1, got nan"),
    ({"dropout": True, "num_layers": 2}, "dropout is a probability between 0 and 1, got True"),
    ({"dropout": "a", "num_layers": 2}, "dropout is a probability between 0 and 1, got 'a'"),
    ({"proj_size": 4}, r"proj_size is a whole number from 0 \(no projection\) to 3 \(hidden_size - 1\), got 4"),
    ({"proj_size": -1}, "proj_size is a whole number .* got -1"),
    ({"proj_size": 1.5}, "proj_size is a whole number .* got 1.5"),
    ({"batch_first": 1}, "batch_first is True or False, got 1"),
    ({"bias": 1}, "bias is True or False, got 1"),
    ({"bidirectional": "yes"}, "bidirectional is True or False, got 'yes'"),
]


@pytest.mark.parametrize(("options", "message"), BUILDS, ids=[str(options) for options, _ in BUILDS])
def test_what_makes_no_layer(options: dict, message: str) -> None:
    with pytest.raises(CellwrightError, match=f"^{message}$"):
        LSTM(**{"input_size": 3, "hidden_size": 4, **options})
    if options not in ({"bidirectional": "yes"}, {"dropout": float("nan"), "num_layers": 2}):  # torch lets these pass
        with pytest.raises((ValueError, TypeError)):
            nn.LSTM(**{"input_size": 3, "hidden_size": 4, **options})


def test_what_makes_no_gru() -> None:
    for options, message in BUILDS:
        if "proj_size" not in options:
            with pytest.raises(CellwrightError, match=f"^{message}$"):
                GRU(**{"input_size": 3, "hidden_size": 4, **options})


def test_an_option_that_does_nothing_warns_as_in_torch() -> None:
    for build in (LSTM, nn.LSTM, GRU, nn.GRU):
        with pytest.warns(UserWarning, match="dropout"):
            build(3, 4, dropout=0.5)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        LSTM(3, 4, 2, dropout=0.5)


CALLS = [
    ("features", torch.zeros(5, 2, 4), None, r"shape \(5, 2, 4\), expected \(time, batch, 3\) or \(time, 3\)"),
    ("one dimension", torch.zeros(3), None, r"shape \(3,\), expected"),
    ("four dimensions", torch.zeros(1, 1, 1, 3), None, r"shape \(1, 1, 1, 3\), expected"),
    ("no time", torch.zeros(0, 2, 3), None, "no time steps"),
    ("no time, one sequence", torch.zeros(0, 3), None, "no time steps"),
    ("double", torch.zeros(5, 2, 3).double(), None, "the input has the dtype torch.float64, but .* torch.float32"),
    ("whole numbers", torch.zeros(5, 2, 3).long(), None, "the input has the dtype torch.int64"),
    (
        "batch of the state",
        torch.zeros(5, 2, 3),
        ((2, 1, 4), (2, 2, 4)),
        r"initial h .* \(2, 1, 4\), expected \(2, 2, 4\)",
    ),
    (
        "size of the state",
        torch.zeros(5, 2, 3),
        ((2, 2, 4), (2, 2, 3)),
        r"initial c .* \(2, 2, 3\), expected \(2, 2, 4\)",
    ),
    ("layers", torch.zeros(5, 2, 3), ((1, 2, 4), (1, 2, 4)), r"initial h .* \(1, 2, 4\), expected \(2, 2, 4\)"),
    ("no batch", torch.zeros(5, 2, 3), ((2, 4), (2, 4)), r"initial h .* \(2, 4\), expected \(2, 2, 4\)"),
    ("a batch for one", torch.zeros(5, 3), ((2, 1, 4), (2, 1, 4)), r"initial h .* \(2, 1, 4\), expected \(2, 4\)"),
    ("three states", torch.zeros(5, 2, 3), ((2, 2, 4),) * 3, r"state of this cell is \(h, c\), got 3 tensor\(s\)"),
]


@pytest.mark.parametrize(("x", "shapes", "message"), [call[1:] for call in CALLS], ids=[call[0] for call in CALLS])
def test_what_makes_no_call(x: torch.Tensor, shapes: tuple | None, message: str) -> None:
    state = shapes and tuple(torch.zeros(shape) for shape in shapes)
    with pytest.raises(CellwrightError, match=message):
        LSTM(3, 4, bidirectional=True)(x, state)
    with pytest.raises((ValueError, RuntimeError)):
        nn.LSTM(3, 4, bidirectional=True)(x, state)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"state": torch.zeros(1, 2, 4)}, r"\(h, c\), got 1 tensor"),
        ({"state": 0}, r"\(h, c\), got int"),
        ({"state": (None, None)}, r"initial h is a tensor of the shape \(1, 2, 4\), got NoneType"),
        ({"state": (torch.zeros(1, 2, 4), torch.zeros(1, 2, 4).double())}, "the initial c has the dtype torch.float64"),
        ({"state": (torch.zeros(1, 2, 4),) * 2, "hx": (torch.zeros(1, 2, 4),) * 2}, "given twice"),
        ({"lengths": [1, 2, 3]}, r"one whole number a sequence: expected the shape \(2,\), got \(3,\)"),
        ({"lengths": [1.0, 2.0]}, r"got \(2,\) of torch.float32"),
        ({"lengths": torch.tensor([True, False])}, r"got \(2,\) of torch.bool"),
        ({"lengths": [1, 6]}, "between 0 and the 5 time steps of the input, got 1 to 6"),
        ({"lengths": [-1, 5]}, "between 0 and the 5 time steps of the input, got -1 to 5"),
        (
            {"resets": torch.zeros(5, 3)},
            r"resets is a tensor \(time, batch\) = \(5, 2\) of booleans, got the shape \(5, 3\)",
        ),
        ({"resets": [True] * 5}, "got list"),
        ({"record": ("i", "gate")}, "no signal 'gate' to record; it has: .*c, .*"),
        ({"elapsed": torch.zeros(5, 2)}, "reads the sequences x, got x, elapsed"),
    ],
    ids=str,
)
def test_what_makes_no_call_beyond_torch(options: dict, message: str) -> None:
    with pytest.raises(CellwrightError, match=message):
        LSTM(3, 4)(torch.zeros(5, 2, 3), **options)


def test_an_input_that_is_no_tensor() -> None:
    with pytest.raises(CellwrightError, match="a tensor or a PackedSequence, got list"):
        LSTM(3, 4)([[1.0, 2.0, 3.0]])


def test_batch_first_is_named_in_its_own_order() -> None:
    with pytest.raises(CellwrightError, match=r"expected \(batch, time, 3\)"):
        LSTM(3, 4, batch_first=True)(torch.zeros(2, 5, 4))


class Timed(Cell):
    sequences: ClassVar = {"x": ("feature",), "elapsed": ()}

    def step(self, x, elapsed, h):
        return tanh(affine("h", x, h)) * exp(-elapsed)


def test_a_cell_that_reads_more_asks_for_it(workbench) -> None:
    cell = Timed()
    layer = workbench.layer(cell)
    inputs = workbench.inputs(cell, 4, 2)
    with pytest.raises(CellwrightError, match="reads the sequences x, elapsed, got x: pass them by name"):
        layer(inputs["input"])
    with pytest.raises(CellwrightError, match=r"sequence elapsed has the shape \(3, 2\).* expected 2 dimensions"):
        layer(inputs["input"], elapsed=inputs["elapsed"][:3])
    with pytest.raises(CellwrightError, match=r"sequence elapsed has the shape \(4, 2, 1\)"):
        layer(inputs["input"], elapsed=inputs["elapsed"].unsqueeze(-1))


def test_a_time_that_a_cell_does_not_read_is_not_said_to_be_given_with_one_that_is_made_up() -> None:
    with pytest.raises(CellwrightError, match="reads the sequences x, time, got x, elapsed: pass them by name"):
        Recurrent("phased", 3, 4)(torch.zeros(5, 2, 3), elapsed=torch.zeros(5, 2))


def test_a_cell_of_an_unknown_topology_or_timing() -> None:
    class Graph(Timed):
        topology: ClassVar = "graph"

    class Gaps(Timed):
        timing: ClassVar = {"elapsed": "gap"}

    with pytest.raises(CellwrightError, match="'graph', expected one of sequence, tree, grid, maps"):
        Recurrent(Graph(), 3, 4)
    with pytest.raises(CellwrightError, match="timing says 'elapsed': 'gap', expected one of the sequences x, elapsed"):
        Recurrent(Gaps(), 3, 4)


def test_projections_go_with_cells_that_have_one() -> None:
    with pytest.raises(CellwrightError, match=r"proj_size=2, but LSTM\(peepholes=True\) has no projection"):
        Recurrent("peephole", 3, 4, proj_size=2)
    with pytest.raises(CellwrightError, match="projects its output: give the size of the projection, proj_size"):
        Recurrent(cells.LSTM(projection=True), 3, 4)


def test_cells_that_do_not_exist() -> None:
    with pytest.raises(CellwrightError, match="no cell is called 'lsmt'"):
        Recurrent("lsmt", 3, 4)
    with pytest.raises(CellwrightError, match=r"a cell or its name, got int"):
        Recurrent(3, 3, 4)


def test_a_cell_class_instead_of_an_instance_says_what_to_pass():
    from cellwright import cells

    with pytest.raises(CellwrightError, match=r"pass an instance, LSTM\(\)"):
        Recurrent(cells.LSTM, 3, 8)
