"""What a process of integrated circuits offers to a netlist: transistors, their spread, and what area costs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal, TypeAlias

from cellwright.circuit.components import Polarity

Spread: TypeAlias = Mapping[Polarity, float]
"""A number for n and p transistors."""

Corner: TypeAlias = Literal["typical", "fast", "slow", "fast-slow", "slow-fast"]
"""Both kinds of transistors typical, fast or slow; or fast n beside slow p, and slow n beside fast p."""

CORNERS: tuple[Corner, ...] = ("typical", "fast", "slow", "fast-slow", "slow-fast")
ROOM_TEMPERATURE = 27.0
"""Degrees Celsius, at which models of transistors are extracted."""


class Technology(ABC):
    """A process; one file each.

    Its ``models`` define two subcircuits for everything that is built of transistors::

        .subckt nmos d g s b w=1u l=1u copies=1 vt=0 mu=1
        .subckt pmos d g s b w=1u l=1u copies=1 vt=0 mu=1

    where vt is added to the threshold voltage of the model (V; of p transistors, too, so that a positive one makes them
    conduct more) and mu multiplies the mobility: a transistor's own departure (``delvto`` and ``mulu0`` of BSIM).

    Attributes:
        name: in the catalogue.
        title: as people call it.
        source: whose models they are, and their licence.
        supply: V.
        shortest: channel length, m.
        threshold_spread: Pelgrom's coefficient of the threshold by polarity, V m: the standard deviation of the
            difference between two neighbours is this over the root of the gate's area.
        gain_spread: likewise of the current factor, relative, m.
        capacitor_density: F/m2.
        sheet_resistance: ohm a square of the resistor that is used.
        resistor_width: m.
        claims: whether claims about area and power may rest on it: it is a real process.
        densities_source: where spreads and densities come from.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    source: ClassVar[str]
    supply: ClassVar[float]
    shortest: ClassVar[float]
    threshold_spread: ClassVar[Spread]
    gain_spread: ClassVar[Spread]
    capacitor_density: ClassVar[float]
    sheet_resistance: ClassVar[float]
    resistor_width: ClassVar[float]
    claims: ClassVar[bool]
    densities_source: ClassVar[str]

    @property
    def middle(self) -> float:
        """Half the supply: the voltage that stands for zero."""
        return self.supply / 2

    def matched_area(self, width: float, length: float) -> float:
        """The area of a channel that spreads go by, m2: as drawn, unless the foundry reckons with another."""
        return width * length

    @abstractmethod
    def models(self, corner: Corner = "typical") -> str:
        """Lines of a netlist that define ``nmos`` and ``pmos``.

        Raises:
            CellwrightError: the models are not on this machine, with what to do; the corner is not known.
        """


@dataclass(frozen=True)
class Wrapped:
    """How ``nmos`` or ``pmos`` calls a BSIM model.

    Attributes:
        model: its name.
        diffusion: length of the drain's and the source's diffusions, m: both as wide as the channel.
        shift: what is added to the threshold besides vt, V; an expression of w and l.
        more: further parameters.
    """

    model: str
    diffusion: float
    shift: str = ""
    more: str = ""


def subcircuits(n: Wrapped, p: Wrapped) -> str:
    """The subcircuits ``nmos`` and ``pmos``."""
    return f"{_subcircuit('n', n)}\n{_subcircuit('p', p)}"


def _subcircuit(polarity: Polarity, wrapped: Wrapped) -> str:
    area, edge = f"{{w*{wrapped.diffusion:g}}}", f"{{2*(w+{wrapped.diffusion:g})}}"
    shift = f"vt+{wrapped.shift}" if wrapped.shift else "vt"
    return (
        f".subckt {polarity}mos d g s b w=1u l=1u copies=1 vt=0 mu=1\n"
        f"M1 d g s b {wrapped.model} w={{w}} l={{l}} m={{copies}} as={area} ad={area} ps={edge} pd={edge}\n"
        f"+ delvto={{{shift}}} mulu0={{mu}} {wrapped.more}".rstrip()
        + "\n.ends"
    )
