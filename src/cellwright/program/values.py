"""Values with named axes, and the program that they form: what every cell is traced into, once.

A value is a node in static single assignment form: an operator, its arguments, and the axes of its result. Axes are
*names*, not sizes: ``("batch", "unit")``. Sizes are bound when a program is evaluated. The axis ``batch`` stands for
any number of leading dimensions of a tensor (none for a single sample; time and batch; chips and batch).
A matrix has the axes of its rows followed by those of its columns, the latter primed, so that a recurrent matrix
``("unit", "unit'")`` keeps its two axes apart. The kernel of a convolution is a matrix that is applied at every place
of a map: its last columns are the offsets from there of what it reads.
"""

from __future__ import annotations

import itertools
import numbers
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from cellwright.errors import CellwrightError

BATCH = "batch"
PREDECESSOR = "predecessor"
"""The axis of those whose states a step reads, where there are several: the children of a node, say."""
SPATIAL = ("depth", "row", "column")
"""The axes of maps. They come last, and their sizes with the data."""
OFFSETS = tuple(f"{kind}{axis} offset" for kind in ("", "input ") for axis in SPATIAL)
AXIS_ORDER = (BATCH, PREDECESSOR, "block", "cell", "unit", "projection", "feature", *SPATIAL, *OFFSETS)

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

    def __mod__(self, other: Operand) -> Value:
        return pointwise("mod", self, other)

    def __rmod__(self, other: Operand) -> Value:
        return pointwise("mod", other, self)

    def __abs__(self) -> Value:
        return pointwise("absolute", self)

    def __lt__(self, other: Operand) -> Value:
        return pointwise("less", self, other)

    def __gt__(self, other: Operand) -> Value:
        return pointwise("less", other, self)

    def __bool__(self) -> bool:
        raise CellwrightError(
            "a traced value has no truth value: a step is traced once, so `if`, `and`, `max` cannot look at it; "
            "use where(condition, a, b), maximum(a, b)"
        )

    __array_ufunc__ = None  # numpy scalars leave `number * value` to the value

    @classmethod
    def __torch_function__(cls, function: Any, *_: Any) -> Value:
        name = getattr(function, "__name__", str(function))
        raise CellwrightError(
            f"torch's {name} cannot see a traced value: use the operators of cellwright.cells (sigmoid, linear, ...)"
        )

    def __repr__(self) -> str:
        label = f" {self.name}" if self.name else ""
        return f"<{self.operator}{label} ({', '.join(self.axes)})>"


def primed(axes: Iterable[str]) -> Axes:
    """The column axes of a matrix that reads from ``axes``."""
    return tuple(axis + "'" for axis in axes)


def unprimed(axes: Iterable[str]) -> Axes:
    """The axes without primes: what a size is known for."""
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
    if isinstance(operand, bool) or not isinstance(operand, numbers.Real):
        raise CellwrightError(
            f"a step can combine traced values and numbers, got {type(operand).__name__}: "
            "write it with the operators of cellwright.cells (sigmoid, tanh, linear, ...)"
        )
    return Value("constant", (), (), attributes={"value": float(operand)})


def pointwise(operator: str, *operands: Operand) -> Value:
    """Apply an elementwise operator; the result has the union of the axes."""
    arguments = tuple(as_value(operand) for operand in operands)
    return Value(operator, arguments, in_order(axis for argument in arguments for axis in argument.axes))


def reduction(operator: str, operand: Operand, axis: str) -> Value:
    """Apply ``sum``, ``mean`` or ``maximum_over`` along one named axis.

    Raises:
        CellwrightError: the value does not have the axis.
    """
    value = as_value(operand)
    if axis not in value.axes:
        raise CellwrightError(f"cannot reduce over the axis {axis!r}: the value has the axes ({', '.join(value.axes)})")
    return Value(operator, (value,), tuple(a for a in value.axes if a != axis), attributes={"axis": axis})


def input_value(name: str, axes: Sequence[str], role: str) -> Value:
    """A value from outside, with its axes beside ``batch``. Its role is ``sequence`` or ``state``.

    ``reverse`` adds the role ``cotangent``, ``split_stages`` adds ``hoisted`` and ``constant over time``.
    """
    return Value("input", (), in_order((BATCH, *axes)), name, {"role": role})


@dataclass(frozen=True)
class Kernel:
    """What makes a matrix the kernel of a convolution, as its attribute ``kernel``.

    It is applied at every place of a map, which has zeros beyond its border, so that the result is as large.

    Attributes:
        offsets: its last column axes, of odd size: one for each of the last axes of what it reads.
        dilation: the distance between neighbours.
    """

    offsets: Axes
    dilation: int = 1


def kernel_of(matrix: Value) -> Kernel | None:
    """The kernel that a matrix is; None for one that multiplies."""
    return matrix.attributes.get("kernel")


def linear_value(
    inputs: Sequence[Value], weights: Sequence[Value], biases: Sequence[Value], out: Iterable[str], name: str = ""
) -> Value:
    """The sum of weights[k] @ inputs[k] and the biases: what one bundle of crossbar columns computes.

    Axes of an input that its matrix does not read are carried along: the same matrix for each child of a tree.
    If the weights are kernels, all of them, it is a ``convolution``.

    Raises:
        CellwrightError: what is carried along is an axis of the result already.
    """
    carried = {axis for value, matrix in zip(inputs, weights, strict=True) for axis in carried_axes(value, matrix)}
    if taken := sorted(carried.intersection(out) - {BATCH}):
        raise CellwrightError(
            f"the axis {taken[0]!r} is carried along by a matrix that makes it, too: let the matrix read it, or leave "
            "it out of the result"
        )
    return Value(
        "convolution" if kernel_of(weights[0]) else "linear",
        (*inputs, *weights, *biases),
        in_order((*carried, *out)),
        name,
        attributes={"terms": len(inputs), "out": in_order(out)},
    )


