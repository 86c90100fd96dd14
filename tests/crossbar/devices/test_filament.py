"""Filamentary RRAM: pulses against the published step formulas, and what a read sees against closed formulas."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import brentq

from cellwright.crossbar.devices import find
from cellwright.crossbar.draws import Draws
from cellwright.crossbar.programming import instances, stuck_devices, write_verify
from cellwright.errors import CellwrightError

RRAM = find("rram")
LOW, HIGH, COUNT = 5e-6, 150e-6, 100_000
K = 8.617333262e-5


def tensor(*values):
    return torch.tensor(values, dtype=torch.float64)


def normal(seed=0, count=COUNT):
    return torch.randn(count, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def pow_step(w, dw_min, gamma, up, scale):
    """aihwkit's PowStepDevice between w_min = -1 and w_max = 1, as its documentation prints it, without noise."""
    omega = (1 - w) / 2 if up else (w + 1) / 2
    return np.clip(w + (1 if up else -1) * dw_min * scale * omega**gamma, -1, 1)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 2.3])
def test_pulses_are_those_of_the_published_power_step_device(gamma):
    """Where G = 77.5 uS + 72.5 uS w; its dw_min is the step at the far bound: 2^gamma times that at the middle."""
    device = replace(RRAM, nonlinearity_up=gamma, nonlinearity_down=gamma, up_over_down=1.44)
    w_up = w_down = 0.1
    state_up = state_down = tensor(77.5e-6 + 72.5e-6 * 0.1)
    for _ in range(100):
        w_up = pow_step(w_up, 2**gamma * 0.04, gamma, True, 1.2)
        w_down = pow_step(w_down, 2**gamma * 0.04, gamma, False, 1 / 1.2)
        state_up = device.set(state_up, tensor(0.0), tensor(0.0))
        state_down = device.reset(state_down, tensor(0.0))
        assert state_up.item() == pytest.approx(77.5e-6 + 72.5e-6 * w_up, rel=1e-9)
        assert state_down.item() == pytest.approx(77.5e-6 + 72.5e-6 * w_down, rel=1e-9)


def test_soft_bounds_are_an_exponential_in_the_number_of_pulses():
    """The published SoftBoundsDevice: w <- w + dw (1 - w / w_max), so that the distance to the bound decays."""
    state = tensor(LOW)
    for _ in range(30):
        state = RRAM.set(state, tensor(0.0), tensor(0.0))
    rate = 2 / 50
    assert state.item() == pytest.approx(HIGH - (HIGH - LOW) * (1 - rate) ** 30, rel=1e-12)
    assert RRAM.states == pytest.approx(50)


@pytest.mark.parametrize("level", [0.2, 0.5, 0.8])
def test_steps_vary_from_cycle_to_cycle_in_proportion_to_themselves(level):
    state = torch.full((COUNT,), LOW + level * (HIGH - LOW), dtype=torch.float64)
    for after, share in ((RRAM.set(state, state, normal()), 1 - level), (RRAM.reset(state, normal()), -level)):
        mean = 2 * share * RRAM.step
        change = after - state
        assert change.mean().item() == pytest.approx(mean, rel=4 * 0.3 / np.sqrt(COUNT))
        assert change.std().item() == pytest.approx(0.3 * abs(mean), rel=4 / np.sqrt(2 * COUNT))


@pytest.mark.parametrize(("name", "part"), [("step", 0.3), ("up_over_down", 0.01), ("highest", 0.1), ("lowest", 0.1)])
def test_devices_differ_as_their_spread_says(name, part):
    devices = instances(RRAM, Draws(0, 50, "test"), (40, 50))
    values, mean = getattr(devices, name), getattr(RRAM, name)
    assert values.shape == (50, 40, 50)
    assert values.min() >= 0
    assert values.mean().item() == pytest.approx(mean, rel=4 * part / np.sqrt(COUNT))
    # Steps below zero, one in 2300, are mirrored: that moves the standard deviation by less than a thousandth.
    assert values.std().item() == pytest.approx(part * mean, rel=5 / np.sqrt(2 * COUNT))


@given(st.floats(0, 1), st.floats(-3, 3), st.floats(0, 3), st.floats(1e-7, 1e-5))
def test_pulses_stay_within_the_bounds(level, noise, gamma, step):
    device = replace(RRAM, nonlinearity_up=gamma, nonlinearity_down=gamma, step=step)
    state = tensor(LOW + level * (HIGH - LOW))
    for after in (device.set(state, state, tensor(noise)), device.reset(state, tensor(noise))):
        assert LOW <= after.item() <= HIGH


def test_write_verify_reaches_its_targets_pulse_by_pulse():
    draws, shape = Draws(0, 5, "test"), (20, 20)
    devices = instances(RRAM, draws, shape)
    targets = torch.linspace(10e-6, 100e-6, 400, dtype=torch.float64).reshape(shape)
    done = write_verify(devices, targets, draws, stuck_devices(draws, shape, 0, 0), tolerance=1.8e-6)
    assert done.programming_yield.min() > 0.99
    assert 10 < done.pulses.mean() < 30
    assert done.wear.max() <= 100 / 1e6


