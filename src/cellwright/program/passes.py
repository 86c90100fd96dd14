"""Passes over programs: what leaves the time loop, and what shares a matrix or a crossbar."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from cellwright.program.values import (
    BATCH,
    MULTIPLYING,
    Program,
    Value,
    carried_axes,
    kernel_of,
    linear_terms,
    linear_value,
    with_arguments,
)


@dataclass(frozen=True, eq=False)
class LinearGroup:
    """Linear values with the same inputs: one stacked matrix in software, one crossbar on a chip.

    Its rows are the inputs one after the other (and a bias row where ``has_bias``), its columns the nodes.
    """

    name: str
    inputs: tuple[Value, ...]
    nodes: tuple[Value, ...]

    @property
    def has_bias(self) -> bool:
        """Whether any node adds a bias, so that a crossbar needs a row for it."""
        return any(linear_terms(node)[2] for node in self.nodes)


def linear_groups(program: Program, operators: Collection[str] = ("linear",)) -> tuple[LinearGroup, ...]:
    """Gather the linear values of a program by their inputs, and what they read of these, in order of evaluation.

    Of ``operators`` they are matrix products alone, which a crossbar computes, by default, and convolutions.

    A group is named after its inputs (``x, h``; an input without a name after its operator) and a number where
    that would not tell two groups apart.
    """
    groups: dict[tuple[Any, ...], list[Value]] = {}
    for value in program.values:
        if value.operator in operators and all(w.operator == "parameter" for w in linear_terms(value)[1]):
            inputs, weights, _ = linear_terms(value)
            read = tuple((weight.attributes["columns"], kernel_of(weight)) for weight in weights)
            groups.setdefault((*(v.serial for v in inputs), *read), []).append(value)
    found: dict[str, LinearGroup] = {}
    for nodes in groups.values():
        inputs = linear_terms(nodes[0])[0]
        plain = ", ".join(value.name or value.operator for value in inputs)
        name = next(n for n in (plain, *(f"{plain} ({k})" for k in range(2, len(groups) + 2))) if n not in found)
        found[name] = LinearGroup(name, inputs, tuple(nodes))
    return tuple(found.values())


def merge_sums(program: Program) -> Program:
    """Turn sums of linear values and biases into single linear values: W x + U h + b is one bundle of columns.

    A sum is merged where its addends serve nothing else, as their currents add up on the wire, and where they have the
    same axes: one for all children of a tree is no current of each child's column.
    """
    uses: dict[int, int] = {}
    for value in (*(a for v in program.values for a in v.arguments), *program.outputs.values()):
        uses[value.serial] = uses.get(value.serial, 0) + 1
    original: dict[int, Value] = {}

    def mergeable(new: Value) -> bool:
        return new.operator in MULTIPLYING and uses[original[new.serial].serial] == 1

    def replace(value: Value, arguments: tuple[Value, ...]) -> Value:
        new = with_arguments(value, arguments)
        if value.operator == "add" and all(mergeable(argument) for argument in arguments):
            left, right = arguments
            same_kind = left.operator == right.operator
            if same_kind and left.attributes["out"] == right.attributes["out"] and left.axes == right.axes:
                inputs, weights, biases = (a + b for a, b in zip(linear_terms(left), linear_terms(right), strict=True))
                new = linear_value(inputs, weights, biases, left.attributes["out"], value.name)
        original[new.serial] = value
        return new

    return program.rebuild(replace)


@dataclass(frozen=True, eq=False)
class Stages:
    """A step split by what it depends on.

    Attributes:
        hoisted: from sequences and parameters alone; runs once over all time steps.
        recurrent: the rest; runs a step at a time. Its inputs of role ``hoisted`` and, where they have no batch axis,
            ``constant over time`` are the outputs of ``hoisted``.
    """

    hoisted: Program
    recurrent: Program


def split_stages(program: Program, roles: Collection[str] = ("state",)) -> Stages:
    """Move everything that does not depend on an input of some roles out of the time loop."""
    depends: dict[int, bool] = {}
    for value in program.values:
        stays = value.operator == "input" and value.attributes["role"] in roles
        depends[value.serial] = stays or any(depends[a.serial] for a in value.arguments)
    needed = {
        argument.serial: argument
        for value in program.values
        if depends[value.serial]
        for argument in value.arguments
        if not depends[argument.serial] and argument.operator not in ("parameter", "constant")
    }
    needed |= {v.serial: v for v in program.outputs.values() if not depends[v.serial]}
    stay = tuple(value for role in roles for value in program.inputs_with_role(role))
    taken = {"", *(value.name for value in stay)}
    names = {
        serial: value.name if value.name not in taken else f"hoisted {index}"
        for index, (serial, value) in enumerate(needed.items())
    }
    outputs = {names[serial]: value for serial, value in needed.items()}
    hoisted = Program.from_outputs(outputs, parameters=program.parameters)

    def replace(value: Value, arguments: tuple[Value, ...]) -> Value:
        if value.serial not in needed:
            return with_arguments(value, arguments)
        role = "hoisted" if BATCH in value.axes else "constant over time"
        return Value("input", (), value.axes, names[value.serial], {"role": role})

    rebuilt = program.rebuild(replace)
    recurrent = Program.from_outputs(rebuilt.outputs, stay, program.parameters)
    return Stages(hoisted, recurrent)


_ZERO_OF_ZEROS = frozenset(
    ("add", "subtract", "negative", "tanh", "relu", "sqrt", "absolute", "maximum", "minimum", "sum", "mean",
     "maximum_over")
)  # fmt: skip


def from_zero_states(program: Program) -> Program:
    """The step where every state is zero: nothing is computed that zeros make zero, or that adds such zeros.

    What a step from elsewhere would keep of zeros is gone, such as the forget gate of an LSTM. It still reads the
    states if it needs them, as 1 - h does.
    """
    zeros: set[int] = set()
    for value in program.values:
        if _is_zero(value, zeros):
            zeros.add(value.serial)

    def replace(value: Value, arguments: tuple[Value, ...]) -> Value:
        of_zeros = [argument.serial in zeros for argument in value.arguments]
        if value.operator == "add" and any(of_zeros) and value.serial not in zeros:
            other = arguments[of_zeros.index(False)]
            if other.axes == value.axes:
                return other
        if value.operator == "linear" and any(of_zeros[: value.attributes["terms"]]):
            inputs, weights, biases = linear_terms(with_arguments(value, arguments))
            kept = [term for term, zero in enumerate(of_zeros[: len(inputs)]) if not zero]
            if kept and {a for k in kept for a in carried_axes(inputs[k], weights[k])} == _carried(value):
                inputs, weights = (tuple(column[k] for k in kept) for column in (inputs, weights))
                return linear_value(inputs, weights, biases, value.attributes["out"], value.name)
        return with_arguments(value, arguments)

    rebuilt = program.rebuild(replace)
    return Program.from_outputs(rebuilt.outputs, rebuilt.inputs_with_role("sequence"), program.parameters)


def _is_zero(value: Value, zeros: Collection[int]) -> bool:
    """Whether a value is zero, given the serials of those before it that are."""
    if value.operator == "input":
        return bool(value.attributes["role"] == "state")
    if value.operator == "linear":
        inputs, _, biases = linear_terms(value)
        return not biases and all(argument.serial in zeros for argument in inputs)
    if value.operator == "multiply":
        return any(argument.serial in zeros for argument in value.arguments)
    return value.operator in _ZERO_OF_ZEROS and all(argument.serial in zeros for argument in value.arguments)


def _carried(value: Value) -> set[str]:
    """The axes along which a linear value carries its matrices."""
    return {axis for axis in value.axes if axis not in value.attributes["out"]}
