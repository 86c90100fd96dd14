"""Cells whose pre-activations are normalised over their units."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cellwright.cells import checks
from cellwright.cells.listing import Listed
from cellwright.cells.notation import Cell, linear, mean, sigmoid, sqrt, tanh, weight
from cellwright.errors import CellwrightError
from cellwright.program.values import Value

_GATES = ("i", "f", "g", "o")


class LayerNormLSTM(Cell):
    """LSTM with layer normalisation (Ba, Kiros & Hinton 2016, arXiv:1607.06450, supplement, equations 20 to 22).

    W x and U h are normalised, each over all units of its four gates together, and c over its units on the way out;
    what is passed on is c itself. A normalised value is gain * (value - mean) / deviation + offset.

    Stored beside the matrices: ``bias_ih`` (i, f, g, o), and ``gain`` and ``offset``, each (ix, ih, fx, fh, gx, gh, ox,
    oh, c), where ix is for what the gate i sees of x.

    Attributes:
        epsilon: added to the variance under the root. The paper has none, its authors' code has 1e-5.
    """

    states = ("h", "c")
    epsilon: float = 1e-5

    def __post_init__(self) -> None:
        if not (checks.is_finite(self.epsilon) and self.epsilon >= 0):
            raise CellwrightError(f"epsilon is a finite number from 0; got {self.epsilon!r}")

    def step(self, x: Value, h: Value, c: Value) -> tuple[Value, Value]:
        """One time step: the new h and c."""
        from_x = [linear(gate, x) for gate in _GATES]
        mean_x = _mean(from_x)
        i_x, f_x, g_x, o_x = (value - mean_x for value in from_x)
        deviation_x = self._deviation(i_x, f_x, g_x, o_x)
        from_h = [linear(gate, h) for gate in _GATES]
        mean_h = _mean(from_h)
        i_h, f_h, g_h, o_h = (value - mean_h for value in from_h)
        deviation_h = self._deviation(i_h, f_h, g_h, o_h)
        i = sigmoid(_scaled("ix", i_x / deviation_x) + _scaled("ih", i_h / deviation_h) + _bias("i"))
        f = sigmoid(_scaled("fx", f_x / deviation_x) + _scaled("fh", f_h / deviation_h) + _bias("f"))
        g = tanh(_scaled("gx", g_x / deviation_x) + _scaled("gh", g_h / deviation_h) + _bias("g"))
        o = sigmoid(_scaled("ox", o_x / deviation_x) + _scaled("oh", o_h / deviation_h) + _bias("o"))
        c = f * c + i * g
        centred = c - mean(c, "unit")
        h = o * tanh(_scaled("c", centred / self._deviation(centred)))
        return h, c

    def _deviation(self, *centred: Value) -> Value:
        """Standard deviation over the units of all values together."""
        return sqrt(_mean([value * value for value in centred]) + self.epsilon)

    def initial_values(self) -> dict[str, float]:
        """Gains start at 1 and offsets at 0, as in the paper."""
        return {"gain": 1.0, "offset": 0.0}


def _mean(values: Sequence[Value]) -> Value:
    """Mean over the units of all values together."""
    means = [mean(value, "unit") for value in values]
    return means[0] if len(means) == 1 else sum(means[1:], means[0]) / len(means)


def _scaled(name: str, value: Value) -> Value:
    return weight("gain", name, symbol="alpha") * value + weight("offset", name, symbol="beta")


def _bias(gate: str) -> Value:
    """Added to what is normalised already, so that it is no part of a matrix product."""
    return weight("bias_ih", gate, symbol="b")


CATALOGUE: Mapping[str, Listed] = {
    "lnlstm": Listed(
        LayerNormLSTM(),
        "LSTM with layer normalisation of W x, U h and c",
        "Ba, Kiros & Hinton 2016, arXiv:1607.06450",
    ),
}
