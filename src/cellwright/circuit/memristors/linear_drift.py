"""The memristor of HP Labs, whose dopants drift linearly."""

from __future__ import annotations

from dataclasses import dataclass

from cellwright.circuit.memristors.listing import Listed
from cellwright.circuit.memristors.model import Memristor
from cellwright.circuit.memristors.windows import Biolek, Joglekar, Prodromakis, Window, check_window
from cellwright.program.values import Value


@dataclass(frozen=True)
class LinearDrift(Memristor):
    """HP's linear drift (Strukov, Snider, Stewart & Williams 2008, Nature 453, 80): v = (Ron x + Roff (1 - x)) i.

    dx/dt = mu Ron / D^2 i f(x). It has no threshold: each read moves it a little.

    Attributes:
        on_resistance, off_resistance: ohm, at x = 1 and x = 0.
        thickness: D, m.
        mobility: mu, m^2 / (V s).
        window: f.
    """

    on_resistance: float = 100.0
    off_resistance: float = 16e3
    thickness: float = 10e-9
    mobility: float = 1e-14
    window: Window = Joglekar()

    def __post_init__(self) -> None:
        check_window(self.window)

    def current(self, voltage: Value, state: Value) -> Value:
        """Ohm's law over the doped and the undoped part."""
        return voltage / (self.on_resistance * state + self.off_resistance * (1 - state))

    def rate(self, voltage: Value, current: Value, state: Value) -> Value:
        """The drift of the boundary between them."""
        speed = self.mobility * self.on_resistance / self.thickness**2
        return speed * current * self.window.factor(state, current)


_QUOTED = "as commonly quoted with the model"

CATALOGUE = {
    "linear-drift": Listed(LinearDrift(), "linear drift, window of Joglekar", _QUOTED, 1.0, 0.5, 0.1),
    "linear-drift-biolek": Listed(
        LinearDrift(window=Biolek()), "linear drift, window of Biolek", _QUOTED, 1.0, 0.5, 0.1
    ),
    "linear-drift-prodromakis": Listed(
        LinearDrift(window=Prodromakis(2.0)), "linear drift, window of Prodromakis", _QUOTED, 1.0, 0.2, 0.1
    ),
}