def test_warmth_is_an_arrhenius_law():
    state = tensor(50e-6)
    for kelvin in (250.0, 300.0, 400.0):
        expected = 50e-6 * np.exp(-0.02 / K * (1 / kelvin - 1 / 300))
        assert RRAM.conductance(state, kelvin).item() == pytest.approx(expected, rel=1e-12)


def test_retention_is_a_stretched_exponential_that_heat_speeds_up():
    state, cold = tensor(80e-6), replace(RRAM, activation_energy=0.0)
    for seconds in (1e4, 1e8, 1e11, 1e14):
        expected = 5e-6 + 75e-6 * np.exp(-((seconds / 1e11) ** 0.5))
        assert cold.conductance(state, 300.0, seconds).item() == pytest.approx(expected, rel=1e-12)
        hot = seconds * np.exp(1.1 / K * (1 / 400 - 1 / 300))
        assert cold.conductance(state, 400.0, hot).item() == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("kelvin", [1e-320, 1e-3, 1.0])
def test_a_temperature_beyond_the_law_is_refused(kelvin):
    for device in (RRAM, find("rram-sinh")):
        with pytest.raises(CellwrightError, match=r"at .* K: the law holds from 250 to 400 K") as caught:
            device.conductance(tensor(80e-6), kelvin, 1e4)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["step", "up_over_down", "transistor_slope", "retention_time", "disturb_voltage"])
@pytest.mark.parametrize("value", [0.0, -1e-6, float("nan")])
def test_what_a_law_divides_by_is_above_zero(name, value):
    with pytest.raises(CellwrightError, match=f"Filament: {name} is above 0, got"):
        replace(RRAM, **{name: value})


def test_reads_drive_a_state_towards_its_upper_bound():
    state = tensor(20e-6)
    rate = 1e-12 * np.sinh(0.2 / 0.05)
    for reads in (1e3, 1e9, 1e12):
        expected = 150e-6 - 130e-6 * np.exp(-rate * reads)
        assert RRAM.disturbed(state, reads).item() == pytest.approx(expected, rel=1e-9)
    assert replace(RRAM, disturb_rate=0.0).disturbed(state, 1e12).item() == state.item()


def test_reads_at_another_gate_voltage_see_the_transistor_in_series():
    cell = replace(find("rram-1t1r"), read_gate=1.0)
    state = tensor(20e-6, 100e-6)
    filament = 1 / (1 / state - 1 / (500e-6 * 2.5))
    torch.testing.assert_close(cell.conductance(state), 1 / (1 / filament + 1 / (500e-6 * 0.5)), rtol=1e-12, atol=0)
    warm = filament * np.exp(-0.02 / K * (1 / 350 - 1 / 300))
    expected = 1 / (1 / warm + 1 / (500e-6 * 0.5))
    torch.testing.assert_close(cell.conductance(state, 350.0), expected, rtol=1e-12, atol=0)


def test_a_cell_conducts_no_better_than_its_transistor():
    with pytest.raises(CellwrightError, match="needs a transistor that conducts better than"):
        replace(RRAM, transistor_slope=30e-6)
    with pytest.raises(CellwrightError, match=r"must lie above the threshold of 0\.5 V"):
        replace(RRAM, read_gate=0.4)
    wide = replace(RRAM, transistor_slope=60e-6, spread={"highest": 0.3})
    bounds = instances(wide, Draws(0, 10, "test"), (30, 30)).highest
    assert bounds.max().item() == pytest.approx(0.95 * 150e-6)


def test_sinh_current_with_and_without_a_transistor():
    """Against a solution by bisection: volts across the filament and the transistor add up."""
    bare = find("rram-sinh")
    state, volts = tensor(10e-6, 60e-6, 100e-6), np.array([-0.4, -0.05, 0.0, 0.1, 0.2, 0.5])
    expected = state[:, None].numpy() * 0.2 * np.sinh(volts / 0.25) / np.sinh(0.2 / 0.25)
    np.testing.assert_allclose(bare.current(state[:, None], torch.as_tensor(volts)).numpy(), expected, rtol=1e-12)

    cell = replace(bare, transistor_slope=500e-6, verify_gate=2.0, read_gate=0.8, voltage_scale=0.06)
    verify, read = 1 / (500e-6 * 1.5), 1 / (500e-6 * 0.3)
    got = cell.current(state[:, None], torch.as_tensor(volts)).numpy()
    for row, g in enumerate(state.numpy()):
        amplitude = g * 0.2 / np.sinh((0.2 - g * 0.2 * verify) / 0.06)
        for column, volt in enumerate(volts):

            def rest(v, amplitude=amplitude, volt=volt):
                return v + read * amplitude * np.sinh(v / 0.06) - volt

            across = brentq(rest, -1, 1, xtol=1e-16, rtol=1e-15)
            assert got[row, column] == pytest.approx(amplitude * np.sinh(across / 0.06), rel=1e-9, abs=1e-20)


def test_the_sinh_current_can_be_differentiated_for_a_network_solver():
    cell = replace(find("rram-sinh"), transistor_slope=500e-6, read_gate=1.0)
    state = tensor(20e-6, 90e-6, 50e-6, 0.0)
    volts = tensor(-0.15, 0.2, 0.0, 0.1).requires_grad_()
    assert torch.autograd.gradcheck(lambda v: 1e6 * cell.current(state, v), (volts,))
