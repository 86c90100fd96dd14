"""The networks before the gated ones: units without memory, and networks that feed their outputs back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal, TypeAlias

from cellwright.cells import checks, lstm
from cellwright.cells.listing import Listed
from cellwright.cells.notation import Cell, affine, less, linear, relu, sign, where
from cellwright.errors import CellwrightError
from cellwright.program.values import Axes, Value

Activation: TypeAlias = Literal[lstm.Activation, "relu", "threshold"]

ACTIVATIONS: Mapping[str, Callable[[Value], Value]] = {
    **lstm.ACTIVATIONS,
    "relu": relu,
    "threshold": lambda value: where(less(0.0, value), sign(value), -1.0),  # sign has a derivative, of zero
}
"""Squashing functions by name: those of the LSTMs, and two more. ``threshold`` is 1 above 0 and -1 elsewhere."""

OUTPUT: Axes = ("projection",)
"""The output units of a network that has them inside: ``proj_size`` of a layer."""


class FeedForward(Cell):
    """Units without memory, y = f(l (W x + b)): a layer of a feed-forward network (tutorial, sections 3 and 4).

    With ``threshold`` they are perceptrons (Rosenblatt 1958), whose output is 1 or -1 and whose derivative is zero
    everywhere: no gradient reaches what is below, and their weights get a gradient of zero. Such units are built by
    hand or trained by a rule of their own, not by gradient descent.

    Attributes:
        activation: f; ``sigmoid`` makes sigmoid threshold units.
        steepness: l, how steep f is around 0 (tutorial, section 3.4).
        bias: without it b = 0.
    """

    states = ("y",)
    activation: Activation = "sigmoid"
    steepness: float = 1.0
    bias: bool = True

    def __post_init__(self) -> None:
        checks.choice("activation", self.activation, ACTIVATIONS)
        checks.flag("bias", self.bias)
        if not (checks.is_finite(self.steepness) and self.steepness > 0):
            raise CellwrightError(f"steepness is a finite number above 0; got {self.steepness!r}")

    def step(self, x: Value, y: Value) -> Value:
        """One time step: the new y, whatever the one before was."""
        s = affine("y", x, bias=self.bias)
        return ACTIVATIONS[self.activation](s if self.steepness == 1 else self.steepness * s)


class RNN(Cell):
    """Units that see one another's previous outputs, h = f(W x + U h + b).

    This is the hidden layer of an Elman network (1990, Cognitive Science 14, 179) and what torch calls RNN. A context
    cell keeps the previous output of its hidden unit: it is the state h. The output units of such a network see h
    alone, so that they are a dense layer behind this one.

    Attributes:
        activation: f.
        bias: without it b = 0.
        recurrent_bias: torch's second bias vector, redundant but kept for its state_dict.
    """

    activation: Activation = "tanh"
    bias: bool = True
    recurrent_bias: bool = False

    def __post_init__(self) -> None:
        checks.choice("activation", self.activation, ACTIVATIONS)
        checks.flag("bias", self.bias)
        checks.flag("recurrent_bias", self.recurrent_bias)
        if self.recurrent_bias and not self.bias:
            raise CellwrightError("recurrent_bias doubles every bias: it needs bias=True")

    def step(self, x: Value, h: Value) -> Value:
        """One time step: the new h."""
        return ACTIVATIONS[self.activation](affine("h", x, h, bias=self.bias, recurrent_bias=self.recurrent_bias))


class Jordan(Cell):
    """Hidden units that see what the output units said before (Jordan 1986).

    h = f(W x + U s + b) and y = g(V h + b_y), where the context s is the previous y, or what is left of all of them:
    s = decay * s + y. The output y has a size of its own, ``proj_size`` of a layer.

    Attributes:
        activation: f.
        output_activation: g.
        decay: how much of itself a context unit keeps, Jordan's self-connections; with 0 it keeps nothing, as in the
            tutorial, and the only state is y.
        bias: without it no unit has one.
    """

    activation: Activation = "sigmoid"
    output_activation: Activation = "sigmoid"
    decay: float = 0.0
    bias: bool = True

    def __post_init__(self) -> None:
        checks.choice("activation", self.activation, ACTIVATIONS)
        checks.choice("output_activation", self.output_activation, ACTIVATIONS)
        checks.flag("bias", self.bias)
        if not (checks.is_finite(self.decay) and 0 <= self.decay < 1):
            raise CellwrightError(f"decay is a number from 0 and below 1; got {self.decay!r}")

    def step(self, x: Value, y: Value, *context: Value) -> tuple[Value, ...]:
        """One time step: the new y, and the new context where it keeps something of itself."""
        s = self.decay * context[0] + y if context else y
        h = ACTIVATIONS[self.activation](linear("h", x, bias=self.bias) + linear("h", s, family="hh"))
        y = ACTIVATIONS[self.output_activation](linear("y", h, OUTPUT, bias=self.bias, family="hy"))
        return (y, s) if context else (y,)

    def state_axes(self) -> dict[str, Axes]:
        """The output y, and the context s where it keeps something of itself."""
        return {"y": OUTPUT, "s": OUTPUT} if self.decay else {"y": OUTPUT}


class FullyRecurrent(Cell):
    """Every unit sees all inputs and the previous outputs of all units (Williams & Zipser 1989).

    The units are hidden ones h and output units y; y has a size of its own, ``proj_size`` of a layer.

    Attributes:
        activation: of every unit.
        bias: without it no unit has one.
    """

    states = ("y", "h")
    activation: Activation = "sigmoid"
    bias: bool = True

    def __post_init__(self) -> None:
        checks.choice("activation", self.activation, ACTIVATIONS)
        checks.flag("bias", self.bias)

    def step(self, x: Value, y: Value, h: Value) -> tuple[Value, Value]:
        """One time step: the new outputs and the new hidden units, all from the previous ones."""
        activation = ACTIVATIONS[self.activation]
        return (
            activation(affine("y", x, h, y, out=OUTPUT, bias=self.bias)),
            activation(affine("h", x, h, y, bias=self.bias)),
        )

    def state_axes(self) -> dict[str, Axes]:
        """The output units y and the hidden units h."""
        return {"y": OUTPUT, "h": ("unit",)}


CATALOGUE: Mapping[str, Listed] = {
    "perceptron": Listed(
        FeedForward(activation="threshold"),
        "perceptron: 1 where W x + b is above 0, else -1; no memory",
        "Rosenblatt 1958, Psychological Review 65, 386",
    ),
    "sigmoid-unit": Listed(
        FeedForward(),
        "sigmoid threshold unit, the unit of multilayer feed-forward networks; no memory",
        "Rumelhart, Hinton & Williams 1986, Nature 323, 533",
    ),
    "elman": Listed(
        RNN(activation="sigmoid"),
        "Elman network: hidden units and their context cells",
        "Elman 1990, Cognitive Science 14, 179",
    ),
    "rnn": Listed(
        RNN(),
        "simple recurrent network (what torch calls RNN, Keras SimpleRNN)",
        "Elman 1990, Cognitive Science 14, 179",
    ),
    "rnn-relu": Listed(
        RNN(activation="relu"),
        "simple recurrent network of rectified units",
        "Le, Jaitly & Hinton 2015, arXiv:1504.00941",
    ),
    "jordan": Listed(
        Jordan(),
        "Jordan network: hidden units see the previous outputs of the output units",
        "Jordan 1986, Proceedings of the Cognitive Science Society 8, 531",
    ),
    "fully-recurrent": Listed(
        FullyRecurrent(),
        "fully recurrent network: every unit sees all units and inputs, some of them are the output",
        "Williams & Zipser 1989, Neural Computation 1, 270",
    ),
}
