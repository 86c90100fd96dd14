"""Wires, checked against a nodal matrix that is put together here, node by node."""

from dataclasses import replace
from itertools import product

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
        self.driven_at = {"left": [0], "right": [self.m - 1], "both": [0, self.m - 1]}[wires.drive]
        self.sensed_at = {"bottom": [self.n - 1], "top": [0], "both": [0, self.n - 1]}[wires.read]
        for i in range(self.n):
            for end in self.driven_at:
                self._to_terminal(self.word(i, end), 1 / wires.driver)
        for j in range(self.m):
            for end in self.sensed_at:
                self._to_terminal(self.bit(end, j), 1 / wires.sense)
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
            for end in self.driven_at:
                vector[self.word(i, end)] += volts / self.wires.driver
        return vector

    def driven(self, drivers, word):
        """Current out of each driver, both ends of a word line together."""
        return sum((drivers - word[:, end]) / self.wires.driver for end in self.driven_at)

    def sensed(self, bit):
        return sum(bit[end] / self.wires.sense for end in self.sensed_at)

    def solve(self, drivers):
        """Word-line and bit-line voltages, each (n, m)."""
        return self.split(spsolve(self.matrix, self.injected(drivers)))

    def split(self, voltages):
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
ENDS = [(drive, read) for drive in ("left", "right", "both") for read in ("bottom", "top", "both")]
ANY_ENDS = st.builds(lambda wires, ends: replace(wires, drive=ends[0], read=ends[1]), WIRES, st.sampled_from(ENDS))
FIELDS = ("effective", "device_voltages", "sensitivity", "driver_admittance")
SHAPES = [(1, 1), (1, 6), (6, 1), (5, 9), (9, 5), (7, 7), (34, 60), (32, 1)]


@pytest.mark.parametrize(("drive", "read"), ENDS)
@pytest.mark.parametrize(("rows", "columns"), SHAPES)
def test_currents_and_voltages_equal_the_nodal_solution(rows, columns, drive, read):
    wires = Wires(1.3, 0.7, 2.0, 3.0, drive, read)
    conductances, drivers = crossbar(rows, columns)
    nodal = Nodal(conductances, wires)
    word, bit = nodal.solve(drivers)
    network = solve_network(torch.tensor(conductances), wires)
    sensed, driven = nodal.sensed(bit), nodal.driven(drivers, word)
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


@settings(max_examples=60)
@given(ANY_ENDS, st.integers(1, 8), st.integers(1, 8), st.integers(0, 1000))
def test_kirchhoffs_laws_hold_at_any_ends(wires, rows, columns, seed):
    """The devices' currents, fed into bare wires, must bring about the devices' voltages."""
    conductances, drivers = crossbar(rows, columns, seed)
    network = solve_network(torch.tensor(conductances), wires)
    across = network.device_voltages.numpy() @ drivers
    bare, through = Nodal(np.zeros_like(conductances), wires), (conductances * across).ravel()
    fed = bare.injected(drivers) + np.concatenate([-through, through])
    word, bit = bare.split(spsolve(bare.matrix, fed))
    assert largest(word - bit - across, across) < 1e-9
    sensed, driven = bare.sensed(bit), bare.driven(drivers, word)
    assert largest(drivers @ network.effective.numpy() - sensed, driven) < 1e-9
    assert largest(network.driver_admittance.numpy() @ drivers - driven, driven) < 1e-9


@settings(max_examples=20)
@given(ANY_ENDS, st.integers(1, 6), st.integers(1, 6), st.integers(0, 1000))
def test_energy_is_conserved(wires, rows, columns, seed):
    """What the drivers deliver is what devices, wires, drivers and senses turn into heat (Tellegen)."""
    conductances, drivers = crossbar(rows, columns, seed)
    nodal = Nodal(conductances, wires)
    word, bit = nodal.solve(drivers)
    heat = (conductances * (word - bit) ** 2).sum()
    heat += (np.diff(word, axis=1) ** 2).sum() / wires.row_segment
    heat += (np.diff(bit, axis=0) ** 2).sum() / wires.column_segment
    heat += sum(((drivers - word[:, end]) ** 2).sum() for end in nodal.driven_at) / wires.driver
    heat += sum((bit[end] ** 2).sum() for end in nodal.sensed_at) / wires.sense
    network = solve_network(torch.tensor(conductances), wires)
    delivered = drivers @ network.driver_admittance.numpy() @ drivers
    assert delivered == pytest.approx(heat, rel=1e-9, abs=1e-30)


