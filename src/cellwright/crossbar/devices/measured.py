"""Devices from measurements: the law that fits measured pulses best, how well it does, and how devices differ."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from cellwright.crossbar.devices.device import Device, Pulse
from cellwright.crossbar.devices.filament import Filament
from cellwright.crossbar.devices.gate_controlled import GateControlled
from cellwright.crossbar.devices.pulses import Train
from cellwright.errors import CellwrightError

Tensor = torch.Tensor
Floats = NDArray[np.float64]

_GATE_VOLTAGES = 3  # different ones that a line needs, to be more than two points
_FEWEST = 10  # pulses of each polarity
_SAME = 0.01  # pulses whose voltages differ by less, relatively, are alike
_READ = Pulse(0.2, 100e-9)
_WIDTH = 100e-9
_AREA = 1e-12
_ASSUMED = "reads of 0.2 V and 100 ns, pulses of 100 ns, 1 um x 1 um a cell; it does not change with time or temperature"


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
        path: what the law says from the first conductance on, without noise; siemens.
        residual: measured less what the law says from the conductance before the pulse; NaN where it says nothing.
    """

    train: Train
    path: Floats
    residual: Floats


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


def fit(trains: Sequence[Train], source: str) -> Fit:
    """Fit the law that the data call for.

    Pulses at several gate voltages are fitted by ``GateControlled``, pulses of one height up and one down by
    ``Filament``.

    Args:
        trains: the pulses of one or several devices.
        source: where they come from: becomes the citation.

    Raises:
        CellwrightError: the data are of neither kind, too few, or do not follow either law.
    """
    gates = [train.gate_voltage for train in trains if train.gate_voltage is not None]
    if gates and len(np.unique(np.concatenate(gates))) >= _GATE_VOLTAGES:
        return _fit_gate_controlled(trains, source)
    if all(train.voltage is not None for train in trains):
        return _fit_filament(trains, source)
    raise CellwrightError(
        f"these pulses have fewer than {_GATE_VOLTAGES} gate voltages and no column voltage: expected SET pulses at "
        "several gate voltages, or pulses up (voltage above 0) and down (below 0)"
    )


# --- SET pulses at several gate voltages ------------------------------------------------------------------------------


def _fit_gate_controlled(trains: Sequence[Train], source: str) -> Fit:
    lines = [_fit_line(train) for train in trains]
    slope = _over_devices([line.slope for line in lines], [line.slope_error for line in lines], "S/V")
    intercept = _over_devices([line.intercept for line in lines], [line.intercept_error for line in lines], "S")
    freedom = sum(line.freedom for line in lines)
    noise = math.sqrt(sum(line.squares for line in lines) / freedom)
    emptied = np.concatenate([train.conductance[_resets(train)] for train in trains])
    off = float(emptied.mean()) if len(emptied) else 0.0
    sets = np.concatenate([_gates(train)[~_resets(train)] for train in trains])
    lowest = max(float(sets.min()), (off - intercept.value) / slope.value)
    highest = float(sets.max())
    device = GateControlled(
        slope=slope.value,
        intercept=intercept.value,
        programming_noise=noise,
        window=(max(slope.value * lowest + intercept.value, off), slope.value * highest + intercept.value),
        off=off,
        read=_READ,
        set_pulse=Pulse(_height(trains, up=True), _WIDTH),
        reset_pulse=Pulse(_height(trains, up=False), _WIDTH),
        gate_window=(lowest, highest),
        spread=_spreads({"slope": slope, "intercept": intercept}),
        area=_AREA,
        citation=source,
        assumed=f"{_ASSUMED}; noise of reads is part of the noise of pulses"
        + ("" if len(emptied) else "; a RESET leaves 0, as none was measured"),
    )
    error = noise / math.sqrt(2 * freedom)
    parameters = {
        "slope": slope,
        "intercept": intercept,
        "programming_noise": Parameter(value=noise, error=error, spread=None, unit="S"),
    }
    return Fit(device=device, parameters=parameters, fitted=tuple(line.fitted for line in lines))


@dataclass(frozen=True, kw_only=True)
class _Line:
    slope: float
    intercept: float
    slope_error: float
    intercept_error: float
    squares: float
    freedom: int
    fitted: Fitted


def _gates(train: Train) -> Floats:
    if train.gate_voltage is None:
        raise CellwrightError("some devices have gate voltages and some have none: fit them apart")
    return train.gate_voltage


def _resets(train: Train) -> NDArray[np.bool_]:
    return np.zeros(len(train.pulse), dtype=bool) if train.voltage is None else train.voltage < 0


