"""The numbers that a designer chooses; the rest of a circuit follows from them, from the cell and its weights."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from cellwright.circuit.blocks.multiplier import Multiplier
from cellwright.circuit.blocks.opamp import OperationalAmplifier
from cellwright.circuit.blocks.pairs import Pairs, Translinear
from cellwright.circuit.blocks.switch import Switch
from cellwright.circuit.multipliers import TRANSLINEAR, find
from cellwright.errors import CellwrightError


@dataclass(frozen=True)
class Design:
    """A circuit; translinear unless it has a multiplier.

    Attributes:
        scale: V that a signal has for a one; also the read voltage of the memristors.
        pair_current: A, the tail of a pair; small enough to keep it in weak inversion.
        amplifier_current: A, the reference of the amplifiers' first stage.
        conductances: S, the least and the largest that a memristor is programmed to.
        linear_range: d where a product takes its other factor v as tanh(d v) / d.
        fine_trim: read voltage of the devices that trim sums with products, beside that of all others; far above an
            amplifier's offset, which their current is measured from: a device of 5 mV cannot take away one of 10 mV.
        divider: ohm, of a whole resistive divider.
        inverter: ohm, of each of the two resistors that turn a row's voltage round.
        period: s, of a step.
        hold_capacitance: F.
        multiplier: what products are built with, by name (``translinear``: see ``multipliers``) or as a block.
        proportional: the references follow absolute temperature, as pairs do: their currents, and the voltages of
            inputs and ones.
        opamp, pair, switch: dimensions of the blocks.
    """

    scale: float = 0.1
    pair_current: float = 100e-9
    amplifier_current: float = 5e-6
    conductances: tuple[float, float] = (0.1e-6, 10e-6)
    linear_range: float = 0.25
    fine_trim: float = 0.2
    divider: float = 200e3
    inverter: float = 100e3
    period: float = 20e-6
    hold_capacitance: float = 20e-12
    multiplier: str | Multiplier = TRANSLINEAR
    proportional: bool = False
    opamp: OperationalAmplifier = field(default_factory=OperationalAmplifier)
    pair: Translinear = field(default_factory=Translinear)
    switch: Switch = field(default_factory=Switch)

    def __post_init__(self) -> None:
        find(self.multiplier)
        least, most = self.conductances
        if not 0 < least < most:
            raise CellwrightError(f"conductances are two ascending numbers above 0, in S; got {self.conductances!r}")
        for name in (
            "scale",
            "pair_current",
            "amplifier_current",
            "fine_trim",
            "divider",
            "inverter",
            "period",
            "hold_capacitance",
        ):
            if not 0 < getattr(self, name) < float("inf"):
                raise CellwrightError(f"{name} is a number above 0, got {getattr(self, name)!r}")
        if not 0 < self.linear_range <= 1:
            raise CellwrightError(f"linear_range is above 0 and at most 1, got {self.linear_range!r}")

    def operated(self, ratio: float) -> Design:
        """The references as they are at another absolute temperature, so many times that of the design."""
        if not self.proportional:
            return self
        return replace(
            self,
            scale=self.scale * ratio,
            pair_current=self.pair_current * ratio,
            amplifier_current=self.amplifier_current * ratio,
        )

    def paired(self, kind: type[Pairs], copies: int = 1) -> Pairs:
        """A block of pairs with the dimensions of ``pair``."""
        pair = self.pair
        return kind(pair.pair_width, pair.pair_length, pair.mirror_width, pair.mirror_length, copies)

    @property
    def products(self) -> Multiplier | None:
        """The multiplier; None where products are translinear."""
        return find(self.multiplier)

    @property
    def clocks(self) -> dict[str, tuple[float, float]]:
        """When each clock is on within a step, from and to, in periods: first the masters, then the slaves."""
        return {"sample": (0.55, 0.90), "transfer": (0.02, 0.42)}

    @property
    def edge(self) -> float:
        """Rise and fall of clocks and inputs, s."""
        return self.period * 0.002

    @property
    def read_time(self) -> float:
        """When a step's results are read, in periods: just before the masters open."""
        return 0.89
