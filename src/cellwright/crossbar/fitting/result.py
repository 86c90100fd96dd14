"""What a fit gives: a device, its numbers with their errors, and what they miss."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from cellwright.crossbar.devices import Device, Pulse
from cellwright.crossbar.fitting.pulses import Floats, Train
from cellwright.errors import CellwrightError

READ = Pulse(0.2, 100e-9)
WIDTH = 100e-9
AREA = 1e-12
ASSUMED = "reads of 0.2 V and 100 ns, pulses of 100 ns, 1 um x 1 um a cell; it does not change with time or temperature"
"""What pulses do not tell."""

_SAME = 0.01  # pulses whose voltages differ by less, relatively, are alike


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """A fitted number.

    Attributes:
        value: mean over the measured devices, in SI units.
        error: standard error of the fit, of the mean over the devices.
        spread: standard deviation among devices relative to the mean, errors of the fit taken off; None: not fitted
            device by device.
        unit: of value and error.
    """

    value: float
    error: float
    spread: float | None
    unit: str


@dataclass(frozen=True, kw_only=True)
class Fitted:
    """The pulses of one device and what the fitted law says of them; arrays have one entry a pulse.

    Attributes:
        train: as measured.
        path: what the law says without noise, in siemens: from the first conductance on, or at each gate voltage.
        residual: measured less what the law says from the conductance before the pulse; NaN where it says nothing.
        over_gate: the gate voltages, where it is those that the law depends on.
    """

    train: Train
    path: Floats
    residual: Floats
    over_gate: Floats | None = None


@dataclass(frozen=True, kw_only=True)
class Fit:
    """A device from measurements.

    Attributes:
        device: the law with the fitted numbers.
        parameters: by their name in the device.
        fitted: one for each measured device.
    """

    device: Device
    parameters: Mapping[str, Parameter]
    fitted: tuple[Fitted, ...]

    @property
    def residual(self) -> float:
        """Root mean square of what the law misses after a single pulse, in siemens."""
        missed = np.concatenate([one.residual for one in self.fitted])
        return float(np.sqrt(np.nanmean(np.square(missed))))

    @property
    def residual_fraction(self) -> float:
        """The same as a fraction of the window."""
        low, high = self.device.window
        return self.residual / (high - low)


def heights(train: Train) -> Floats:
    if train.voltage is None:
        raise CellwrightError("some devices have voltages and some have none: fit them apart")
    return train.voltage


def height(trains: Sequence[Train], *, up: bool) -> float:
    """The one height of the pulses up or down; 0 where none was given.

    Raises:
        CellwrightError: pulses of several heights.
    """
    all_volts = np.concatenate([np.zeros(0) if train.voltage is None else train.voltage for train in trains])
    volts = np.abs(all_volts[all_volts > 0 if up else all_volts < 0])
    if not len(volts):
        return 0.0
    if np.ptp(volts) > _SAME * volts.max():
        raise CellwrightError(
            f"the pulses {'up' if up else 'down'} have voltages from {volts.min():g} to {volts.max():g} V: a law holds "
            "for pulses of one height; fit each height by itself"
        )
    return float(np.median(volts))


def over_devices(values: Sequence[float], errors: Sequence[float], unit: str) -> Parameter:
    """Mean, its error, and what the scatter of the values has beyond their errors."""
    count, mean = len(values), float(np.mean(values))
    error = math.sqrt(sum(e * e for e in errors)) / count
    if count == 1:
        return Parameter(value=mean, error=error, spread=None, unit=unit)
    beyond = float(np.var(values, ddof=1)) - float(np.mean(np.square(errors)))
    return Parameter(value=mean, error=error, spread=math.sqrt(max(beyond, 0.0)) / abs(mean), unit=unit)


def spreads(parameters: Mapping[str, Parameter]) -> dict[str, float]:
    return {name: parameter.spread for name, parameter in parameters.items() if parameter.spread}


def called(train: Train) -> str:
    return f"device {train.device}" if train.device else "the device"
