"""Nonlinear crossbars, checked against a solution of all nodal equations by scipy."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import root

from cellwright.crossbar.nonlinear import solve_nonlinear
from cellwright.crossbar.wires import Wires, solve_network
from cellwright.errors import CellwrightError

MILLI = Wires(20.0, 30.0, 50.0, 40.0)
WIRES = [
    Wires(),
    replace(MILLI, drive="both", read="top"),
    replace(MILLI, drive="right", read="both"),
    Wires(0, 0, 0, 0),
    replace(MILLI, row_segment=0.0, sense=0.0, drive="both"),
]


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def conductances(*shape):
    return 1e-6 + 99e-6 * torch.rand(*shape, dtype=torch.float64, generator=generator())


def volts(*shape):
    return 2 * torch.rand(*shape, dtype=torch.float64, generator=generator(1)) - 1


def sinh(state, scale):
    return lambda v: (state * scale * torch.sinh(v / scale), state * torch.cosh(v / scale))


def ladder(count, end, segment, ends):
    """Conductances between the crossings of a bare wire, and to its terminal."""
    matrix = np.zeros((count, count))
    for j in range(count - 1):
        matrix[j : j + 2, j : j + 2] += np.array([[1, -1], [-1, 1]]) / segment
    terminal = np.zeros(count)
    for place in ends:
        terminal[place] += 1 / end
    return matrix + np.diag(terminal), terminal


def nodal_solution(law, drivers, wires, columns):
    """Kirchhoff's current law at every node of both layers, by scipy; sensed currents and device voltages."""
    rows = len(drivers)
    ends = {"left": [0], "right": [columns - 1], "both": [0, columns - 1]}[wires.drive]
    word, driver = ladder(columns, wires.driver, wires.row_segment, ends)
    ends = {"bottom": [rows - 1], "top": [0], "both": [0, rows - 1]}[wires.read]
    bit, sense = ladder(rows, wires.sense, wires.column_segment, ends)

    def devices(across):
        return (part.numpy() for part in law(torch.tensor(across)))

    def mismatch(nodes):
        upper, lower = nodes.reshape(2, rows, columns)
        through, slopes = devices(upper - lower)
        left = upper @ word - np.outer(drivers, driver) + through
        count = rows * columns
        jacobian = np.kron([[1, -1], [-1, 1]], np.diag(slopes.ravel()))
        jacobian[:count, :count] += np.kron(np.eye(rows), word)
        jacobian[count:, count:] += np.kron(bit, np.eye(columns))
        return np.concatenate([left.ravel(), (bit @ lower - through).ravel()]), jacobian

    start = np.concatenate([np.repeat(drivers, columns), np.zeros(rows * columns)])
    found = root(mismatch, start, jac=True, tol=1e-14)
    upper, lower = found.x.reshape(2, rows, columns)
    return sense @ lower, upper - lower


@pytest.mark.parametrize("scale", [0.1, 0.3, 1.0])
@pytest.mark.parametrize("shape", [(3, 4), (4, 3), (1, 3), (1, 1)])
@pytest.mark.parametrize("wires", WIRES[:3])
def test_currents_and_voltages_equal_the_nodal_solution(wires, shape, scale):
    law, drivers = sinh(conductances(*shape), scale), volts(2, shape[0])
    found = solve_nonlinear(law, drivers, wires, bit_lines=shape[1])
    assert found.residual.max() < 1e-9
    for vector in range(2):
        sensed, across = nodal_solution(law, drivers[vector].numpy(), wires, shape[1])
        largest = np.abs(sensed).max()
        np.testing.assert_allclose(found.currents[vector].numpy(), sensed, rtol=0, atol=1e-8 * largest)
        np.testing.assert_allclose(found.device_voltages[vector].numpy(), across, rtol=0, atol=1e-9)


@pytest.mark.parametrize("shape", [(5, 7), (7, 5)])
@pytest.mark.parametrize("wires", [*WIRES, None])
def test_linear_devices_are_the_linear_network(wires, shape):
    state, drivers = conductances(2, 1, *shape), volts(2, 3, shape[0])
    found = solve_nonlinear(lambda v: (state * v, state.expand_as(v)), drivers, wires, bit_lines=shape[1])
    network = solve_network(state[:, 0], wires)
    torch.testing.assert_close(found.currents, drivers @ network.effective, rtol=1e-10, atol=1e-18)
    expected = torch.einsum("cijr,cvr->cvij", network.device_voltages, drivers)
    torch.testing.assert_close(found.device_voltages, expected, rtol=1e-10, atol=1e-12)


def test_without_wires_every_device_sees_its_driver():
    state, drivers = conductances(4, 3), volts(5, 4)
    found = solve_nonlinear(sinh(state, 0.2), drivers, None, bit_lines=3)
    expected = (state * 0.2 * torch.sinh(drivers[..., None] / 0.2)).sum(-2)
    torch.testing.assert_close(found.currents, expected)
    assert found.residual.shape == (5,)


