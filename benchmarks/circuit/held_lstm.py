"""The LSTM with the coarsest departures of its circuit, as a cell of its own: it trains as fast as any other.

    cellwright show benchmarks/circuit/held_lstm.py:HeldLSTM

A state comes back from its hold with a pedestal, and c through tanh(d c) / d into the product with the forget gate.
Weights that were trained with both go into the circuit of the LSTM, which has the same parameters.
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
