"""Grid LSTM: blocks that have a hidden vector and a memory in each of their dimensions, depth among them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, ClassVar, Literal, get_args

from cellwright.cells import checks
from cellwright.cells.listing import Listed
from cellwright.cells.lstm import ACTIVATIONS, LSTM, Activation
from cellwright.cells.notation import UNIT, Cell, Topology, linear
from cellwright.errors import CellwrightError
from cellwright.program.values import Axes, Value, with_arguments

Output = Literal["tanh(o*m)", "o*tanh(m)"]
Connection = Activation | Literal["pass"]

_REFUSED = ("gate_recurrence", "cells_per_block", "projection", "recurrent_bias")


class GridLSTM(Cell):
    """A block of a Grid LSTM (Kalchbrenner, Danihelka & Graves 2016, ICLR; tutorial, equations 55 and 56).

    A block of N dimensions reads N hidden vectors and memories, h1 .. hN and m1 .. mN, and returns as many. Each
    dimension has an LSTM transform of its own: its gates and candidate see H = [h1; ..; hN], its memory goes on along
    that dimension alone. There is no input x: what a grid reads enters at its borders. Dimensions count from 1.

    Attributes:
        dimensions: N.
        transform: the LSTM that each dimension applies, any variant that has blocks of one cell, no projection and no
            gate recurrence.
        output: h = ``tanh(o*m)`` as in the paper, or ``o*tanh(m)``, the standard LSTM transform (tutorial). The
            transform's ``output_activation`` stands in the place of tanh.
        tied: all dimensions have the same weights.
        priority: dimensions whose transforms come after the others, in this order, and see the new h of all those
            before them.
        without_cell: dimensions that have no memory and no gates, but a plain connection.
        connection: what a dimension without a cell hands on: an activation of V H, or ``pass``, the new h of the one
            dimension that has a cell, which makes a grid of time and depth a stack of LSTMs.
    """

    topology: ClassVar[Topology] = "grid"
    sequences: ClassVar[Mapping[str, Axes]] = {}
    states: ClassVar[tuple[str, ...]] = ()
    dimensions: int = 2
    transform: LSTM = LSTM()
    output: Output = "tanh(o*m)"
    tied: bool = False
    priority: tuple[int, ...] = ()
    without_cell: tuple[int, ...] = ()
    connection: Connection = "identity"

    def __post_init__(self) -> None:
        checks.whole("dimensions", self.dimensions)
        checks.choice("output", self.output, get_args(Output))
        checks.flag("tied", self.tied)
        checks.choice("connection", self.connection, (*ACTIVATIONS, "pass"))
        if type(self.transform) is not LSTM:
            raise CellwrightError(f"transform is an LSTM of one predecessor, LSTM(...); got {self.transform!r}")
        for name in _REFUSED:
            if getattr(self.transform, name) != getattr(LSTM, name):
                raise CellwrightError(f"a transform takes no {name}={getattr(self.transform, name)!r}")
        for name in ("priority", "without_cell"):
            _check_dimensions(name, getattr(self, name), self.dimensions)
        with_cell = self.dimensions - len(self.without_cell)
        if not with_cell:
            raise CellwrightError(f"without_cell names all {self.dimensions} dimensions: leave one that has a cell")
        if self.connection == "pass" and with_cell > 1:
            raise CellwrightError(
                f"connection='pass' hands on the h of the one dimension that has a cell; here {with_cell} have one: "
                "name the others in without_cell"
            )

    def step(self, *states: Value) -> tuple[Value, ...]:
        """One block: the new h1 .. hN and the new memories."""
        given = dict(zip(self.state_axes(), states, strict=True))
        hidden, memory = _by_dimension(given, "h"), _by_dimension(given, "m")
        new_hidden: dict[int, Value] = {}
        seen = tuple(hidden.values())
        shared: dict[str, Value] = {}
        for dimension in self._in_order():
            if dimension in self.priority:
                seen = tuple((hidden | new_hidden).values())
                shared = {}
            if dimension in memory:
                transform = self._transform(dimension, seen, shared if self.tied else {})
                h, memory[dimension] = transform.step(seen[0], seen[0], memory[dimension])
            else:
                h = self._connected(dimension, seen, new_hidden)
            new_hidden[dimension] = _named(h, f"h{dimension}")
        return (*(new_hidden[dimension] for dimension in hidden), *memory.values())

    def _in_order(self) -> tuple[int, ...]:
        """The dimensions as they are computed: those that pass on what another has computed come last."""
        passing = self.without_cell if self.connection == "pass" else ()
        last = (*(d for d in self.priority if d not in passing), *passing)
        return (*(d for d in range(1, self.dimensions + 1) if d not in last), *last)

    def _transform(self, dimension: int, seen: tuple[Value, ...], known: dict[str, Value]) -> _Transform:
        values = {field.name: getattr(self.transform, field.name) for field in fields(LSTM)}
        subscript = "" if self.tied else str(dimension)
        return _Transform(
            **values, seen=seen, known=known, subscript=subscript, label=str(dimension), output=self.output
        )

    def _connected(self, dimension: int, seen: tuple[Value, ...], new_hidden: Mapping[int, Value]) -> Value:
        if self.connection == "pass":
            return next(h for d, h in new_hidden.items() if d not in self.without_cell)
        return ACTIVATIONS[self.connection](_product(f"v{'' if self.tied else dimension}", seen, UNIT, bias=False))

    def state_axes(self) -> dict[str, Axes]:
        """h of all dimensions, then m of those that have a cell."""
        every = range(1, self.dimensions + 1)
        names = [f"h{d}" for d in every] + [f"m{d}" for d in every if d not in self.without_cell]
        return dict.fromkeys(names, UNIT)

    def initial_biases(self) -> dict[str, float]:
        """Those of the transform, in every dimension."""
        subscripts = [""] if self.tied else [str(d) for d in range(1, self.dimensions + 1)]
        return {gate + s: value for gate, value in self.transform.initial_biases().items() for s in subscripts}


class _Transform(LSTM):
    """The LSTM transform of one dimension: what its gates see is H, in the place of x and h.

    Attributes:
        seen: H.
        known: what gates of the same weights see of the same H, kept from transform to transform.
        subscript: of its weights; empty where all dimensions have the same.
        label: of its gates and signals.
    """

    seen: tuple[Value, ...]
    known: dict[str, Value]
    subscript: str
    label: str
    output: Output

    def _gate(self, name: str, x: Value, recurrent: tuple[Value, ...], c: Value) -> Value:
        return _named(super()._gate(name, x, recurrent, c), name + self.label)

    def _candidate(self, x: Value, h: Value, fed_back: tuple[Value, ...]) -> Value:
        return _named(super()._candidate(x, h, fed_back), f"g{self.label}")

    def _seen(self, name: str, x: Value, *recurrent: Value, out: Axes, bias: bool) -> Value:
        if name not in self.known:
            self.known[name] = _product(name + self.subscript, self.seen, out, bias)
        return self.known[name]

    def _peephole(self, name: str, c: Value) -> Value:
        return super()._peephole(name + self.subscript, c)

    def _output(self, o: Value | None, c: Value) -> Value:
        if self.output == "o*tanh(m)":
            return super()._output(o, c)
        return ACTIVATIONS[self.output_activation](c if o is None else o * c)


def _product(name: str, seen: tuple[Value, ...], out: Axes, bias: bool) -> Value:
    """W H + b, a matrix for each part of H: ``weight_h1``, ``weight_h2`` and so on."""
    terms = [linear(name, h, out, bias=bias and k == 0, family=f"h{k + 1}") for k, h in enumerate(seen)]
    return sum(terms[1:], terms[0])


def _named(value: Value, name: str) -> Value:
    return with_arguments(value, value.arguments, name)


def _by_dimension(states: Mapping[str, Value], letter: str) -> dict[int, Value]:
    return {int(name[1:]): value for name, value in states.items() if name[0] == letter}


def _check_dimensions(name: str, given: Any, dimensions: int) -> None:
    known = range(1, dimensions + 1)
    is_fine = isinstance(given, tuple) and all(type(d) is int and d in known for d in given)
    if not is_fine or len(set(given)) < len(given):
        raise CellwrightError(f"{name} is a tuple of different dimensions from 1 to {dimensions}; got {given!r}")


CATALOGUE: Mapping[str, Listed] = {
    "grid": Listed(
        GridLSTM(),
        "a block of a Grid LSTM, here of two dimensions: an LSTM transform in each, depth among them",
        "Kalchbrenner, Danihelka & Graves 2016, ICLR, arXiv:1507.01526",
    ),
}
