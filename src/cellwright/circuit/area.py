"""What a circuit takes of silicon, from the list of its components.

Counted are the gates of transistors, capacitors, resistors and memristors. Left out, and so a lower bound: sources and
drains, wells, guard rings, contacts, all routing (the lines of rows, columns and references too), spacing beside that
between the strips of resistors, and the circuits that stand behind ideal sources.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from cellwright.circuit.components import Capacitor, Component, Instance, Memristor, Mosfet, Resistor
from cellwright.circuit.netlist import Netlist
from cellwright.circuit.technologies import Technology
from cellwright.crossbar.cost import Item
from cellwright.crossbar.devices import find
from cellwright.units import area as square_metres
from cellwright.units import quantity

Kind: TypeAlias = Literal["transistor gates", "capacitors", "resistors", "memristors"]

PITCH = 2.0
"""Of the strips of a resistor, in its widths: assumed as much space as strip."""

DEVICE = "rram"
"""Of the crossbar's devices, the one whose cell is counted by default: 1 um x 1 um."""


@dataclass(frozen=True)
class Piece:
    """Components of a kind, of one kind of block, in one section of a netlist.

    Attributes:
        section: its heading.
        block: kind of the block that they are parts of; empty for components between blocks.
        kind: of the components.
        count: how many.
        amount: of all of them: F of capacitors, ohm of resistors, S of memristors, m2 of gates.
        area: of all of them, m2.
    """

    section: str
    block: str
    kind: Kind
    count: int
    amount: float
    area: float


def pieces(netlist: Netlist, device: str = DEVICE) -> tuple[Piece, ...]:
    """Everything in a netlist that takes area, in order of sections.

    Args:
        device: the crossbar's device whose cell every memristor takes.

    Raises:
        CellwrightError: there is no such device.
    """
    technology, cell = netlist.laboratory.conditions.technology, find(device).area
    found: list[Piece] = []
    for section in netlist.sections:
        instances = Counter(c.block for c in section.components if isinstance(c, Instance))
        inside = ((netlist.blocks[name], count) for name, count in instances.items())
        owned = [("", 1, section.components), *((block.kind, count, block.components()) for block, count in inside)]
        for block, count, components in owned:
            found += _counted(section.heading, block, count, components, technology, cell)
    return tuple(found)


def _counted(
    section: str, block: str, times: int, components: Iterable[Component], technology: Technology, cell: float
) -> list[Piece]:
    parts: dict[Kind, list[tuple[float, float]]] = {}
    for component in components:
        if (part := _part(component, technology, cell)) is not None:
            parts.setdefault(part[0], []).append(part[1:])
    return [
        Piece(section, block, kind, times * len(each), times * sum(a for a, _ in each), times * sum(s for _, s in each))
        for kind, each in parts.items()
    ]


def _part(component: Component, technology: Technology, cell: float) -> tuple[Kind, float, float] | None:
    match component:
        case Mosfet():
            return "transistor gates", component.gate_area, component.gate_area
        case Capacitor(capacitance=capacitance):
            return "capacitors", capacitance, capacitance / technology.capacitor_density
        case Resistor(resistance=resistance):
            squares = resistance / technology.sheet_resistance
            return "resistors", resistance, squares * PITCH * technology.resistor_width**2
        case Memristor(conductance=conductance):
            return "memristors", conductance, cell
        case _:
            return None


def area_items(netlist: Netlist, device: str = DEVICE) -> tuple[Item, ...]:
    """The area as items of a cost, one for the components of a kind in blocks of a kind.

    Raises:
        CellwrightError: there is no such device.
    """
    technology = netlist.laboratory.conditions.technology
    groups: dict[tuple[str, Kind], list[Piece]] = {}
    for piece in pieces(netlist, device):
        groups.setdefault((piece.block, piece.kind), []).append(piece)
    assumed = f"{square_metres(find(device).area)} a cell, assumed with the device {device}"
    return tuple(
        Item(
            name=f"{kind} of {block} blocks" if block else kind,
            area_m2=sum(piece.area for piece in group),
            value=_value(kind, sum(piece.count for piece in group), sum(piece.amount for piece in group), technology),
            source=assumed if kind == "memristors" else technology.densities_source,
            uncertainty="" if technology.claims else f"no claim: {technology.name} is no foundry's process",
        )
        for (block, kind), group in groups.items()
    )


def _value(kind: Kind, count: int, amount: float, technology: Technology) -> str:
    each = {
        "transistor gates": "width times length",
        "capacitors": f"{quantity(amount, 'F')} in all at {technology.capacitor_density * 1e3:g} fF/um2",
        "resistors": f"{quantity(amount, 'ohm')} in all at {technology.sheet_resistance:g} ohm a square, "
        f"{technology.resistor_width * 1e6:g} um wide, as much space beside",
        "memristors": "one cell each",
    }
    return f"{count}, {each[kind]}"