MULTIPLYING = ("linear", "convolution")
"""The operators whose terms ``linear_terms`` tells: sums of matrices or kernels applied to values, and of biases."""


def carried_axes(value: Value, matrix: Value) -> Axes:
    """The axes of a value, ``batch`` among them, that a matrix does not read.

    What stands in for a value, with an axis of its own, carries ``batch`` alone.
    """
    kernel = kernel_of(matrix)
    columns = matrix.axes[len(matrix.attributes["out"]) :]
    read = unprimed(columns[: len(columns) - len(kernel.offsets)] if kernel else columns)
    return tuple(axis for axis in value.axes if axis == BATCH or (axis not in read and set(read) <= set(value.axes)))


def linear_terms(value: Value) -> tuple[tuple[Value, ...], tuple[Value, ...], tuple[Value, ...]]:
    """Inputs, weights and biases of a ``linear`` value or a ``convolution``."""
    terms = value.attributes["terms"]
    return value.arguments[:terms], value.arguments[terms : 2 * terms], value.arguments[2 * terms :]


@dataclass(frozen=True, eq=False)
class Program:
    """Values in order of evaluation, from named inputs and parameters to named outputs.

    Attributes:
        outputs: values by the name of the output.
        values: everything the outputs need, arguments first, and the inputs even where nothing needs them.
        parameters: in the order in which they are stored. A program that was derived from another keeps all of that
            program's parameters, read or not, because where one is stored depends on the others.
    """

    outputs: Mapping[str, Value]
    values: tuple[Value, ...]
    parameters: tuple[Value, ...]

    @classmethod
    def from_outputs(
        cls, outputs: Mapping[str, Value], inputs: Iterable[Value] = (), parameters: Sequence[Value] | None = None
    ) -> Program:
        """Collect what the outputs need.

        Args:
            inputs: those that stay part of the program even if unused.
            parameters: as stored; by default those found, in the order in which they were created.
        """
        found: dict[int, Value] = {}
        pending = [*outputs.values(), *inputs]
        while pending:
            value = pending.pop()
            if value.serial not in found:
                found[value.serial] = value
                pending.extend(value.arguments)
        values = tuple(found[serial] for serial in sorted(found))
        if parameters is None:
            parameters = [value for value in values if value.operator == "parameter"]
        return cls(dict(outputs), values, tuple(parameters))

    @property
    def inputs(self) -> tuple[Value, ...]:
        """What comes from outside, in the order in which it was declared."""
        return tuple(value for value in self.values if value.operator == "input")

    @property
    def named(self) -> dict[str, Value]:
        """Everything a person can ask for by name: gates, candidates, states."""
        computed = {v.name: v for v in self.values if v.name and v.operator not in ("input", "parameter")}
        return computed | dict(self.outputs)

    def inputs_with_role(self, role: str) -> tuple[Value, ...]:
        """The inputs of one role (see ``input_value``)."""
        return tuple(value for value in self.inputs if value.attributes["role"] == role)

    def rebuild(self, replace: Callable[[Value, tuple[Value, ...]], Value]) -> Program:
        """Map every value, arguments first; ``replace(value, new_arguments)`` returns what stands in its place.

        Parameters are to be left as they are.
        """
        new: dict[int, Value] = {}
        for value in self.values:
            new[value.serial] = replace(value, tuple(new[a.serial] for a in value.arguments))
        outputs = {name: new[value.serial] for name, value in self.outputs.items()}
        return Program.from_outputs(outputs, [new[value.serial] for value in self.inputs], self.parameters)

    def __str__(self) -> str:
        """One line a value, numbered; the same text for the same step, whenever it is traced."""
        numbers = {value.serial: f"%{index}" for index, value in enumerate(self.values)}
        lines = []
        for value in self.values:
            words = [value.operator, value.name, *(numbers[a.serial] for a in value.arguments)]
            words += [f"{key}={item}" for key, item in _printed(value).items()]
            lines.append(
                f"{numbers[value.serial]} ({', '.join(value.axes)}) = {' '.join(word for word in words if word)}"
            )
        lines.append("return " + ", ".join(f"{name} {numbers[v.serial]}" for name, v in self.outputs.items()))
        return "\n".join(lines)


def _printed(value: Value) -> Mapping[str, Any]:
    """Attributes that tell two values apart; of a parameter its name, its axes and the dilation of a kernel do."""
    shown = {"input": ("role",), "constant": ("value",)}.get(value.operator, ("axis",))
    printed = {key: value.attributes[key] for key in shown if key in value.attributes}
    kernel = kernel_of(value) if value.operator == "parameter" else None
    return printed | ({"dilation": kernel.dilation} if kernel and kernel.dilation > 1 else {})


def with_arguments(value: Value, arguments: tuple[Value, ...], name: str = "") -> Value:
    """The value anew with other arguments, and its name or a better one; a leaf keeps its identity.

    Even where nothing changes it is a new value, so that a program that is rebuilt keeps its order of evaluation.
    """
    if not arguments:
        return value
    return Value(value.operator, arguments, value.axes, name or value.name, value.attributes)
