"""Write and verify in SPICE: devices that differ meet their targets; what pulses do to neighbours is told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from cellwright.circuit.memristors import VTEAM, LinearDrift, find
from cellwright.circuit.programming import Scheme, write_verify
from cellwright.errors import CellwrightError

TARGETS = np.array([[20e-6, 150e-6], [200e-6, 60e-6], [90e-6, 12e-6]])


@pytest.fixture
def _ngspice(needs) -> None:
    needs.program("ngspice", remedy="apt install ngspice")


@pytest.mark.usefixtures("_ngspice")
def test_devices_that_differ_are_written_within_the_tolerance() -> None:
    """From states above and below the targets, which takes pulses of either sign."""
    devices = np.empty(TARGETS.shape, dtype=object)
    for number, at in enumerate(np.ndindex(*TARGETS.shape)):
        devices[at] = VTEAM(on_threshold=-0.55 - 0.02 * number, off_threshold=0.65 - 0.02 * number)
    start = np.array([[0.1, 0.9], [0.2, 0.95], [0.5, 0.3]])
    written = write_verify(devices, TARGETS, start)
    assert written.within.all()
    assert abs(written.conductances / TARGETS - 1).max() <= Scheme().tolerance
    assert (written.pulses > 0).all()
    assert len(written.reads) - 1 == written.pulses.max() <= Scheme().rounds
    # What is read is Ohm's law of the state that is left, and thresholds keep half a pulse from moving it.
    left = [device.conductance(float(state)) for device, state in zip(devices.flat, written.states.flat, strict=True)]
    np.testing.assert_allclose(written.conductances.ravel(), left, rtol=1e-4)
    assert written.disturb.max() < 1e-9


@pytest.mark.usefixtures("_ngspice")
def test_half_a_pulse_beyond_the_threshold_disturbs_as_the_model_says() -> None:
    """One device of a row is written with 1.5 V, so that the other one has 0.75 V for as long."""
    device, scheme = VTEAM(), Scheme(write=1.5, rounds=1, first=4e-6)
    written = write_verify(device, np.array([[200e-6, 1 / 82e3]]), np.array([[0.2, (100e3 - 82e3) / 99e3]]), scheme)
    assert written.pulses.tolist() == [[1, 0]]
    half = device.respond(lambda _: -0.75, np.linspace(0, 4e-6, 5), (100e3 - 82e3) / 99e3)
    assert written.disturb[0, 1] == pytest.approx(half.state[-1] - half.state[0], rel=0.02)
    assert written.disturb[0, 0] < 1e-12


@pytest.mark.usefixtures("_ngspice")
def test_select_transistors_keep_neighbours_as_they_are() -> None:
    """With pulses half of which is beyond the threshold; what is verified is device and transistor in series."""
    written = write_verify(VTEAM(), TARGETS, 0.2, Scheme(write=1.5, select=1e3))
    assert written.within.all()
    left = [1 / (1 / VTEAM().conductance(float(state)) + 1e3) for state in written.states.flat]
    np.testing.assert_allclose(written.conductances.ravel(), left, rtol=1e-4)
    assert written.disturb.max() < 1e-9


@pytest.mark.usefixtures("_ngspice")
def test_a_device_that_conducts_more_at_positive_voltages_is_written_too() -> None:
    written = write_verify(find("yakopcic-synapse"), np.array([[40e-6, 70e-6]]), np.array([[0.0, 0.8]]))
    assert written.within.all()


@pytest.mark.usefixtures("_ngspice")
def test_what_rounds_do_not_suffice_for_is_told() -> None:
    written = write_verify(VTEAM(), TARGETS, 0.2, Scheme(rounds=2))
    assert len(written.reads) == 3
    assert not written.within.all()


@pytest.mark.parametrize(
    ("write", "says"),
    [
        (lambda: write_verify(VTEAM(), np.ones(3), 0.2), r"matrix \(word lines, bit lines\), got the shape \(3,\)"),
        (lambda: write_verify(VTEAM(), TARGETS * 10, 0.2), "0.0015 S lies outside of the device's window, 1e-05 to"),
        (lambda: write_verify(VTEAM(), TARGETS, 1.2), "from 0 to 1, or at one each; got 1.2"),
        (lambda: write_verify(VTEAM(), TARGETS, np.ones(2)), "or at one each; got array"),
        (lambda: write_verify(find("yakopcic"), TARGETS * 0, 0.2), "the target 0 S lies outside"),
        (lambda: write_verify(VTEAM(), TARGETS, 0.2, Scheme(write=0.5)), "pulses of 0.5 V do not move VTEAM"),
        (lambda: write_verify(np.full((1, 1), VTEAM()), TARGETS, 0.2), r"shape \(1, 1\) have targets of \(3, 2\)"),
        (lambda: write_verify(replace(LinearDrift()), TARGETS / 10, 0.2), "outside of the device's window"),
    ],
)
def test_what_makes_no_sense_is_refused(write: Callable[[], object], says: str) -> None:
    with pytest.raises(CellwrightError, match=says):
        write()
