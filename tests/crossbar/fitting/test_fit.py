"""Fits: pulses made from a known device give it back within 5 %, with errors and spreads that mean what they say."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from cellwright.crossbar.devices import find
from cellwright.crossbar.devices.filament import Filament
from cellwright.crossbar.devices.gate_controlled import GateControlled
from cellwright.crossbar.draws import Draws
from cellwright.crossbar.fitting import Train, fit
from cellwright.crossbar.programming import instances, stuck_devices, write_verify
from cellwright.errors import CellwrightError

ALIKE = replace(find("rram"), spread={})
FILAMENTS = {
    "soft bounds": ALIKE,
    "uneven": replace(ALIKE, nonlinearity_up=1.7, nonlinearity_down=0.6, up_over_down=1.3),
    "constant steps": replace(ALIKE, nonlinearity_up=0.0, nonlinearity_down=0.0, step=1.5e-6, cycle_to_cycle=0.5),
}
OFF_BY = 0.05


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", FILAMENTS)
def test_a_known_filament_comes_back_within_5_percent(bench, name, seed):
    device = FILAMENTS[name]
    found = fit(bench(seed).up_and_down(device), "a test")
    for parameter in ("step", "up_over_down", "lowest", "highest", "cycle_to_cycle"):
        true = getattr(device, parameter)
        assert getattr(found.device, parameter) == pytest.approx(true, rel=OFF_BY), parameter
    for parameter in ("nonlinearity_up", "nonlinearity_down"):
        assert getattr(found.device, parameter) == pytest.approx(getattr(device, parameter), rel=OFF_BY, abs=0.03)
    assert found.device.read_noise_fraction == 0


def test_errors_of_the_fit_are_the_scatter_of_fits(bench):
    """Over 20 measurements of one device, deviations in units of the stated error have a variance of about 1."""
    names = ("step", "up_over_down", "highest", "nonlinearity_down", "cycle_to_cycle")
    scores = []
    for seed in range(20):
        found = fit(bench(100 + seed).up_and_down(ALIKE, cycles=3), "a test")
        scores.append([(p.value - getattr(ALIKE, n)) / p.error for n, p in found.parameters.items() if n in names])
    variance = np.mean(np.square(scores))
    # 100 numbers, five of which belong together: two standard deviations are 2 sqrt(2 / 100) to 2 sqrt(2 / 20).
    assert 0.5 < variance < 1.6


def test_read_noise_is_told_from_cycles(bench):
    found = fit(bench(0).up_and_down(ALIKE, read_noise=0.005), "a test").device
    assert found.read_noise_fraction == pytest.approx(0.005, rel=OFF_BY)
    assert found.cycle_to_cycle == pytest.approx(0.3, rel=OFF_BY)
    assert found.step == pytest.approx(ALIKE.step, rel=OFF_BY)


def test_numbers_written_down_coarsely_bias_nothing(bench):
    """To 1 uS, a third of a step and a seventh of those at the ends."""
    (train,) = bench(0).up_and_down(ALIKE)
    found = fit([replace(train, conductance=np.round(train.conductance, 6))], "a test").device
    for parameter in ("step", "highest", "cycle_to_cycle", "nonlinearity_up", "nonlinearity_down"):
        assert getattr(found, parameter) == pytest.approx(getattr(ALIKE, parameter), rel=OFF_BY), parameter


def test_the_spread_among_devices_is_theirs_and_not_that_of_the_fit(bench):
    device = replace(ALIKE, spread={"step": 0.3})
    made = bench(3)
    trains = made.up_and_down(device, cycles=2, devices=6)
    drawn = device.instances(lambda name: bench(3).normal(6)).step
    found = fit(trains, "a test")
    step = found.parameters["step"]
    assert step.value == pytest.approx(drawn.mean().item(), rel=0.02)
    assert step.spread == pytest.approx((drawn.std() / drawn.mean()).item(), rel=0.1)
    for name in ("highest", "lowest", "up_over_down"):  # alike in truth: what is left is below the errors of the fit
        assert (found.parameters[name].spread or 0) < 0.06
    assert found.device.spread["step"] == step.spread


def test_the_residual_is_that_of_single_pulses(bench):
    (train,) = bench(0).up_and_down(ALIKE, cycles=5)
    found = fit([train], "a test")
    law, nothing = found.device, torch.zeros(len(train.pulse) - 1, dtype=torch.float64)
    before = torch.as_tensor(train.conductance[:-1])
    up = torch.as_tensor(train.voltage[1:] > 0)
    after = torch.where(up, law.set(before, nothing, nothing), law.reset(before, nothing)).numpy()
    expected = np.sqrt(np.mean((train.conductance[1:] - after) ** 2))
    assert found.residual == pytest.approx(expected, rel=1e-6)
    assert found.residual_fraction == pytest.approx(expected / np.ptp(law.window), rel=1e-6)
    assert np.isnan(found.fitted[0].residual[0])


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", ["li2019", "li2019-gait"])
def test_a_known_gate_controlled_device_comes_back_within_5_percent(bench, name, seed):
    device = find(name)
    found = fit(bench(seed).gate_sweeps(device), "a test").device
    assert isinstance(found, GateControlled)
    for parameter in ("slope", "intercept", "programming_noise"):
        assert getattr(found, parameter) == pytest.approx(getattr(device, parameter), rel=OFF_BY), parameter
    assert found.window == pytest.approx(device.window, rel=0.01)
    # The mean of 40 numbers cut off at 0 has an error of 0.09 times the noise, and follows `off` by half.
    assert found.off < 0.4 * device.programming_noise
    assert found.gate_window == pytest.approx(device.gate_window)


def test_a_reset_state_above_the_noise_is_found(bench):
    device = replace(find("li2019"), off=20e-6)
    assert fit(bench(0).gate_sweeps(device), "a test").device.off == pytest.approx(20e-6, rel=OFF_BY)


def test_reads_between_pulses_change_nothing(bench):
    """Neither do the gate voltages of reads and RESETs make a sweep of pulses of one height."""
    (sweep,) = bench(0).gate_sweeps(find("li2019"), sweeps=5)
    count = len(sweep.pulse)

    def with_reads(values, inserted):
        return np.stack([values, inserted], -1).ravel()

    volts, gates = sweep.voltage, sweep.gate_voltage
    read = replace(
        sweep,
        pulse=np.arange(2 * count),
        voltage=with_reads(volts, np.zeros(count)),
        gate_voltage=with_reads(gates, np.full(count, 3.0)),
        conductance=with_reads(sweep.conductance, sweep.conductance),
    )
    assert fit([read], "a test").device == fit([sweep], "a test").device
    (plain,) = bench(0).up_and_down(ALIKE, cycles=2)
    gated = replace(plain, gate_voltage=np.select([plain.voltage > 0, plain.voltage < 0], [1.5, 5.0], 3.0))
    assert fit([gated], "a test").device == fit([plain], "a test").device


def test_gate_controlled_devices_differ_as_measured(bench):
    device = replace(find("li2019"), spread={"slope": 0.1})
    found = fit(bench(1).gate_sweeps(device, devices=30), "a test")
    drawn = device.instances(lambda name: bench(1).normal(30)).slope
    assert found.parameters["slope"].spread == pytest.approx((drawn.std() / drawn.mean()).item(), rel=0.1)
    assert (found.parameters["intercept"].spread or 0) < 0.01


@pytest.mark.parametrize("kind", ["filament", "gate-controlled"])
def test_a_fitted_device_can_be_programmed(bench, kind):
    made = bench(5)
    trains = (
        made.up_and_down(find("rram"), devices=3, cycles=2) if kind == "filament" else made.gate_sweeps(find("li2019"))
    )
    device = fit(trains, "a test").device
    low, high = device.window
    draws, shape = Draws(0, 3, "test"), (10, 10)
    targets = torch.linspace(low, high, 100, dtype=torch.float64).reshape(shape)
    done = write_verify(
        instances(device, draws, shape),
        targets,
        draws,
        stuck_devices(draws, shape, 0, 0),
        tolerance=0.03 * (high - low),
    )
    assert done.programming_yield.min() > 0.9


def train(volts, gates=None, conductance=None, device=""):
    count = len(volts if volts is not None else gates)
    return Train(
        device=device,
        pulse=np.arange(count),
        voltage=None if volts is None else np.array(volts, dtype=float),
        gate_voltage=None if gates is None else np.array(gates, dtype=float),
        conductance=np.linspace(1e-6, 2e-6, count) if conductance is None else np.array(conductance, dtype=float),
    )


@pytest.mark.parametrize(
    ("trains", "message"),
    [
        ([train([1.0] * 30)], "the device has 0 pulses down after its first: expected at least 10 up"),
        ([train([1.0] * 15 + [-1.0] * 5, device="B7")], "device B7 has 5 pulses down"),
        ([train([1.0] * 20 + [-1.0] * 20)], "goes the other way by pulses down: expected voltages above 0 to raise"),
        ([train([1.0, 1.2] * 10 + [-1.0] * 20)], "the pulses up have voltages from 1 to 1.2 V"),
        ([train([1.0] * 20 + [-1.0] * 20, conductance=[1e-6] * 40)], "the same conductance after every pulse"),
        ([train(None, [1.0, 1.1])], "fewer than 3 gate voltages and no column voltage"),
        ([train(None, np.linspace(1.6, 0.7, 30))], "does not conduct better after SET pulses at higher gate voltages"),
        ([train(None, np.linspace(1, 2, 9)), train([1.0])], "some devices have gate voltages and some have none"),
    ],
)
def test_what_cannot_be_fitted_is_refused_in_one_line(trains, message):
    with pytest.raises(CellwrightError) as caught:
        fit(trains, "a test")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_same_pulses_give_the_same_device(bench):
    trains = bench(0).up_and_down(ALIKE, cycles=2)
    assert fit(trains, "a test").device == fit(trains, "a test").device
    assert isinstance(fit(trains, "a test").device, Filament)
