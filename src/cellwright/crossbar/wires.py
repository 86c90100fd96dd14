"""Wire resistance, exactly: a crossbar of linear devices as one effective matrix.

Every word line is driven at its left end, through a driver resistance; every bit line is sensed at its lower end,
through a sense resistance into virtual ground; neighbouring crossings are a segment apart. While the conductances
hold, the network is linear: the sensed currents are I = E^T V with one effective matrix E (the Schur complement of the
nodal matrix), found once per programming by block elimination. After that every input costs one product.

The elimination marches from line to line of the longer side; the block is the shorter side. A line across the march
is a ladder of resistances, so that it enters as a dense matrix of *resistances* and zero resistances need no limit.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from cellwright.errors import CellwrightError

Tensor = torch.Tensor


@dataclass(frozen=True)
class Wires:
    """Resistances of a crossbar's wires, in ohms; any of them may be 0.

    The default segment is four squares of metal (assumed: a 10 um cell crossed by a wire 2.5 um wide) of 0.09 ohm a
    square: metals 1 to 4 of the GF180MCU process (0.18 um; Apache-2.0 design kit, sm141064.ngspice, rsh_rm1 to rsh_rm4,
    typical corner). Driver and sense resistances are assumed: the closed-loop output of an amplifier and its switch.

    Attributes:
        row_segment: between neighbouring crossings of a word line.
        column_segment: between neighbouring crossings of a bit line.
        driver: between a driver and the first crossing of its word line.
        sense: between the last crossing of a bit line and its virtual ground.
    """

    row_segment: float = 0.36
    column_segment: float = 0.36
    driver: float = 1.0
    sense: float = 1.0

    def __post_init__(self) -> None:
        for name in ("row_segment", "column_segment", "driver", "sense"):
            value = getattr(self, name)
            if not 0 <= value < float("inf"):
                raise CellwrightError(f"a wire resistance is 0 or more ohms, got {name} = {value!r}")


@dataclass(frozen=True)
class Network:
    """The answer of a crossbar to its drivers; n word lines, m bit lines, leading dimensions as given.

    Attributes:
        effective: (..., n, m) siemens: sensed current of a bit line for a volt at a driver.
        device_voltages: (..., n, m, n): volts across each device for a volt at each driver.
        sensitivity: (..., n, m): change of the sensed current of a device's own bit line, for a volt across the device
            and a siemens more of it; 1 without wires. What reaches other bit lines is not in it.
        driver_admittance: (..., n, n) siemens: current out of each driver for a volt at each driver.
    """

    effective: Tensor
    device_voltages: Tensor
    sensitivity: Tensor
    driver_admittance: Tensor


def effective_matrix(conductances: Tensor, wires: Wires | None) -> Tensor:
    """The effective matrix (..., word lines, bit lines) of crossbars with conductances of that shape, in siemens."""
    if wires is None:
        return conductances
    march, by_columns = _oriented(conductances, wires)
    effective = march.transfer()
    return effective.transpose(-1, -2) if by_columns else effective.flip(-2)


def solve_network(conductances: Tensor, wires: Wires | None) -> Network:
    """The effective matrix with everything that noise and energy need; see ``Network``."""
    if wires is None:
        return _without_wires(conductances)
    march, by_columns = _oriented(conductances, wires)
    return _driven_at_the_end(march) if by_columns else _driven_at_the_lines(march)


def _oriented(conductances: Tensor, wires: Wires) -> tuple[_March, bool]:
    """The march from the drivers over the bit lines, or from the senses upwards over the word lines."""
    rows, columns = conductances.shape[-2:]
    by_columns = rows <= columns
    if by_columns:
        lines = conductances.transpose(-1, -2)
        return _March(lines, wires.driver, wires.row_segment, wires.sense, wires.column_segment, "last"), True
    lines = conductances.flip(-2)
    return _March(lines, wires.sense, wires.column_segment, wires.driver, wires.row_segment, "first"), False


class _March:
    """Block elimination over lines k = 0, 1, ... that cross the block; line 0 is nearest to the terminals at the end.

    Args:
        lines: (..., lines, block) conductances.
        end, segment: resistance between the terminals and the block nodes of line 0, and between neighbouring lines.
        line_end, line_segment: between a line's own terminal and its nearest crossing, and between crossings.
        nearest: whether that crossing is the ``first`` or the ``last`` of the block.
    """

    def __init__(
        self, lines: Tensor, end: float, segment: float, line_end: float, line_segment: float, nearest: str
    ) -> None:
        self.end, self.segment = end, segment
        self.count, block = lines.shape[-2:]
        place = torch.arange(block, dtype=lines.dtype, device=lines.device)
        distance = place if nearest == "first" else place.flip(0)
        self.ladder = line_end + line_segment * torch.minimum(distance[:, None], distance[None, :])
        self.unit = torch.eye(block, dtype=lines.dtype, device=lines.device)
        # What a line draws from the block nodes, and what is left of their voltages for the devices.
        self.left = _inverse(self.unit + self.ladder * lines[..., None, :])
        self.draws = lines[..., :, None] * self.left
        self.drawn = self.draws.sum(-2)
        self.steps, self.ahead = self._look_ahead()

    def _look_ahead(self) -> tuple[list[Tensor], list[Tensor]]:
        """Admittances seen from each line away from the end, and the voltage steps from one line to the next."""
        ahead = [self.draws[..., self.count - 1, :, :]]
        steps: list[Tensor] = []
        for k in range(self.count - 2, -1, -1):
            steps.append(_inverse(self.unit + self.segment * ahead[-1]))
            ahead.append(self.draws[..., k, :, :] + steps[-1] @ ahead[-1])
        steps.append(_inverse(self.unit + self.end * ahead[-1]))
        return steps[::-1], ahead[::-1]

    def transfer(self) -> Tensor:
        """(..., lines, block): current into a line's terminal for a volt at each terminal of the end."""
        rows = self.drawn[..., self.count - 1, :][..., None, :] @ self.steps[-1]
        for k in range(self.count - 2, -1, -1):
            rows = torch.cat([self.drawn[..., k, :][..., None, :], rows], -2) @ self.steps[k]
        return rows

    def voltages_from_end(self) -> Tensor:
        """(..., lines, block, block): volts across each device for a volt at each terminal of the end."""
        nodes, voltages = self.unit, []
        for k in range(self.count):
            nodes = self.steps[k] @ nodes
            voltages.append(self.left[..., k, :, :] @ nodes)
        return torch.stack(voltages, -3)

    def end_admittance(self) -> Tensor:
        """(..., block, block): current out of each terminal of the end for a volt at each of them."""
        return self.steps[0] @ self.ahead[0]

    def injected(self) -> list[Tensor]:
        """For each line, the volts at its block nodes for an ampere injected into each of them."""
        behind = self.end * self.unit
        found = []
        for k in range(self.count):
            found.append(_inverse(self.unit + behind @ self.ahead[k]) @ behind)
            seen = _inverse(self.unit + behind @ self.draws[..., k, :, :]) @ behind
            behind = self.segment * self.unit + seen
        return found

    def nodes_from_lines(self) -> Tensor:
        """(..., lines, block, lines): volts at the block nodes of each line for a volt at each line's terminal."""
        injected, own = self.injected(), self.drawn[..., :, :, None]
        forward: list[Tensor] = []
        for k in range(self.count):
            column = injected[k] @ own[..., k, :, :]
            forward.append(column if not k else torch.cat([self.steps[k] @ forward[-1], column], -1))
        nodes: list[Tensor] = [forward[-1]]
        carried = own[..., self.count - 1, :, :]
        for k in range(self.count - 2, -1, -1):
            carried = self.steps[k + 1].transpose(-1, -2) @ carried
            nodes.append(torch.cat([forward[k], injected[k] @ carried], -1))
            carried = torch.cat([own[..., k, :, :], carried], -1)
        return torch.stack(nodes[::-1], -3)


