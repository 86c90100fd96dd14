"""Where a circuit is: what it is made in, and how warm it is."""

from __future__ import annotations

from dataclasses import dataclass

from cellwright.circuit.components import GROUND, MIDDLE, SUPPLY, Source, line
from cellwright.circuit.technologies import CORNERS, ROOM_TEMPERATURE, Corner, Technology
from cellwright.errors import CellwrightError, named

_ABSOLUTE_ZERO = -273.15


@dataclass(frozen=True)
class Conditions:
    """What a chip is made in, and where it works.

    Attributes:
        technology: of its transistors.
        corner: of the process.
        temperature: degrees Celsius.

    Raises:
        CellwrightError: no such corner; a temperature that is none.
    """

    technology: Technology
    corner: Corner = "typical"
    temperature: float = ROOM_TEMPERATURE

    def __post_init__(self) -> None:
        named("corner", self.corner, dict.fromkeys(CORNERS))
        if not _ABSOLUTE_ZERO < self.temperature < float("inf"):
            raise CellwrightError(
                f"temperature is in degrees Celsius and above {_ABSOLUTE_ZERO:g}, got {self.temperature!r}"
            )

    @property
    def kelvin(self) -> float:
        """The absolute temperature."""
        return self.temperature - _ABSOLUTE_ZERO

    @property
    def supplies(self) -> tuple[Source, Source]:
        """The supply, and the middle between it and ground."""
        return (
            Source("supply", "V", SUPPLY, GROUND, f"{self.technology.supply:g}", "supply"),
            Source("middle", "V", MIDDLE, GROUND, f"{self.technology.middle:g}", "reference"),
        )

    def header(self, title: str) -> list[str]:
        """The first lines of a netlist: title, models, supply and middle."""
        return [
            f"* {title}",
            self.technology.models(self.corner),
            f".options temp={self.temperature:g}",
            *map(line, self.supplies),
        ]
