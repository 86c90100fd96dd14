"""The notation in which cells are written: a class with a step, and the words that the step uses."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from functools import cache
from math import prod
from typing import Any, ClassVar, Literal, TypeAlias, dataclass_transform, get_args

from cellwright.cells.initial import Initial
from cellwright.errors import CellwrightError
from cellwright.program import Program, trace
from cellwright.program.operators import (
    absolute,
    equal,
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
    sign,
    sqrt,
    sum_over,
    tanh,
    where,
)
from cellwright.program.storage import size_of
from cellwright.program.trace import parameter
from cellwright.program.values import BATCH, Axes, Kernel, Value, input_value, linear_value, named_axes

__all__ = [
    "Cell",
    "absolute",
    "affine",
    "convolution",
    "equal",
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
    "sign",
    "sqrt",
    "sum_over",
    "tanh",
    "weight",
    "where",
]

UNIT: Axes = ("unit",)
Topology: TypeAlias = Literal["sequence", "tree", "grid", "maps"]
Timing: TypeAlias = Literal["moment", "interval"]


@dataclass_transform(frozen_default=True, kw_only_default=True)
@dataclass(frozen=True, kw_only=True, repr=False)
class Cell:
    """A recurrent cell: frozen data and one plain step function.

    A subclass is a frozen dataclass by itself; its fields are the variants of the cell, checked in ``__post_init__``.
    It names its ``states`` (the first one is the output) and writes ``step(self, x, *states)``, which returns the new
    states. The step is traced once; the names of its local variables become the names of gates and signals. ::

        class MinimalGatedUnit(Cell):
            states = ("h",)

            def step(self, x, h):
                f = sigmoid(affine("f", x, h))
                candidate = tanh(affine("candidate", x, f * h))
                return (1 - f) * h + f * candidate
    """

    states: ClassVar[tuple[str, ...]] = ("h",)
    topology: ClassVar[Topology] = "sequence"
    """What a layer of it walks: a ``sequence``, a ``tree``, a ``grid`` of two or more dimensions, or ``maps``, that is,
    a sequence of maps (images)."""
    sequences: ClassVar[Mapping[str, Axes]] = {"x": ("feature",)}
    """Inputs of each time step by name, ``x`` first, with their axes; () is one number a sample (elapsed time)."""
    timing: ClassVar[Mapping[str, Timing]] = {}
    """Sequences that tell the time: the ``moment`` of each step, or the ``interval`` since the step before. A layer
    makes them up where they are not given: steps at 0, 1, 2, ..., intervals of 1. Its backward direction reads the
    moment of each step, and the interval to the step after it."""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        cls.__doc__ = cls.__doc__ or cls.__name__  # dataclass would put the signature there
        dataclass(frozen=True, kw_only=True, repr=False)(cls)

    def __repr__(self) -> str:
        """The class with the fields that differ from their defaults: ``LSTM(peepholes=True)``."""
        values = [(field, getattr(self, field.name)) for field in fields(self)]
        own = ", ".join(f"{field.name}={value!r}" for field, value in values if value != field.default)
        return f"{type(self).__name__}({own})"

    def step(self, *inputs: Any) -> Any:
        """One time step: from the sequences and the previous states to the new states."""
        raise CellwrightError(f"{type(self).__name__} has no step: write step(self, x, {', '.join(self.states)})")

    def state_axes(self) -> dict[str, Axes]:
        """The states by name with their axes; the first one is the output."""
        return dict.fromkeys(self.states, UNIT)

    def previous_axes(self) -> dict[str, Axes]:
        """The states as the step reads them, with their axes: ``predecessor`` comes first where there are several."""
        return self.state_axes()

    def initial_biases(self) -> dict[str, float]:
        """Biases that start at a value of their own, by gate; the others start as torch's do."""
        return {}

    def initial_values(self) -> Mapping[str, Initial]:
        """Elementwise weights that start at a value of their own (gains at 1), by family; the others as torch's do."""
        return {}

    def in_evaluation(self) -> Cell:
        """What a layer in evaluation mode runs: by default the cell itself; a cell with the same weights and states."""
        return self

    def sizes(self, input_size: int, hidden_size: int, projection_size: int = 0) -> dict[str, int]:
        """Sizes of the axes for a layer of ``hidden_size`` units reading ``input_size`` features."""
        return {"feature": input_size, "unit": hidden_size, "projection": projection_size}

    def program(self) -> Program:
        """The step as a program, traced at the first call.

        Raises:
            CellwrightError: the step does not fit the states, or uses what cannot be traced.
        """
        try:
            hash(self)
        except TypeError as error:
            raise CellwrightError(f"{self} cannot be kept: {error}; use a tuple or a string in its fields") from None
        return _traced(self)

    @property
    def gates(self) -> tuple[str, ...]:
        """What reads the input x through a matrix, in the order of the stored rows: (i, f, g, o) for an LSTM."""
        return tuple(p.attributes["part"] for p in self.program().parameters if p.attributes["family"] == "weight_ih")

    @property
    def projects(self) -> bool:
        """Whether it has a projection, whose size a layer is given as ``proj_size``."""
        return any("projection" in value.axes for value in self.program().values)

    def state_sizes(self, sizes: Mapping[str, int]) -> dict[str, int]:
        """The states' numbers of values a sample."""
        return {name: prod(size_of(axes, sizes)) for name, axes in self.state_axes().items()}


