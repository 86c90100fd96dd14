"""A programmed crossbar as components: devices, and the resistance of every piece of wire.

What ``crossbar.wires`` solves as one effective matrix is here a list for a netlist, with the same meaning of drivers,
segments and senses. Where a resistance is 0, its two nodes are one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

import numpy as np
import torch

from cellwright.circuit.components import GROUND, Component, Memristor, Node, Resistor, Source, line
from cellwright.circuit.ngspice import TIMEOUT, Ngspice, find_ngspice, simulate
from cellwright.crossbar.wires import Wires
from cellwright.crossbar.wires_ladder import Ladder, Terminals
from cellwright.errors import CellwrightError

_TAPPED: Mapping[Terminals, Sequence[int]] = {"first": (0,), "last": (-1,), "both": (0, -1)}
"""The crossings beside a line's terminals."""


def crossbar(
    conductances: torch.Tensor | np.ndarray,
    wires: Wires | None,
    rows: Sequence[Node],
    columns: Sequence[Node],
    name: str = "crossbar",
) -> list[Component]:
    """The devices of a crossbar and its wires.

    Args:
        conductances: (n, m) siemens; where one is 0 there is no device.
        wires: None for ideal ones, where each device lies between the nodes of its word line and its bit line.
        rows: nodes that drive the n word lines.
        columns: nodes that sense the m bit lines; for the currents of ``crossbar.wires`` they are held at 0 V.
        name: what the names of components and inner nodes begin with; no two crossbars of a netlist share one.

    Raises:
        CellwrightError: the conductances are no matrix, or one is negative, NaN or infinite; there are more or fewer
            nodes than lines.
    """
    siemens = torch.as_tensor(conductances, dtype=torch.float64).detach().cpu().numpy()
    _check(siemens, rows, columns)
    if wires is None:
        straight = ([[row] * len(columns) for row in rows], [[column] * len(rows) for column in columns])
        return list(_devices(siemens, *straight, name))
    word, along = _lines(f"{name}_w", rows, siemens.shape[1], wires.word_line)
    bit, across = _lines(f"{name}_b", columns, siemens.shape[0], wires.bit_line)
    return [*along, *across, *_devices(siemens, word, bit, name)]


def read_netlist(
    conductances: torch.Tensor | np.ndarray, wires: Wires | None, voltages: np.ndarray, klu: bool = False
) -> str:
    """A crossbar read by itself: sources Vcolumn0, Vcolumn1, ... hold its senses at 0 V, and their currents are saved.

    Args:
        conductances, wires: as for ``crossbar``.
        voltages: (n,) of the drivers, V.
        klu: ask for the solver KLU; see ``Ngspice.klu``.

    Raises:
        CellwrightError: what ``crossbar`` refuses; there are more or fewer voltages than word lines.
    """
    rows, columns = [f"row{k}" for k in range(len(voltages))], _senses(conductances)
    sources: list[Component] = [
        Source(row, "V", row, GROUND, repr(float(volts)), "input") for row, volts in zip(rows, voltages, strict=True)
    ]
    sources += [Source(column, "V", column, GROUND, "0", "measurement") for column in columns]
    components = [*sources, *crossbar(conductances, wires, rows, columns)]
    saved = [f".save i(v{column})" for column in columns]  # every node is written where none is named
    lines = ["* a crossbar is read", *map(line, components), *[".options klu"] * klu, *saved, ".op", ".end", ""]
    return "\n".join(lines)


def sensed_currents(
    conductances: torch.Tensor | np.ndarray,
    wires: Wires | None,
    voltages: np.ndarray,
    timeout: float = TIMEOUT,
    program: Ngspice | None = None,
) -> np.ndarray:
    """The currents (m,) in amperes into the senses of a crossbar, held at 0 V, by ngspice's operating point.

    KLU solves where this ngspice has it.

    Args:
        conductances, wires, voltages: as for ``read_netlist``.
        timeout, program: as for ``simulate``.

    Raises:
        CellwrightError: what ``read_netlist`` and ``simulate`` refuse.
    """
    program = program or find_ngspice()
    netlist = read_netlist(conductances, wires, voltages, program.klu)
    done = simulate(netlist, timeout=timeout, program=program)
    return np.array([done[f"i(v{column})"][0] for column in _senses(conductances)])


def _senses(conductances: torch.Tensor | np.ndarray) -> list[Node]:
    return [f"column{k}" for k in range(conductances.shape[-1])]


def _lines(
    name: str, terminals: Sequence[Node], crossings: int, ladder: Ladder
) -> tuple[list[list[Node]], list[Component]]:
    """Of all word lines or all bit lines: the nodes of the crossings of each, and the resistors."""
    found = [_line(f"{name}{number}", terminal, crossings, ladder) for number, terminal in enumerate(terminals)]
    return [nodes for nodes, _ in found], [part for _, parts in found for part in parts]


def _line(name: str, terminal: Node, crossings: int, ladder: Ladder) -> tuple[list[Node], list[Component]]:
    """The nodes of a line's crossings, and its resistors: between crossings, and from its ends to its terminal."""
    nodes = [f"{name}_{k}" if ladder.segment > 0 else name for k in range(crossings)]
    tapped = [nodes[at] for at in _TAPPED[ladder.taps]]
    if ladder.end == 0:
        nodes = [terminal if node in tapped else node for node in nodes]
    parts: list[Component] = [
        Resistor(f"{name}_{k}", one, other, ladder.segment)
        for k, (one, other) in enumerate(pairwise(nodes))
        if one != other
    ]
    if ladder.end > 0:
        parts += [Resistor(f"{name}_end{k}", terminal, node, ladder.end) for k, node in enumerate(tapped)]
    return nodes, parts


def _devices(siemens: np.ndarray, word: list[list[Node]], bit: list[list[Node]], name: str) -> Iterator[Component]:
    for row, column in np.argwhere(siemens > 0):
        conductance = float(siemens[row, column])
        yield Memristor(f"{name}_g{row}_{column}", word[row][column], bit[column][row], conductance)


def _check(siemens: np.ndarray, rows: Sequence[Node], columns: Sequence[Node]) -> None:
    if siemens.ndim != 2 or 0 in siemens.shape:
        raise CellwrightError(f"conductances are a matrix (word lines, bit lines), got the shape {siemens.shape}")
    if not (np.isfinite(siemens) & (siemens >= 0)).all():
        raise CellwrightError("conductances are 0 or more siemens; one is negative, NaN or infinite")
    for what, nodes, count in (("word", rows, siemens.shape[0]), ("bit", columns, siemens.shape[1])):
        if len(nodes) != count:
            raise CellwrightError(f"each of the {count} {what} lines has a node; got {len(nodes)} nodes")
