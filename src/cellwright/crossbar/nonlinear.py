"""Crossbars whose devices do not follow Ohm's law, wires included: Newton's method on the elimination of ``wires``.

The currents of the devices fix the voltages along the wires, v = e - i R - P i with the ladders R and P of word and bit
lines; the devices fix i = I(v). A step of Newton's method is the network with the slopes dI/dv as conductances. While
the residual falls fast enough, one factorisation serves all input vectors (a chord iteration); after that every vector
that is not there yet has its own, with a line search.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from cellwright.crossbar.wires import March, Wires
from cellwright.crossbar.wires_sweeps import Sweeps
from cellwright.errors import CellwrightError

Tensor = torch.Tensor
Current = Callable[[Tensor], tuple[Tensor, Tensor]]

_GOOD_CONTRACTION = 0.1  # of the residual in a chord step; above it the shared slopes are found anew
_WORST_CONTRACTION = 0.5  # above it with fresh slopes, a vector gets slopes of its own
_SMALLEST_STEP = 2.0**-30  # of the line search
_NUMBERS = 8_000_000  # of the matrices of own factorisations at once


@dataclass(frozen=True, kw_only=True)
class OperatingPoint:
    """Where a nonlinear crossbar settles; n word lines, m bit lines, leading dimensions as given.

    Attributes:
        currents: (..., m) sensed amperes.
        device_voltages: (..., n, m) volts.
        residual: (...): how well Kirchhoff's laws hold: the largest mismatch of a device's current relative to the
            largest current of a device, or of its voltage relative to the largest driver's, whichever is more.
        iterations: evaluations of the devices that it took.
    """

    currents: Tensor
    device_voltages: Tensor
    residual: Tensor
    iterations: int


@torch.no_grad()
def solve_nonlinear(
    current: Current,
    voltages: Tensor,
    wires: Wires | None,
    *,
    bit_lines: int,
    tolerance: float = 1e-10,
    iterations: int = 200,
) -> OperatingPoint:
    """Sensed currents and device voltages of a crossbar with nonlinear devices.

    No gradients flow through it.

    Args:
        current: from volts (..., n, m) to amperes and siemens (dI/dv) of that shape, device by device. Slopes below 0
            are taken as 0 in the steps, which then converge more slowly if they do.
        voltages: (..., n) volts at the drivers. The last leading dimension counts input vectors, which share a
            factorisation while they can; the others count arrays.
        wires: their resistances; None for none.
        bit_lines: their number m.
        tolerance: largest residual; see ``OperatingPoint``.
        iterations: most evaluations of the devices.

    Raises:
        CellwrightError: the residual does not reach the tolerance; voltages or what ``current`` gives are senseless.
    """
    if voltages.ndim < 1 or not voltages.is_floating_point() or not bool(torch.isfinite(voltages).all()):
        raise CellwrightError("voltages of drivers must be finite real numbers of shape (..., word lines)")
    if wires is None:
        across = voltages[..., None].expand(*voltages.shape, bit_lines)
        return OperatingPoint(
            currents=current(across)[0].sum(-2),
            device_voltages=across,
            residual=voltages.new_zeros(voltages.shape[:-1]),
            iterations=1,
        )
    vectors = voltages[None] if voltages.ndim == 1 else voltages
    search = _Search(current, vectors, wires, bit_lines, squeezed=voltages.ndim == 1)
    while search.calls < iterations and search.worst > tolerance and search.chord_step(tolerance):
        pass
    while search.calls < iterations and search.worst > tolerance and search.newton_step(tolerance, iterations):
        pass
    if not search.worst <= tolerance:
        raise CellwrightError(
            f"a nonlinear crossbar did not settle: its residual is {search.worst:.1e} after {search.calls} iterations, "
            f"{tolerance:.1e} was wanted; check that `current` gives the slope of its own current, lower the voltages, "
            "or raise `iterations` or `tolerance`"
        )
    return search.found(voltages.shape[:-1])


@dataclass(frozen=True)
class _State:
    """Voltages (..., vectors, n, m) and what follows from them.

    Attributes:
        volts: across the devices.
        through, slopes: their currents and dI/dv.
        gap: volts less those that the currents leave for the devices; 0 where both of Kirchhoff's laws hold.
        distance: (..., vectors): the gap of all devices, root of the sum of squares; what every step must lower.
        residual: (..., vectors); see ``OperatingPoint``.
    """

    volts: Tensor
    through: Tensor
    slopes: Tensor
    gap: Tensor
    distance: Tensor
    residual: Tensor

    def where(self, better: Tensor, other: _State) -> _State:
        """Vector by vector, the other one where that is better."""
        own, others = vars(self), vars(other)
        wide = better[..., None, None]
        return _State(
            **{
                name: torch.where(better if own[name].ndim == better.ndim else wide, others[name], own[name])
                for name in own
            }
        )


class _Search:
    """The search for the operating points of all vectors; it begins at 0 V across every device."""

    def __init__(self, current: Current, drivers: Tensor, wires: Wires, bit_lines: int, *, squeezed: bool) -> None:
        self._current, self._drivers, self._wires, self._squeezed = current, drivers, wires, squeezed
        self._shape = (*drivers.shape, bit_lines)
        self._word_lines = wires.word_line.resistances(bit_lines, like=drivers)
        self._bit_lines = wires.bit_line.resistances(drivers.shape[-1], like=drivers)
        self._largest = drivers.abs().amax(-1)
        self.calls = 0
        self._shared: _Linearised | None = None
        self._state = self._at(drivers.new_zeros(self._shape))
        if not bool(torch.isfinite(self._state.gap).all() and torch.isfinite(self._state.slopes).all()):
            raise CellwrightError("`current` must give currents and slopes that are finite at 0 V")

    @property
    def worst(self) -> float:
        return float(self._state.residual.max()) if self._state.residual.numel() else 0.0

    def found(self, leading: torch.Size) -> OperatingPoint:
        state = self._state
        return OperatingPoint(
            currents=state.through.sum(-2).reshape(*leading, -1),
            device_voltages=state.volts.reshape(*leading, *self._shape[-2:]),
            residual=state.residual.reshape(leading),
            iterations=self.calls,
        )

    def _at(self, volts: Tensor) -> _State:
        self.calls += 1
        asked = volts[0] if self._squeezed else volts
        through, slopes = self._current(asked)
        if through.shape != asked.shape or slopes.shape != asked.shape:
            raise CellwrightError(
                f"`current` must give currents and slopes of the shape of its volts, {tuple(asked.shape)}; "
                f"got {tuple(through.shape)} and {tuple(slopes.shape)}"
            )
        through, slopes = through.reshape(volts.shape), slopes.reshape(volts.shape)
        left = self._drivers[..., None] - through @ self._word_lines - self._bit_lines @ through
        gap = volts - left
        of_current = _relative((slopes * gap).abs().amax((-2, -1)), through.abs().amax((-2, -1)))
        of_voltage = _relative(gap.abs().amax((-2, -1)), self._largest)
        residual = torch.maximum(of_current, of_voltage).nan_to_num(nan=torch.inf)
        distance = gap.square().sum((-2, -1)).sqrt().nan_to_num(nan=torch.inf)
        return _State(volts, through, slopes, gap, distance, residual)

    def chord_step(self, tolerance: float) -> bool:
        """One step of all vectors with shared slopes; whether another one is worth while."""
        state, fresh = self._state, self._shared is None
        if self._shared is None:
            slopes = state.slopes.clamp(min=0)
            self._shared = _Linearised((slopes.amax(-3) + slopes.amin(-3)) / 2, self._wires)  # no vector is far off
        tried = self._at(state.volts + self._shared.step(state.gap))
        unsettled = state.residual > tolerance
        contraction = torch.where(unsettled, tried.distance / state.distance, 0.0).max().item()
        self._state = state.where(unsettled & (tried.distance < state.distance), tried)
        if contraction > _GOOD_CONTRACTION:
            self._shared = None
        return contraction < _WORST_CONTRACTION or not fresh

    def newton_step(self, tolerance: float, iterations: int) -> bool:
        """One step of each unsettled vector with its own slopes; whether any of them got nearer."""
        state = self._state
        pending = state.residual > tolerance
        step = self._own_steps(pending)
        size, nearer = torch.ones_like(state.distance), False
        while bool(pending.any()) and size.min().item() > _SMALLEST_STEP and self.calls < iterations:
            tried = self._at(state.volts + size[..., None, None] * step)
            accepted = pending & (tried.distance < (1 - 1e-4 * size) * state.distance)
            self._state = self._state.where(accepted, tried)
            nearer = nearer or bool(accepted.any())
            pending = pending & ~accepted
            size = torch.where(pending, size / 2, size)
        return nearer

    def _own_steps(self, which: Tensor) -> Tensor:
        state = self._state
        slopes, gaps = state.slopes[which].clamp(min=0), state.gap[which]
        rows, columns = self._shape[-2:]
        at_once = max(1, _NUMBERS // (rows * columns * min(rows, columns)))
        parts = zip(slopes.split(at_once), gaps.split(at_once), strict=True)
        steps = torch.zeros_like(state.volts)
        steps[which] = torch.cat([_Linearised(own, self._wires).step(gap[:, None])[:, 0] for own, gap in parts])
        return steps


class _Linearised:
    """The network with slopes (..., n, m) as conductances."""

    def __init__(self, slopes: Tensor, wires: Wires) -> None:
        self._slopes, self._march = slopes, March(slopes, wires)
        self._sweeps = Sweeps(self._march.elimination)

    def step(self, gap: Tensor) -> Tensor:
        """Change of the voltages (..., vectors, n, m) that closes their gap."""
        sources = self._march.ordered(-self._slopes[..., None, :, :] * gap).movedim(-3, -1)
        return self._march.restored(self._sweeps.from_devices(sources).movedim(-1, -3)) - gap


def _relative(part: Tensor, whole: Tensor) -> Tensor:
    """A part of nothing is nothing."""
    return torch.where(part == 0, 0.0, part / whole)