def _inverse(matrices: Tensor) -> Tensor:
    unit = torch.eye(matrices.shape[-1], dtype=matrices.dtype, device=matrices.device)
    return torch.linalg.solve(matrices, unit.expand_as(matrices))  # twice as fast as inv on batches of small matrices


def _driven_at_the_end(march: _March) -> Network:
    own = torch.stack([v @ march.drawn[..., k, :, None] for k, v in enumerate(march.injected())], -3)
    sensitivity = (march.left @ (own - 1))[..., 0]
    return Network(
        effective=march.transfer().transpose(-1, -2),
        device_voltages=march.voltages_from_end().transpose(-3, -2),
        sensitivity=-sensitivity.transpose(-1, -2),
        driver_admittance=march.end_admittance(),
    )


def _driven_at_the_lines(march: _March) -> Network:
    nodes = march.nodes_from_lines()
    own = torch.eye(march.count, dtype=nodes.dtype, device=nodes.device)
    volts = march.left @ (own[:, None, :] - nodes)
    admittance = torch.diag_embed(march.drawn.sum(-1)) - (march.drawn[..., None, :] @ nodes)[..., 0, :]
    return Network(
        effective=march.transfer().flip(-2),
        device_voltages=volts.flip((-3, -1)),
        sensitivity=torch.diagonal(march.voltages_from_end(), dim1=-2, dim2=-1).flip(-2),
        driver_admittance=admittance.flip((-2, -1)),
    )


def _without_wires(conductances: Tensor) -> Network:
    rows = conductances.shape[-2]
    unit = torch.eye(rows, dtype=conductances.dtype, device=conductances.device)
    return Network(
        effective=conductances,
        device_voltages=unit[:, None, :].expand(*conductances.shape, rows),
        sensitivity=torch.ones_like(conductances),
        driver_admittance=torch.diag_embed(conductances.sum(-1)),
    )
