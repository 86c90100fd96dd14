"""How far tables and straight lines are from sigmoid and tanh."""

import math

import pytest
import torch

from cellwright.digital import Plan, Rounded, Table
from cellwright.errors import CellwrightError

SLOPE = {"sigmoid": 1 / 4, "tanh": 1.0}
CURVATURE = {"sigmoid": 1 / (6 * math.sqrt(3)), "tanh": 4 / (3 * math.sqrt(3))}


@pytest.mark.parametrize("name", ["sigmoid", "tanh"])
@pytest.mark.parametrize("entries", [64, 256, 1024])
def test_a_table_is_as_far_off_as_half_an_interval_at_the_steepest_place(name, entries):
    table = Table(entries=entries, limit=16.0)
    bound = SLOPE[name] * table.width / 2
    assert 0.9 * bound < table.maximum_error(name) <= bound


@pytest.mark.parametrize("name", ["sigmoid", "tanh"])
@pytest.mark.parametrize("entries", [64, 256, 1024])
def test_straight_lines_are_off_by_the_curvature(name, entries):
    table = Table(entries=entries, limit=16.0, interpolate=True)
    bound = CURVATURE[name] * table.width**2 / 8
    assert 0.7 * bound < table.maximum_error(name) <= bound + 2e-7  # what the sigmoid lacks to 1 at the limit


@pytest.mark.parametrize("interpolate", [False, True])
def test_a_table_ends_where_its_entries_do(interpolate):
    look_up = Table(entries=64, limit=4.0, interpolate=interpolate).function("sigmoid")
    x = torch.tensor([-100.0, -4.0, 4.0, 100.0], dtype=torch.float64)
    assert look_up(x)[0] == look_up(x)[1]
    assert look_up(x)[2] == look_up(x)[3]


def test_plan_has_its_published_lines():
    """Amin, Curtis & Hayes-Gill 1997: the values at the ends of the segments, and the largest error of 1.89 %."""
    x = torch.tensor([0.0, 0.5, 1.0, 2.0, 2.375, 4.0, 5.0, 9.0, -0.5, -4.0], dtype=torch.float64)
    lines = [0.5, 0.625, 0.75, 0.875, 0.91796875, 0.96875, 1.0, 1.0, 0.375, 0.03125]
    assert Plan().function("sigmoid")(x).tolist() == lines
    assert Plan().maximum_error("sigmoid") == pytest.approx(0.0189, abs=5e-5)
    assert Plan().maximum_error("tanh") == pytest.approx(2 * Plan().maximum_error("sigmoid"), rel=1e-3)


def test_the_function_itself_is_exact():
    assert Rounded().maximum_error("tanh") == 0.0


def test_only_sigmoid_and_tanh_are_approximated():
    for activation in (Plan(), Rounded(), Table()):
        with pytest.raises(CellwrightError, match="no activation is called 'tan'"):
            activation.function("tan")


def test_a_table_needs_entries_and_a_limit():
    for options in ({"entries": 1}, {"limit": 0.0}, {"limit": math.inf}):
        with pytest.raises(CellwrightError, match="at least 2 entries and a positive limit"):
            Table(**options)
