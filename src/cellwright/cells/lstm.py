"""The LSTM family: one definition, every departure from it a field."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Literal, TypeAlias

from cellwright.cells import checks
from cellwright.cells.listing import Listed
from cellwright.cells.notation import UNIT, Cell, affine, linear, sigmoid, sum_over, tanh, weight
from cellwright.errors import CellwrightError
from cellwright.program.values import Axes, Value

Activation: TypeAlias = Literal["tanh", "identity", "sigmoid", "sigmoid[-2,2]", "sigmoid[-1,1]"]

ACTIVATIONS: Mapping[str, Callable[[Value], Value]] = {
    "tanh": tanh,
    "identity": lambda value: value,
    "sigmoid": sigmoid,
    "sigmoid[-2,2]": lambda value: 4 * sigmoid(value) - 2,
    "sigmoid[-1,1]": lambda value: 2 * sigmoid(value) - 1,
}
"""Squashing functions by name. The last two are g and h of Hochreiter & Schmidhuber (1997), appendix A.1."""

_CHOICES = {
    "input_activation": tuple(ACTIVATIONS),
    "output_activation": tuple(ACTIVATIONS),
    "gate_recurrence": ("none", "gates", "units"),
    "biases": ("all", "gates", "none"),
}


class LSTM(Cell):
    """Long short-term memory (Hochreiter & Schmidhuber 1997) with a forget gate (Gers, Schmidhuber & Cummins 2000).

    The variants of Greff et al. (2017, IEEE TNNLS 28, 2222, section III) and the memory blocks of 1997 are fields:

    Attributes:
        forget_gate: without it f = 1 (NFG): the cell of 1997.
        input_gate: without it i = 1 (NIG).
        output_gate: without it o = 1 (NOG).
        input_activation: squashes the candidate g; ``identity`` is NIAF, ``sigmoid[-2,2]`` that of 1997.
        output_activation: squashes c on its way out; ``identity`` is NOAF, ``sigmoid[-1,1]`` that of 1997.
        coupled: f = 1 - i (CIFG).
        peepholes: i and f see the previous c, o the new one (Gers, Schraudolph & Schmidhuber 2002).
        gate_recurrence: where the previous gates are fed back to: ``gates`` (FGR, Greff et al.) or ``units``, that is
            gates and candidate, as in 1997.
        cells_per_block: cells that share their gates, a memory block of 1997; hidden_size counts cells.
        projection: h is a linear map of o * tanh(c) (Sak, Senior & Beaufays 2014).
        biases: which units have one: ``all``, ``gates`` or ``none``.
        recurrent_bias: torch's second bias vector, redundant but kept for its state_dict.
        forget_bias, input_bias, output_bias: where the gates' biases start; None starts them as torch does.
    """

    states = ("h", "c")
    forget_gate: bool = True
    input_gate: bool = True
    output_gate: bool = True
    input_activation: Activation = "tanh"
    output_activation: Activation = "tanh"
    coupled: bool = False
    peepholes: bool = False
    gate_recurrence: Literal["none", "gates", "units"] = "none"
    cells_per_block: int = 1
    projection: bool = False
    biases: Literal["all", "gates", "none"] = "all"
    recurrent_bias: bool = False
    forget_bias: float | None = None
    input_bias: float | None = None
    output_bias: float | None = None

    def __post_init__(self) -> None:
        self._check_choices()
        self._check_gates()
        if self.projection and (self.cells_per_block > 1 or self.gate_recurrence != "none"):
            raise CellwrightError("projection is defined for blocks of one cell without gate recurrence")
        if self.recurrent_bias and self.biases != "all":
            raise CellwrightError("recurrent_bias doubles every bias: it needs biases='all'")

    def _check_choices(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name in _CHOICES:
                checks.choice(field.name, value, _CHOICES[field.name])
            if isinstance(field.default, bool):
                checks.flag(field.name, value)
            starts = field.name.endswith("_bias") and field.default is None
            if starts and not (value is None or checks.is_finite(value)):
                raise CellwrightError(f"{field.name} is a finite number or None; got {value!r}")
        checks.whole("cells_per_block", self.cells_per_block)

    def _check_gates(self) -> None:
        gates = self._gates()
        if self.coupled and not (self.forget_gate and self.input_gate):
            raise CellwrightError("coupled ties the forget gate to the input gate: it needs forget_gate and input_gate")
        if self.peepholes and not gates:
            raise CellwrightError("peepholes let gates see the cell: this cell has no gate")
        if self.gate_recurrence != "none" and not gates:
            raise CellwrightError("gate_recurrence feeds gates back: this cell has no gate")
        for name, field in {"i": "input_bias", "f": "forget_bias", "o": "output_bias"}.items():
            if getattr(self, field) is not None and (name not in gates or self.biases == "none"):
                raise CellwrightError(f"{field} starts the bias of the gate {name}, which this cell does not have")

    def step(self, x: Value, h: Value, c: Value, *fed_back: Value) -> tuple[Value, ...]:
        """One time step: the new h, c and fed-back gates."""
        recurrent = (h, *fed_back)
        i = self._gate("i", x, recurrent, c) if self.input_gate else None
        f = self._forget(x, recurrent, c, i)
        g = self._candidate(x, h, fed_back)
        c = self._kept(f, c) + _gated(i, g)
        o = self._gate("o", x, recurrent, c) if self.output_gate else None
        h = self._output(o, c)
        gates = {"i": i, "f": f, "o": o}
        return (h, c, *(gate for name in self._fed_back() if (gate := gates[name]) is not None))

    def _gate(self, name: str, x: Value, recurrent: tuple[Value, ...], c: Value) -> Value:
        bias = self.biases != "none"
        preactivation = self._seen(name, x, *recurrent, out=self._gate_axes(), bias=bias)
        return sigmoid(preactivation + self._peephole(name, c) if self.peepholes else preactivation)

    def _peephole(self, name: str, c: Value) -> Value:
        seen = weight("weight_peephole", name, self._peephole_axes(name), symbol="p") * c
        return sum_over(seen, "cell") if self.cells_per_block > 1 else seen

    def _seen(self, name: str, x: Value, *recurrent: Value, out: Axes, bias: bool) -> Value:
        """What a gate or the candidate sees before its activation: W x + U h + b."""
        return affine(name, x, *recurrent, out=out, bias=bias, recurrent_bias=self.recurrent_bias)

    def _forget(self, x: Value, recurrent: tuple[Value, ...], c: Value, i: Value | None) -> Value | None:
        if not self.forget_gate:
            return None
        return 1 - i if self.coupled and i is not None else self._gate("f", x, recurrent, c)

    def _candidate(self, x: Value, h: Value, fed_back: tuple[Value, ...]) -> Value:
        recurrent = (h, *fed_back) if self.gate_recurrence == "units" else (h,)
        bias = self.biases == "all"
        seen = self._seen("g", x, *recurrent, out=self._cell_axes(), bias=bias)
        return ACTIVATIONS[self.input_activation](seen)

    def _kept(self, f: Value | None, c: Value) -> Value:
        """What of the previous c goes on."""
        return _gated(f, c)

    def _output(self, o: Value | None, c: Value) -> Value:
        exposed = _gated(o, ACTIVATIONS[self.output_activation](c))
        return linear("h", exposed, ("projection",), family="hr") if self.projection else exposed

    def _gate_axes(self) -> Axes:
        return UNIT if self.cells_per_block == 1 else ("block",)

    def _cell_axes(self) -> Axes:
        return UNIT if self.cells_per_block == 1 else ("block", "cell")

    def _peephole_axes(self, name: str) -> Axes:
        """The axes of a gate's peephole weights."""
        return self._cell_axes()

    def _gates(self) -> tuple[str, ...]:
        """The gates that have a matrix of their own."""
        present = {"i": self.input_gate, "f": self.forget_gate and not self.coupled, "o": self.output_gate}
        return tuple(name for name, exists in present.items() if exists)

    def _fed_back(self) -> tuple[str, ...]:
        """The gates that are states because the next step sees them."""
        return () if self.gate_recurrence == "none" else self._gates()

    def state_axes(self) -> dict[str, Axes]:
        """h, c and the gates that are fed back, with their axes."""
        output = ("projection",) if self.projection else self._cell_axes()
        return {"h": output, "c": self._cell_axes(), **dict.fromkeys(self._fed_back(), self._gate_axes())}

    def sizes(self, input_size: int, hidden_size: int, projection_size: int = 0) -> dict[str, int]:
        """Sizes of the axes; ``hidden_size`` counts cells.

        Raises:
            CellwrightError: the cells do not fill their blocks; a projection without size, or the other way round.
        """
        if self.projection != (projection_size > 0):
            wanted = "a projection_size from 1" if self.projection else "no projection_size: it has no projection"
            raise CellwrightError(f"{self} takes {wanted}; got {projection_size}")
        if hidden_size % self.cells_per_block:
            raise CellwrightError(
                f"hidden_size counts cells, in blocks of {self.cells_per_block}: {hidden_size} does not divide evenly"
            )
        blocks = {"block": hidden_size // self.cells_per_block, "cell": self.cells_per_block}
        return super().sizes(input_size, hidden_size, projection_size) | blocks

    def initial_biases(self) -> dict[str, float]:
        """The gates' biases that start at a value of their own."""
        given = {"i": self.input_bias, "f": self.forget_bias, "o": self.output_bias}
        return {name: value for name, value in given.items() if value is not None}


def _gated(gate: Value | None, signal: Value) -> Value:
    """gate * signal; a gate that the variant lacks is 1."""
    return signal if gate is None else gate * signal


_GREFF = "Greff, Srivastava, Koutník, Steunebrink & Schmidhuber 2017, IEEE TNNLS 28, 2222"
_GERS = "Gers, Schraudolph & Schmidhuber 2002, JMLR 3, 115"

CATALOGUE: Mapping[str, Listed] = {
    "lstm": Listed(
        LSTM(),
        "LSTM with a forget gate (what torch and Keras call LSTM; Greff's NP)",
        "Gers, Schmidhuber & Cummins 2000, Neural Computation 12, 2451",
    ),
    "lstm1997": Listed(
        LSTM(
            forget_gate=False,
            input_activation="sigmoid[-2,2]",
            output_activation="sigmoid[-1,1]",
            gate_recurrence="units",
        ),
        "the first LSTM: no forget gate, gates fed back to all units",
        "Hochreiter & Schmidhuber 1997, Neural Computation 9, 1735",
    ),
    "peephole": Listed(LSTM(peepholes=True), "LSTM whose gates see the cell state (Greff's vanilla LSTM)", _GERS),
    "nig": Listed(LSTM(peepholes=True, input_gate=False), "no input gate, i = 1", _GREFF),
    "nfg": Listed(LSTM(peepholes=True, forget_gate=False), "no forget gate, f = 1", _GREFF),
    "nog": Listed(LSTM(peepholes=True, output_gate=False), "no output gate, o = 1", _GREFF),
    "niaf": Listed(LSTM(peepholes=True, input_activation="identity"), "no input activation function", _GREFF),
    "noaf": Listed(LSTM(peepholes=True, output_activation="identity"), "no output activation function", _GREFF),
    "cifg": Listed(LSTM(peepholes=True, coupled=True), "coupled input and forget gate, f = 1 - i", _GREFF),
    "fgr": Listed(LSTM(peepholes=True, gate_recurrence="gates"), "full gate recurrence: gates see gates", _GREFF),
    "lstmp": Listed(
        LSTM(peepholes=True, projection=True),
        "LSTM with peepholes whose output is projected to fewer units",
        "Sak, Senior & Beaufays 2014, arXiv:1402.1128",
    ),
}
