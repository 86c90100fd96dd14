"""The fit of SET pulses at several gate voltages: a line and its noise."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cellwright.crossbar.devices import Pulse
from cellwright.crossbar.devices.gate_controlled import GateControlled
from cellwright.crossbar.fitting.pulses import Floats, Train
from cellwright.crossbar.fitting.result import (
    AREA,
    ASSUMED,
    READ,
    WIDTH,
    Fit,
    Fitted,
    Parameter,
    called,
    height,
    over_devices,
    spreads,
)
from cellwright.errors import CellwrightError

GATE_VOLTAGES = 3
"""How many different ones a line needs, to be more than two points."""


def fit_gate_controlled(trains: Sequence[Train], source: str) -> Fit:
    lines = [_fit_line(train) for train in trains]
    slope = over_devices([line.slope for line in lines], [line.slope_error for line in lines], "S/V")
    intercept = over_devices([line.intercept for line in lines], [line.intercept_error for line in lines], "S")
    freedom = sum(line.freedom for line in lines)
    noise = math.sqrt(sum(line.squares for line in lines) / freedom)
    emptied = np.concatenate([train.conductance[_resets(train)] for train in trains])
    off = _emptied_to(float(emptied.mean()), noise) if len(emptied) else 0.0
    gates = set_gates(trains)
    lowest, highest = max(float(gates.min()), (off - intercept.value) / slope.value), float(gates.max())
    device = GateControlled(
        slope=slope.value,
        intercept=intercept.value,
        programming_noise=noise,
        window=(max(slope.value * lowest + intercept.value, off), slope.value * highest + intercept.value),
        off=off,
        read=READ,
        set_pulse=Pulse(height(trains, up=True), WIDTH),
        reset_pulse=Pulse(height(trains, up=False), WIDTH),
        gate_window=(lowest, highest),
        spread=spreads({"slope": slope, "intercept": intercept}),
        area=AREA,
        citation=source,
        assumed=f"{ASSUMED}; noise of reads is part of the noise of pulses"
        + ("" if len(emptied) else "; a RESET leaves 0, as none was measured"),
    )
    error = noise / math.sqrt(2 * freedom)
    parameters = {
        "slope": slope,
        "intercept": intercept,
        "programming_noise": Parameter(value=noise, error=error, spread=None, unit="S"),
    }
    return Fit(device=device, parameters=parameters, fitted=tuple(line.fitted for line in lines))


def _emptied_to(mean: float, noise: float) -> float:
    """What RESET aims at: normal noise that is cut off at 0 has a larger mean than it has without."""
    from scipy.optimize import brentq
    from scipy.stats import norm

    def excess(aimed: float) -> float:
        return float(aimed * norm.cdf(aimed / noise) + noise * norm.pdf(aimed / noise) - mean)

    if noise == 0:
        return mean
    return float(brentq(excess, 0.0, mean)) if excess(0.0) < 0 else 0.0


@dataclass(frozen=True, kw_only=True)
class _Line:
    slope: float
    intercept: float
    slope_error: float
    intercept_error: float
    squares: float
    freedom: int
    fitted: Fitted


def set_gates(trains: Sequence[Train]) -> Floats:
    """The different gate voltages of SET pulses."""
    gates = [train.gate_voltage[_sets(train)] for train in trains if train.gate_voltage is not None]
    return np.unique(np.concatenate([np.zeros(0), *gates]))


def _gates(train: Train) -> Floats:
    if train.gate_voltage is None:
        raise CellwrightError("some devices have gate voltages and some have none: fit them apart")
    return train.gate_voltage


def _sets(train: Train) -> NDArray[np.bool_]:
    return np.ones(len(train.pulse), dtype=bool) if train.voltage is None else train.voltage > 0


def _resets(train: Train) -> NDArray[np.bool_]:
    return np.zeros(len(train.pulse), dtype=bool) if train.voltage is None else train.voltage < 0


def _fit_line(train: Train) -> _Line:
    """Least squares of G = max(slope Vg + intercept, G before) over the SET pulses of one device.

    Which of the two is larger depends on the line, and the line on the pulses that it decides: a few rounds settle it.
    """
    gate, measured, sets = _gates(train), train.conductance, _sets(train)
    before = np.concatenate([[-np.inf], measured[:-1]])
    raised = sets
    for _ in range(50):
        if len(np.unique(gate[raised])) < GATE_VOLTAGES:
            raise CellwrightError(
                f"{called(train)} has SET pulses that raise it at {len(np.unique(gate[raised]))} gate voltages, "
                f"expected at least {GATE_VOLTAGES}"
            )
        design = np.stack([gate[raised], np.ones(raised.sum())], -1)
        (slope, intercept), *_ = np.linalg.lstsq(design, measured[raised], rcond=None)
        now = sets & (slope * gate + intercept > before)
        if (now == raised).all():
            break
        raised = now
    if slope <= 0:
        raise CellwrightError(
            f"{called(train)} does not conduct better after SET pulses at higher gate voltages (slope {slope:.3g} "
            "S/V): look at its columns"
        )
    expected = np.where(sets, np.maximum(slope * gate + intercept, before), np.nan)
    residual = measured - expected
    squares, freedom = float(np.nansum(residual**2)), int(sets.sum()) - 2
    if freedom < 1:
        raise CellwrightError(f"{called(train)} has {freedom + 2} SET pulses: expected more than 2")
    errors = np.sqrt(np.diag(np.linalg.inv(design.T @ design)) * squares / freedom)
    path = np.where(sets, slope * gate + intercept, np.nan)
    return _Line(
        slope=float(slope), intercept=float(intercept), slope_error=float(errors[0]), intercept_error=float(errors[1]),
        squares=squares, freedom=freedom, fitted=Fitted(train=train, path=path, residual=residual, over_gate=gate),
    )  # fmt: skip
