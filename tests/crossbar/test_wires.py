"""Wires, checked against a nodal matrix that is put together here, node by node."""

import numpy as np
import pytest
import scipy.sparse as sparse
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse.linalg import spsolve

from cellwright.crossbar.layout import LAYOUTS
from cellwright.crossbar.wires import Wires, effective_matrix, solve_network
from cellwright.errors import CellwrightError


class Nodal:
    """Kirchhoff's current law at every node: word-line nodes first, bit-line nodes after them."""

    def __init__(self, conductances, wires):
        self.n, self.m = conductances.shape
        self.wires = wires
        self._entries = [], [], []
        for i in range(self.n):
            for j in range(self.m):
                self._between(self.word(i, j), self.bit(i, j), conductances[i, j])
                if j + 1 < self.m:
                    self._between(self.word(i, j), self.word(i, j + 1), 1 / wires.row_segment)
                if i + 1 < self.n:
                    self._between(self.bit(i, j), self.bit(i + 1, j), 1 / wires.column_segment)
        for i in range(self.n):
            self._to_terminal(self.word(i, 0), 1 / wires.driver)
        for j in range(self.m):
            self._to_terminal(self.bit(self.n - 1, j), 1 / wires.sense)
        rows, columns, values = self._entries
        self.matrix = sparse.csc_matrix((values, (rows, columns)))

    def word(self, i, j):
        return i * self.m + j

    def bit(self, i, j):
        return self.n * self.m + i * self.m + j

    def _between(self, a, b, conductance):
        self._add((a, b, a, b), (a, b, b, a), (conductance, conductance, -conductance, -conductance))

    def _to_terminal(self, node, conductance):
        self._add((node,), (node,), (conductance,))

    def _add(self, rows, columns, values):
        for kept, more in zip(self._entries, (rows, columns, values), strict=True):
            kept.extend(more)

    def injected(self, drivers):
        vector = np.zeros(2 * self.n * self.m)
        for i, volts in enumerate(drivers):
            vector[self.word(i, 0)] = volts / self.wires.driver
        return vector

    def solve(self, drivers):
        """Word-line and bit-line voltages, each (n, m)."""
        voltages = spsolve(self.matrix, self.injected(drivers))
        return voltages[: self.n * self.m].reshape(self.n, self.m), voltages[self.n * self.m :].reshape(self.n, self.m)


def crossbar(rows, columns, seed=0, low=188.6e-6, high=276.8e-6, dead=0.1):
    random = np.random.default_rng(seed)
    conductances = random.uniform(low, high, (rows, columns))
    conductances[random.random((rows, columns)) < dead] = 0.0
    conductances[0, 0] = high  # so that some current flows
    return conductances, random.normal(size=rows)


def largest(difference, scale):
    return np.abs(difference).max() / np.abs(scale).max()


RESISTANCES = st.floats(1e-3, 50)
WIRES = st.builds(Wires, RESISTANCES, RESISTANCES, RESISTANCES, RESISTANCES)
SHAPES = [(1, 1), (1, 6), (6, 1), (5, 9), (9, 5), (7, 7), (34, 60), (32, 1)]


@pytest.mark.parametrize(("rows", "columns"), SHAPES)
def test_currents_and_voltages_equal_the_nodal_solution(rows, columns):
    wires = Wires(1.3, 0.7, 2.0, 3.0)
    conductances, drivers = crossbar(rows, columns)
    word, bit = Nodal(conductances, wires).solve(drivers)
    network = solve_network(torch.tensor(conductances), wires)
    sensed, driven = bit[-1] / wires.sense, (drivers - word[:, 0]) / wires.driver
    assert largest(drivers @ network.effective.numpy() - sensed, sensed) < 1e-10
    assert largest(network.driver_admittance.numpy() @ drivers - driven, driven) < 1e-10
    assert largest(network.device_voltages.numpy() @ drivers - (word - bit), word - bit) < 1e-10
    torch.testing.assert_close(effective_matrix(torch.tensor(conductances), wires), network.effective)


@settings(max_examples=40)
@given(WIRES, st.integers(1, 8), st.integers(1, 8), st.integers(0, 1000))
def test_kirchhoffs_laws_hold(wires, rows, columns, seed):
    """Node voltages follow from the currents along the lines; the nodal matrix must map them to what is injected."""
    conductances, drivers = crossbar(rows, columns, seed)
    network = solve_network(torch.tensor(conductances), wires)
    across = network.device_voltages.numpy() @ drivers
    through = conductances * across
    driven = network.driver_admittance.numpy() @ drivers
    word = np.empty((rows, columns))
    word[:, 0] = drivers - wires.driver * driven
    for j in range(1, columns):
        word[:, j] = word[:, j - 1] - wires.row_segment * (driven - through[:, :j].sum(1))
    sensed = drivers @ network.effective.numpy()
    bit = np.empty((rows, columns))
    bit[-1] = wires.sense * sensed
    for i in range(rows - 2, -1, -1):
        bit[i] = bit[i + 1] + wires.column_segment * through[: i + 1].sum(0)
    nodal = Nodal(conductances, wires)
    voltages, injected = np.concatenate([word.ravel(), bit.ravel()]), nodal.injected(drivers)
    assert largest(nodal.matrix @ voltages - injected, injected) < 1e-9
    assert largest(word - bit - across, across) < 1e-9
    assert largest(through.sum(0) - sensed, driven) < 1e-9


