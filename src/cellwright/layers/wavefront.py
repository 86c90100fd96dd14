"""Wavefronts: all points of a grid whose coordinates have the same sum depend on the wavefront before alone.

Points are stored skewed, that is, sorted by wavefront, so that each wavefront is one slice of every tensor and one
evaluation of a cell's step. What a wavefront reads of the one before is a gather of rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

import torch

from cellwright.program import BoundProgram

Tensor: TypeAlias = torch.Tensor


@dataclass(frozen=True, eq=False)
class Wavefronts:
    """The order in which the points of a grid are computed.

    Attributes:
        points: the flat numbers (row-major) of the points, wavefront after wavefront.
        places: where each point lies in that order.
        sizes: points of each wavefront.
        before: (points, dimensions): the place within the wavefront before of each point's predecessor in each
            dimension; -1 at the border.
    """

    points: Tensor
    places: Tensor
    sizes: tuple[int, ...]
    before: Tensor

    def slices(self) -> list[slice]:
        """Each wavefront's places."""
        ends = torch.tensor(self.sizes).cumsum(0).tolist()
        return [slice(end - size, end) for size, end in zip(self.sizes, ends, strict=True)]


@lru_cache(maxsize=64)
def wavefronts(shape: tuple[int, ...]) -> Wavefronts:
    """The wavefronts of a grid: along the diagonal, from the corner at which all coordinates are 0."""
    grid = torch.cartesian_prod(*(torch.arange(size) for size in shape)).reshape(-1, len(shape))
    sums = grid.sum(1)
    points = torch.argsort(sums, stable=True)
    places = torch.argsort(points)
    sizes = torch.bincount(sums)
    starts = sizes.cumsum(0) - sizes
    strides = torch.tensor([int(torch.tensor(shape[k + 1 :]).prod()) for k in range(len(shape))])
    predecessors = points.unsqueeze(1) - strides
    inside = grid[points] > 0
    start_before = starts[(sums[points] - 1).clamp(min=0)].unsqueeze(1)
    before = torch.where(inside, places[predecessors.clamp(min=0)] - start_before, -1)
    return Wavefronts(points, places, tuple(sizes.tolist()), before)


@lru_cache(maxsize=256)
def reversed_points(shape: tuple[int, ...], signs: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    """The points of a grid in the order of wavefronts from another corner, and where each point lies in that order.

    Args:
        signs: 1 for each dimension that is walked forwards, -1 for those backwards.
    """
    waves = wavefronts(shape)
    flat = torch.arange(len(waves.points)).reshape(shape)
    points = flat.flip([k for k, sign in enumerate(signs) if sign < 0]).flatten()[waves.points]
    return points, torch.argsort(points)


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
def readings(
    shape: tuple[int, ...], batch: int, dimensions: tuple[int, ...], bordered: bool, device: torch.device
) -> tuple[Reading, ...]:
    """What each wavefront reads of the one before, in rows (point, sample).

    Args:
        dimensions: of the predecessors that are read, side by side: a place is (point, sample, dimension).
        bordered: rows of their own follow for the points at the border, in their order; without, zeros stand there.
    """
    waves = wavefronts(shape)
    found = []
    available = 0
    samples = torch.arange(batch).reshape(1, -1, 1)
    for wave, size in zip(waves.slices(), waves.sizes, strict=True):
        before = waves.before[wave][:, list(dimensions)]
        outside = before < 0
        if bordered:
            before = torch.where(outside, available + outside.flatten().cumsum(0).reshape(before.shape) - 1, before)
            available += int(outside.sum())
        rows = available * batch
        taken = torch.where(before.unsqueeze(1) < 0, rows, before.unsqueeze(1) * batch + samples).flatten()
        found.append(Reading(taken.to(device), not bordered and bool(outside.any())))
        available = size
    return tuple(found)


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
        outside = (waves.before[:, list(self.dimensions)] < 0).sum(1)
        counts = [int(wave.sum()) * batch for wave in outside.split(list(waves.sizes))]
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
    tables = {n: readings(shape, batch, r.dimensions, r.border is not None, like.device) for n, r in reads.items()}
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
