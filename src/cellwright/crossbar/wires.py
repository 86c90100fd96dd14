"""Wire resistance, exactly: a crossbar of linear devices as one effective matrix.

Every word line is driven, through a driver resistance, at its left end, its right end or both; every bit line is
sensed, through a sense resistance into virtual ground, at its lower end, its upper end or both; neighbouring crossings
are a segment apart. While the conductances hold, the network is linear: the sensed currents are I = E^T V with one
effective matrix E (the Schur complement of the nodal matrix), found once per programming by block elimination. After
that every input costs one product.

The elimination (``wires_elimination``) marches along the longer side: over bit lines, with the drivers at the ends of
the march, or over word lines, with the senses there. The network is reciprocal, so that both find the same matrix.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from typing import Any, Literal

import torch
from torch.autograd.function import once_differentiable

from cellwright.crossbar.wires_elimination import Elimination, Path
from cellwright.crossbar.wires_ladder import Ladder, Lines, Terminals
from cellwright.crossbar.wires_sweeps import Sweeps, solve_terminals
from cellwright.errors import CellwrightError

Tensor = torch.Tensor
Drive = Literal["left", "right", "both"]
Read = Literal["bottom", "top", "both"]
_DRIVERS: Mapping[Drive, Terminals] = {"left": "first", "right": "last", "both": "both"}
_SENSES: Mapping[Read, Terminals] = {"bottom": "last", "top": "first", "both": "both"}


@dataclass(frozen=True)
class Wires:
    """Resistances of a crossbar's wires, in ohms, any of which may be 0; and where the wires are driven and sensed.

    The default segment is four squares of metal (assumed: a 10 um cell crossed by a wire 2.5 um wide) of 0.09 ohm a
    square: metals 1 to 4 of the GF180MCU process (0.18 um; Apache-2.0 design kit, sm141064.ngspice, rsh_rm1 to rsh_rm4,
    typical corner). Driver and sense resistances are assumed: the closed-loop output of an amplifier and its switch.

    Attributes:
        row_segment: between neighbouring crossings of a word line.
        column_segment: between neighbouring crossings of a bit line.
        driver: between a driver and the nearest crossing of its word line; at each driven end.
        sense: between virtual ground and the nearest crossing of its bit line; at each sensed end.
        drive: the ends of the word lines that are driven, ``left``, ``right`` or ``both`` (with the same voltage).
        read: the ends of the bit lines that are sensed, ``bottom``, ``top`` or ``both`` (their currents are added).
    """

    row_segment: float = 0.36
    column_segment: float = 0.36
    driver: float = 1.0
    sense: float = 1.0
    drive: Drive = "left"
    read: Read = "bottom"

    def __post_init__(self) -> None:
        for name in ("row_segment", "column_segment", "driver", "sense"):
            value = getattr(self, name)
            if not 0 <= value < float("inf"):
                raise CellwrightError(f"a wire resistance is 0 or more ohms, got {name} = {value!r}")
        for name, known in (("drive", _DRIVERS), ("read", _SENSES)):
            if getattr(self, name) not in known:
                raise CellwrightError(f"{name} is one of {', '.join(known)}; got {getattr(self, name)!r}")

    @property
    def word_line(self) -> Ladder:
        return Ladder(end=self.driver, segment=self.row_segment, taps=_DRIVERS[self.drive])

    @property
    def bit_line(self) -> Ladder:
        return Ladder(end=self.sense, segment=self.column_segment, taps=_SENSES[self.read])


@dataclass(frozen=True, kw_only=True)
class Network:
    """The answer of a crossbar to its drivers; n word lines, m bit lines, leading dimensions as given.

    No gradients flow through it; ``effective_matrix`` has them.

    Attributes:
        effective: (..., n, m) siemens: sensed current of a bit line for a volt at a driver.
        sensitivity: (..., n, m): change of the sensed current of a device's own bit line, for a volt across the device
            and a siemens more of it; 1 without wires. What reaches other bit lines is not in it.
        driver_admittance: (..., n, n) siemens: current out of each driver for a volt at each driver.
        voltages_across: volts across each device (..., m, n, any) for patterns (n, any) of volts at the drivers.
    """

    effective: Tensor
    sensitivity: Tensor
    driver_admittance: Tensor
    voltages_across: Callable[[Tensor], Tensor] = field(repr=False)

    @cached_property
    def device_voltages(self) -> Tensor:
        """(..., n, m, n): volts across each device for a volt at each driver."""
        rows = self.effective.shape[-2]
        unit = torch.eye(rows, dtype=self.effective.dtype, device=self.effective.device)
        return self.voltages_across(unit).transpose(-3, -2)

    def current_variance(self, deviation: Tensor, drives: Tensor) -> Tensor:
        """Variance of the sensed currents, to first order, if every conductance varies by itself.

        What a device adds to bit lines other than its own is left out; see ``sensitivity``.

        Args:
            deviation: (..., n, m) siemens: standard deviation of each device.
            drives: (n, any): patterns of volts at the drivers; inputs are coefficients of these patterns.

        Returns:
            (..., m, any, any) square amperes: for each bit line a quadratic form in the coefficients.
        """
        weighted = self.voltages_across(drives) * (deviation * self.sensitivity).mT[..., None]
        return weighted.mT @ weighted


def effective_matrix(conductances: Tensor, wires: Wires | None) -> Tensor:
    """The effective matrix (..., word lines, bit lines) of crossbars with conductances of that shape, in siemens.

    It can be differentiated once with respect to the conductances.

    Raises:
        CellwrightError: conductances are no matrices of real numbers; or one is negative, NaN or infinite, and no
            answer exists.
    """
    if wires is None:
        return conductances
    return _Effective.apply(conductances, wires)


def solve_network(conductances: Tensor, wires: Wires | None) -> Network:
    """The effective matrix with everything that noise and energy need; see ``Network``.

    Raises:
        CellwrightError: conductances are no matrices of real numbers; or one is negative, NaN or infinite, and no
            answer exists.
    """
    conductances = conductances.detach()
    if wires is None:
        return _without_wires(conductances)
    march = March(conductances, wires)
    return _driven_at_the_ends(march) if march.over_bit_lines else _driven_at_the_taps(march)


class March:
    """A crossbar laid out for the elimination.

    Raises:
        CellwrightError: the conductances are no matrices of real numbers.

    Attributes:
        over_bit_lines: whether lines are bit lines, and drivers the ends of the march; else they are the senses.
        elimination: over the lines.
    """

    def __init__(self, conductances: Tensor, wires: Wires) -> None:
        if conductances.ndim < 2 or 0 in conductances.shape[-2:] or not conductances.is_floating_point():
            raise CellwrightError(
                "conductances are real numbers of shape (..., word lines, bit lines), "
                f"got {conductances.dtype} of shape {tuple(conductances.shape)}"
            )
        self.over_bit_lines = conductances.shape[-2] <= conductances.shape[-1]
        along, across = wires.word_line, wires.bit_line
        if not self.over_bit_lines:
            along, across = across, along
        self._reversed = along.taps == "last"
        path = Path(near=along.end, segment=along.segment, far=along.end if along.taps == "both" else None)
        self.elimination = Elimination(Lines(self.ordered(conductances), across), path)

    def ordered(self, array: Tensor) -> Tensor:
        """(..., word lines, bit lines) to (..., lines, block)."""
        lines = array.mT if self.over_bit_lines else array
        return lines.flip(-2) if self._reversed else lines

    def restored(self, lines: Tensor) -> Tensor:
        """(..., lines, block) to (..., word lines, bit lines)."""
        lines = self.line_order(lines, -2)
        return lines.mT if self.over_bit_lines else lines

    def line_order(self, lines: Tensor, dimension: int) -> Tensor:
        """From the order of the march to that of the array, or back."""
        return lines.flip(dimension) if self._reversed else lines

    def gathered(self, lines: Iterator[Tensor], dimension: int) -> Tensor:
        """Line after line put into one tensor, in the order of the array; they are its dimension, from the end."""
        count = self.elimination.lines.count
        first = next(lines)
        shape = list(first.shape)
        shape.insert(first.ndim + 1 + dimension, count)
        array = first.new_empty(shape)
        for k, line in enumerate(chain([first], lines)):
            array.select(dimension, count - 1 - k if self._reversed else k).copy_(line)
        return array


class _Effective(torch.autograd.Function):
    """The effective matrix; its gradient from the voltages across the devices.

    The network is reciprocal: dE[r, c] / dG[i, j] is the voltage across device (i, j) for a volt at driver r, times
    that for a volt at sense c. So a gradient takes two sweeps over the same elimination, one from all ends, one from
    all taps with the incoming gradient as their voltages.
    """

    @staticmethod
    def forward(ctx: Any, conductances: Tensor, wires: Wires) -> Tensor:
        march = March(conductances, wires)
        if ctx.needs_input_grad[0]:
            ctx.march, ctx.sweeps = march, Sweeps(march.elimination)
            return march.restored(ctx.sweeps.answer.transfer)
        return march.restored(solve_terminals(march.elimination, march.elimination.steps()).transfer)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        march, sweeps = ctx.march, ctx.sweeps
        incoming = march.ordered(gradient)
        from_ends, from_taps = sweeps.from_ends(march.elimination.unit), sweeps.from_taps(incoming)
        found = []
        for k, (one, other) in enumerate(zip(from_ends, from_taps, strict=True)):
            relative = other - incoming[..., k, None, :]
            found.append(-(sweeps.across(k, one) * sweeps.across(k, relative)).sum(-1))
        return march.restored(torch.stack(found, -2)), None


def _driven_at_the_ends(march: March) -> Network:
    sweeps = Sweeps(march.elimination)
    own = [sweeps.across(k, 1 - nodes[..., None])[..., 0] for k, nodes in enumerate(sweeps.own_blocks())]

    def voltages_across(drives: Tensor) -> Tensor:
        nodes = enumerate(sweeps.from_ends(drives))
        return march.gathered((sweeps.across(k, block) for k, block in nodes), -3)

    return Network(
        effective=march.restored(sweeps.answer.transfer),
        sensitivity=march.restored(torch.stack(own, -2)),
        driver_admittance=sweeps.answer.ends,
        voltages_across=voltages_across,
    )


def _driven_at_the_taps(march: March) -> Network:
    sweeps = Sweeps(march.elimination, taps=True)
    own = torch.stack(list(sweeps.own_devices()), -2)

    def voltages_across(drives: Tensor) -> Tensor:
        volts = march.line_order(drives, -2)
        nodes = enumerate(sweeps.from_taps(volts))
        return march.gathered((sweeps.across(k, volts[..., k, None, :] - block) for k, block in nodes), -2)

    return Network(
        effective=march.restored(sweeps.answer.transfer),
        sensitivity=march.restored(own),
        driver_admittance=march.line_order(march.line_order(sweeps.answer.taps, -2), -1),
        voltages_across=voltages_across,
    )


def _without_wires(conductances: Tensor) -> Network:
    return Network(
        effective=conductances,
        sensitivity=torch.ones_like(conductances),
        driver_admittance=torch.diag_embed(conductances.sum(-1)),
        voltages_across=lambda drives: drives.expand(*conductances.mT.shape, drives.shape[-1]),
    )
