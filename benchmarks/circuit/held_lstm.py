"""The LSTM with departures of its circuit as cells of their own: they train as fast as any other.

    cellwright show benchmarks/circuit/held_lstm.py:HeldLSTM
    python benchmarks/circuit/held_constants.py

A state comes back from its hold with a pedestal, and c through tanh(d c) / d into the product with the forget gate:
`HeldLSTM`. What 152 steps pile up is small in each of them: `MeasuredLSTM` also has the errors of a step, fitted to the
twin. Weights that were trained with them go into the circuit of the LSTM, which has the same parameters.
"""

from __future__ import annotations

from cellwright.cells import LSTM, tanh
from cellwright.program import Value


class HeldLSTM(LSTM):
    """An LSTM whose states are held on capacitors.

    Attributes:
        linear_range: d, as of the default design.
        pedestal: what a hold adds at every step, in the unit of the states: 0.65 mV of the default design in generic180
            at half the supply, where 0.1 V are a one.
    """

    linear_range: float = 0.25
    pedestal: float = 0.0065

    def step(self, x: Value, h: Value, c: Value, *fed_back: Value) -> tuple[Value, ...]:
        return super().step(x, h + self.pedestal, c + self.pedestal, *fed_back)

    def _kept(self, f: Value | None, c: Value) -> Value:
        return super()._kept(f, tanh(self.linear_range * c) * (1 / self.linear_range))


class MeasuredLSTM(HeldLSTM):
    """c = f (keep tanh(d c) / d - bend tanh(c) + gated) + gain i g + always, and the holds' pedestal.

    Attributes:
        keep, bend, gated, gain, always: of the default design in generic180, as ``held_constants.py`` fits them.
    """

    keep: float = 1.0057
    bend: float = 0.0191
    gated: float = 0.0056
    gain: float = 1.0134
    always: float = -0.0040

    def _kept(self, f: Value | None, c: Value) -> Value:
        wide = tanh(self.linear_range * c) * (self.keep / self.linear_range)
        return LSTM._kept(self, f, wide - self.bend * tanh(c) + self.gated) + self.always

    def _candidate(self, x: Value, h: Value, fed_back: tuple[Value, ...]) -> Value:
        return self.gain * super()._candidate(x, h, fed_back)
