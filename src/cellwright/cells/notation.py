"""The notation in which cells are written: a class with a step, and the words that the step uses."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cache
from math import prod
from typing import Any, ClassVar, dataclass_transform

from cellwright.errors import CellwrightError
from cellwright.program import Program, trace
from cellwright.program.operators import (
    absolute,
    exp,
    less,
    log,
    log_sigmoid,
    maximum,
    maximum_over,
    mean,
    minimum,
    mod,
    relu,
    sigmoid,
    sqrt,
    sum_over,
    tanh,
    where,
)
from cellwright.program.storage import size_of
from cellwright.program.trace import parameter
from cellwright.program.values import Axes, Value, input_value, linear_value

__all__ = [
    "Cell",
    "absolute",
    "affine",
    "exp",
    "less",
    "linear",
    "log",
    "log_sigmoid",
    "maximum",
    "maximum_over",
    "mean",
    "minimum",
    "mod",
    "relu",
    "sigmoid",
    "sqrt",
    "sum_over",
    "tanh",
    "weight",
    "where",
]

UNIT: Axes = ("unit",)


@dataclass_transform(frozen_default=True, kw_only_default=True)
@dataclass(frozen=True, kw_only=True, repr=False)
class Cell:
    """A recurrent cell: frozen data and one plain step function.

    A subclass is a frozen dataclass by itself; its fields are the variants of the cell, checked in ``__post_init__``.
    It names its ``states`` (the first one is the output) and writes ``step(self, x, *states)``, which returns the new
    states. The step is traced once; the names of its local variables become the names of gates and signals.

        class MinimalGatedUnit(Cell):
            states = ("h",)

            def step(self, x, h):
                f = sigmoid(affine("f", x, h))
                candidate = tanh(affine("candidate", x, f * h))
                return (1 - f) * h + f * candidate
    """

    states: ClassVar[tuple[str, ...]] = ("h",)
    sequences: ClassVar[Mapping[str, Axes]] = {"x": ("feature",)}
    """Inputs of each time step by name, with their axes; () is one number a sample (elapsed time)."""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        dataclass(frozen=True, kw_only=True, repr=False)(cls)

    def __repr__(self) -> str:
        """The class with the fields that differ from their defaults: ``LSTM(peepholes=True)``."""
        own = {field.name: getattr(self, field.name) for field in fields(self) if getattr(self, field.name) != field.default}
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in own.items())})"

    def step(self, *inputs: Any) -> Any:
        """One time step: from the sequences and the previous states to the new states."""
        raise CellwrightError(f"{type(self).__name__} has no step: write step(self, x, {', '.join(self.states)})")

    def state_axes(self) -> dict[str, Axes]:
        """The states by name with their axes; the first one is the output."""
        return dict.fromkeys(self.states, UNIT)

    def initial_biases(self) -> dict[str, float]:
        """Biases that start at a value of their own, by gate; the others start as torch's do."""
        return {}

    def sizes(self, input_size: int, hidden_size: int, projection_size: int = 0) -> dict[str, int]:
        """Sizes of the axes for a layer of ``hidden_size`` units reading ``input_size`` features."""
        return {"feature": input_size, "unit": hidden_size, "projection": projection_size}

    def program(self) -> Program:
        """The step as a program, traced at the first call.

        Raises:
            CellwrightError: the step does not fit the states, or uses what cannot be traced.
        """
        return _traced(self)

    @property
    def gates(self) -> tuple[str, ...]:
        """Names of the matrices' parts in the order in which they are stored: (i, f, g, o) for an LSTM."""
        parts = [p.attributes["part"] for p in self.program().parameters if p.attributes["columns"]]
        return tuple(dict.fromkeys(parts))

    def state_sizes(self, sizes: Mapping[str, int]) -> dict[str, int]:
        """The states' numbers of values a sample."""
        return {name: prod(size_of(axes, sizes)) for name, axes in self.state_axes().items()}


@cache
def _traced(cell: Cell) -> Program:
    states = cell.state_axes()
    expected = (*cell.sequences, *states)
    names = [p.name for p in inspect.signature(cell.step).parameters.values() if p.kind is not p.VAR_POSITIONAL]
    fixed = [name for name in names if name in expected]
    if len(fixed) != len(names) or names != list(expected)[: len(names)]:
        raise CellwrightError(
            f"{type(cell).__name__}.step takes ({', '.join(names)}), but its inputs and states are ({', '.join(expected)}): "
            "give them the same names in the same order"
        )
    inputs = [input_value(name, axes, "sequence") for name, axes in cell.sequences.items()]
    inputs += [input_value(name, axes, "state") for name, axes in states.items()]
    program = trace(cell.step, inputs, tuple(states))
    for name, axes in states.items():
        got = tuple(axis for axis in program.outputs[name].axes if axis != "batch")
        if got != axes:
            raise CellwrightError(f"{type(cell).__name__}.step returns {name} with the axes {got}, expected {axes}")
    return program


def linear(name: str, value: Value, out: Axes = UNIT, *, bias: bool = False, family: str = "") -> Value:
    """A matrix applied to a value: W_name x for a sequence, U_name h for the output fed back.

    Args:
        name: the gate or signal it is for; one row block of the stored matrix.
        value: what it reads, with any named axes.
        out: axes of the result.
        family: suffix of the stored tensor; by default ``ih`` for sequences, ``hh`` for what comes from h, and
            ``<state>_h`` for another state.
    """
    family = family or _family(value)
    symbol = {"ih": "W", "hh": "U", "hr": "P"}.get(family, "R")
    subscript = name if family in ("ih", "hh", "hr") else f"{name}{value.name}"
    columns = tuple(axis for axis in value.axes if axis != "batch")
    matrix = parameter(
        f"weight_{family}.{name}", out, family=f"weight_{family}", part=name, symbol=symbol, subscript=subscript,
        columns=columns,
    )  # fmt: skip
    if not bias:
        return linear_value([value], [matrix], [], out)
    prime = "" if family == "ih" else "'"
    offset = parameter(
        f"bias_{family}.{name}", out, family=f"bias_{family}", part=name, symbol="b", subscript=name + prime
    )
    return linear_value([value], [matrix], [offset], out)


def affine(name: str, *values: Value, out: Axes = UNIT, bias: bool = True, recurrent_bias: bool = False) -> Value:
    """W_name x + U_name h + ... + b_name: what a gate sees before its activation.

    Args:
        values: what is read, each through a matrix of its own.
        bias: a bias vector, stored with the first matrix (``bias_ih``).
        recurrent_bias: torch's second bias vector (``bias_hh``), stored with the second matrix.
    """
    total = linear(name, values[0], out, bias=bias)
    for index, value in enumerate(values[1:], start=1):
        total = total + linear(name, value, out, bias=recurrent_bias and index == 1)
    return total


def weight(family: str, name: str = "", out: Axes = UNIT, *, symbol: str = "") -> Value:
    """An elementwise weight (a peephole, a gain, a period), one for each element of ``out``."""
    full = f"{family}.{name}" if name else family
    return parameter(full, out, family=family, part=name or family, symbol=symbol or family, subscript=name)


def _family(value: Value) -> str:
    if value.operator != "input":
        return "hh"
    if value.attributes["role"] == "sequence":
        return "ih" if value.name == "x" else f"{value.name}_h"
    return "hh" if value.name == "h" else f"{value.name}_h"
