"""What a march over a crossbar finds (see ``wires_elimination``): at its terminals, and inside.

Voltages are ``nodes`` (of the block), and ``across`` (block less line): those of the devices.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch

from cellwright.crossbar.wires_elimination import Elimination, Step

Tensor = torch.Tensor


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

    Node voltages come line after line, (..., block, any): a column for each pattern of terminal voltages.
    """

    def __init__(self, elimination: Elimination, *, taps: bool = False) -> None:
        self.lines, self._two_sided = elimination.lines, elimination.path.far is not None
        self._unit = elimination.unit
        self._resistances: list[float] = []
        self._kept: list[Tensor] = []
        self._drawn: list[Tensor] = []
        self.answer = solve_terminals(elimination, self._recorded(elimination.steps()), taps=taps)
        for found in (self._resistances, self._kept, self._drawn):
            found.reverse()
        self._rises = [
            rise for part in reversed(list(self.lines.parts())) for rise in self.lines.rises(part).unbind(-3)
        ]

    def _recorded(self, steps: Iterator[Step]) -> Iterator[Step]:
        for step in steps:
            self._resistances.append(step.resistance)
            self._kept.append(step.kept)
            self._drawn.append(step.drawn)
            yield step

    def from_ends(self, volts: Tensor) -> Iterator[Tensor]:
        """Node voltages for volts (..., block, any) at the ends, taps at 0 V."""
        if self._two_sided:
            devices = self.lines.conductances[..., None].unbind(-3)
            for more in self.from_currents(lambda k: -devices[k] * self.across(k, volts)):
                yield volts + more
        else:
            for kept in self._kept:
                volts = kept @ volts
                yield volts

    def from_taps(self, volts: Tensor) -> Iterator[Tensor]:
        """Node voltages for volts (..., lines, any) at the taps, ends at 0 V."""
        return self.from_currents(lambda k: self._drawn[k][..., None] * volts[..., k, None, :])

    def from_currents(self, current: Callable[[int], Tensor]) -> Iterator[Tensor]:
        """Node voltages for amperes (..., block, any) into the block of line k, all terminals at 0 V."""
        last = self.lines.count - 1
        pushed = [self._kept[last] @ current(last)]
        for k in range(last - 1, -1, -1):
            pushed.append(self._kept[k] @ (current(k) + pushed[-1]))
        nodes = self._resistances[0] * pushed.pop()
        yield nodes
        for kept, resistance in zip(self._kept[1:], self._resistances[1:], strict=True):
            nodes = torch.add(kept @ nodes, pushed.pop(), alpha=resistance)
            yield nodes

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

    def from_devices(self, currents: Tensor) -> Tensor:
        """Volts across the devices, all terminals at 0 V, for current sources in parallel to them.

        Args:
            currents: (..., lines, block, any) amperes, from the block to the line.

        Returns:
            (..., lines, block, any).
        """
        sources = currents.unbind(-3)
        raised = [rise @ source for rise, source in zip(self._rises, sources, strict=True)]
        devices = self.lines.conductances[..., None].unbind(-3)
        nodes = self.from_currents(lambda k: devices[k] * raised[k] - sources[k])
        return torch.stack([self.across(k, node) - raised[k] for k, node in enumerate(nodes)], -3)
