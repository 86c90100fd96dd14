"""The extended LSTM with a scalar memory: exponential gates, a normaliser and a stabiliser."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from cellwright.cells import checks
from cellwright.cells.listing import Listed
from cellwright.cells.notation import Cell, affine, equal, exp, log_sigmoid, maximum, minimum, sigmoid, tanh, where
from cellwright.program.values import Value


class SLSTM(Cell):
    """sLSTM (Beck et al. 2024, arXiv:2405.04517, equations 8 to 17): h = o * c / n.

    The cell c and its normaliser n take in z and 1 through an exponential input gate. Both are kept divided by exp(m),
    where the stabiliser m is the logarithm of the largest gate so far, so that nothing overflows; h does not depend on
    m. Where nothing is kept yet, n = 0, it is that of the input gate, as in the authors' code. All units see one
    another: there is one head, where the paper's matrices U are block-diagonal in several.

    Attributes:
        forget_gate: ``sigmoid`` or ``exp``, the paper has both (equation 13).
        bias: without it no gate has one.
    """

    states = ("h", "c", "n", "m")
    forget_gate: Literal["sigmoid", "exp"] = "sigmoid"
    bias: bool = True

    def __post_init__(self) -> None:
        checks.choice("forget_gate", self.forget_gate, ("sigmoid", "exp"))
        checks.flag("bias", self.bias)

    def step(self, x: Value, h: Value, c: Value, n: Value, m: Value) -> tuple[Value, Value, Value, Value]:
        """One time step: the new h, c, n and m. With i and f are meant those divided by exp(m)."""
        i_raw = affine("i", x, h, bias=self.bias)
        f_raw = affine("f", x, h, bias=self.bias)
        kept = (f_raw if self.forget_gate == "exp" else log_sigmoid(f_raw)) + m
        z = tanh(affine("z", x, h, bias=self.bias))
        o = sigmoid(affine("o", x, h, bias=self.bias))
        m = where(equal(n, 0.0), i_raw, maximum(kept, i_raw))
        i = exp(i_raw - m)
        f = exp(minimum(kept - m, 0.0))
        c = f * c + i * z
        n = f * n + i
        return o * (c / n), c, n, m


CATALOGUE: Mapping[str, Listed] = {
    "slstm": Listed(
        SLSTM(),
        "sLSTM: exponential input gate, normalised and stabilised",
        "Beck, Pöppel, Spanring, Auer, Prudnikova, Kopp, Klambauer, Brandstetter & Hochreiter 2024, arXiv:2405.04517",
    ),
}
