"""Cells made of other cells for regularisation: their programs with zoneout, and with dropout of what is fed back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import Self

from cellwright.cells.initial import Initial
from cellwright.cells.notation import Cell, Timing, Topology, less, where
from cellwright.program import Program
from cellwright.program.values import (
    Axes,
    Value,
    input_value,
    linear_terms,
    linear_value,
    named_axes,
    with_arguments,
)

RECURRENT_MASK = "recurrent mask"
_RECURRENT = "weight_hh"


def zoneout_draw(state: str) -> str:
    """The name of the sequence that says which units of a state stay as they are: those where it is below zero."""
    return f"zoneout draw {state}"


class Derived(Cell):
    """A cell whose program is made of that of another; all else is the other's.

    Attributes:
        cell: the other.
    """

    cell: Cell

    @property
    def states(self) -> tuple[str, ...]:  # type: ignore[override]
        """Those of the other cell."""
        return self.cell.states

    @property
    def topology(self) -> Topology:  # type: ignore[override]
        """That of the other cell."""
        return self.cell.topology

    @property
    def sequences(self) -> Mapping[str, Axes]:  # type: ignore[override]
        """Those of the other cell."""
        return self.cell.sequences

    @property
    def timing(self) -> Mapping[str, Timing]:  # type: ignore[override]
        """That of the other cell."""
        return self.cell.timing

    def state_axes(self) -> dict[str, Axes]:
        """Those of the other cell."""
        return self.cell.state_axes()

    def previous_axes(self) -> dict[str, Axes]:
        """Those of the other cell."""
        return self.cell.previous_axes()

    def initial_biases(self) -> dict[str, float]:
        """Those of the other cell."""
        return self.cell.initial_biases()

    def initial_values(self) -> Mapping[str, Initial]:
        """Those of the other cell."""
        return self.cell.initial_values()

    def in_evaluation(self) -> Self:
        """The same of what the other cell is in evaluation."""
        return replace(self, cell=self.cell.in_evaluation())

    def sizes(self, input_size: int, hidden_size: int, projection_size: int = 0) -> dict[str, int]:
        """Those of the other cell."""
        return self.cell.sizes(input_size, hidden_size, projection_size)


class ExpectedZoneout(Derived):
    """A cell with the expectation of zoneout, p * old + (1 - p) * new: what it computes when it is not trained.

    Attributes:
        zoneout: pairs of a state and its probability p.
    """

    zoneout: tuple[tuple[str, float], ...]

    def program(self) -> Program:
        """The other cell's step, and after it the expectation of each state."""
        return _expected(self)


class Masked(Derived):
    """A cell that reads masks as further sequences: what it computes in training.

    Attributes:
        zoneout: states that have a sequence of draws; a unit stays as it was where it is below zero.
        recurrent_dropout: whether what the recurrent matrix reads is multiplied by a mask.
    """

    zoneout: tuple[str, ...] = ()
    recurrent_dropout: bool = False

    @property
    def sequences(self) -> Mapping[str, Axes]:  # type: ignore[override]
        """Those of the other cell, and the masks."""
        return {**self.cell.sequences, **self.masks()}

    def masks(self) -> dict[str, Axes]:
        """The masks that are read, with their axes."""
        axes = self.cell.state_axes()
        recurrent = {RECURRENT_MASK: axes[next(iter(axes))]} if self.recurrent_dropout else {}
        return recurrent | {zoneout_draw(state): axes[state] for state in self.zoneout}

    def program(self) -> Program:
        """The other cell's step between its masks."""
        return _masked(self)


def has_recurrent_matrix(cell: Cell) -> bool:
    """Whether there is anything that a mask of what the recurrent matrix reads would act on."""
    output = next(iter(cell.state_axes().values()))
    return any(_is_recurrent(*term, output) for value in cell.program().values for term in _terms(value))


@cache
def _expected(cell: ExpectedZoneout) -> Program:
    program = cell.cell.program()
    return _with_outputs(
        program,
        {state: p * _previous(program, state) + (1 - p) * program.outputs[state] for state, p in cell.zoneout},
    )


@cache
def _masked(cell: Masked) -> Program:
    program, masks = cell.cell.program(), {n: input_value(n, axes, "sequence") for n, axes in cell.masks().items()}
    if cell.recurrent_dropout:
        program = _with_recurrent_mask(program, masks[RECURRENT_MASK])
    zoned = {state: _chosen(masks[zoneout_draw(state)], program, state) for state in cell.zoneout}
    return _with_outputs(program, zoned, tuple(masks.values()))


def _chosen(draw: Value, program: Program, state: str) -> Value:
    return where(less(draw, 0.0), _previous(program, state), program.outputs[state])


def _previous(program: Program, state: str) -> Value:
    return next(value for value in program.inputs_with_role("state") if value.name == state)


def _with_outputs(program: Program, outputs: Mapping[str, Value], inputs: tuple[Value, ...] = ()) -> Program:
    """The program with other values for some of its outputs, under their names; and further inputs."""
    replaced = Program.from_outputs({**program.outputs, **outputs}, (*program.inputs, *inputs), program.parameters)
    names = {program.outputs[name].serial: "" for name in outputs} | {v.serial: n for n, v in outputs.items()}
    return replaced.rebuild(lambda value, arguments: _named(value, arguments, names))


def _named(value: Value, arguments: tuple[Value, ...], names: Mapping[int, str]) -> Value:
    if not arguments or value.serial not in names:
        return with_arguments(value, arguments)
    return Value(value.operator, arguments, value.axes, names[value.serial], value.attributes)


def _with_recurrent_mask(program: Program, mask: Value) -> Program:
    """The program whose recurrent matrix reads everything through a mask, the same for all gates."""
    masked: dict[int, Value] = {}

    def through(value: Value) -> Value:
        """A masked state has the state's name, so that linear groups are called as they are without a mask."""
        if value.serial not in masked:
            name = value.name if value.operator == "input" else ""
            masked[value.serial] = with_arguments(value * mask, (value, mask), name)
        return masked[value.serial]

    def replace(value: Value, arguments: tuple[Value, ...]) -> Value:
        new = with_arguments(value, arguments)
        if not any(_is_recurrent(*term, named_axes(mask.axes)) for term in _terms(value)):
            return new
        inputs, weights, biases = linear_terms(new)
        inputs = tuple(
            through(read) if _is_recurrent(read, weight, named_axes(mask.axes)) else read
            for read, weight in zip(inputs, weights, strict=True)
        )
        return linear_value(inputs, weights, biases, value.attributes["out"], value.name)

    rebuilt = program.rebuild(replace)
    return Program.from_outputs(rebuilt.outputs, (*rebuilt.inputs, mask), program.parameters)


def _terms(value: Value) -> list[tuple[Value, Value]]:
    """What a value reads through matrices: pairs of a value and its matrix."""
    if value.operator != "linear":
        return []
    inputs, weights, _ = linear_terms(value)
    return list(zip(inputs, weights, strict=True))


def _is_recurrent(read: Value, weight: Value, output: Axes) -> bool:
    """Whether a term is the recurrent matrix on the output of the step before, or on what was made of it."""
    return weight.attributes["family"] == _RECURRENT and named_axes(read.axes) == output
