"""The catalogue of memristors: every model and window by name. A file of this folder lists its own in ``CATALOGUE``."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from math import pi, sin

import numpy as np

from cellwright.cells.listing import listed
from cellwright.circuit.memristors.model import Memristor, Response
from cellwright.errors import CellwrightError, named

_PACKAGE = "cellwright.circuit.memristors"
_ORDER = ("linear_drift", "vteam", "yakopcic")
_POINTS = 400
"""Of a period of the sine."""


@dataclass(frozen=True)
class Listed:
    """A memristor as the catalogue lists it, with a sine that draws its loop.

    Attributes:
        device: the memristor.
        title: model and window.
        parameters: where its numbers come from.
        amplitude, frequency: of the sine, V and Hz.
        start: the state at its beginning.
    """

    device: Memristor
    title: str
    parameters: str
    amplitude: float
    frequency: float
    start: float

    def voltage(self, time: float) -> float:
        """The sine, V at a time in s."""
        return self.amplitude * sin(2 * pi * self.frequency * time)

    def loop(self, periods: float = 1.0, tolerance: float = 1e-8) -> Response:
        """The response to the sine, by SciPy's stiff solver."""
        times = np.linspace(0.0, periods / self.frequency, round(periods * _POINTS) + 1)
        return self.device.respond(self.voltage, times, self.start, tolerance)


@cache
def entries() -> dict[str, Listed]:
    """Every listed memristor by name."""
    return {name: entry for name, (_, entry) in listed(_PACKAGE, "CATALOGUE", _ORDER).items()}


def catalogue() -> dict[str, Memristor]:
    """Every memristor by name."""
    return {name: entry.device for name, entry in entries().items()}


def find(memristor: str | Memristor) -> Memristor:
    """A memristor by its name; a memristor passes through.

    Raises:
        CellwrightError: no memristor has that name; it is something else.
    """
    if isinstance(memristor, Memristor):
        return memristor
    if not isinstance(memristor, str):
        raise CellwrightError(f"a memristor is a name or an instance of Memristor, got {memristor!r}")
    return named("memristor", memristor, entries()).device
