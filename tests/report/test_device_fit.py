"""The picture of a fitted device."""

import numpy as np

from cellwright.crossbar.fitting import Train, fit
from cellwright.report.canvas import svg
from cellwright.report.device_fit import device_fit


def sweeps(devices: int) -> list[Train]:
    random = np.random.default_rng(0)
    gate = np.tile(np.r_[5.0, np.linspace(0.7, 1.6, 20)], 3)
    volts = np.where(gate > 2, -1.7, 2.5)
    line = np.where(gate > 2, 1e-6, 100e-6 * gate)
    return [
        Train(device=f"D{index}", pulse=np.arange(63), voltage=volts, gate_voltage=gate,
              conductance=line + 1e-7 * random.normal(size=63))
        for index in range(devices)
    ]  # fmt: skip


def test_measured_points_the_law_and_residuals_are_drawn() -> None:
    found = fit(sweeps(1), "a test")
    figure = device_fit(found)
    pulses, misses = figure.axes
    points, law = pulses.lines
    assert len(points.get_xdata()) == 60  # SET pulses alone
    np.testing.assert_allclose(law.get_ydata(), 1e6 * (found.device.slope * law.get_xdata() + found.device.intercept))
    drawn = misses.lines[1].get_ydata()
    np.testing.assert_array_equal(drawn, found.fitted[0].residual * 1e6)
    assert f"{found.residual * 1e6:.3g} µS" in svg(figure, "fit")


def test_three_of_many_devices_are_drawn() -> None:
    figure = device_fit(fit(sweeps(5), "a test"))
    assert len(figure.axes) == 6
    assert "3 of 5 devices shown" in svg(figure, "fit")
    again = [svg(device_fit(fit(sweeps(5), "a test")), "fit") for _ in range(2)]
    assert again[0] == again[1]
