"""Memristors: SciPy and ngspice solve the same equations, which are those of the papers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from cellwright.circuit import simulate
from cellwright.circuit.memristors import (
    VTEAM,
    Biolek,
    Joglekar,
    LinearDrift,
    Memristor,
    Prodromakis,
    Yakopcic,
    catalogue,
    entries,
    find,
)
from cellwright.errors import CellwrightError

DRIVEN = {
    **entries(),
    "vteam, broken exponent": replace(entries()["vteam"], device=VTEAM(on_exponent=2.5)),
}
PERIODS, POINTS = 1.5, 600


def netlist(device: Memristor, source: str, start: float, step: float, end: float) -> str:
    return (
        f"* a memristor\nV1 a 0 {source}\nX1 a 0 x device start={start}\n{device.subcircuit('device')}\n"
        f".options reltol=1e-5 abstol=1e-15 vntol=1e-9\n.tran {step} {end} 0 {step} uic\n.end\n"
    )


@pytest.mark.parametrize("name", DRIVEN)
def test_ngspice_follows_a_stiff_solution_and_the_loop_is_pinched(name: str, needs) -> None:
    needs.program("ngspice", remedy="apt install ngspice")
    entry = DRIVEN[name]
    exact = entry.loop(PERIODS)
    amplitude, times = entry.amplitude, exact.time
    source = f"SIN(0 {amplitude} {entry.frequency})"
    done = simulate(netlist(entry.device, source, entry.start, times[1], times[-1]))
    state = np.interp(times, done["time"], done["x"])
    current = np.interp(times, done["time"], -done["i(v1)"])
    assert np.ptp(exact.state) > 0.02, "it has to move"
    assert np.abs(state - exact.state).max() <= 1e-3
    assert np.abs(current - exact.current).max() <= 1e-3 * np.abs(exact.current).max()
    crossing = np.abs(exact.voltage) < 1e-6 * amplitude
    assert crossing.sum() >= 3
    assert np.abs(exact.current[crossing]).max() <= 1e-5 * np.abs(exact.current).max()
    # Pinched, but a loop: the same voltage, rising and falling, meets two conductances.
    rising, falling = POINTS // 18, POINTS // 3 - POINTS // 18
    assert exact.voltage[rising] == pytest.approx(exact.voltage[falling], rel=0.05)
    assert abs(exact.current[falling] / exact.current[rising] - 1) > 0.01


def test_the_equations_are_those_of_the_papers() -> None:
    """Against formulas written anew in NumPy, at voltages and states over the whole range."""
    voltage, state = (grid.ravel() for grid in np.meshgrid(np.linspace(-1.2, 1.2, 25), np.linspace(0, 1, 11)))
    drift = LinearDrift(window=Biolek(3))
    current, rate = drift.evaluate(voltage, state)
    expected = voltage / (100 * state + 16e3 * (1 - state))
    np.testing.assert_allclose(current, expected, rtol=1e-12)
    step = np.where(expected < 0, 1.0, 0.0)
    np.testing.assert_allclose(rate, 1e-14 * 100 / 1e-16 * expected * (1 - (state - step) ** 6), rtol=1e-12, atol=1e-12)

    vteam = VTEAM(on_exponent=2.5, window=Joglekar(1))
    _, rate = vteam.evaluate(voltage, state)
    moved = np.where(voltage > 0.6, -6e-5 / 3e-9 * np.abs(voltage / 0.6 - 1) ** 3, 0.0)
    moved = np.where(voltage < -0.6, 6e-5 / 3e-9 * np.abs(voltage / -0.6 - 1) ** 2.5, moved)
    np.testing.assert_allclose(rate, moved * (1 - (2 * state - 1) ** 2), rtol=1e-9, atol=1e-6)

    current, rate = Yakopcic().evaluate(voltage, state)
    np.testing.assert_allclose(current, 0.17 * state * np.sinh(0.05 * voltage), rtol=1e-12, atol=1e-18)
    up = np.where(state < 0.3, 1.0, np.exp(-(state - 0.3)) * ((0.3 - state) / 0.7 + 1))
    down = np.where(state > 0.5, 1.0, np.exp(5 * (state - 0.5)) * state / 0.5)
    g_up = np.where(voltage > 0.16, 4000 * (np.exp(voltage) - np.exp(0.16)), 0)
    g_down = np.where(voltage < -0.15, -4000 * (np.exp(-voltage) - np.exp(0.15)), 0)
    np.testing.assert_allclose(rate, g_up * up + g_down * down, rtol=1e-12, atol=1e-9)


def test_the_state_stays_between_its_ends() -> None:
    device = VTEAM()
    ends = [device.respond(lambda _, v=v: v, np.linspace(0, 1e-2, 5), 0.5).state[-1] for v in (-1.5, 1.5)]
    assert ends == pytest.approx([1.0, 0.0], abs=0.02)


def test_conductances_are_told_with_their_window() -> None:
    assert VTEAM().conductance_window() == pytest.approx((1e-5, 1e-3))
    assert LinearDrift().conductance(0.0) == pytest.approx(1 / 16e3)


def test_reading_a_whole_task_does_not_disturb_a_device_with_thresholds_and_does_one_without() -> None:
    """The airline series, 144 reads of 0.1 V, the voltage of a unit, for 1 microsecond each, all of one sign."""
    moved = {name: device.disturb(0.1, 144e-6, 0.5) for name, device in catalogue().items()}
    assert {name for name, way in moved.items() if way == 0.0} == {
        "vteam", "vteam-joglekar", "vteam-prodromakis", "yakopcic", "yakopcic-synapse",
    }  # fmt: skip
    # By hand: dx/dt = mu Ron / D^2 v / R(0.5), which hardly changes; the window is 1 in the middle.
    by_hand = 1e-14 * 100 / 1e-16 * 0.1 / 8050 * 144e-6
    assert moved["linear-drift"] == pytest.approx(by_hand, rel=1e-3)
    assert find("vteam").disturb(-0.7, 144e-6, 0.5) > 0.01


def test_the_subcircuits_are_those_that_were_looked_at(golden) -> None:
    names = ("linear-drift-biolek", "vteam", "yakopcic")
    golden("memristors.cir", "\n".join(find(name).subcircuit(name.replace("-", "_")) for name in names) + "\n")


def test_memristors_are_found_by_name() -> None:
    assert find("vteam") == VTEAM()
    assert find(VTEAM(on_exponent=2.0)).on_exponent == 2.0
    with pytest.raises(CellwrightError, match=r"no memristor is called 'vtem': did you mean 'vteam'\?"):
        find("vtem")
    with pytest.raises(CellwrightError, match="a name or an instance of Memristor, got 3"):
        find(3)


@pytest.mark.parametrize(
    ("build", "says"),
    [
        (lambda: Biolek(0), "whole number p from 1 to 32"),
        (lambda: Joglekar(1.5), "whole number p from 1 to 32"),
        (lambda: Prodromakis(-1.0), "p and j above 0"),
        (lambda: LinearDrift(window="joglekar"), r"window is one of Joglekar\(\)"),
        (lambda: VTEAM(window=3), "or another Window; got 3"),
        (lambda: VTEAM().subcircuit("a b"), "letters, digits and _, got 'a b'"),
        (lambda: VTEAM(on_threshold=0.1), "on_threshold and on_speed are below 0"),
        (lambda: VTEAM().respond(lambda _: 0.0, np.linspace(0, 1, 3), 1.5), "starts at a state from 0 to 1"),
    ],
)
def test_what_makes_no_sense_is_refused(build: Callable[[], object], says: str) -> None:
    with pytest.raises(CellwrightError, match=says):
        build()