@cache
def _traced(cell: Cell) -> Program:
    states = cell.state_axes()
    for name, kind in cell.timing.items():
        if name not in cell.sequences or kind not in get_args(Timing):
            raise CellwrightError(
                f"{type(cell).__name__}.timing says {name!r}: {kind!r}, expected one of the sequences "
                f"{', '.join(cell.sequences)} and one of {', '.join(get_args(Timing))}"
            )
    _check_signature(cell, (*cell.sequences, *states))
    inputs = [input_value(name, axes, "sequence") for name, axes in cell.sequences.items()]
    inputs += [input_value(name, axes, "state") for name, axes in cell.previous_axes().items()]
    program = trace(cell.step, inputs, tuple(states))
    for name, axes in states.items():
        got, expected = program.outputs[name].axes, (BATCH, *axes)
        if got != expected:
            raise CellwrightError(
                f"{type(cell).__name__}.step returns {name} with the axes ({', '.join(got)}), "
                f"expected ({', '.join(expected)}): a matrix, as in linear(...), brings a value to other axes"
            )
    families = dict.fromkeys(parameter.attributes["family"] for parameter in program.parameters)
    if unknown := [family for family in cell.initial_values() if family not in families]:
        raise CellwrightError(
            f"{type(cell).__name__}.initial_values names {', '.join(unknown)}; its step uses {', '.join(families)}"
        )
    return program


def _check_signature(cell: Cell, expected: tuple[str, ...]) -> None:
    """A step takes its inputs and states by their names; ``*`` takes those that only some variants have."""
    parameters = inspect.signature(cell.step).parameters.values()
    names = tuple(p.name for p in parameters if p.kind is not p.VAR_POSITIONAL)
    complete = names == expected if len(names) == len(parameters) else names == expected[: len(names)]
    if not complete:
        raise CellwrightError(
            f"{type(cell).__name__}.step takes ({', '.join(names)}), but its inputs and states are "
            f"({', '.join(expected)}): give them the same names in the same order"
        )


def linear(
    name: str, value: Value, out: Axes = UNIT, *, bias: bool = False, family: str = "", reads: Axes | None = None
) -> Value:
    """A matrix applied to a value: W_name x for a sequence, U_name h for the output fed back.

    The same name and family again is the same matrix again.

    Args:
        name: the gate or signal it is for; one row block of the stored matrix.
        value: what it reads, with any named axes.
        out: axes of the result.
        bias: a bias vector, stored in ``bias_<family>``.
        family: the stored tensor is ``weight_<family>``; by default ``ih`` for the input x, ``<name>_h`` for other
            sequences and for states other than h, and ``hh`` for h and everything computed.
        reads: the last axes of the value, which the matrix reads; by default all. Those before them are carried along:
            ``linear("f", h, reads=("unit",))`` applies the same matrix to the h of each predecessor.

    Raises:
        CellwrightError: outside of a step; the value is none of the step's; the name is in use with other axes.
    """
    if not isinstance(value, Value) or value.operator == "constant":
        raise CellwrightError(f"linear({name!r}, ...) reads a value of the step, got {value!r}")
    family = family or _family(value)
    columns = named_axes(value.axes) if reads is None else reads
    if value.axes[len(value.axes) - len(columns) :] != columns:
        raise CellwrightError(
            f"linear({name!r}) reads ({', '.join(columns)}) of a value with the axes ({', '.join(value.axes)}): what a "
            "matrix reads are the last axes"
        )
    return _multiplied(name, value, out, bias, family, columns)


