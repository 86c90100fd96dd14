"""Devices: found by name, and what their pulses do."""

import math
from dataclasses import replace

import pytest
import torch

from cellwright.crossbar import ChipSettings
from cellwright.crossbar.devices import Device, Pulse, catalogue, find
from cellwright.errors import CellwrightError

ALL = sorted(catalogue())


def test_catalogue_finds_every_file():
    assert {"ideal", "li2019", "li2019-gait", "pcm", "rram"} <= set(ALL)
    assert find("li2019") is catalogue()["li2019"]
    assert find(find("ideal")) is find("ideal")
    with pytest.raises(CellwrightError, match=r"li2020.*known are"):
        find("li2020")


def test_a_class_is_no_device():
    with pytest.raises(CellwrightError, match=r"pass an instance, Ideal\(\)"):
        ChipSettings(device=type(find("ideal")))
    with pytest.raises(CellwrightError, match="a name or an instance of Device, got 3"):
        ChipSettings(device=3)


@pytest.mark.parametrize("name", ALL)
def test_a_device_says_where_its_numbers_come_from(name):
    device = find(name)
    assert isinstance(device, Device)
    assert device.citation
    assert device.assumed
    assert 0 <= device.off <= device.window[0] < device.window[1]


@pytest.mark.parametrize("name", [name for name in ALL if find(name).gate_window != (0, 0)])
def test_gate_voltages_reach_the_whole_window(name):
    device = find(name)
    ends = device.gate_voltage(torch.tensor(device.window, dtype=torch.float64))
    torch.testing.assert_close(ends, torch.tensor(device.gate_window, dtype=torch.float64), rtol=1e-12, atol=1e-12)
    fresh = torch.full((2,), device.off, dtype=torch.float64)
    reached = device.conductance(device.set(fresh, ends, torch.zeros(2, dtype=torch.float64)))
    torch.testing.assert_close(reached, torch.tensor(device.window, dtype=torch.float64), rtol=1e-12, atol=0)


@pytest.mark.parametrize("name", ALL)
def test_a_fresh_state_is_the_conductance_at_the_read_voltage(name):
    device = find(name)
    state = torch.linspace(*device.window, 7, dtype=torch.float64)
    torch.testing.assert_close(device.conductance(state), state, rtol=1e-14, atol=0)
    assert device.disturbed(state, 0).equal(state)


@pytest.mark.parametrize("name", ALL)
def test_current_is_odd_and_proportional_to_the_voltage_where_the_device_is_linear(name):
    device = find(name)
    state = torch.linspace(*device.window, 7, dtype=torch.float64)[:, None]
    volts = torch.tensor([-0.2, -0.1, 0.0, 0.1, 0.2], dtype=torch.float64)
    current = device.current(state, volts, 350.0, 1e6)
    torch.testing.assert_close(current, -current.flip(-1), rtol=1e-12, atol=0)
    proportional = current[:, -1:] * volts / volts[-1]
    assert torch.allclose(current, proportional, rtol=1e-12, atol=0) == device.linear


@pytest.mark.parametrize("name", ALL)
def test_pulses_are_the_same_for_single_and_double_precision_but_for_rounding(name):
    device = find(name)
    state, noise = torch.linspace(*device.window, 7, dtype=torch.float64), torch.linspace(-1, 1, 7, dtype=torch.float64)
    gate = torch.linspace(*device.gate_window, 7, dtype=torch.float64)
    for double, single in (
        (device.set(state, gate, noise), device.set(state.float(), gate.float(), noise.float())),
        (device.reset(state, noise), device.reset(state.float(), noise.float())),
    ):
        assert (double.dtype, single.dtype) == (torch.float64, torch.float32)
        torch.testing.assert_close(single.double(), double, rtol=0, atol=3e-6 * device.window[1])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"window": (5.0, 10.0)}, "a conductance of 10 S is beyond any device: conductances are in siemens"),
        ({"window": (2e-6, 1e-6)}, "expected 0 <= off <= lowest < highest"),
        ({"off": -1e-6}, "expected 0 <= off"),
        ({"off": 5e-4}, "got off 0.0005 and the window 1e-06 to 0.0001"),
        ({"window": (float("nan"), 1e-4)}, "expected 0 <= off"),
        ({"endurance": 0}, "read voltage and endurance are positive"),
        ({"endurance": float("nan")}, "read voltage and endurance are positive"),
        ({"scheme": "three-pulse"}, "Ideal: scheme is 'two-pulse' or 'one-pulse', got 'three-pulse'"),
        ({"set_pulse": Pulse(1.0, -1e-9)}, "set_pulse of 1 V for -1e-09 s: expected volts and 0 or more seconds"),
        ({"read": Pulse(0.2, float("inf"))}, "read of 0.2 V for inf s"),
        ({"reset_pulse": Pulse(float("nan"), 1e-9)}, "reset_pulse of nan V"),
        ({"rounds": 0}, "programming takes 1 round or more, got rounds = 0"),
        ({"spread": {"steps": 0.1}}, "Ideal: spread names steps, which the device does not have"),
    ],
)
def test_absurd_numbers_are_refused_in_one_line(changes, message):
    with pytest.raises(CellwrightError) as caught:
        replace(find("ideal"), **changes)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("slope", [0.0, float("nan"), float("inf")])
def test_a_gate_that_does_nothing_is_refused(slope):
    with pytest.raises(CellwrightError, match="no gate voltage aims at a conductance"):
        replace(find("li2019"), slope=slope)


def test_li2019_has_the_published_window():
    """188.6 to 276.8 uS, on/off 1.47: f(Vg) = 98 uS/V Vg + 120 uS at 0.7 and 1.6 V."""
    low, high = find("li2019").window
    assert (low, high) == pytest.approx((188.6e-6, 276.8e-6), rel=1e-12)
    assert high / low == pytest.approx(1.4677, rel=1e-4)


def test_li2019_set_only_raises_and_reset_empties():
    device, none = find("li2019"), torch.zeros(1, dtype=torch.float64)
    state = torch.tensor([230e-6], dtype=torch.float64)
    assert device.set(state, torch.tensor([0.7]), none).item() == pytest.approx(230e-6, rel=1e-12)
    assert device.set(state, torch.tensor([1.5]), none).item() == pytest.approx(267e-6, rel=1e-6)
    assert device.reset(state, none).item() == 0.0


@pytest.mark.parametrize(("name", "sigma"), [("li2019", 4e-6), ("li2019-gait", 5.6e-6)])
def test_li2019_pulse_noise_is_the_published_share_of_400_us(name, sigma):
    noise = torch.randn(20000, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    device = find(name)
    after = device.set(torch.zeros_like(noise), torch.full_like(noise, 1.0), noise)
    assert after.std().item() == pytest.approx(sigma, rel=0.02)
    emptied = device.reset(torch.zeros_like(noise), noise)
    assert emptied.min().item() == 0.0
    assert emptied.mean().item() == pytest.approx(sigma / math.sqrt(2 * math.pi), rel=0.03)


def test_pulse_energy_is_voltage_squared_times_conductance_times_time():
    device, g = find("li2019"), torch.tensor(200e-6)
    assert device.pulse_energy(device.set_pulse, g, g).item() == pytest.approx(2.5**2 * 200e-6 * 2e-6)
