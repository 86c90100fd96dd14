"""The gated recurrent unit: one definition, where the reset gate acts a field; and a unit with one gate."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from cellwright.cells import checks
from cellwright.cells.listing import Listed
from cellwright.cells.notation import Cell, affine, sigmoid, tanh
from cellwright.errors import CellwrightError
from cellwright.program.values import Value


class GRU(Cell):
    """Gated recurrent unit (Cho et al. 2014, EMNLP, 1724, equations 5 to 8): h' = (1 - z) n + z h.

    The form of the tutorial (equations 57 to 66) is ``GRU(recurrent_bias=False)``.

    Attributes:
        reset: where the reset gate r acts: ``after`` the recurrent matrix, r * (U h + b), as in the paper's first
            version (arXiv:1406.1078v1), cuDNN and torch; or ``before`` it, U (r * h), as in the paper as published
            (equation 8).
        update: what an update gate z near 1 does: it ``keeps`` h, as in Cho et al., the tutorial and torch; or
            ``replaces`` it, h' = (1 - z) h + z n, as in Chung et al. (2014, arXiv:1412.3555, section 3.2).
        bias: without it no gate and no candidate has one.
        recurrent_bias: a second bias vector, as in torch, inside of r * (U h + b); None has it where the reset gate
            acts after the matrix and there are biases.
    """

    reset: Literal["after", "before"] = "after"
    update: Literal["keeps", "replaces"] = "keeps"
    bias: bool = True
    recurrent_bias: bool | None = None

    def __post_init__(self) -> None:
        checks.choice("reset", self.reset, ("after", "before"))
        checks.choice("update", self.update, ("keeps", "replaces"))
        checks.flag("bias", self.bias)
        if self.recurrent_bias is not None:
            checks.flag("recurrent_bias", self.recurrent_bias)
        if self.recurrent_bias and not (self.bias and self.reset == "after"):
            raise CellwrightError("recurrent_bias is a second bias beside U h: it needs bias=True and reset='after'")

    def step(self, x: Value, h: Value) -> Value:
        """One time step: the new h."""
        r = self._gate("r", x, h)
        z = self._gate("z", x, h)
        n = tanh(self._seen_by_candidate(x, h, r))
        return self._mixed(z, n, h)

    def _mixed(self, z: Value, n: Value, h: Value) -> Value:
        return (1 - z) * n + z * h if self.update == "keeps" else (1 - z) * h + z * n

    def _has_two_biases(self) -> bool:
        return self.bias and self.reset == "after" if self.recurrent_bias is None else self.recurrent_bias

    def _gate(self, name: str, x: Value, h: Value) -> Value:
        return sigmoid(self._seen(name, x, h, bias=self.bias, recurrent_bias=self._has_two_biases()))

    def _seen_by_candidate(self, x: Value, h: Value, r: Value) -> Value:
        if self.reset == "before":
            return self._seen("n", x, r * h, bias=self.bias)
        return self._seen("n", x, bias=self.bias) + r * self._seen("n", h, bias=self._has_two_biases())

    def _seen(self, name: str, *values: Value, bias: bool, recurrent_bias: bool = False) -> Value:
        """What a gate or the candidate sees of some values: W x + U h + b."""
        return affine(name, *values, bias=bias, recurrent_bias=recurrent_bias)


class MinimalGatedUnit(GRU):
    """One gate in the place of two (Zhou, Wu, Zhang & Zhou 2016, arXiv:1603.09420).

    h' = (1 - f) h + f n, where f resets h before the recurrent matrix, too.
    """

    reset: Literal["after", "before"] = "before"
    update: Literal["keeps", "replaces"] = "replaces"

    def step(self, x: Value, h: Value) -> Value:
        """One time step: the new h."""
        f = self._gate("f", x, h)
        n = tanh(self._seen_by_candidate(x, h, f))
        return self._mixed(f, n, h)


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
    "mgu": Listed(
        MinimalGatedUnit(),
        "minimal gated unit: one gate that forgets and resets",
        "Zhou, Wu, Zhang & Zhou 2016, International Journal of Automation and Computing 13, 226",
    ),
}