def _fit_line(train: Train) -> _Line:
    """Least squares of G = max(slope Vg + intercept, G before) over the SET pulses of one device.

    Which of the two is larger depends on the line, and the line on the pulses that it decides: a few rounds settle it.
    """
    gate, measured, resets = _gates(train), train.conductance, _resets(train)
    before = np.concatenate([[-np.inf], measured[:-1]])
    raised = ~resets & np.isfinite(measured)
    for _ in range(50):
        if len(np.unique(gate[raised])) < _GATE_VOLTAGES:
            raise CellwrightError(
                f"{_called(train)} has SET pulses that raise it at {len(np.unique(gate[raised]))} gate voltages, "
                f"expected at least {_GATE_VOLTAGES}"
            )
        design = np.stack([gate[raised], np.ones(raised.sum())], -1)
        (slope, intercept), *_ = np.linalg.lstsq(design, measured[raised], rcond=None)
        now = ~resets & (slope * gate + intercept > before)
        if (now == raised).all():
            break
        raised = now
    if slope <= 0:
        raise CellwrightError(
            f"{_called(train)} does not conduct better after SET pulses at higher gate voltages (slope {slope:.3g} S/V): "
            "look at its columns"
        )
    expected = np.where(resets, np.nan, np.maximum(slope * gate + intercept, before))
    residual = measured - expected
    squares, freedom = float(np.nansum(residual**2)), int((~resets).sum()) - 2
    if freedom < 1:
        raise CellwrightError(f"{_called(train)} has {freedom + 2} SET pulses: expected more than 2")
    errors = np.sqrt(np.diag(np.linalg.inv(design.T @ design)) * squares / freedom)
    path = np.where(resets, measured, slope * gate + intercept)
    return _Line(
        slope=float(slope), intercept=float(intercept), slope_error=float(errors[0]), intercept_error=float(errors[1]),
        squares=squares, freedom=freedom, fitted=Fitted(train=train, path=path, residual=residual),
    )  # fmt: skip


# --- pulses of one height up and one down -----------------------------------------------------------------------------


_OWN = ("step", "up_over_down", "lowest", "highest")  # device by device
_SHARED = ("nonlinearity_up", "nonlinearity_down", "cycle_to_cycle", "read_noise_fraction")
_UNIT = {"step": "S", "lowest": "S", "highest": "S"}
_STARTS = (0.3, 1.0, 2.5)  # exponents to start from
_TRIAL, _ENOUGH = 100, 2000  # iterations from each start, and from the best of them
_MARGIN = 1e-6  # of the measured range: bounds lie outside of it


def _fit_filament(trains: Sequence[Train], source: str) -> Fit:
    data = _Transitions(trains)
    tried = (data.maximise(data.start(exponent), _TRIAL) for exponent in _STARTS)
    best = data.maximise(min(tried, key=lambda found: found.loss).numbers, _ENOUGH)
    parameters = best.parameters
    values = {name: parameter.value for name, parameter in parameters.items()}
    device = Filament(
        **values,
        window=_common_window(best.values),
        off=values["lowest"],
        read=_READ,
        set_pulse=Pulse(_height(trains, up=True), _WIDTH),
        reset_pulse=Pulse(_height(trains, up=False), _WIDTH),
        spread=_spreads(parameters),
        activation_energy=0.0,
        retention_time=math.inf,
        disturb_rate=0.0,
        endurance=math.inf,
        area=_AREA,
        citation=source,
        assumed=f"{_ASSUMED}; reads do not disturb it and it does not wear out",
    )
    fitted = tuple(_follow(train, best.device(index)) for index, train in enumerate(trains))
    return Fit(device=device, parameters=parameters, fitted=fitted)


