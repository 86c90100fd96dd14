"""Block elimination of a crossbar's nodes, line after line.

The longer side of the array is marched along. The *lines* of the march are the wires that cross its direction (bit
lines if there are more of them, else word lines); the *block* is one node for each wire along it, where that wire
crosses the line. Wires along the march end in the *ends*, each line in its own *tap*:

    ends ──near── block of line 0 ──segment── block of line 1 ── ... ── last block ──far── ends (or open)

A line by itself has a closed form (``wires_ladder``), so that only the steps from block to block take a factorisation:
one of a symmetric positive definite matrix a line. Any resistance may be 0.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import torch

from cellwright.crossbar.wires_ladder import Lines
from cellwright.errors import CellwrightError

Tensor = torch.Tensor

_LARGEST_FACTORED = 64  # larger matrices are inverted by halves: products beat LAPACK's factors (measured)


@dataclass(frozen=True, kw_only=True)
class Path:
    """The resistances from block to block, in ohms.

    Attributes:
        near: between the ends and the block of line 0.
        segment: between neighbouring blocks.
        far: between the ends and the block of the last line; None if the wires are open there.
    """

    near: float
    segment: float
    far: float | None

    def joined(self, lines: int) -> Path:
        """The same with one end, where resistances of 0 join all blocks (or there is only one)."""
        if self.far is None or (self.segment > 0 and lines > 1):
            return self
        total = self.near + self.far
        return Path(near=self.near * self.far / total if total else 0.0, segment=self.segment, far=None)


class Step(NamedTuple):
    """From the block before to the block of a line.

    Attributes:
        line: which.
        resistance: of each wire between the two blocks, in ohms.
        draws: (..., block, block), of the line; see ``Lines``.
        drawn: (..., block) siemens: current into the line's tap for a volt at each node of the block.
        ahead: (..., block, block) siemens: current from this block into the line and all beyond it for a volt here.
        kept: (..., block, block), symmetric: volts at this block for a volt at the one before.
    """

    line: int
    resistance: float
    draws: Tensor
    drawn: Tensor
    ahead: Tensor
    kept: Tensor


class Elimination:
    """The march over all lines, from the farthest one to the ends."""

    def __init__(self, lines: Lines, path: Path) -> None:
        self.lines, self.path = lines, path.joined(lines.count)
        conductances = lines.conductances
        self.unit = torch.eye(lines.block, dtype=conductances.dtype, device=conductances.device)

    def steps(self) -> Iterator[Step]:
        """From the farthest line to line 0.

        Raises:
            CellwrightError: a conductance is negative beyond what the wires make up for, NaN or infinite.
        """
        last, failures = self.lines.count - 1, []
        beyond: Tensor | None = None
        for k, draws, drawn in self._lines():
            ahead = draws if beyond is None else draws + beyond
            resistance = self.path.segment if k else self.path.near
            if k == last and self.path.far == 0:  # this block is the ends
                kept = torch.zeros_like(ahead)
                beyond = self.unit / resistance
            else:
                if k == last and self.path.far is not None:
                    ahead = ahead + self.unit / self.path.far
                kept, failed = _inverse(self.unit.add(ahead, alpha=resistance), self.unit)
                failures.append(failed)
                beyond = ahead @ kept if k else None
            yield Step(k, resistance, draws, drawn, ahead, kept)
        if bool(torch.stack(failures).any() if failures else False):
            raise CellwrightError("a crossbar cannot be solved: its conductances must be finite and not negative")

    def _lines(self) -> Iterator[tuple[int, Tensor, Tensor]]:
        for part in self.lines.parts():
            draws = self.lines.draws(part)
            found = zip(range(part.start, part.stop), draws.unbind(-3), draws.sum(-1).unbind(-2), strict=True)
            yield from reversed(list(found))


def _inverse(matrices: Tensor, unit: Tensor) -> tuple[Tensor, Tensor]:
    """Of symmetric positive definite matrices, and where there is none."""
    size = len(unit)
    if size <= _LARGEST_FACTORED:
        factor, failed = torch.linalg.cholesky_ex(matrices, upper=True)
        triangle = torch.linalg.solve_triangular(factor, unit.expand_as(factor), upper=True)
        return triangle @ triangle.mT, failed
    half = size // 2
    coupling = matrices[..., :half, half:]
    first, first_failed = _inverse(matrices[..., :half, :half], unit[:half, :half])
    through = first @ coupling
    second, second_failed = _inverse(matrices[..., half:, half:] - coupling.mT @ through, unit[half:, half:])
    across = through @ second
    inverse = torch.empty_like(matrices)
    torch.add(first, across @ through.mT, out=inverse[..., :half, :half])
    inverse[..., half:, half:] = second
    torch.neg(across, out=inverse[..., :half, half:])
    torch.neg(across.mT, out=inverse[..., half:, :half])
    return inverse, first_failed | second_failed