@settings(max_examples=40)
@given(
    st.floats(0.1, 1.0),
    st.tuples(*[st.one_of(st.just(0.0), st.floats(1e-3, 50))] * 4),
    st.sampled_from(["left", "right", "both"]),
    st.sampled_from(["bottom", "top", "both"]),
    st.tuples(st.integers(1, 7), st.integers(1, 7)),
)
def test_the_currents_bring_about_the_voltages(scale, resistances, drive, read, shape):
    """Resistors that carry the same currents at the same voltages are a linear network with the same solution."""
    wires, law = Wires(*resistances, drive, read), sinh(conductances(*shape), scale)
    drivers = volts(3, shape[0])
    found = solve_nonlinear(law, drivers, wires, bit_lines=shape[1])
    through = law(found.device_voltages)[0]
    chords = through / found.device_voltages
    for vector in range(3):
        network = solve_network(chords[vector], wires)
        current = drivers[vector] @ network.effective
        assert (current - found.currents[vector]).abs().max() < 1e-9 * through[vector].abs().max()
        across = network.device_voltages @ drivers[vector]
        assert (across - found.device_voltages[vector]).abs().max() < 1e-9


def test_shapes_follow_the_drivers():
    state, drivers = conductances(4, 1, 5, 6), volts(4, 3, 5)
    together = solve_nonlinear(sinh(state, 0.2), drivers, MILLI, bit_lines=6)
    assert (together.currents.shape, together.device_voltages.shape) == ((4, 3, 6), (4, 3, 5, 6))
    alone = solve_nonlinear(sinh(state[2, 0], 0.2), drivers[2, 1], MILLI, bit_lines=6)
    assert (alone.currents.shape, alone.device_voltages.shape, alone.residual.shape) == ((6,), (5, 6), ())
    torch.testing.assert_close(together.currents[2, 1], alone.currents, rtol=1e-8, atol=1e-15)


def test_no_input_is_no_current():
    found = solve_nonlinear(sinh(conductances(3, 4), 0.2), torch.zeros(2, 3, dtype=torch.float64), MILLI, bit_lines=4)
    assert not found.currents.any()
    assert not found.residual.any()


def test_steep_devices_take_their_own_factorisations():
    """Vectors from 1 mV to 2 V at 50 mV a factor e: no shared slope fits, full steps would overshoot."""
    drivers = torch.logspace(-3, 0.3, 6, dtype=torch.float64)[:, None] * volts(6, 4)
    law = sinh(conductances(4, 5), 0.05)
    found = solve_nonlinear(law, drivers, MILLI, bit_lines=5)
    assert found.residual.max() < 1e-9
    for vector in range(6):
        alone = solve_nonlinear(law, drivers[vector], MILLI, bit_lines=5)
        torch.testing.assert_close(found.currents[vector], alone.currents, rtol=1e-7, atol=1e-18)


def test_a_saturating_current_settles():
    """A device that carries at most 20 uA, with slopes down to 0."""
    state = conductances(6, 4)
    law = lambda v: (2e-5 * torch.tanh(state * v / 2e-5), state / torch.cosh(state * v / 2e-5) ** 2)  # noqa: E731
    found = solve_nonlinear(law, 3 * volts(2, 6), MILLI, bit_lines=4)
    assert found.residual.max() < 1e-9


def test_what_does_not_settle_is_an_error():
    state, drivers = conductances(4, 5), volts(2, 4)
    with pytest.raises(CellwrightError, match=r"residual is .* after 3 iterations"):
        solve_nonlinear(sinh(state, 0.1), drivers, MILLI, bit_lines=5, iterations=3)
    with pytest.raises(CellwrightError, match="did not settle"):  # a negative resistance that wins over the wires
        solve_nonlinear(lambda v: (-10 * v, torch.full_like(v, -10)), drivers, Wires(1, 1, 1, 1), bit_lines=5)


@pytest.mark.parametrize("drivers", [torch.tensor([1.0, float("nan")]), torch.tensor([1, 2]), torch.tensor(1.0)])
def test_senseless_voltages_are_refused(drivers):
    with pytest.raises(CellwrightError, match="finite real numbers"):
        solve_nonlinear(lambda v: (v, v), drivers, MILLI, bit_lines=2)


@pytest.mark.parametrize("wrong", [float("nan"), float("inf")])
def test_senseless_currents_are_refused(wrong):
    with pytest.raises(CellwrightError, match="finite at 0 V"):
        solve_nonlinear(lambda v: (v + wrong, torch.ones_like(v)), volts(2, 3), MILLI, bit_lines=4)


def test_devices_must_answer_in_the_shape_of_their_volts():
    with pytest.raises(CellwrightError, match=r"of the shape of its volts, \(2, 3, 4\)"):
        solve_nonlinear(lambda v: (v[..., :1], v[..., :1]), volts(2, 3), MILLI, bit_lines=4)