class _Transitions:
    """Every pulse of every device as a step from one measured conductance to the next.

    The likelihood of a step is normal around the law's mean step, cut off at the bounds; its variance is that of the
    cycles, cycle_to_cycle * step, and that of the two reads. A pulse that leaves a device at an end of its range says
    where the end is and nothing about variances. All is in units of the largest measured conductance.
    """

    def __init__(self, trains: Sequence[Train]) -> None:
        self.count, self.unit = len(trains), max(float(train.conductance.max()) for train in trains)
        before, after, up, device, stays = [], [], [], [], []
        for index, train in enumerate(trains):
            height = _heights(train)
            moved = height[1:] != 0
            before.append(train.conductance[:-1][moved])
            after.append(train.conductance[1:][moved])
            stays.append(_stays(train)[moved])
            up.append(height[1:][moved] > 0)
            device.append(np.full(moved.sum(), index))
            for polarity in (up[-1], ~up[-1]):
                if polarity.sum() < _FEWEST:
                    raise CellwrightError(
                        f"{_called(train)} has {polarity.sum()} pulses {'up' if polarity is up[-1] else 'down'} after "
                        f"its first: expected at least {_FEWEST} up (voltage above 0) and {_FEWEST} down (below 0)"
                    )
        self.before = torch.as_tensor(np.concatenate(before) / self.unit)
        self.after = torch.as_tensor(np.concatenate(after) / self.unit)
        self.stays = torch.as_tensor(np.concatenate(stays))
        self.up = torch.as_tensor(np.concatenate(up))
        self.owner = torch.as_tensor(np.concatenate(device))
        ends = [(train.conductance.min() / self.unit, train.conductance.max() / self.unit) for train in trains]
        self.low, self.high = torch.as_tensor(np.array(ends)).unbind(-1)
        if bool((self.low == self.high).any()):
            raise CellwrightError("a device has the same conductance after every pulse: look at the column conductance")
        jumps = (self.after - self.before).abs()
        self.jump = torch.stack([jumps[(self.owner == index) & ~self.stays].mean() for index in range(self.count)])

    def law(self, numbers: Tensor) -> Filament:
        """The law with one number a device, from the unbounded numbers of the search."""
        own = numbers[: len(_OWN) * self.count].reshape(len(_OWN), self.count)
        shared = numbers[len(_OWN) * self.count :].exp()
        reach = self.high - self.low
        # Bounds lie outside what was measured, and the lower one above zero.
        below = _MARGIN + torch.sigmoid(own[2]) * (self.low / reach - _MARGIN).clamp(min=_MARGIN)
        values = {
            "step": own[0].exp(),
            "up_over_down": own[1].exp(),
            "lowest": self.low - below * reach,
            "highest": self.high + (_MARGIN + own[3].exp()) * reach,
        }
        return replace(_UNSCALED, **values, **dict(zip(_SHARED, shared, strict=True)))

    def loss(self, numbers: Tensor) -> Tensor:
        """Negative logarithm of the likelihood."""
        law = self.law(numbers)
        own = law.mapped(lambda values: values[self.owner] if values.ndim else values)
        step = torch.where(self.up, own.mean_step(self.before, True), own.mean_step(self.before, False))
        expected = torch.minimum(torch.maximum(self.before + step, own.lowest), own.highest)
        # A step that is cut off at a bound varies less, too.
        cycles = own.cycle_to_cycle * (expected - self.before)
        variance = cycles.square() + own.read_noise_fraction**2 * (self.before.square() + self.after.square())
        variance = torch.where(self.stays, self.jump[self.owner].square(), variance)
        return ((self.after - expected).square() / variance + variance.log()).sum() / 2

    def start(self, exponent: float) -> Tensor:
        reach, step = self.high - self.low, self.jump
        own = [step.log(), torch.zeros_like(step), torch.zeros_like(step), torch.full_like(reach, math.log(0.05))]
        shared = torch.tensor([exponent, exponent, 0.5, 0.03], dtype=torch.float64).log()
        return torch.cat([torch.cat(own), shared])

    def maximise(self, start: Tensor, iterations: int) -> _Likeliest:
        """Climb from a start, for at most so many iterations."""
        from scipy.optimize import minimize

        def value_and_gradient(numbers: Floats) -> tuple[float, Floats]:
            at = torch.tensor(numbers, dtype=torch.float64, requires_grad=True)
            value = self.loss(at)
            (gradient,) = torch.autograd.grad(value, at)
            return float(value.detach()), gradient.numpy()

        found = minimize(
            value_and_gradient, start.numpy(), jac=True, method="L-BFGS-B",
            options={"maxiter": iterations, "maxfun": 2 * iterations, "ftol": 1e-11, "gtol": 1e-8},
        )  # fmt: skip
        return _Likeliest(self, torch.as_tensor(found.x), float(found.fun))


