"""An LSTM whose gates see all of the cell state, and nothing of the output."""

from __future__ import annotations

from collections.abc import Mapping

from cellwright.cells.listing import Listed
from cellwright.cells.lstm import LSTM
from cellwright.cells.notation import affine
from cellwright.errors import CellwrightError
from cellwright.program.values import Axes, Value


class FullPeepholeLSTM(LSTM):
    """The peephole LSTM of Wikipedia ("Long short-term memory", section "Peephole LSTM").

    i, f and o see the previous c through a matrix, g sees x alone, and no gate sees h. With
    ``output_activation="identity"`` it is the other form that Wikipedia gives, sigma_h(x) = x. Gers, Schraudolph &
    Schmidhuber (2002), whom it cites, have ``LSTM(peepholes=True)``: elementwise weights, h as before, and an output
    gate that sees the new c.

    Attributes:
        peepholes, gate_recurrence, projection: of Gers' form and of others; this one has none of them.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.peepholes or self.projection or self.gate_recurrence != "none" or self.recurrent_bias:
            raise CellwrightError(
                "FullPeepholeLSTM sees c through matrices of its own: it takes no peepholes, gate_recurrence, "
                "projection or recurrent_bias; LSTM(peepholes=True) does"
            )

    def step(self, x: Value, h: Value, c: Value, *fed_back: Value) -> tuple[Value, ...]:
        """One time step: the new h and c. What an LSTM feeds back as h is the previous c here."""
        return super().step(x, c, c, *fed_back)

    def _seen(self, name: str, x: Value, *recurrent: Value, out: Axes, bias: bool) -> Value:
        return affine(name, x, *(() if name == "g" else recurrent), out=out, bias=bias)


CATALOGUE: Mapping[str, Listed] = {
    "peephole-full": Listed(
        FullPeepholeLSTM(),
        "LSTM whose gates see the cell state through matrices instead of the output (Wikipedia's peephole LSTM)",
        "Wikipedia, Long short-term memory, section Peephole LSTM, read in 2026",
    ),
}
