"""What blocks and netlists are made of. One list of components gives the netlist, the area, and what is still ideal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal, TypeAlias

Polarity: TypeAlias = Literal["n", "p"]
Node: TypeAlias = str

GROUND, SUPPLY, MIDDLE = "0", "vdd", "vcm"
"""Nodes that every netlist has: ground, the supply, and the reference half-way between them that stands for zero."""


@dataclass(frozen=True)
class Mosfet:
    """A transistor.

    Attributes:
        bulk: by default ground (n) or the supply (p); another node is a well of its own.
        width, length: of the channel, m.
        copies: transistors of this size side by side.
        departure: of its threshold (V) and of its mobility (a factor), from a draw.
    """

    ideal: ClassVar[bool] = False
    name: str
    polarity: Polarity
    drain: Node
    gate: Node
    source: Node
    width: float
    length: float
    copies: int = 1
    bulk: Node = ""
    departure: tuple[float, float] | None = None

    @property
    def gate_area(self) -> float:
        """Width times length of all copies, m2."""
        return self.width * self.length * self.copies


@dataclass(frozen=True)
class Resistor:
    """A resistor, ohm."""

    ideal: ClassVar[bool] = False
    name: str
    a: Node
    b: Node
    resistance: float


@dataclass(frozen=True)
class Memristor:
    """A programmed memristor, read well below its thresholds: a conductance, S."""

    ideal: ClassVar[bool] = False
    name: str
    a: Node
    b: Node
    conductance: float


@dataclass(frozen=True)
class Capacitor:
    """A capacitor, F; a transient analysis starts its node a at ``start`` volts, where that is not None."""

    ideal: ClassVar[bool] = False
    name: str
    a: Node
    b: Node
    capacitance: float
    start: float | None = None


@dataclass(frozen=True)
class Source:
    """An ideal source of voltage or current from outside: a supply, a clock, a reference, an input.

    Attributes:
        kind: ``V``, or ``I`` for a current that flows from a through the source to b.
        value: as SPICE writes it: ``0.9``, ``pwl(...)``, ``pulse(...)``.
        serves: what it stands for.
    """

    ideal: ClassVar[bool] = True
    name: str
    kind: Literal["V", "I"]
    a: Node
    b: Node
    value: str
    serves: Literal["supply", "clock", "reference", "input", "measurement"]


@dataclass(frozen=True)
class Behaviour:
    """A source that obeys an equation: what stands for transistors where a block is left ideal.

    Attributes:
        kind: ``V`` or ``I``, from a to b.
        expression: in ngspice's notation.
    """

    ideal: ClassVar[bool] = True
    name: str
    kind: Literal["V", "I"]
    a: Node
    b: Node
    expression: str


@dataclass(frozen=True)
class Instance:
    """A block in its place.

    Attributes:
        block: name of the subcircuit.
        nodes: of its ports, in their order.
        parameters: departures of its transistors, ``vt_m1`` (V) and ``mu_m1`` (a factor), from a draw.
    """

    ideal: ClassVar[bool] = False
    name: str
    block: str
    nodes: tuple[Node, ...]
    parameters: Mapping[str, float]


Component: TypeAlias = Mosfet | Resistor | Memristor | Capacitor | Source | Behaviour | Instance


def starts(components: Iterable[Component]) -> list[str]:
    """Lines that charge capacitors for the operating point from which a transient analysis goes on."""
    found = (component for component in components if isinstance(component, Capacitor))
    return [f".ic v({each.a})={each.start:.6g}" for each in found if each.start is not None]


def line(component: Component) -> str:
    """The component as a line of a netlist."""
    match component:
        case Mosfet(name, polarity, drain, gate, source, width, length, copies, bulk, departure):
            bulk = bulk or (GROUND if polarity == "n" else SUPPLY)
            size = f"w={width:.6g} l={length:.6g}" + f" copies={copies}" * (copies > 1)
            given = f" vt={departure[0]:.9g} mu={departure[1]:.9g}" if departure else ""
            return f"X{name} {drain} {gate} {source} {bulk} {polarity}mos {size}{given}"
        case Resistor(name, a, b, resistance):
            return f"R{name} {a} {b} {resistance:.9g}"
        case Memristor(name, a, b, conductance):
            return f"R{name} {a} {b} {1 / conductance:.12g}"
        case Capacitor(name, a, b, capacitance):
            return f"C{name} {a} {b} {capacitance:.6g}"
        case Source(name, kind, a, b, value):
            return f"{kind}{name} {a} {b} {value}"
        case Behaviour(name, kind, a, b, expression):
            return f"B{name} {a} {b} {kind} = {expression}"
        case Instance(name, block, nodes, parameters):
            given = "".join(f" {key}={value:.9g}" for key, value in parameters.items())
            return f"X{name} {' '.join(nodes)} {block}{given}"