@pytest.mark.parametrize(("drive", "read"), ENDS)
@pytest.mark.parametrize(("rows", "columns"), SHAPES)
def test_no_resistance_is_the_ideal_array(rows, columns, drive, read):
    conductances = torch.tensor(crossbar(rows, columns)[0])
    without, zero = solve_network(conductances, None), solve_network(conductances, Wires(0, 0, 0, 0, drive, read))
    for field in FIELDS:
        torch.testing.assert_close(getattr(zero, field), getattr(without, field), rtol=1e-12, atol=1e-18)


@pytest.mark.parametrize(("drive", "read"), ENDS)
@pytest.mark.parametrize("shape", [(4, 6), (6, 4), (1, 3), (3, 1), (1, 1)])
def test_any_resistance_may_be_missing(shape, drive, read):
    """Zero is the limit of small resistances."""
    conductances = torch.tensor(crossbar(*shape)[0])
    for resistances in product([0.0, 1.0], [0.0, 2.0], [0.0, 3.0], [0.0, 4.0]):
        zero = solve_network(conductances, Wires(*resistances, drive, read))
        small = solve_network(conductances, Wires(*(value or 1e-7 for value in resistances), drive, read))
        for field in FIELDS:
            limit, near = getattr(zero, field).numpy(), getattr(small, field).numpy()
            assert largest(limit - near, near) < 1e-9, (resistances, field)


@pytest.mark.parametrize("shape", [(8, 12), (12, 8)])
def test_devices_near_driver_and_sense_keep_most(shape):
    """Alike devices: the corner between driver and sense keeps most of its conductance, the far corner least."""
    effective = effective_matrix(torch.full(shape, 250e-6, dtype=torch.float64), Wires())
    assert bool((effective.diff(dim=1) < 0).all())
    assert bool((effective.diff(dim=0) > 0).all())
    assert effective.argmax() == effective.numel() - shape[1]
    assert bool((effective < 250e-6).all())


@pytest.mark.parametrize(("drive", "read"), ENDS)
@pytest.mark.parametrize("shape", [(3, 5), (5, 3)])
def test_sensitivity_is_the_derivative_of_the_own_current(shape, drive, read):
    wires, step = Wires(1.3, 0.7, 2.0, 3.0, drive, read), 1e-9
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
    for field in FIELDS:
        torch.testing.assert_close(getattr(together, field)[2, 1], getattr(alone, field))


@pytest.mark.parametrize(
    "wires", [*(Wires(30, 70, 200, 300, *ends) for ends in ENDS), Wires(0, 0, 0, 0), Wires(0, 9, 5, 0)]
)
@pytest.mark.parametrize("shape", [(3, 4), (4, 3), (2, 3, 2), (2, 1, 2, 2)])
def test_the_gradient_is_the_derivative(shape, wires):
    """In millisiemens, so that steps of gradcheck are small."""
    generator = torch.Generator().manual_seed(0)
    conductances = 0.2 + torch.rand(shape, dtype=torch.float64, generator=generator)
    conductances.requires_grad_()
    assert torch.autograd.gradcheck(lambda milli: 1e3 * effective_matrix(1e-3 * milli, wires), conductances)


