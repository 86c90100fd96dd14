"""A crossbar as a netlist: ngspice finds the currents that ``crossbar.wires`` finds."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import torch

from cellwright.circuit.components import GROUND, Memristor, Resistor, Source, line
from cellwright.circuit.crossbar import crossbar, read_netlist, sensed_currents
from cellwright.circuit.ngspice import simulate
from cellwright.crossbar.wires import Wires, effective_matrix
from cellwright.errors import CellwrightError

ENDS = list(product(("left", "right", "both"), ("bottom", "top", "both")))
RESISTIVE = (1.3, 0.7, 2.0, 3.0)
MERGED = ((1.3, 0.7, 0.0, 0.0), (0.0, 0.7, 2.0, 3.0), (1.3, 0.0, 2.0, 0.0), (0.0, 0.0, 0.0, 0.0))
"""Wires some of whose resistances are 0, so that nodes are one."""

REACH = 1e-6
"""Of each current."""


@pytest.fixture
def _ngspice(needs) -> None:
    needs.program("ngspice", remedy="apt install ngspice")


def drawn(rows: int, columns: int, dead: float = 0.1) -> tuple[np.ndarray, np.ndarray]:
    """Conductances, some of them 0, and the voltages of drivers."""
    random = np.random.default_rng(0)
    conductances = random.uniform(1e-6, 1e-4, (rows, columns))
    conductances[random.random((rows, columns)) < dead] = 0.0
    conductances[0] = 1e-4  # so that a current flows in every bit line
    return conductances, random.uniform(0.05, 0.2, rows) * random.choice((-1.0, 1.0), rows)


def agree(conductances: np.ndarray, wires: Wires | None, voltages: np.ndarray) -> None:
    wanted = voltages @ effective_matrix(torch.from_numpy(conductances), wires).numpy()
    np.testing.assert_allclose(sensed_currents(conductances, wires, voltages), wanted, rtol=REACH)


@pytest.mark.usefixtures("_ngspice")
@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (1, 5), (5, 1), (4, 7), (7, 4)])
def test_the_operating_point_is_the_effective_matrix(rows: int, columns: int) -> None:
    """Nine ways to drive and sense, each with resistances everywhere and with some of 0."""
    conductances, voltages = drawn(rows, columns)
    for number, (drive, read) in enumerate(ENDS):
        for wires in (RESISTIVE, MERGED[number % len(MERGED)]):
            agree(conductances, Wires(*wires, drive, read), voltages)
    agree(conductances, None, voltages)


@pytest.mark.usefixtures("_ngspice")
def test_an_array_of_64_by_64_agrees() -> None:
    conductances, voltages = drawn(64, 64)
    agree(conductances, Wires(1.0, 1.0, 1.0, 1.0), voltages)


def test_the_netlist_is_the_one_that_was_looked_at(golden) -> None:
    conductances = np.array([[1e-5, 2e-5], [0.0, 5e-5]])
    golden("crossbar.cir", read_netlist(conductances, Wires(drive="both", driver=0.0), np.array([0.1, -0.1])))


def test_klu_is_asked_for_where_there_is_one() -> None:
    assert [".options klu" in read_netlist(np.ones((2, 2)), None, np.ones(2), klu) for klu in (False, True)] == [0, 1]


@pytest.mark.usefixtures("_ngspice")
def test_two_crossbars_share_a_netlist_and_a_driver() -> None:
    """The second one hangs on the same rows and senses elsewhere; the answers are those of each by itself."""
    conductances, voltages = drawn(3, 2)
    other, wires = conductances[::-1].copy(), Wires()
    rows = ["a", "b", "c"]
    components = crossbar(conductances, wires, rows, ["p", "q"], "one")
    components += crossbar(other, wires, rows, ["r", "s"], "two")
    sources = [Source(row, "V", row, GROUND, repr(float(v)), "input") for row, v in zip(rows, voltages, strict=True)]
    sources += [Source(column, "V", column, GROUND, "0", "measurement") for column in "pqrs"]
    done = simulate("* two\n" + "\n".join(map(line, [*sources, *components])) + "\n.op\n.end\n")
    both = np.concatenate(
        [effective_matrix(torch.from_numpy(each), wires).numpy() for each in (conductances, other)], 1
    )
    np.testing.assert_allclose([done[f"i(v{column})"][0] for column in "pqrs"], voltages @ both, rtol=REACH)


def test_a_crossbar_is_what_one_counts() -> None:
    """n m devices but for those that are 0; n (m - 1) + m (n - 1) segments; a resistor for each end."""
    conductances = np.full((3, 4), 1e-5)
    conductances[1, 2] = 0.0
    components = crossbar(conductances, Wires(drive="both"), ["a", "b", "c"], ["p", "q", "r", "s"])
    kinds = [type(component) for component in components]
    assert kinds.count(Memristor) == 11
    assert kinds.count(Resistor) == 3 * 3 + 4 * 2 + 2 * 3 + 4
    assert len({line(component).split()[0] for component in components}) == len(components)
    (first,) = crossbar(torch.tensor([[2e-5]], requires_grad=True), None, ["a"], ["p"], "gate")
    assert first == Memristor("gate_g0_0", "a", "p", pytest.approx(2e-5))


@pytest.mark.parametrize(
    ("conductances", "rows", "says"),
    [
        (np.ones(3), ["a"], r"matrix \(word lines, bit lines\), got the shape \(3,\)"),
        (np.array([[-1.0]]), ["a"], "negative, NaN or infinite"),
        (np.array([[np.nan]]), ["a"], "negative, NaN or infinite"),
        (np.array([[1.0]]), ["a", "b"], "each of the 1 word lines has a node; got 2"),
    ],
)
def test_what_makes_no_sense_is_refused(conductances: np.ndarray, rows: list[str], says: str) -> None:
    with pytest.raises(CellwrightError, match=says):
        crossbar(conductances, Wires(), rows, ["p"])
