"""Wavefronts: all points of a grid whose coordinates have the same sum depend on the wavefront before alone.

Points are stored skewed, that is, sorted by wavefront, so that each wavefront is one slice of every tensor and one
evaluation of a cell's step. What a wavefront reads of the one before is a gather of rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from math import prod
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import torch

from cellwright.program import BoundProgram

Tensor: TypeAlias = torch.Tensor
Numbers: TypeAlias = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Wavefronts:
    """The order in which the points of a grid are computed.

    Attributes:
        points: the flat numbers (row-major) of the points, wavefront after wavefront.
        sizes: points of each wavefront.
        before: (points, dimensions): the place within the wavefront before of each point's predecessor in each
            dimension; -1 at the border.
    """

    points: Numbers
    sizes: tuple[int, ...]
    before: Numbers

    @property
    def each(self) -> list[Numbers]:
        """``before``, cut into wavefronts."""
        return np.split(self.before, np.cumsum(self.sizes)[:-1])


@lru_cache(maxsize=64)
def wavefronts(shape: tuple[int, ...]) -> Wavefronts:
    """The wavefronts of a grid: along the diagonal, from the corner at which all coordinates are 0."""
    grid = np.indices(shape).reshape(len(shape), -1)
    sums = grid.sum(0)
    points = np.argsort(sums, kind="stable")
    places = np.argsort(points)
    sizes = np.bincount(sums)
    first_of_wave = np.cumsum(sizes) - sizes
    found = []
    for dimension, coordinates in enumerate(grid):
        stride = prod(shape[dimension + 1 :])
        within = places[np.maximum(points - stride, 0)] - first_of_wave[np.maximum(sums[points] - 1, 0)]
        found.append(np.where(coordinates[points] > 0, within, -1))
    return Wavefronts(points, tuple(sizes.tolist()), np.stack(found, 1))


@dataclass(frozen=True, eq=False)
class Order:
    """The points of a grid in the order of wavefronts from one of its corners.

    Attributes:
        points: the flat numbers of the points, in that order.
        places: where each point lies in that order.
    """

    points: Tensor
    places: Tensor


def order_of(shape: tuple[int, ...], signs: tuple[int, ...], device: torch.device) -> Order:
    """The order from the corner at which a walk begins.

    Args:
        signs: 1 for each dimension that is walked forwards, -1 for those backwards.
    """
    return _kept(_order)(shape, signs, device)


@lru_cache(maxsize=256)
def _order(shape: tuple[int, ...], signs: tuple[int, ...], device: torch.device) -> Order:
    backwards = [k for k, sign in enumerate(signs) if sign < 0]
    points = np.flip(np.arange(prod(shape)).reshape(shape), tuple(backwards)).flatten()[wavefronts(shape).points]
    return Order(_tensor(points, device), _tensor(np.argsort(points), device))


def ends_of_depth(shape: tuple[int, ...], device: torch.device) -> Tensor:
    """Where the last points along the last dimension lie in the order of wavefronts."""
    depth = shape[-1]
    return _tensor(np.flatnonzero(wavefronts(shape).points % depth == depth - 1), device)


@dataclass(frozen=True, eq=False)
class Reading:
    """What a wavefront reads of the one before.

    Attributes:
        taken: a row for each place.
        has_zeros: whether it takes the row after the last one, which is of zeros.
    """

    taken: Tensor
    has_zeros: bool

    def of(self, source: Tensor) -> Tensor:
        """The rows that are taken, (places, ...), from (rows, ...)."""
        if self.has_zeros:
            source = torch.cat([source, source.new_zeros(1, *source.shape[1:])])
        return source.index_select(0, self.taken)


@lru_cache(maxsize=64)
def _readings(
    shape: tuple[int, ...], batch: int, dimensions: tuple[int, ...], bordered: bool, device: torch.device
) -> tuple[Reading, ...]:
    """What each wavefront reads of the one before, in rows (point, sample).

    Args:
        dimensions: of the predecessors that are read, side by side: a place is (point, sample, dimension).
        bordered: rows of their own follow for the points at the border, in their order; without, zeros stand there.
    """
    found = []
    available = 0
    samples = np.arange(batch).reshape(1, -1, 1)
    for wave in wavefronts(shape).each:
        before = wave[:, list(dimensions)]
        outside = before < 0
        if bordered:
            before = np.where(outside, available + np.cumsum(outside).reshape(before.shape) - 1, before)
            available += int(outside.sum())
        taken = np.where(before[:, None] < 0, available * batch, before[:, None] * batch + samples)
        found.append(Reading(_tensor(taken.flatten(), device), not bordered and bool(outside.any())))
        available = len(wave)
    return tuple(found)


def _kept(function: Any) -> Any:
    """A function that keeps its results; the function itself in a graph, whose tensors are of no use outside."""
    return function.__wrapped__ if torch.compiler.is_compiling() else function


def _tensor(numbers: Numbers, device: torch.device) -> Tensor:
    with torch.inference_mode(False):  # or gradients could not pass, later on
        return torch.from_numpy(np.ascontiguousarray(numbers)).to(device)


@dataclass(frozen=True, eq=False)
class Read:
    """How a step reads one of its states.

    Attributes:
        shape: of the state at one point of one sample.
        dimensions: in which the predecessors lie.
        side_by_side: whether the states come with the axis ``predecessor``, even if there is but one.
        border: what is read where there is no predecessor, rows (point at the border, sample) in order of wavefronts;
            zeros by default.
    """

    shape: tuple[int, ...]
    dimensions: tuple[int, ...]
    side_by_side: bool = False
    border: Tensor | None = None

    def borders(self, waves: Wavefronts, batch: int) -> list[Tensor | None]:
        """The border's rows that each wavefront reads."""
        if self.border is None:
            return [None] * len(waves.sizes)
        counts = [int((before[:, list(self.dimensions)] < 0).sum()) * batch for before in waves.each]
        return list(self.border.split(counts))


