"""VTEAM: a memristor that moves beyond threshold voltages alone."""

from __future__ import annotations

from dataclasses import dataclass

from cellwright.circuit.memristors.listing import Listed
from cellwright.circuit.memristors.model import Memristor
from cellwright.circuit.memristors.power import power
from cellwright.circuit.memristors.windows import Biolek, Joglekar, Prodromakis, Window, check_window
from cellwright.errors import CellwrightError
from cellwright.program.operators import maximum
from cellwright.program.values import Value


@dataclass(frozen=True)
class VTEAM(Memristor):
    """Voltage threshold adaptive memristor (Kvatinsky, Ramadan, Friedman & Kolodny 2015, IEEE TCAS II 62, 786).

    Here x = 1 - w / D: 1 conducts best. Voltages below ``on_threshold``, which is negative, move it there, those above
    ``off_threshold`` away from it; dw/dt = k (v / threshold - 1)^alpha f(x) (equation 2), and the resistance is linear
    in w (equation 4).

    Attributes:
        on_resistance, off_resistance: ohm, at x = 1 and x = 0.
        thickness: D, m.
        on_speed, off_speed: k, m/s; the first one is negative as in the paper.
        on_exponent, off_exponent: alpha.
        on_threshold, off_threshold: V; the first one is negative.
        window: f.
    """

    on_resistance: float = 1e3
    off_resistance: float = 100e3
    thickness: float = 3e-9
    on_speed: float = -6e-5
    off_speed: float = 6e-5
    on_exponent: float = 3.0
    off_exponent: float = 3.0
    on_threshold: float = -0.6
    off_threshold: float = 0.6
    window: Window = Biolek()

    def __post_init__(self) -> None:
        check_window(self.window)
        if not (self.on_threshold < 0 < self.off_threshold and self.on_speed < 0 < self.off_speed):
            raise CellwrightError(
                "VTEAM's on_threshold and on_speed are below 0, its off_threshold and off_speed above; got "
                f"{self.on_threshold}, {self.on_speed}, {self.off_threshold}, {self.off_speed}"
            )

    def current(self, voltage: Value, state: Value) -> Value:
        """Ohm's law, with a resistance that is linear in w."""
        return voltage / (self.on_resistance * state + self.off_resistance * (1 - state))

    def rate(self, voltage: Value, current: Value, state: Value) -> Value:
        """The movement beyond either threshold."""
        on = -self.on_speed / self.thickness * _beyond(voltage / self.on_threshold, self.on_exponent)
        off = self.off_speed / self.thickness * _beyond(voltage / self.off_threshold, self.off_exponent)
        return (on - off) * self.window.factor(state, -voltage)


def _beyond(ratio: Value, exponent: float) -> Value:
    """(ratio - 1)^exponent where the ratio of a voltage to its threshold is above 1, else 0."""
    return power(maximum(ratio - 1, 0.0), exponent)


_OURS = "rounded by us for a synapse: thresholds far above reads"

CATALOGUE = {
    "vteam": Listed(VTEAM(), "VTEAM, window of Biolek", _OURS, 1.0, 1e3, 0.3),
    "vteam-joglekar": Listed(VTEAM(window=Joglekar()), "VTEAM, window of Joglekar", _OURS, 1.0, 2e3, 0.8),
    "vteam-prodromakis": Listed(VTEAM(window=Prodromakis(2.0)), "VTEAM, window of Prodromakis", _OURS, 1.0, 1e3, 0.8),
}
