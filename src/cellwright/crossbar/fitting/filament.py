"""The fit of pulses of one height up and one down: soft bounds, by likelihood."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from cellwright.crossbar.devices import Pulse
from cellwright.crossbar.devices.filament import Filament
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
    heights,
    over_devices,
    spreads,
)
from cellwright.errors import CellwrightError

Tensor = torch.Tensor

_FEWEST = 10  # pulses of each polarity
_OWN = ("step", "up_over_down", "lowest", "highest")  # device by device
_SHARED = ("nonlinearity_up", "nonlinearity_down", "cycle_to_cycle", "read_noise_fraction")
_UNIT = {"step": "S", "lowest": "S", "highest": "S"}
_STARTS = (0.3, 1.0, 2.5)  # exponents to start from
_TRIAL, _ENOUGH = 100, 2000  # iterations from each start, and from the best of them
_COARSE = 1e-3  # of the measured range: a resolution that hides steps
_NO_NOISE = 1e-5  # of reads: what the search leaves where there is none
_FAR = 6.0  # standard deviations from a bound, beyond which it does not cut
_NEAR = 3.0  # standard deviations from a bound, within which it may
_MARGIN = 1e-6  # of the measured range: bounds lie outside of it


def fit_filament(trains: Sequence[Train], source: str) -> Fit:
    set_height, reset_height = height(trains, up=True), height(trains, up=False)
    data = _Transitions(trains)
    tried = (data.maximise(data.start(exponent), _TRIAL) for exponent in _STARTS)
    best = data.maximise(min(tried, key=lambda found: found.loss).numbers, _ENOUGH)
    data.set_aside(best.numbers)
    best = data.maximise(best.numbers, _ENOUGH)
    parameters = best.parameters
    values: dict[str, Any] = {name: parameter.value for name, parameter in parameters.items()}
    values["lowest"] = max(values["lowest"], 0.0)
    if values["read_noise_fraction"] < _NO_NOISE:
        values["read_noise_fraction"] = 0.0
    device = Filament(
        **values,
        window=_common_window(best.values),
        off=values["lowest"],
        read=READ,
        set_pulse=Pulse(set_height, WIDTH),
        reset_pulse=Pulse(reset_height, WIDTH),
        spread=spreads(parameters),
        activation_energy=0.0,
        retention_time=math.inf,
        disturb_rate=0.0,
        endurance=math.inf,
        area=AREA,
        citation=source,
        assumed=f"{ASSUMED}; reads do not disturb it and it does not wear out",
    )
    fitted = tuple(_follow(train, best.device(index)) for index, train in enumerate(trains))
    return Fit(device=device, parameters=parameters, fitted=fitted)


class _Transitions:
    """Every pulse of every device as a step from one measured conductance to the next.

    The likelihood of a step is normal, with the mean and the variance that the law gives where its bounds cut steps
    off, and the variance of the two reads and of their rounding. Pulses set aside say where the ends of the range are
    and nothing about variances: first those that leave a device where it was, at an end. All is in units of the
    largest conductance.
    """

    def __init__(self, trains: Sequence[Train]) -> None:
        self.count, self.unit = len(trains), max(float(train.conductance.max()) for train in trains)
        before, after, up, device, aside = [], [], [], [], []
        for index, train in enumerate(trains):
            volts = heights(train)
            moved = volts[1:] != 0
            before.append(train.conductance[:-1][moved])
            after.append(train.conductance[1:][moved])
            aside.append(_stays(train)[moved])
            up.append(volts[1:][moved] > 0)
            device.append(np.full(moved.sum(), index))
            _check_polarities(train)
        self.before = torch.as_tensor(np.concatenate(before) / self.unit)
        self.after = torch.as_tensor(np.concatenate(after) / self.unit)
        self.aside = torch.as_tensor(np.concatenate(aside))
        self.up = torch.as_tensor(np.concatenate(up))
        self.owner = torch.as_tensor(np.concatenate(device))
        rounding = [_resolution(train) ** 2 / 12 / self.unit**2 for train in trains]
        self.rounding = torch.as_tensor(np.array(rounding))
        ends = [(train.conductance.min() / self.unit, train.conductance.max() / self.unit) for train in trains]
        self.low, self.high = torch.as_tensor(np.array(ends)).unbind(-1)
        if bool((self.low == self.high).any()):
            raise CellwrightError("a device has the same conductance after every pulse: look at the column conductance")
        jumps = (self.after - self.before).abs()
        self.jump = torch.stack([jumps[(self.owner == index) & ~self.aside].mean() for index in range(self.count)])

    def law(self, numbers: Tensor) -> Filament:
        """The law with one number a device, from the unbounded numbers of the search."""
        own = numbers[: len(_OWN) * self.count].reshape(len(_OWN), self.count)
        shared = numbers[len(_OWN) * self.count :].exp()
        reach = self.high - self.low
        # Bounds lie outside what was measured, and the lower one above zero.
        below = _MARGIN + torch.sigmoid(own[2]) * (self.low / reach - _MARGIN).clamp(min=_MARGIN)
        values: dict[str, Any] = {
            "step": own[0].exp(),
            "up_over_down": own[1].exp(),
            "lowest": self.low - below * reach,
            "highest": self.high + (_MARGIN + own[3].exp()) * reach,
        }
        return replace(_UNSCALED, **values | dict(zip(_SHARED, shared, strict=True)))

    def loss(self, numbers: Tensor) -> Tensor:
        """Negative logarithm of the likelihood."""
        own, step, most = self._steps(numbers)
        cut, variance = _cut_off(step.abs(), own.cycle_to_cycle * step.abs(), most)
        variance = variance + own.read_noise_fraction**2 * (self.before.square() + self.after.square())
        variance = variance + 2 * self.rounding[self.owner]
        variance = torch.where(self.aside, self.jump[self.owner].square(), variance)
        expected = self.before + cut * step.sign()
        return ((self.after - expected).square() / variance + variance.log()).sum() / 2

    def _steps(self, numbers: Tensor) -> tuple[Filament, Tensor, Tensor]:
        """The law with one number a pulse, its mean step without the bounds, and how far off the bound is."""
        own = self.law(numbers).mapped(lambda values: values[self.owner] if values.ndim else values)
        step = torch.where(self.up, own.mean_step(self.before, True), own.mean_step(self.before, False))
        bound = torch.where(self.up, torch.as_tensor(own.highest), torch.as_tensor(own.lowest))
        return own, step, (bound - self.before).abs()

    def set_aside(self, numbers: Tensor) -> None:
        """Set aside all pulses that a bound may cut off: what a cut leaves is not normal, and would bias variances."""
        own, step, most = self._steps(numbers)
        self.aside = self.aside | ((most - step.abs()) < _NEAR * own.cycle_to_cycle * step.abs())

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


def _cut_off(mean: Tensor, deviation: Tensor, most: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and variance of min(N(mean, deviation), most)."""
    room = (most - mean) / deviation
    inside, density = torch.special.ndtr(room), (-room.square() / 2).exp() / math.sqrt(2 * math.pi)
    short = deviation * (room * inside + density)  # by what it falls short of most, on average
    square = deviation.square() * ((1 + room.square()) * inside + room * density)
    # Far inside, the difference of two large squares would leave nothing of a small variance.
    variance = torch.where(room > _FAR, deviation.square(), (square - short.square()).clamp(min=0))
    return torch.where(room > _FAR, mean, most - short), variance


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
        own: dict[str, Any] = {name: self.values[name].expand(self.data.count)[index].item() for name in self.values}
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
                found[name] = over_devices(values.tolist(), errors.tolist(), unit)
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


