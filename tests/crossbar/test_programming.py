"""Write-verify: what it reaches, what it costs, what it leaves."""

import math
from dataclasses import replace

import pytest
import torch

from cellwright.crossbar.devices import find
from cellwright.crossbar.draws import Draws
from cellwright.crossbar.programming import STUCK_OFF, STUCK_ON, exact, instances, stuck_devices, write_verify
from cellwright.errors import CellwrightError

SHAPE, CHIPS = (20, 30), 8
DEVICE = find("li2019")


def targets(device=DEVICE):
    spread = torch.rand(*SHAPE, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    return device.window[0] + spread * (device.window[1] - device.window[0])


def run(tolerance=2e-6, rounds=100, chips=CHIPS, on=0.0, off=0.0, device=DEVICE, seed=0):
    draws = Draws(seed, chips, "array")
    return write_verify(
        device, targets(device), draws, stuck_devices(draws, SHAPE, on, off), tolerance=tolerance, rounds=rounds
    )


def test_every_device_ends_within_the_tolerance():
    found = run()
    assert bool(found.within.all())
    assert found.error.abs().max() <= 2e-6
    assert found.programming_yield.tolist() == [1.0] * CHIPS
    # What is left is spread over the tolerance: close to uniform, tolerance / sqrt(3).
    assert found.error.std().item() == pytest.approx(2e-6 / 3**0.5, rel=0.05)


def test_an_ideal_device_takes_one_pulse_and_is_exact():
    found = run(tolerance=1e-12, device=find("ideal"))
    torch.testing.assert_close(found.conductances, targets(find("ideal")).expand(CHIPS, -1, -1), rtol=1e-12, atol=0)
    assert found.convergence.tolist() == [[1.0] * CHIPS]
    assert bool((found.set_pulses == 1).all())


def test_the_first_round_is_one_reset_and_one_set():
    found = run(tolerance=1.0, rounds=1)
    assert bool((found.set_pulses == 1).all())
    assert bool((found.reset_pulses == 1).all())
    # One SET pulse leaves the pulse noise: 4 uS.
    assert found.error.std().item() == pytest.approx(4e-6, rel=0.05)


def test_one_pulse_lands_within_the_tolerance_as_often_as_its_noise_says():
    """Normal noise of 4 uS: erf(tolerance / (sqrt(2) 4 uS)) of the devices; one in three at 2 % of the window."""
    tolerance = 0.02 * (DEVICE.window[1] - DEVICE.window[0])
    expected = math.erf(tolerance / (math.sqrt(2) * 4e-6))
    assert run(tolerance).convergence[0].mean().item() == pytest.approx(expected, abs=0.02)
    assert expected == pytest.approx(1 / 3, abs=0.01)


def test_yield_falls_and_pulses_rise_with_a_tighter_tolerance():
    yields, pulses = zip(
        *(
            (r.programming_yield.mean().item(), r.pulses.mean().item())
            for r in (run(t, 10) for t in (4e-6, 1e-6, 0.2e-6))
        ),
        strict=True,
    )
    assert yields[0] > yields[1] > yields[2] > 0
    assert pulses[0] < pulses[1] < pulses[2]


def test_convergence_never_falls_and_ends_at_the_yield():
    found = run(1e-6, 30)
    assert bool((found.convergence.diff(dim=0) >= 0).all())
    torch.testing.assert_close(found.convergence[-1], found.programming_yield)


def test_stuck_devices_do_not_move_but_get_pulses():
    found = run(on=0.05, off=0.1, rounds=5)
    stuck_on, stuck_off = found.stuck == STUCK_ON, found.stuck == STUCK_OFF
    assert stuck_on.double().mean().item() == pytest.approx(0.05, abs=0.02)
    assert stuck_off.double().mean().item() == pytest.approx(0.1, abs=0.02)
    assert bool((found.conductances[stuck_on] == DEVICE.window[1]).all())
    assert bool((found.conductances[stuck_off] == DEVICE.off).all())
    assert bool(((found.set_pulses + found.reset_pulses)[stuck_off] >= 6).all())


def test_stuck_devices_leave_the_others_as_they_were():
    clean, faulty = run(), run(on=0.05, off=0.05)
    sound = faulty.stuck == 0
    assert torch.equal(clean.conductances[sound], faulty.conductances[sound])


def test_a_chip_is_the_same_in_any_batch():
    few, many = run(chips=3), run(chips=9)
    assert torch.equal(few.conductances, many.conductances[:3])
    assert torch.equal(few.set_pulses, many.set_pulses[:3])
    assert torch.equal(few.energy, many.energy[:3])


def test_seeds_make_other_chips():
    assert not torch.equal(run(seed=0).conductances, run(seed=1).conductances)


def test_time_and_energy_add_up_over_pulses():
    found = run(tolerance=1.0, rounds=1)
    devices = SHAPE[0] * SHAPE[1]
    pulses = DEVICE.set_pulse.width + DEVICE.reset_pulse.width + DEVICE.read.width
    assert found.time.tolist() == pytest.approx([devices * pulses] * CHIPS)
    # A fresh device conducts nothing: its SET pulse takes V^2 t at half of what it reaches, its RESET almost nothing.
    set_energy = (DEVICE.set_pulse.voltage**2 * DEVICE.set_pulse.width * found.conductances / 2).sum((-2, -1))
    assert bool((found.energy > set_energy).all())
    assert found.energy.tolist() == pytest.approx(set_energy.tolist(), rel=0.02)


def test_devices_that_shall_be_off_are_reset_alone():
    draws = Draws(0, 2, "array")
    none = torch.zeros(2, 4, 4, dtype=torch.int8)
    found = write_verify(DEVICE, torch.zeros(4, 4, dtype=torch.float64), draws, none, tolerance=2e-6)
    assert bool(found.within.all())
    assert int(found.set_pulses.sum()) == 0


def test_exact_programming_only_misses_stuck_devices():
    stuck = stuck_devices(Draws(0, CHIPS, "array"), SHAPE, 0.1, 0.1)
    found = exact(DEVICE, targets(), stuck)
    assert bool((found.error[stuck == 0] == 0).all())
    assert bool((found.conductances[stuck == STUCK_ON] == DEVICE.window[1]).all())
    assert torch.equal(found.within, stuck == 0)


def test_a_stuck_device_that_should_be_there_is_within_the_tolerance():
    stuck = torch.full((1, 1, 1), STUCK_ON, dtype=torch.int8)
    wanted = torch.full((1, 1), DEVICE.window[1], dtype=torch.float64)
    verified = write_verify(DEVICE, wanted, Draws(0, 1, "array"), stuck, tolerance=1e-6)
    assert exact(DEVICE, wanted, stuck).within.item() is verified.within.item() is True


def test_senseless_requests_are_refused():
    draws, none = Draws(0, 1, "a"), torch.zeros(1, 1, 1, dtype=torch.int8)
    with pytest.raises(CellwrightError, match="outside the window"):
        write_verify(DEVICE, torch.full((1, 1), 1e-4), draws, none, tolerance=1e-6)
    with pytest.raises(CellwrightError, match="positive tolerance"):
        write_verify(DEVICE, torch.full((1, 1), 2e-4), draws, none, tolerance=0.0)
    with pytest.raises(CellwrightError, match="probabilities"):
        stuck_devices(draws, (1, 1), 0.7, 0.7)


def test_one_pulse_at_a_time_gets_as_far_as_two():
    """Twice the rounds, RESET and SET taking turns: no less yield, and no more pulses than twice as many."""
    tolerance = 4e-6
    two = run(tolerance=tolerance)
    one = run(tolerance=tolerance, rounds=200, device=replace(DEVICE, scheme="one-pulse"))
    assert one.programming_yield.mean() > 0.999
    assert one.pulses.mean() < 1.2 * two.pulses.mean()


def test_devices_that_differ_take_more_pulses():
    """The gate voltage follows the law of the mean device: nobody knows that of each."""
    draws = Draws(0, CHIPS)
    shape = tuple(targets().shape)
    device = replace(DEVICE, spread={"intercept": 0.1}, programming_noise=0.0, gate_window=(0.0, 3.0))
    stuck = torch.zeros(CHIPS, *shape, dtype=torch.int8)
    own = instances(device, draws, shape)
    found = write_verify(own, targets(), draws, stuck, tolerance=2e-6, nominal=device)
    assert found.programming_yield.mean() > 0.99
    first = (found.set_pulses == 1).double().mean().item()
    expected = math.erf(2e-6 / (0.1 * 120e-6) / math.sqrt(2))
    assert first == pytest.approx(expected, abs=0.02)
