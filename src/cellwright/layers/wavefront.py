"""Wavefronts: all points of a grid whose coordinates have the same sum depend on the wavefront before alone.

Points are stored skewed, that is, sorted by wavefront, so that each wavefront is one slice of every tensor and one
evaluation of a cell's step. What a wavefront reads of the one before is a gather, whose gradient is a gather, too: a
point is read by at most one point in each dimension.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias

import torch

from cellwright.program import BoundProgram

Tensor: TypeAlias = torch.Tensor


@dataclass(frozen=True, eq=False)
class Reading:
    """Rows that a wavefront reads of a tensor of ``rows`` rows.

    Attributes:
        taken: which row each place reads; ``rows`` stands for zeros.
        readers: for each row the places that read it, (rows, most readers of one row); ``len(taken)`` for none.
    """

    taken: Tensor
    readers: Tensor

    @classmethod
    def of(cls, taken: Tensor, rows: int, device: torch.device) -> Reading:
        """From what is taken, what the gradient takes."""
        places = len(taken)
        order = torch.argsort(taken, stable=True)
        by_row = taken[order]
        first = torch.searchsorted(by_row, by_row)
        rank = torch.arange(places) - first
        real = by_row < rows
        most = int(rank[real].max()) + 1 if real.any() else 1
        readers = torch.full((rows, most), places)
        readers[by_row[real], rank[real]] = order[real]
        return cls(taken.to(device), readers.to(device))

    def of_rows(self, source: Tensor) -> Tensor:
        """The rows that are taken, (len(taken), ...), from (rows, ...)."""
        return _take(source, self.taken, self.readers)


def _take(source: Tensor, taken: Tensor, readers: Tensor) -> Tensor:
    result: Tensor = _Take.apply(source, taken, readers)
    return result


def _give(given: Tensor, taken: Tensor, readers: Tensor) -> Tensor:
    result: Tensor = _Give.apply(given, taken, readers)
    return result


def _padded(tensor: Tensor) -> Tensor:
    """With a row of zeros at the end."""
    return torch.cat([tensor, tensor.new_zeros(1, *tensor.shape[1:])])


class _Gather(torch.autograd.Function):
    """A linear function of its first argument, with tables: what both gathers share."""

    generate_vmap_rule = True

    @staticmethod
    def setup_context(context: Any, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        context.save_for_backward(*inputs[1:])
        context.save_for_forward(*inputs[1:])


class _Take(_Gather):
    """A gather whose gradient is one: torch's own adds row after row."""

    @staticmethod
    def forward(source: Tensor, taken: Tensor, readers: Tensor) -> Tensor:
        return _padded(source).index_select(0, taken)

    @staticmethod
    def jvp(context: Any, tangent: Tensor, *_: Any) -> Tensor:
        return _take(tangent, *context.saved_tensors)

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        return _give(gradient, *context.saved_tensors), None, None


class _Give(_Gather):
    """What the rows of a gather get from the places that read them: the transpose of ``_Take``."""

    @staticmethod
    def forward(given: Tensor, taken: Tensor, readers: Tensor) -> Tensor:
        rows, most = readers.shape
        return _padded(given).index_select(0, readers.flatten()).unflatten(0, (rows, most)).sum(1)

    @staticmethod
    def jvp(context: Any, tangent: Tensor, *_: Any) -> Tensor:
        return _give(tangent, *context.saved_tensors)

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        return _take(gradient, *context.saved_tensors), None, None


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
        found.append(Reading.of(taken, rows, device))
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
            taken = tables[name][number].of_rows(source)
            previous[name] = taken.unflatten(0, (count, len(read.dimensions))) if read.side_by_side else taken
        states = body({**fixed, **previous, **{name: each[number] for name, each in ready.items()}})
        for name, parts in kept.items():
            parts.append(states[name])
    return {name: torch.cat(parts).unflatten(0, (len(waves.points), batch)) for name, parts in kept.items()}