def sweep(
    body: BoundProgram,
    shape: tuple[int, ...],
    batch: int,
    like: Tensor,
    reads: Mapping[str, Read],
    per_point: Mapping[str, Tensor],
    fixed: Mapping[str, Tensor],
) -> dict[str, Tensor]:
    """Evaluate a step at all points of a grid, a wavefront at a time.

    Args:
        like: a tensor of the device and dtype of the states.
        reads: for each state that the step reads.
        per_point: what it reads of each point besides, (points, batch, ...) in order of wavefronts, by name.
        fixed: what it reads at every point alike.

    Returns:
        the states of all points by name, (points, batch, *shape) in order of wavefronts.
    """
    waves = wavefronts(shape)
    rows = [size * batch for size in waves.sizes]
    ready = {name: tensor.flatten(0, 1).split(rows) for name, tensor in per_point.items()}
    tables = {
        name: _kept(_readings)(shape, batch, read.dimensions, read.border is not None, like.device)
        for name, read in reads.items()
    }
    borders = {name: read.borders(waves, batch) for name, read in reads.items()}
    states = {name: like.new_zeros(0, *read.shape) for name, read in reads.items()}
    kept: dict[str, list[Tensor]] = {name: [] for name in reads}
    for number, count in enumerate(rows):
        previous = {}
        for name, read in reads.items():
            border = borders[name][number]
            source = states[name] if border is None else torch.cat([states[name], border])
            taken = tables[name][number].of(source)
            previous[name] = taken.unflatten(0, (count, len(read.dimensions))) if read.side_by_side else taken
        states = body({**fixed, **previous, **{name: each[number] for name, each in ready.items()}})
        for name, parts in kept.items():
            parts.append(states[name])
    return {name: torch.cat(parts).unflatten(0, (len(waves.points), batch)) for name, parts in kept.items()}