def _check_polarities(train: Train) -> None:
    change, volts = np.diff(train.conductance), heights(train)[1:]
    for name, sign in (("up", 1), ("down", -1)):
        of_this = change[volts * sign > 0]
        if len(of_this) < _FEWEST:
            raise CellwrightError(
                f"{called(train)} has {len(of_this)} pulses {name} after its first: expected at least {_FEWEST} up "
                f"(voltage above 0) and {_FEWEST} down (below 0)"
            )
        if of_this.mean() * sign < 0:
            raise CellwrightError(
                f"{called(train)} goes the other way by pulses {name}: expected voltages above 0 to raise its "
                "conductance and voltages below 0 to lower it; give RESET pulses the minus sign"
            )


def _resolution(train: Train) -> float:
    """The step in which conductances were written down: the smallest difference between two of them, in siemens."""
    apart = np.diff(np.unique(train.conductance))
    return float(apart.min()) if len(apart) else 0.0


def _stays(train: Train) -> NDArray[np.bool_]:
    """Which pulses after the first leave a device exactly where it was, at an end of its range.

    None where numbers were written down so coarsely that a small step may go unseen.
    """
    before, after, every = train.conductance[:-1], train.conductance[1:], train.conductance
    at_end = (after == every.max()) | (after == every.min())
    return (before == after) & at_end & (_resolution(train) < _COARSE * np.ptp(every))


def _follow(train: Train, law: Filament) -> Fitted:
    """What the law of a device says of its pulses: one by one, and from the first on."""
    nothing = torch.zeros(1, dtype=torch.float64)

    def pulsed(state: Tensor, volt: float) -> Tensor:
        if volt == 0:
            return state
        return law.set(state, nothing, nothing) if volt > 0 else law.reset(state, nothing)

    volts, measured = heights(train), torch.as_tensor(train.conductance)
    path, expected = [measured[:1]], [torch.full_like(measured[:1], math.nan)]
    for index in range(1, len(volts)):
        path.append(pulsed(path[-1], volts[index]))
        expected.append(pulsed(measured[index - 1 : index], volts[index]))
    return Fitted(train=train, path=torch.cat(path).numpy(), residual=train.conductance - torch.cat(expected).numpy())


def _common_window(values: Mapping[str, Tensor]) -> tuple[float, float]:
    """What every measured device reaches, less 5 % of it at either end, where steps become small."""
    low, high = float(values["lowest"].max()), float(values["highest"].min())
    if low >= high:
        raise CellwrightError("the measured devices have no common range of conductances: fit them one by one")
    return low + 0.05 * (high - low), high - 0.05 * (high - low)