class _Likeliest:
    """Where the likelihood is largest.

    Attributes:
        loss: negative logarithm of the likelihood.
        values: by name, one number a device or one for all; in siemens where they are conductances.
        parameters: means over the devices, with errors and spread.
    """

    def __init__(self, data: _Transitions, numbers: Tensor, loss: float) -> None:
        self.data, self.numbers, self.loss = data, numbers, loss
        self.values = self._scaled(numbers)

    def device(self, index: int) -> Filament:
        """The law of one measured device."""
        own: dict[str, float] = {name: self.values[name].expand(self.data.count)[index].item() for name in self.values}
        return replace(_UNSCALED, **own, window=(0.0, self.data.unit))

    @property
    def parameters(self) -> dict[str, Parameter]:
        covariance = self._covariance()
        found: dict[str, Parameter] = {}
        for name in (*_OWN, *_SHARED):
            slopes: Tensor = torch.autograd.functional.jacobian(self._named(name), self.numbers)
            errors = (slopes @ covariance * slopes).sum(-1).clamp(min=0).sqrt()
            values, unit = self.values[name], _UNIT.get(name, "")
            if name in _OWN:
                found[name] = _over_devices(values.tolist(), errors.tolist(), unit)
            else:
                found[name] = Parameter(value=float(values), error=float(errors), spread=None, unit=unit)
        return found

    def _named(self, name: str) -> Callable[[Tensor], Tensor]:
        return lambda numbers: self._scaled(numbers)[name]

    def _scaled(self, numbers: Tensor) -> dict[str, Tensor]:
        law = self.data.law(numbers)
        return {
            name: torch.as_tensor(getattr(law, name)) * (self.data.unit if name in _UNIT else 1.0)
            for name in (*_OWN, *_SHARED)
        }

    def _covariance(self) -> Tensor:
        hessian: Tensor = torch.autograd.functional.hessian(self.data.loss, self.numbers)
        # Where the likelihood is flat (a read noise of nothing, a bound far away) a number has no error to speak of.
        return torch.linalg.pinv(hessian, rtol=1e-12, hermitian=True)


_UNSCALED = Filament(window=(0.0, 0.05), off=0.0, spread={}, citation="a fit", assumed="a fit")


def _stays(train: Train) -> NDArray[np.bool_]:
    """Which pulses after the first leave a device where it was, at an end of its range."""
    before, after, end = train.conductance[:-1], train.conductance[1:], train.conductance
    return (before == after) & ((after == end.max()) | (after == end.min()))


def _follow(train: Train, law: Filament) -> Fitted:
    """What the law of a device says of its pulses: one by one, and from the first on."""
    nothing = torch.zeros(1, dtype=torch.float64)

    def pulsed(state: Tensor, height: float) -> Tensor:
        if height == 0:
            return state
        return law.set(state, nothing, nothing) if height > 0 else law.reset(state, nothing)

    heights, measured = _heights(train), torch.as_tensor(train.conductance)
    path, expected = [measured[:1]], [torch.full_like(measured[:1], math.nan)]
    for index in range(1, len(heights)):
        path.append(pulsed(path[-1], heights[index]))
        expected.append(pulsed(measured[index - 1 : index], heights[index]))
    return Fitted(
        train=train, path=torch.cat(path).numpy(), residual=train.conductance - torch.cat(expected).numpy()
    )


def _common_window(values: Mapping[str, Tensor]) -> tuple[float, float]:
    """What every measured device reaches, less 5 % of it at either end, where steps become small."""
    low, high = float(values["lowest"].max()), float(values["highest"].min())
    if low >= high:
        raise CellwrightError("the measured devices have no common range of conductances: fit them one by one")
    return low + 0.05 * (high - low), high - 0.05 * (high - low)


# --- both -------------------------------------------------------------------------------------------------------------


def _heights(train: Train) -> Floats:
    if train.voltage is None:
        raise CellwrightError("some devices have voltages and some have none: fit them apart")
    return train.voltage


def _height(trains: Sequence[Train], *, up: bool) -> float:
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
            f"the pulses {'up' if up else 'down'} have voltages from {volts.min():g} to {volts.max():g} V: a law holds for "
            "pulses of one height; fit each height by itself"
        )
    return float(volts.mean())


def _over_devices(values: Sequence[float], errors: Sequence[float], unit: str) -> Parameter:
    """Mean, its error, and what the scatter of the values has beyond their errors."""
    count, mean = len(values), float(np.mean(values))
    error = math.sqrt(sum(e * e for e in errors)) / count
    if count == 1:
        return Parameter(value=mean, error=error, spread=None, unit=unit)
    beyond = float(np.var(values, ddof=1)) - float(np.mean(np.square(errors)))
    return Parameter(value=mean, error=error, spread=math.sqrt(max(beyond, 0.0)) / abs(mean), unit=unit)


def _spreads(parameters: Mapping[str, Parameter]) -> dict[str, float]:
    return {name: parameter.spread for name, parameter in parameters.items() if parameter.spread}


def _called(train: Train) -> str:
    return f"device {train.device}" if train.device else "the device"
