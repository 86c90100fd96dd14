"""Values with named axes, and the program that they form: what every cell is traced into, once.

A value is a node in static single assignment form: an operator, its arguments, and the axes of its result. Axes are
*names*, not sizes: ``("batch", "unit")``. Sizes are bound when a program is evaluated. The axis ``batch`` stands for
any number of leading dimensions of a tensor (none for a single sample; time and batch; chips and batch).
A matrix has the axes of its rows followed by those of its columns, the latter primed, so that a recurrent matrix
``("unit", "unit'")`` keeps its two axes apart.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from cellwright.errors import CellwrightError

BATCH = "batch"
AXIS_ORDER = (BATCH, "predecessor", "block", "cell", "unit", "projection", "feature")

Axes: TypeAlias = tuple[str, ...]
Operand: TypeAlias = "Value | float | int"

_serials = itertools.count()


@dataclass(frozen=True, eq=False)
class Value:
    """One node of a program.

    Attributes:
        operator: a name of the table in ``operators.py``, or ``input``, ``parameter``, ``constant``.
        arguments: the values it is computed from.
        axes: named axes of the result, in canonical order.
        name: what the author called it; empty for a nameless intermediate.
        attributes: what the operator needs beyond its arguments (a constant's value, a reduction's axis, ...).
        serial: order of creation, which is the order of evaluation.
    """

    operator: str
    arguments: tuple[Value, ...]
    axes: Axes
    name: str = ""
    attributes: Mapping[str, Any] = field(default_factory=dict)
    serial: int = field(default_factory=lambda: next(_serials))

    def __add__(self, other: Operand) -> Value:
        return pointwise("add", self, other)

    def __radd__(self, other: Operand) -> Value:
        return pointwise("add", other, self)

    def __sub__(self, other: Operand) -> Value:
        return pointwise("subtract", self, other)

    def __rsub__(self, other: Operand) -> Value:
        return pointwise("subtract", other, self)

    def __mul__(self, other: Operand) -> Value:
        return pointwise("multiply", self, other)

    def __rmul__(self, other: Operand) -> Value:
        return pointwise("multiply", other, self)

    def __truediv__(self, other: Operand) -> Value:
        return pointwise("divide", self, other)

    def __rtruediv__(self, other: Operand) -> Value:
        return pointwise("divide", other, self)

    def __neg__(self) -> Value:
        return pointwise("negative", self)

    def __bool__(self) -> bool:
        raise CellwrightError(
            "a traced value has no truth value: a step is traced once, so `if`, `and`, `max` cannot look at it; "
            "use where(condition, a, b), maximum(a, b)"
        )

    def __repr__(self) -> str:
        label = f" {self.name}" if self.name else ""
        return f"<{self.operator}{label} ({', '.join(self.axes)})>"


def primed(axes: Iterable[str]) -> Axes:
    """The column axes of a matrix that reads from ``axes``."""
    return tuple(axis + "'" for axis in axes)


def unprimed(axes: Iterable[str]) -> Axes:
    return tuple(axis.removesuffix("'") for axis in axes)


def in_order(axes: Iterable[str]) -> Axes:
    """Sort axes canonically; axes that a cell invents come after the known ones, primed ones last."""

    def rank(axis: str) -> tuple[bool, int, str]:
        known = axis.removesuffix("'")
        return axis.endswith("'"), AXIS_ORDER.index(known) if known in AXIS_ORDER else len(AXIS_ORDER), known

    return tuple(sorted(set(axes), key=rank))


def named_axes(axes: Sequence[str]) -> Axes:
    """The axes that are dimensions of their own, that is, all but ``batch``."""
    return tuple(axis for axis in axes if axis != BATCH)


def as_value(operand: Operand) -> Value:
    """Wrap a number as a constant; a value passes through."""
    if isinstance(operand, Value):
        return operand
    if isinstance(operand, bool) or not isinstance(operand, (int, float)):
        raise CellwrightError(
            f"a step can combine traced values and numbers, got {type(operand).__name__}: "
            "write it with the operators of cellwright.cells (sigmoid, tanh, linear, ...)"
        )
    return Value("constant", (), (), attributes={"value": float(operand)})


def pointwise(operator: str, *operands: Operand) -> Value:
    """Apply an elementwise operator; the result has the union of the axes."""
    arguments = tuple(as_value(operand) for operand in operands)
    return Value(operator, arguments, in_order(axis for argument in arguments for axis in argument.axes))


def reduction(operator: str, value: Value, axis: str) -> Value:
    """Apply ``sum``, ``mean`` or ``maximum_over`` along one named axis."""
    if axis not in value.axes:
        raise CellwrightError(f"cannot reduce over the axis {axis!r}: the value has the axes {value.axes}")
    return Value(operator, (value,), tuple(a for a in value.axes if a != axis), attributes={"axis": axis})


def input_value(name: str, axes: Sequence[str], role: str) -> Value:
    """A value that comes from outside: role is ``sequence``, ``time``, ``state``, ``hoisted`` or ``cotangent``."""
    return Value("input", (), in_order((BATCH, *axes)), name, {"role": role})


def linear_value(inputs: Sequence[Value], weights: Sequence[Value], biases: Sequence[Value], out: Sequence[str]) -> Value:
    """The sum of weights[k] @ inputs[k] and the biases: what one bundle of crossbar columns computes."""
    return Value(
        "linear",
        (*inputs, *weights, *biases),
        in_order((BATCH, *out)),
        attributes={"terms": len(inputs), "out": tuple(out)},
    )


def linear_terms(value: Value) -> tuple[tuple[Value, ...], tuple[Value, ...], tuple[Value, ...]]:
    """Inputs, weights and biases of a ``linear`` value."""
    terms = value.attributes["terms"]
    return value.arguments[:terms], value.arguments[terms : 2 * terms], value.arguments[2 * terms :]


@dataclass(frozen=True, eq=False)
class Program:
    """Values in order of evaluation, from named inputs and parameters to named outputs."""

    outputs: Mapping[str, Value]
    values: tuple[Value, ...]

    @classmethod
    def from_outputs(cls, outputs: Mapping[str, Value], keep: Iterable[Value] = ()) -> Program:
        """Collect what the outputs need. ``keep`` names inputs that stay part of the program even if unused."""
        found: dict[int, Value] = {}
        pending = [*outputs.values(), *keep]
        while pending:
            value = pending.pop()
            if value.serial not in found:
                found[value.serial] = value
                pending.extend(value.arguments)
        return cls(dict(outputs), tuple(found[serial] for serial in sorted(found)))

    @property
    def inputs(self) -> tuple[Value, ...]:
        return tuple(value for value in self.values if value.operator == "input")

    @property
    def parameters(self) -> tuple[Value, ...]:
        return tuple(value for value in self.values if value.operator == "parameter")

    @property
    def named(self) -> dict[str, Value]:
        """Everything a person can ask for by name: gates, candidates, states."""
        computed = {v.name: v for v in self.values if v.name and v.operator not in ("input", "parameter")}
        return computed | dict(self.outputs)

    def inputs_with_role(self, *roles: str) -> tuple[Value, ...]:
        return tuple(value for value in self.inputs if value.attributes["role"] in roles)

    def rebuild(self, replace: Callable[[Value, tuple[Value, ...]], Value]) -> Program:
        """Map every value, arguments first; ``replace(value, new_arguments)`` returns what stands in its place."""
        new: dict[int, Value] = {}
        for value in self.values:
            new[value.serial] = replace(value, tuple(new[a.serial] for a in value.arguments))
        return Program.from_outputs(
            {name: new[v.serial] for name, v in self.outputs.items()}, [new[v.serial] for v in self.inputs]
        )

    def __str__(self) -> str:
        numbers = {value.serial: index for index, value in enumerate(self.values)}
        lines = []
        for value in self.values:
            arguments = ", ".join(f"%{numbers[a.serial]}" for a in value.arguments)
            details = ", ".join(f"{key}={item}" for key, item in value.attributes.items())
            label = f" {value.name}" if value.name else ""
            extra = f" [{details}]" if details else ""
            lines.append(f"%{numbers[value.serial]} = {value.operator}{label}({arguments}){extra} : ({', '.join(value.axes)})")
        lines.append("return " + ", ".join(f"{name}=%{numbers[v.serial]}" for name, v in self.outputs.items()))
        return "\n".join(lines)


def same_as(value: Value, arguments: tuple[Value, ...]) -> Value:
    """The value with new arguments: itself when nothing changed, so that leaves keep their identity."""
    if arguments == value.arguments:
        return value
    return Value(value.operator, arguments, value.axes, value.name, value.attributes)
