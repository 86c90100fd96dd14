"""Phase-change memory: every cause against the formula that was published for it.

The oracle is written here from the equations of Nandakumar et al. 2019 as aihwkit's documentation prints them
("Inference and PCM statistical model"), in numpy and in units of 25 uS.
"""

import numpy as np
import pytest
import torch

from cellwright.crossbar.devices import find
from cellwright.crossbar.draws import Draws
from cellwright.crossbar.programming import instances, stuck_devices, write_verify

PCM = find("pcm")
COUNT = 200_000
LEVELS = [0.0, 0.02, 0.1, 0.3, 0.7, 1.0]


def programming_sigma(g):
    return max(-1.1731 * g**2 + 1.9650 * g + 0.2635, 0) * 1e-6


def drift_statistics(g):
    mean = min(max(-0.0155 * np.log(g) + 0.0244, 0.049), 0.1)
    return mean, min(max(-0.0125 * np.log(g) - 0.0059, 0.008), 0.045)


def read_sigma(g, g_now, t):
    return g_now * min(0.0088 / g**0.65, 0.2) * np.sqrt(np.log((t + 250e-9) / (2 * 250e-9)))


def normal(seed=0):
    return torch.randn(COUNT, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("g", LEVELS)
def test_set_leaves_the_published_programming_noise(g):
    aim = torch.full((COUNT,), g * 25e-6, dtype=torch.float64)
    left = PCM.set(torch.zeros_like(aim), PCM.gate_voltage(aim), normal())
    assert left.min() >= 0
    sigma = programming_sigma(g)
    if g > 0.05:  # where the cut at zero does not matter
        # Three standard errors of a standard deviation and of a mean.
        assert left.std().item() == pytest.approx(sigma, rel=3 / np.sqrt(2 * COUNT))
        assert left.mean().item() == pytest.approx(g * 25e-6, abs=3 * sigma / np.sqrt(COUNT))
    if g == 0:
        assert left.mean().item() == pytest.approx(sigma / np.sqrt(2 * np.pi), rel=0.01)
        assert PCM.reset(aim, normal()).equal(left)


def test_programming_noise_is_that_of_another_fit_to_the_same_figure():
    """CrossSim's PCM_Joshi fits Fig. 3b of Joshi et al. 2020 anew; the two parabolas differ by 0.03 uS at most."""
    micro = torch.linspace(0.25, 25, 100, dtype=torch.float64)
    crosssim = -0.00178767 * micro**2 + 0.07585724 * micro + 0.28638599
    torch.testing.assert_close(1e6 * PCM.programming_noise(1e-6 * micro), crosssim, rtol=0, atol=0.03)


@pytest.mark.parametrize("g", [0.01, 0.05, 0.2, 0.6, 1.0])
def test_drift_exponents_have_the_published_mean_and_spread(g):
    devices = PCM.instances(lambda name: normal(1))
    state = torch.full((COUNT,), g * 25e-6, dtype=torch.float64)
    t = 86400.0
    measured = -(devices.conductance(state, time_since_programming=t) / state).log() / np.log((t + 20) / 20)
    mean, sigma = drift_statistics(g)
    if mean > 3.5 * sigma:  # else the mirror at zero takes part
        assert measured.mean().item() == pytest.approx(mean, abs=4 * sigma / np.sqrt(COUNT))
        assert measured.std().item() == pytest.approx(sigma, rel=0.005)
    folded = np.abs(mean + sigma * normal(1).numpy())
    np.testing.assert_allclose(measured.numpy(), folded, rtol=1e-9, atol=1e-12)


def test_drift_follows_a_power_law_from_the_first_read():
    state = torch.tensor([12.5e-6], dtype=torch.float64)
    nu, _ = drift_statistics(0.5)
    for t in (0.0, 20.0, 1e3, 1e7):
        expected = 12.5e-6 * ((t + 20) / 20) ** -nu
        assert PCM.conductance(state, time_since_programming=t).item() == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("t", [0.0, 3600.0, 1e6])
@pytest.mark.parametrize("g", [0.001, 0.05, 0.5, 1.0])
def test_read_noise_is_the_integral_of_the_published_1_over_f_noise(g, t):
    """Its strength goes by the conductance that was programmed, its size by what drift has left."""
    devices = PCM.instances(lambda name: normal(2)[:1000])
    state = torch.full((1000,), g * 25e-6, dtype=torch.float64)
    now = devices.conductance(state, time_since_programming=t)
    expected = read_sigma(g, now.numpy(), t + 20)
    np.testing.assert_allclose(devices.read_noise(now, t).numpy(), expected, rtol=1e-3)
    typical = PCM.conductance(state, time_since_programming=t)
    np.testing.assert_allclose(PCM.read_noise(typical, t), read_sigma(g, typical.numpy(), t + 20), rtol=1e-6)
    assert PCM.read_noise(torch.zeros(1), t).item() == 0


def test_one_round_of_write_verify_leaves_the_published_noise():
    draws, shape = Draws(0, 20, "test"), (50, 40)
    targets = torch.linspace(2.5e-6, 25e-6, 40, dtype=torch.float64).expand(shape)
    stuck = stuck_devices(draws, shape, 0.0, 0.0)
    done = write_verify(PCM, targets, draws, stuck, tolerance=0.5e-6, rounds=1)
    sigma = np.array([programming_sigma(g) for g in targets[0].numpy() / 25e-6])
    np.testing.assert_allclose(done.error.std((0, 1)).numpy(), sigma, rtol=4 / np.sqrt(2 * 20 * 50))
    more = write_verify(PCM, targets, draws, stuck, tolerance=0.5e-6, rounds=100)
    assert more.error.abs().max() <= 0.5e-6


def test_instances_keep_their_exponents_through_selection():
    draws = Draws(3, 2, "test")
    devices = instances(PCM, draws, (4, 5))
    assert PCM.varies
    assert devices.drift_normal.shape == (2, 4, 5)
    flat = devices.mapped(torch.flatten)
    assert flat.mapped(lambda values: values[7:9]).drift_normal.equal(devices.drift_normal.flatten()[7:9])
    again = instances(PCM, Draws(3, 5, "test"), (4, 5))
    assert again.drift_normal[:2].equal(devices.drift_normal)


def test_pulse_energy_is_voltage_times_current_times_time():
    state = torch.zeros(1, dtype=torch.float64)
    assert PCM.pulse_energy(PCM.set_pulse, state, state).item() == pytest.approx(1.5 * 300e-6 * 10e-6)
    assert PCM.pulse_energy(PCM.reset_pulse, state, state).item() == pytest.approx(2.0 * 300e-6 * 100e-9)