def test_gradients_of_dead_devices():
    """A device of 0 siemens has the derivative of one with very little."""
    conductances = torch.tensor(crossbar(5, 7, dead=0.5)[0], requires_grad=True)
    weights = torch.rand(5, 7, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    (found,) = torch.autograd.grad((weights * effective_matrix(conductances, Wires())).sum(), conductances)
    for i, j in (conductances == 0).nonzero().tolist():
        little = conductances.detach().clone()
        little[i, j] = 1e-9
        change = effective_matrix(little, Wires()) - effective_matrix(conductances, Wires())
        assert found[i, j].item() == pytest.approx((weights * change).sum().item() / 1e-9, rel=1e-5)


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


@pytest.mark.parametrize("wires", [Wires(5.0, 3.0, 20.0, 10.0), Wires(5.0, 3.0, 20.0, 10.0, "both", "both"), None])
@pytest.mark.parametrize("shape", [(2, 4, 6), (2, 6, 4)])
def test_variance_of_a_current_is_a_sum_over_its_devices(shape, wires):
    generator = torch.Generator().manual_seed(0)
    conductances, deviation = (1e-4 * torch.rand(shape, dtype=torch.float64, generator=generator) for _ in range(2))
    drives = torch.randn(shape[-2], 3, dtype=torch.float64, generator=generator)
    inputs = torch.randn(3, dtype=torch.float64, generator=generator)
    network = solve_network(conductances, wires)
    volts = network.device_voltages @ (drives @ inputs)
    expected = (network.sensitivity * volts * deviation).square().sum(-2)
    form = network.current_variance(deviation, drives)
    torch.testing.assert_close(torch.einsum("p,cmpq,q->cm", inputs, form, inputs), expected)


@pytest.mark.parametrize(("wires", "least", "most"), [(Wires(), 1e-4, 5e-4), (Wires(5, 5, 20, 20), 4e-3, 2e-2)])
def test_little_variance_comes_from_other_bit_lines(wires, least, most):
    """Of the whole first-order variance, by the gradient of each current, all but a small share is the own devices'."""
    generator = torch.Generator().manual_seed(0)
    conductances = 188.6e-6 + 88.2e-6 * torch.rand(34, 60, dtype=torch.float64, generator=generator)
    drivers = 2 * torch.rand(34, dtype=torch.float64, generator=generator) - 1
    deviation = 0.005 * conductances
    own = solve_network(conductances, wires).current_variance(deviation, drivers[:, None])[:, 0, 0]
    currents = drivers @ effective_matrix(conductances.requires_grad_(), wires)
    shares = []
    for j in range(0, 60, 6):
        (slopes,) = torch.autograd.grad(currents[j], conductances, retain_graph=True)
        shares.append(1 - (own[j] / (slopes * deviation).square().sum()).item())
    assert min(shares) > 0
    assert least < sum(shares) / len(shares) < most


@pytest.mark.parametrize("value", [-1e-2, float("nan"), float("inf")])
def test_senseless_conductances_are_refused(value):
    conductances = torch.full((3, 4, 5), 1e-4, dtype=torch.float64)
    conductances[1, 2, 3] = value
    for solve in (effective_matrix, solve_network):
        with pytest.raises(CellwrightError, match="finite and not negative"):
            solve(conductances, Wires(100, 100, 100, 100))


@pytest.mark.parametrize("conductances", [torch.rand(4), torch.ones(3, 4, dtype=torch.int64), torch.rand(2, 0, 3)])
def test_what_is_no_matrix_is_refused(conductances):
    for solve in (effective_matrix, solve_network):
        with pytest.raises(CellwrightError, match=r"of shape \(\.\.\., word lines, bit lines\)"):
            solve(conductances, Wires())


def test_no_chips_have_no_matrices():
    assert effective_matrix(torch.rand(0, 3, 4), Wires()).shape == (0, 3, 4)


def test_single_precision_stays_single():
    conductances = torch.tensor(crossbar(9, 14)[0], dtype=torch.float32, requires_grad=True)
    effective = effective_matrix(conductances, Wires())
    effective.sum().backward()
    assert effective.dtype == conductances.grad.dtype == torch.float32
    torch.testing.assert_close(
        effective.double(), effective_matrix(conductances.double(), Wires()), rtol=1e-5, atol=1e-10
    )


def test_wires_that_swallow_everything_are_refused():
    with pytest.raises(CellwrightError, match="lower their segments"):
        effective_matrix(torch.full((300, 300), 1e-2, dtype=torch.float64), Wires(1e6, 1e6, 0, 0))


@pytest.mark.parametrize("wires", [Wires(1e3, 1e3, 1, 1), Wires(1e3, 1e3, 0, 0, "both", "both")])
def test_wires_that_swallow_much(wires):
    """Devices of ten times the conductance of a segment."""
    conductances, drivers = crossbar(7, 40, low=1e-2, high=1e-2, dead=0)
    network = solve_network(torch.tensor(conductances), wires)
    nodal = Nodal(conductances, replace(wires, driver=wires.driver or 1e-9, sense=wires.sense or 1e-9))
    word, bit = nodal.solve(drivers)
    assert largest(network.device_voltages.numpy() @ drivers - (word - bit), word - bit) < 1e-9
    sensed = nodal.sensed(bit)  # by a nodal matrix with entries of up to 1e9
    assert largest(drivers @ network.effective.numpy() - sensed, nodal.driven(drivers, word)) < 1e-6


@pytest.mark.parametrize(("name", "value"), [("drive", "top"), ("read", "left")])
def test_unknown_ends_are_refused(name, value):
    with pytest.raises(CellwrightError, match=f"{name} is one of"):
        Wires(**{name: value})


@pytest.mark.parametrize("value", [-1.0, float("nan"), float("inf")])
def test_senseless_resistances_are_refused(value):
    with pytest.raises(CellwrightError, match="sense"):
        Wires(sense=value)
