"""Block elimination of a crossbar's nodes, line after line.

The longer side of the array is marched along. The *lines* of the march are the wires that cross its direction (bit
lines if there are more of them, else word lines); the *block* is one node for each wire along it, where that wire
crosses the line. Wires along the march end in the *ends*, each line in its own *tap*:

    ends ──near── block of line 0 ──segment── block of line 1 ── ... ── last block ──far── ends (or open)

A line by itself is a ladder of resistances between its devices and its tap, whose matrix has a closed form with two
factors (Gantmacher & Krein). So only the steps from block to block take a factorisation: one of a symmetric positive
definite matrix a line. All is written in resistances where they may be 0, and nothing is divided by them.

Below, voltages are ``nodes`` (of the block), and ``across`` is block less line: the voltage of each device.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch

from cellwright.errors import CellwrightError

Tensor = torch.Tensor
Terminals = Literal["first", "last", "both"]

_AT_ONCE = 1 << 17  # numbers of matrices that are found together, line by line
_LARGEST_FACTORED = 64  # larger matrices are inverted by halves: products beat LAPACK's factors (measured)
_VANISHED = -800.0  # the logarithm of what is 0 in double precision


@dataclass(frozen=True, kw_only=True)
class Ladder:
    """The resistances along every line of a march, in ohms.

    Attributes:
        end: between a tap and the nearest crossing.
        segment: between neighbouring crossings.
        taps: whether the tap is before the first crossing, after the last one, or (joined) at both.
    """

    end: float
    segment: float
    taps: Terminals


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


class Lines:
    """All lines, each with its ladder of resistances.

    Args:
        conductances: (..., lines, block) siemens.
        ladder: of every line.
    """

    def __init__(self, conductances: Tensor, ladder: Ladder) -> None:
        self.conductances = conductances
        self.count, self.block = conductances.shape[-2:]
        self._own, self._fall = _ladder_factors(conductances, ladder)
        self._lower = torch.ones(self.block, self.block, dtype=torch.bool, device=conductances.device).tril()

    def rises(self, some: slice) -> Tensor:
        """(..., some lines, block, block) ohms: volts along a line for an ampere from the block through each device."""
        fall, own = self._fall[..., some, :], self._own[..., some, :]
        below = (fall[..., :, None] - fall[..., None, :]).clamp_(max=0.0).exp_().mul_(own[..., None, :])
        return torch.where(self._lower, below, below.mT)

    def draws(self, some: slice, rises: Tensor) -> Tensor:
        """(..., some lines, block, block) siemens: current from the block into a line for a volt at each node."""
        own = self.conductances[..., some, :]
        draws = (rises * own[..., :, None]).mul_(-own[..., None, :])
        draws.diagonal(dim1=-2, dim2=-1).add_(own)
        return draws

    def parts(self) -> Iterator[slice]:
        """All lines in parts that stay in cache, the last ones first."""
        at_once = max(1, _AT_ONCE // (self.conductances[..., 0, :].numel() * self.block))
        for stop in range(self.count, 0, -at_once):
            yield slice(max(0, stop - at_once), stop)

    def across(self, k: int, rise: Tensor, nodes: Tensor) -> Tensor:
        """(..., block, any): volts across the devices of line k for volts at the block, relative to the tap."""
        return nodes - rise @ (self.conductances[..., k, :, None] * nodes)


def _ladder_factors(conductances: Tensor, ladder: Ladder) -> tuple[Tensor, Tensor]:
    """Volts at each crossing for an ampere into it, and the logarithm of how they fall towards the last crossing.

    A resistance seen from a node is kept as a pair (volts, amperes), so that neither an open end nor 0 ohms is special.
    """
    devices = conductances.movedim(-1, 0)
    both = torch.stack([devices, devices.flip(0)], 1).contiguous()
    volts, amperes = torch.ones_like(both[0]), torch.zeros_like(both[0])
    for side, nearest in enumerate(("first", "last")):
        if ladder.taps in (nearest, "both"):
            volts[side], amperes[side] = ladder.end, 1.0
    seen = [(volts, amperes)]
    for place in both[:-1]:
        amperes = torch.addcmul(amperes, place, volts)
        volts = torch.add(volts, amperes, alpha=ladder.segment)
        scale = (volts + amperes).reciprocal_()
        volts, amperes = volts * scale, amperes * scale
        seen.append((volts, amperes))
    v, i = (torch.stack(part).movedim(0, -1) for part in zip(*seen, strict=True))
    before_v, before_i, after_v, after_i = v[0], i[0], v[1].flip(-1), i[1].flip(-1)
    through = conductances * before_v * after_v + before_i * after_v + before_v * after_i
    own = before_v * after_v / torch.where(through == 0, 1.0, through)
    if ladder.segment == 0:
        return own, torch.zeros_like(own)
    passed = after_v / (after_v + ladder.segment * (after_i + conductances * after_v))
    return own, passed.log().clamp_(min=_VANISHED).cumsum(-1)


class Step(NamedTuple):
    """From the block before to the block of a line.

    Attributes:
        line: which.
        resistance: of each wire between the two blocks, in ohms.
        rise, draws: (..., block, block), of the line; see ``Lines``.
        drawn: (..., block) siemens: current into the line's tap for a volt at each node of the block.
        ahead: (..., block, block) siemens: current from this block into the line and all beyond it for a volt here.
        kept: (..., block, block), symmetric: volts at this block for a volt at the one before.
    """

    line: int
    resistance: float
    rise: Tensor
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
        for k, rise, draws, drawn in self._lines():
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
            yield Step(k, resistance, rise, draws, drawn, ahead, kept)
        if bool(torch.stack(failures).any() if failures else False):
            raise CellwrightError("a crossbar cannot be solved: its conductances must be finite and not negative")

    def _lines(self) -> Iterator[tuple[int, Tensor, Tensor, Tensor]]:
        for part in self.lines.parts():
            rises = self.lines.rises(part)
            draws = self.lines.draws(part, rises)
            found = (rises.unbind(-3), draws.unbind(-3), draws.sum(-1).unbind(-2))
            yield from reversed(list(zip(range(part.start, part.stop), *found, strict=True)))


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


class Answer(NamedTuple):
    """What a march finds at its terminals, in siemens.

    Attributes:
        transfer: (..., lines, block): current into each tap for a volt at each end; and the other way round.
        ends: (..., block, block): current out of each end for a volt at each end.
        taps: (..., lines, lines): current out of each tap for a volt at each tap; empty unless asked for.
    """

    transfer: Tensor
    ends: Tensor
    taps: Tensor


def solve_terminals(elimination: Elimination, steps: Iterator[Step], *, taps: bool = False) -> Answer:
    """What the steps of an elimination add up to; with the admittance of the taps if that is asked for.

    Ends at both sides are 1 V everywhere plus what the devices' currents, fed into blocks at 0 V, bring; ``joined``
    has that second part.
    """
    conductances = elimination.lines.conductances
    rows = torch.empty_like(conductances)
    drawn = torch.empty_like(conductances)
    lines = conductances.shape[-2] if taps else 0
    between_taps = conductances.new_zeros(*conductances.shape[:-2], lines, lines)
    joined = _JoinedEnds(conductances) if elimination.path.far is not None else None
    for step in steps:
        k = step.line
        rows[..., k, :] = drawn[..., k, :] = step.drawn
        before = rows[..., k:, :]
        after = before @ step.kept
        if joined is not None:
            joined.add(step, before)
        if taps:
            between_taps[..., k:, k:].sub_(after @ before.mT, alpha=step.resistance)
        rows[..., k:, :] = after
    if taps:
        between_taps.diagonal(dim1=-2, dim2=-1).add_(drawn.sum(-1))
    if joined is not None:
        return Answer(drawn + joined.transfer, joined.admittance, between_taps)
    return Answer(rows, step.ahead @ step.kept, between_taps)


class _JoinedEnds:
    """Ends at both sides, summed over the march: the part of ``solve_terminals`` with blocks at 0 V."""

    def __init__(self, conductances: Tensor) -> None:
        self.transfer = torch.zeros_like(conductances)
        self.admittance = conductances.new_zeros(1)
        self._taken: Tensor | None = None

    def add(self, step: Step, rows: Tensor) -> None:
        taken = step.draws if self._taken is None else step.draws + self._taken
        kept = step.kept @ taken
        self.transfer[..., step.line :, :].sub_(rows @ kept, alpha=step.resistance)
        self.admittance = self.admittance + torch.sub(step.draws, taken.mT @ kept, alpha=step.resistance)
        self._taken = kept


class Sweeps:
    """A march that is kept, so that voltages inside the array follow at the cost of products.

    Node voltages are lists, line after line, of (..., block, any): a column for each pattern of terminal voltages.
    """

    def __init__(self, elimination: Elimination, *, taps: bool = False) -> None:
        self.lines, self._two_sided = elimination.lines, elimination.path.far is not None
        self._unit = elimination.unit
        self._resistances: list[float] = []
        self._rises: list[Tensor] = []
        self._kept: list[Tensor] = []
        self._drawn: list[Tensor] = []
        self.answer = solve_terminals(elimination, self._recorded(elimination.steps()), taps=taps)
        for found in (self._resistances, self._rises, self._kept, self._drawn):
            found.reverse()

    def _recorded(self, steps: Iterator[Step]) -> Iterator[Step]:
        for step in steps:
            self._resistances.append(step.resistance)
            self._rises.append(step.rise)
            self._kept.append(step.kept)
            self._drawn.append(step.drawn)
            yield step

    def from_ends(self, volts: Tensor) -> list[Tensor]:
        """Node voltages for volts (..., block, any) at the ends, taps at 0 V."""
        if self._two_sided:
            taken = [
                -(self.lines.conductances[..., k, :, None] * self.across(k, volts)) for k in range(self.lines.count)
            ]
            return [volts + more for more in self.from_currents(taken)]
        nodes = []
        for kept in self._kept:
            volts = kept @ volts
            nodes.append(volts)
        return nodes

    def from_taps(self, volts: Tensor) -> list[Tensor]:
        """Node voltages for volts (..., lines, any) at the taps, ends at 0 V."""
        return self.from_currents([own[..., None] * volts[..., k, None, :] for k, own in enumerate(self._drawn)])

    def from_currents(self, currents: Sequence[Tensor]) -> list[Tensor]:
        """Node voltages for amperes (..., block, any) into every block, all terminals at 0 V."""
        pushed = [self._kept[-1] @ currents[-1]]
        for kept, current in zip(self._kept[-2::-1], currents[-2::-1], strict=True):
            pushed.append(kept @ (current + pushed[-1]))
        pushed.reverse()
        nodes = [self._resistances[0] * pushed[0]]
        for kept, resistance, own in zip(self._kept[1:], self._resistances[1:], pushed[1:], strict=True):
            nodes.append(torch.add(kept @ nodes[-1], own, alpha=resistance))
        return nodes

    def across(self, k: int, nodes: Tensor) -> Tensor:
        """Volts across the devices of line k, for volts at its block relative to its tap."""
        return self.lines.across(k, self._rises[k], nodes)

    def own_blocks(self) -> Iterator[Tensor]:
        """Line after line (..., block): volts at its own block for a volt at its tap, all else at 0 V."""
        response: Tensor | None = None  # volts at this block for an ampere into each of its nodes
        for k, (kept, resistance) in enumerate(zip(self._kept, self._resistances, strict=True)):
            local = resistance * kept
            response = local if response is None else torch.add(local, kept @ response @ kept)
            yield (response @ self._drawn[k][..., None])[..., 0]

    def own_devices(self) -> Iterator[Tensor]:
        """Line after line (..., block): volts across each device for a volt at the end of its own wire alone."""
        for k, nodes in enumerate(self.from_ends(self._unit)):
            inward = self.lines.conductances[..., k, :, None] * nodes
            yield nodes.diagonal(dim1=-2, dim2=-1) - (self._rises[k] * inward.mT).sum(-1)
