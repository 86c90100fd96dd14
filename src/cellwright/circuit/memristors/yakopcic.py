"""Yakopcic's model: a current that grows with the hyperbolic sine of the voltage, and thresholds."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp as number_exp

from cellwright.circuit.memristors.listing import Listed
from cellwright.circuit.memristors.model import Memristor
from cellwright.program.operators import exp, less, where
from cellwright.program.values import Value


@dataclass(frozen=True)
class Yakopcic(Memristor):
    """A generalised memristor (Yakopcic, Taha, Subramanyam, Pino & Rogers 2011, IEEE Electron Device Letters 32, 1436).

    I = a x sinh(b V); dx/dt = eta g(V) f(x), g exponential beyond the thresholds, f exponential beyond xp and 1 - xn.

    Attributes:
        positive_amplitude, negative_amplitude: a1 and a2, A.
        steepness: b, 1/V.
        positive_threshold, negative_threshold: Vp and Vn, V, both above 0.
        positive_speed, negative_speed: Ap and An, 1/s.
        positive_onset, negative_onset: xp and xn, from where the movement slows down.
        positive_decay, negative_decay: alpha_p and alpha_n.
    """

    positive_amplitude: float = 0.17
    negative_amplitude: float = 0.17
    steepness: float = 0.05
    positive_threshold: float = 0.16
    negative_threshold: float = 0.15
    positive_speed: float = 4000.0
    negative_speed: float = 4000.0
    positive_onset: float = 0.3
    negative_onset: float = 0.5
    positive_decay: float = 1.0
    negative_decay: float = 5.0

    def current(self, voltage: Value, state: Value) -> Value:
        """Equation 1 of the paper."""
        amplitude = where(less(voltage, 0.0), self.negative_amplitude, self.positive_amplitude)
        bent = self.steepness * voltage
        return amplitude * state * (0.5 * (exp(bent) - exp(-bent)))

    def rate(self, voltage: Value, current: Value, state: Value) -> Value:
        """Equations 2 to 6, with eta = 1."""
        rising = self.positive_speed * (exp(voltage) - number_exp(self.positive_threshold))
        falling = -self.negative_speed * (exp(-voltage) - number_exp(self.negative_threshold))
        up = where(less(self.positive_threshold, voltage), rising, 0.0)
        down = where(less(self.negative_threshold, -voltage), falling, 0.0)
        return up * self._slowed_up(state) + down * self._slowed_down(state)

    def _slowed_up(self, state: Value) -> Value:
        onset = self.positive_onset
        weight = (onset - state) / (1 - onset) + 1
        return where(less(state, onset), 1.0, exp(-self.positive_decay * (state - onset)) * weight)

    def _slowed_down(self, state: Value) -> Value:
        onset = 1 - self.negative_onset
        weight = state / onset
        return where(less(onset, state), 1.0, exp(self.negative_decay * (state - onset)) * weight)


CATALOGUE = {
    "yakopcic": Listed(Yakopcic(), "Yakopcic", "as commonly quoted with the model", 0.45, 100.0, 0.11),
    "yakopcic-synapse": Listed(
        Yakopcic(positive_amplitude=2e-3, negative_amplitude=2e-3, positive_threshold=0.6, negative_threshold=0.6),
        "Yakopcic, rescaled",
        "currents and thresholds rounded by us for a synapse",
        1.0,
        500.0,
        0.11,
    ),
}