def convolution(
    name: str,
    value: Value,
    out: Axes = UNIT,
    *,
    offsets: Axes,
    bias: bool = False,
    family: str = "",
    dilation: int = 1,
) -> Value:
    """A kernel convolved with a map: W_name ∗ x for a sequence of maps, U_name ∗ h for the output fed back.

    The map has zeros beyond its border, so that the result is as large. Stored, the kernel is
    (rows, channels, *offsets), as in torch.

    Args:
        name: the gate or signal it is for; one row block of the stored kernel.
        value: what it reads: its last axes are those of the map, the named ones before them its channels.
        out: axes of the result's channels.
        offsets: axes of the kernel, one for each of the map's, which say how many neighbours it sees; their sizes are
            odd, and given by ``sizes()`` of the cell.
        bias: one number for each channel, stored in ``bias_<family>``.
        family: as ``linear``.
        dilation: the distance between the neighbours that it sees.

    Raises:
        CellwrightError: as ``linear``; the value has no channels.
    """
    if not isinstance(value, Value) or value.operator == "constant":
        raise CellwrightError(f"convolution({name!r}, ...) reads a value of the step, got {value!r}")
    channels = named_axes(value.axes)[: -len(offsets)]
    if not channels:
        raise CellwrightError(
            f"convolution({name!r}) reads maps of {len(offsets)} dimension(s) with channels; the value has the axes "
            f"({', '.join(value.axes)})"
        )
    return _multiplied(
        name, value, out, bias, family or _family(value), (*channels, *offsets), Kernel(tuple(offsets), dilation)
    )


def _multiplied(
    name: str, value: Value, out: Axes, bias: bool, family: str, columns: Axes, kernel: Kernel | None = None
) -> Value:
    """A matrix or kernel applied to a value, and a bias, each a parameter of the step."""
    symbol = {"ih": "W", "hh": "U", "hr": "P", "hy": "V"}.get(family, "R")
    subscript = name if symbol != "R" else name + value.name if len(name) == 1 else f"{name},{value.name}"
    matrix = parameter(
        f"weight_{family}.{name}",
        out,
        family=f"weight_{family}",
        part=name,
        symbol=symbol,
        subscript=subscript,
        columns=columns,
        kernel=kernel,
    )
    if not bias:
        return linear_value([value], [matrix], [], out)
    subscript += "'" if family == "hh" else ""
    offset = parameter(
        f"bias_{family}.{name}", out, family=f"bias_{family}", part=name, symbol="b", subscript=subscript
    )
    return linear_value([value], [matrix], [offset], out)


def affine(
    name: str,
    *values: Value,
    out: Axes = UNIT,
    bias: bool = True,
    recurrent_bias: bool = False,
    apply: Callable[..., Value] = linear,
) -> Value:
    """W_name x + U_name h + ... + b_name: what a gate sees before its activation.

    Args:
        name: the gate or signal it is for.
        values: what is read, each through a matrix of its own.
        out: axes of the result.
        bias: a bias vector, stored with the first matrix (``bias_ih``).
        recurrent_bias: torch's second bias vector (``bias_hh``), stored with the second matrix.
        apply: what each value is read through, called as ``linear`` is.

    Raises:
        CellwrightError: no value is read, or two of them through the same matrix; and as ``linear``.
    """
    if not values:
        raise CellwrightError(f"affine({name!r}) reads nothing: give it the values that {name} sees")
    terms = [
        apply(name, value, out, bias=bias if k == 0 else recurrent_bias and k == 1) for k, value in enumerate(values)
    ]
    matrices = [term.arguments[1].name for term in terms]
    if len(set(matrices)) < len(matrices):
        raise CellwrightError(
            f"affine({name!r}) reads two values through one matrix ({', '.join(matrices)}): "
            "add linear(..., family=...) for one of them"
        )
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return total


def weight(family: str, name: str = "", out: Axes = UNIT, *, symbol: str = "") -> Value:
    """An elementwise weight (a peephole, a gain, a period), one for each element of ``out``.

    Args:
        family: the stored tensor, and the weight's own name where the family has no other.
        name: its rows in the stored tensor, as a gate's.
        out: its axes.
        symbol: how equations print it; by default the family.

    Raises:
        CellwrightError: outside of a step; the name is in use with other axes.
    """
    full = f"{family}.{name}" if name else family
    return parameter(full, out, family=family, part=name or family, symbol=symbol or family, subscript=name)


def _family(value: Value) -> str:
    if value.operator != "input" or value.name == "h":
        return "hh"
    return "ih" if value.name == "x" else f"{value.name}_h"
