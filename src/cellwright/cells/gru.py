"""The gated recurrent unit: one definition, where the reset gate acts a field."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from cellwright.cells import checks
from cellwright.cells.listing import Listed
from cellwright.cells.notation import Cell, affine, sigmoid, tanh
from cellwright.program.values import Value


class GRU(Cell):
    """Gated recurrent unit (Cho et al. 2014, EMNLP, 1724, equations 5 to 8): h' = (1 - z) n + z h.

    An update gate z near 1 keeps h, as in Cho et al. and torch. Chung et al. (2014, arXiv:1412.3555, section 3.2) write
    z for what is 1 - z here.

    Attributes:
        reset: where the reset gate r acts: ``after`` the recurrent matrix, r * (U h + b), with two bias vectors, as in
            the paper's first version (arXiv:1406.1078v1), cuDNN and torch; or ``before`` it, U (r * h), with one, as in
            the paper as published (equation 8).
        bias: without it no gate and no candidate has one.
    """

    reset: Literal["after", "before"] = "after"
    bias: bool = True

    def __post_init__(self) -> None:
        checks.choice("reset", self.reset, ("after", "before"))
        checks.flag("bias", self.bias)

    def step(self, x: Value, h: Value) -> Value:
        """One time step: the new h."""
        r = self._gate("r", x, h)
        z = self._gate("z", x, h)
        n = tanh(self._seen_by_candidate(x, h, r))
        return (1 - z) * n + z * h

    def _gate(self, name: str, x: Value, h: Value) -> Value:
        return sigmoid(self._seen(name, x, h, recurrent_bias=self.bias and self.reset == "after"))

    def _seen_by_candidate(self, x: Value, h: Value, r: Value) -> Value:
        if self.reset == "before":
            return self._seen("n", x, r * h)
        return self._seen("n", x) + r * self._seen("n", h)

    def _seen(self, name: str, *values: Value, recurrent_bias: bool = False) -> Value:
        """What a gate or the candidate sees of some values: W x + U h + b."""
        return affine(name, *values, bias=self.bias, recurrent_bias=recurrent_bias)


CATALOGUE: Mapping[str, Listed] = {
    "gru": Listed(
        GRU(),
        "GRU that resets after the recurrent matrix (what torch, cuDNN and Keras call GRU)",
        "Cho, van Merriënboer, Gulcehre, Bahdanau, Bougares, Schwenk & Bengio 2014, arXiv:1406.1078v1",
    ),
    "gru-cho": Listed(
        GRU(reset="before"),
        "GRU that resets before the recurrent matrix, as published",
        "Cho, van Merriënboer, Gulcehre, Bahdanau, Bougares, Schwenk & Bengio 2014, EMNLP, 1724",
    ),
}