@settings(max_examples=20)
@given(WIRES, st.integers(1, 6), st.integers(1, 6), st.integers(0, 1000))
def test_energy_is_conserved(wires, rows, columns, seed):
    """What the drivers deliver is what devices, wires, drivers and senses turn into heat (Tellegen)."""
    conductances, drivers = crossbar(rows, columns, seed)
    word, bit = Nodal(conductances, wires).solve(drivers)
    heat = (conductances * (word - bit) ** 2).sum()
    heat += (np.diff(word, axis=1) ** 2).sum() / wires.row_segment
    heat += (np.diff(bit, axis=0) ** 2).sum() / wires.column_segment
    heat += ((drivers - word[:, 0]) ** 2).sum() / wires.driver + (bit[-1] ** 2).sum() / wires.sense
    network = solve_network(torch.tensor(conductances), wires)
    delivered = drivers @ network.driver_admittance.numpy() @ drivers
    assert delivered == pytest.approx(heat, rel=1e-9, abs=1e-30)


@pytest.mark.parametrize(("rows", "columns"), SHAPES)
def test_no_resistance_is_the_ideal_array(rows, columns):
    conductances = torch.tensor(crossbar(rows, columns)[0])
    without, zero = solve_network(conductances, None), solve_network(conductances, Wires(0, 0, 0, 0))
    for field in ("effective", "device_voltages", "sensitivity", "driver_admittance"):
        torch.testing.assert_close(getattr(zero, field), getattr(without, field), rtol=1e-12, atol=1e-18)


@pytest.mark.parametrize("shape", [(4, 6), (6, 4)])
@pytest.mark.parametrize("missing", ["row_segment", "column_segment", "driver", "sense"])
def test_one_resistance_may_be_missing(shape, missing):
    conductances = torch.tensor(crossbar(*shape)[0])
    values = {"row_segment": 1.0, "column_segment": 2.0, "driver": 3.0, "sense": 4.0}
    zero = solve_network(conductances, Wires(**values | {missing: 0.0}))
    small = solve_network(conductances, Wires(**values | {missing: 1e-8}))
    torch.testing.assert_close(zero.effective, small.effective, rtol=1e-9, atol=0)
    torch.testing.assert_close(zero.device_voltages, small.device_voltages, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("shape", [(8, 12), (12, 8)])
def test_devices_near_driver_and_sense_keep_most(shape):
    """Alike devices: the corner between driver and sense keeps most of its conductance, the far corner least."""
    effective = effective_matrix(torch.full(shape, 250e-6, dtype=torch.float64), Wires())
    assert bool((effective.diff(dim=1) < 0).all())
    assert bool((effective.diff(dim=0) > 0).all())
    assert effective.argmax() == effective.numel() - shape[1]
    assert bool((effective < 250e-6).all())


@pytest.mark.parametrize("shape", [(5, 7), (7, 5)])
def test_sensitivity_is_the_derivative_of_the_own_current(shape):
    wires, step = Wires(1.3, 0.7, 2.0, 3.0), 1e-9
    conductances, drivers = (torch.tensor(part) for part in crossbar(*shape, dead=0))
    network = solve_network(conductances, wires)
    predicted = network.sensitivity * (network.device_voltages @ drivers)
    for i in range(shape[0]):
        for j in range(shape[1]):
            change = torch.zeros(shape, dtype=torch.float64)
            change[i, j] = step
            more, less = (effective_matrix(conductances + sign * change, wires) for sign in (1, -1))
            derivative = (drivers @ (more - less) / (2 * step))[j]
            assert predicted[i, j].item() == pytest.approx(derivative.item(), rel=1e-5, abs=1e-7)


def test_chips_are_solved_apart():
    conductances = torch.rand(3, 2, 6, 4, dtype=torch.float64) * 1e-4
    together = solve_network(conductances, Wires())
    alone = solve_network(conductances[2, 1], Wires())
    for field in ("effective", "device_voltages", "sensitivity", "driver_admittance"):
        torch.testing.assert_close(getattr(together, field)[2, 1], getattr(alone, field))


def test_interleaved_pairs_lose_least():
    """17 x 60 weights on 189 to 277 uS at 1 ohm: after a gain a column, interleaved pairs err several times less."""
    generator = torch.Generator().manual_seed(1)
    weights = (0.35 * torch.randn(17, 60, dtype=torch.float64, generator=generator)).clamp(-1, 1)
    inputs = 2 * torch.rand(200, 17, dtype=torch.float64, generator=generator) - 1
    middle, half = 232.7e-6, 44.1e-6
    errors = {}
    for name, layout in LAYOUTS.items():
        array = layout.place(middle + half * weights, middle - half * weights)
        wanted = inputs @ layout.signed(array)
        got = inputs @ layout.signed(effective_matrix(array, Wires(1, 1, 1, 1)))
        gain = (got * wanted).sum(0) / got.square().sum(0)
        errors[name] = ((gain * got - wanted).square().mean().sqrt() / wanted.std()).item()
    assert 0.3 < errors["rows stacked"] < 0.5
    assert errors["rows interleaved"] < errors["rows stacked"] / 4
    assert errors["columns interleaved"] < errors["columns stacked"] / 4


@pytest.mark.parametrize("value", [-1.0, float("nan"), float("inf")])
def test_senseless_resistances_are_refused(value):
    with pytest.raises(CellwrightError, match="sense"):
        Wires(sense=value)
