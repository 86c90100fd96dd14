"""Cells made of other cells: their programs are changed where they should be, and all else is the other cell's."""

from __future__ import annotations

import inspect

import pytest

from cellwright.cells import GRU, LSTM, Cell, PhasedLSTM
from cellwright.cells.regularised import Derived, ExpectedZoneout, Masked, has_recurrent_matrix
from cellwright.program import counts, equations, linear_groups, merge_sums

OF_THE_PROGRAM = {"step", "program", "gates", "projects", "state_sizes"}
"""What a cell answers from its program and its other methods."""


def test_everything_that_a_cell_can_be_asked_is_asked_of_the_other() -> None:
    asked = {name for name in vars(Cell) if not name.startswith("_")}
    assert asked - OF_THE_PROGRAM <= vars(Derived).keys()
    own = LSTM(peepholes=True, projection=True, forget_bias=1.0)
    made = Masked(cell=own)
    for name in asked - OF_THE_PROGRAM - {"in_evaluation"}:
        answers = [getattr(each, name) for each in (made, own)]
        if inspect.ismethod(answers[0]):
            answers = [answer(3, 4, 2) if name == "sizes" else answer() for answer in answers]
        assert answers[0] == answers[1], name
    assert made.gates == own.gates
    assert made.projects
    tight = PhasedLSTM(leak_in_evaluation=False)
    assert Masked(cell=tight).in_evaluation() == Masked(cell=tight.in_evaluation()) != Masked(cell=tight)


def test_the_equations_of_an_expectation() -> None:
    made = ExpectedZoneout(cell=GRU(), zoneout=(("h", 0.25),))
    assert equations(made.program())[-1].unicode == "hₜ = 0.25 hₜ₋₁ + 0.75 ((1 − zₜ) ⊙ nₜ + zₜ ⊙ hₜ₋₁)"
    sizes = {"feature": 3, "unit": 4}
    own, more = counts(GRU().program()).at(sizes), counts(made.program()).at(sizes)
    assert more == {**own, "additions": own["additions"] + 4, "addends": own["addends"] + 8, "scalings": 8}


def test_masks_leave_products_and_their_groups_as_they_are() -> None:
    """So that what stands in the place of a group, a chip, finds it by its name."""
    for own in (LSTM(peepholes=True), GRU(), GRU(reset="before")):
        made = Masked(cell=own, zoneout=own.states, recurrent_dropout=True)
        names = [[group.name for group in linear_groups(merge_sums(cell.program()))] for cell in (own, made)]
        assert names[0] == names[1]
        assert made.program().parameters == own.program().parameters


@pytest.mark.parametrize("cell", [LSTM(), LSTM(projection=True), LSTM(cells_per_block=2), GRU(reset="before")], ids=str)
def test_masks_have_the_axes_of_what_they_act_on(cell: Cell) -> None:
    axes = cell.state_axes()
    made = Masked(cell=cell, zoneout=tuple(axes), recurrent_dropout=True)
    assert has_recurrent_matrix(cell)
    assert made.masks() == {"recurrent mask": axes["h"], **{f"zoneout draw {name}": axes[name] for name in axes}}
    assert [value.name for value in made.program().inputs_with_role("sequence")] == ["x", *made.masks()]
