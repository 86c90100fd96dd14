"""Memristors: SciPy and ngspice solve the same equations, which are those of the papers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from cellwright.circuit import simulate
from cellwright.circuit.memristors import VTEAM, Biolek, Joglekar, LinearDrift, Memristor, Prodromakis, Yakopcic
from cellwright.errors import CellwrightError

# A device, the amplitude and frequency of a sine that moves it, and where it starts.
DRIVEN: dict[str, tuple[Memristor, float, float, float]] = {
    "linear drift, Joglekar": (LinearDrift(), 1.0, 1.0, 0.1),
    "linear drift, Biolek": (LinearDrift(window=Biolek()), 1.0, 1.0, 0.1),
    "linear drift, Prodromakis": (LinearDrift(window=Prodromakis(2.0, 1.0)), 1.0, 1.0, 0.1),
    "VTEAM": (VTEAM(), 1.0, 1e3, 0.3),
    "VTEAM, broken exponent": (VTEAM(on_exponent=2.5), 1.0, 1e3, 0.3),
    "Yakopcic": (Yakopcic(), 0.45, 100.0, 0.11),
}
PERIODS, POINTS = 1.5, 600


def sine(amplitude: float, frequency: float) -> Callable[[float], float]:
    return lambda time: amplitude * float(np.sin(2 * np.pi * frequency * time))


def netlist(device: Memristor, source: str, start: float, step: float, end: float) -> str:
    return (
        f"* a memristor\nV1 a 0 {source}\nX1 a 0 x device start={start}\n{device.subcircuit('device')}\n"
        f".options reltol=1e-5 abstol=1e-15 vntol=1e-9\n.tran {step} {end} 0 {step} uic\n.end\n"
    )


@pytest.mark.parametrize("name", DRIVEN)
def test_ngspice_follows_a_stiff_solution_and_the_loop_is_pinched(name: str, needs) -> None:
    needs.program("ngspice", remedy="apt install ngspice")
    device, amplitude, frequency, start = DRIVEN[name]
    times = np.linspace(0, PERIODS / frequency, POINTS + 1)
    exact = device.respond(sine(amplitude, frequency), times, start, tolerance=1e-8)
    done = simulate(netlist(device, f"SIN(0 {amplitude} {frequency})", start, times[1], times[-1]))
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
    """The airline series, 144 reads of 0.2 V for 1 microsecond each, all of one sign."""
    times = np.linspace(0, 144e-6, 10)
    for device in (VTEAM(), replace(Yakopcic(), positive_threshold=0.3, negative_threshold=0.3)):
        assert device.respond(lambda _: 0.2, times, 0.5).state[-1] == 0.5
    moved = LinearDrift(on_resistance=1e3, off_resistance=100e3).respond(lambda _: 0.2, times, 0.5).state[-1] - 0.5
    assert 1e-6 < moved < 1e-3


def test_pulses_program_a_small_array(needs) -> None:
    """Half of the voltage at every word line and bit line that is not chosen: two of four cells are written.

    Then all four are read, each by the current of its bit line.
    """
    needs.program("ngspice", remedy="apt install ngspice")
    device = VTEAM()
    written = {(0, 0), (1, 1)}
    width, gap = 2e-3, 0.5e-3
    lines = ["* an array of two by two", device.subcircuit("device")]
    lines += [f"X{row}{column} w{row} b{column} x{row}{column} device start=0.2" for row, column in np.ndindex(2, 2)]
    # Write (0, 0), then (1, 1), at -1 V over the cell; then read row by row at 0.1 V.
    starts = [0.0, width + gap]
    read = [2 * (width + gap), 3 * (width + gap)]
    for line in range(2):
        low = [(start, -1.0 if line == chosen else -0.5) for start, chosen in zip(starts, (0, 1), strict=True)]
        high = [(start, 0.0 if line == chosen else -0.5) for start, chosen in zip(starts, (0, 1), strict=True)]
        lines.append(f"Vw{line} w{line} 0 PWL({pulses([*low, (read[line], 0.1)], width)})")
        lines.append(f"Vb{line} b{line} 0 PWL({pulses(high, width)})")
    end = 4 * (width + gap)
    done = simulate("\n".join([*lines, f".tran 10u {end} 0 10u uic", ".end", ""]))
    for row, column in np.ndindex(2, 2):
        at = np.searchsorted(done["time"], read[row] + width / 2)
        current = done[f"i(vb{column})"][at]
        state = done[f"x{row}{column}"][at]
        assert current == pytest.approx(0.1 * device.conductance(float(state)), rel=1e-3)
        assert (state > 0.6) if (row, column) in written else state == pytest.approx(0.2, abs=1e-4)


def pulses(levels: list[tuple[float, float]], width: float) -> str:
    """Points of a source that is at a level from each start on, for one width, and else at 0."""
    edge = 1e-6
    points = [(0.0, 0.0)]
    for start, level in levels:
        points += [(start + edge, 0.0), (start + 2 * edge, level), (start + width, level), (start + width + edge, 0.0)]
    return " ".join(f"{time:.9g} {level:g}" for time, level in points)


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
