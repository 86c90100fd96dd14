"""Mismatch: keyed draws with Pelgrom's standard deviations."""

from __future__ import annotations

from math import sqrt

import numpy as np
import pytest

from cellwright.circuit import simulate
from cellwright.circuit.components import Instance, Mosfet, line
from cellwright.circuit.mismatch import Mismatch
from cellwright.circuit.technologies import find
from cellwright.errors import CellwrightError


def transistor(name: str, polarity: str = "n", width: float = 4e-6, length: float = 1e-6, copies: int = 1) -> Mosfet:
    return Mosfet(name, polarity, "d", "g", "s", width, length, copies)  # type: ignore[arg-type]


PAIR = (transistor("m1"), transistor("m2", "p", 20e-6, 2e-6, 2))


def test_the_parameters_are_those_of_the_block() -> None:
    drawn = Mismatch("generic180", 1).draw(0, "x1", PAIR)
    assert list(drawn) == ["vt_m1", "mu_m1", "vt_m2", "mu_m2"]
    assert all(isinstance(value, float) for value in drawn.values())
    assert "vt_m1=" in line(Instance("x1", "pair", ("a", "b"), drawn))


def test_a_draw_depends_on_its_key_alone() -> None:
    """Neither on the transistors beside it, nor on what was drawn before, nor on the batch."""
    mismatch = Mismatch("generic180", 5)
    alone = mismatch.draw(3, "x7", PAIR[1:])
    assert {name: value for name, value in mismatch.draw(3, "x7", PAIR).items() if name in alone} == alone
    assert Mismatch("generic180", 5).draw(3, "x7", PAIR[1:]) == alone
    many = mismatch.draw_many(range(9), [f"x{index}" for index in range(11)], (transistor("m0"), *PAIR))
    assert {name: many[name][3, 7] for name in alone} == alone
    others = (Mismatch("generic180", 6).draw(3, "x7", PAIR), mismatch.draw(4, "x7", PAIR), mismatch.draw(3, "x8", PAIR))
    for other in others:
        assert all(other[name] != value for name, value in alone.items())
    renamed = mismatch.draw(3, "x7", (transistor("m3", "p", 20e-6, 2e-6, 2),))
    assert renamed["vt_m3"] != alone["vt_m2"]


@pytest.mark.parametrize("name", ["generic180", "gf180", "sky130"])
def test_deviations_are_pelgroms(name: str) -> None:
    """Two neighbours differ by A over the root of the area; and all draws are independent of one another."""
    technology = find(name)
    chips = 4000
    drawn = Mismatch(technology, 11).draw_many(range(chips), ["left", "right"], PAIR)
    for each in PAIR:
        area = technology.matched_area(each.width, each.length) * each.copies
        vt, mu = drawn[f"vt_{each.name}"], drawn[f"mu_{each.name}"]
        margin = 4 / sqrt(2 * chips)  # four standard errors of a standard deviation
        difference = np.std(vt[:, 0] - vt[:, 1])
        assert difference == pytest.approx(technology.threshold_spread[each.polarity] / sqrt(area), rel=margin)
        difference = np.std(mu[:, 0] - mu[:, 1])
        assert difference == pytest.approx(technology.gain_spread[each.polarity] / sqrt(area), rel=margin)
        assert abs(vt.mean()) < 4 * vt.std() / sqrt(2 * chips)
        assert abs(mu.mean() - 1) < 4 * mu.std() / sqrt(2 * chips)
    columns = np.column_stack([value[:, place] for value in drawn.values() for place in (0, 1)])
    correlations = np.corrcoef(columns, rowvar=False) - np.eye(8)
    assert np.abs(correlations).max() < 4.5 / sqrt(chips)


def test_a_netlist_departs_by_its_draws(needs) -> None:
    """The offset of a differential pair is the difference of its thresholds, in weak inversion."""
    needs.program("ngspice", remedy="apt install ngspice")
    drawn = Mismatch("generic180", 2).draw(0, "x", (transistor("a"), transistor("b")))
    gates = {"a": 0.25, "b": 0.25, "c": 0.25, "d": 0.251}
    lines = [
        f"Vg{name} g{name} 0 {gate}\nV{name} d{name} 0 0.9\n"
        f"X{name} d{name} g{name} 0 0 nmos w=4u l=1u vt={drawn.get(f'vt_{name}', 0):.9g}"
        for name, gate in gates.items()
    ]
    done = simulate("\n".join(["* four", find("generic180").models(), *lines, ".op", ".end", ""]))
    a, b, c, d = (np.log(-done[f"i(v{name})"][0]) for name in gates)
    assert (a - b) / (d - c) * 1e-3 == pytest.approx(drawn["vt_b"] - drawn["vt_a"], rel=0.01)


def test_two_transistors_of_one_name_are_refused() -> None:
    with pytest.raises(CellwrightError, match="more than one transistor m1: rename one"):
        Mismatch("generic180", 1).draw(0, "x", (PAIR[0], PAIR[0]))
