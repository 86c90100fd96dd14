"""The Ta/HfO2 one-transistor-one-memristor cell on which Li et al. ran an LSTM."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cellwright.crossbar.devices.device import Device, Pulse
from cellwright.crossbar.devices.gate_controlled import GateControlled


@dataclass(frozen=True, kw_only=True)
class Li2019(GateControlled):
    """Ta/HfO2 1T1R of Li et al. 2019, Nature Machine Intelligence 1, 49, as their published code models it.

    The code is github.com/lican81/memNN (MIT licence; ``backend/xbar.m`` and ``demo/airline_lstm.m``): a SET pulse
    leaves max(slope * Vg + intercept, G) and a RESET pulse 0, both with normal noise of a standard deviation of
    1 % (airline) or 1.4 % (gait) of 400 uS; conductances are clipped at 0. There the noise hits every device at each
    call, which is a law of array-wide training; here, under write-verify, only a device that gets a pulse is hit.

    Valid for reads at 0.2 V, where the device is taken as linear (Li et al. 2018, Nature Electronics 1, 52, report
    linear current-voltage curves of such an array), for gate voltages of 0.7 to 1.6 V, and for times in which nothing
    drifts: neither temperature nor time enters. All devices are alike.
    """

    slope: float = 98e-6
    intercept: float = 120e-6
    programming_noise: float = 0.01 * 400e-6
    read_noise_fraction: float = 0.005
    window: tuple[float, float] = (98e-6 * 0.7 + 120e-6, 98e-6 * 1.6 + 120e-6)
    off: float = 0.0
    read: Pulse = Pulse(0.2, 100e-9)
    set_pulse: Pulse = Pulse(2.5, 2e-6)
    reset_pulse: Pulse = Pulse(1.7, 1e-6)
    gate_window: tuple[float, float] = (0.7, 1.6)
    gate_step: float = 1e-3
    area: float = 100e-12
    citation: str = (
        "Li et al. 2019, Nature Machine Intelligence 1, 49, and its code github.com/lican81/memNN (SET and RESET laws, "
        "noise, gate window, 0.2 V read, 2.5 V SET, 1.7 V RESET); pulse widths of about 2 and 1 µs: Smagulova & James "
        "2019, Eur. Phys. J. Special Topics 228, 2313, section 3.1.2 (which prints s for µs)"
    )
    assumed: str = (
        "read noise 0.5 % of G (the code reads without noise), gate steps of 1 mV, 100 ns a read (as Shafiee et al. "
        "2016, ISAAC), 10 um x 10 um a cell (published: transistors of 2 um, no pitch)"
    )


CATALOGUE: Mapping[str, Device] = {
    "li2019": Li2019(),
    "li2019-gait": Li2019(programming_noise=0.014 * 400e-6),
}
