"""The values of a program as nodes of an ONNX graph: the printer that every cell without an operator goes through."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod

import torch

from cellwright.cells import Cell
from cellwright.errors import CellwrightError
from cellwright.export.graph import Graph, element_type
from cellwright.export.operators import CONDITIONS, POINTWISE, REDUCTIONS
from cellwright.program import LinearGroup, Program, Value, families, linear_groups, linear_terms
from cellwright.program.dimensions import missing_dimensions
from cellwright.program.storage import size_of
from cellwright.program.values import BATCH, Axes, named_axes

Tensor = torch.Tensor
Sizes = Mapping[str, int]


def parts_of(cell: Cell, stored: Mapping[str, Tensor], sizes: Sizes) -> dict[str, Tensor]:
    """A cell's parameters by name, from those by family."""
    parts: dict[str, Tensor] = {}
    for family in families(cell.program(), sizes).values():
        parts |= family.views(stored[family.name])
    return parts


class Printer:
    """Prints a program into a graph.

    Args:
        graph: where the nodes go.
        program: a cell's step or a stage of it.
        sizes: of the named axes.
        parts: the parameters by name, as ``Family.views`` gives them.
        lead: how many leading dimensions the axis ``batch`` stands for.
        ready: names of linear groups whose first input holds the sum of the whole group so far, so that only the
            others are multiplied (see ``layers/stages.py``).
    """

    def __init__(
        self,
        graph: Graph,
        program: Program,
        sizes: Sizes,
        parts: Mapping[str, Tensor],
        lead: int,
        ready: Sequence[str] = (),
    ) -> None:
        self.graph, self.program, self.sizes, self.parts, self.lead = graph, program, sizes, parts, lead
        self._names: dict[int, str] = {}
        self._ready = ready
        self._group_of = {node.serial: group for group in linear_groups(program) for node in group.nodes}

    def outputs(self, given: Mapping[str, str]) -> dict[str, str]:
        """Add all nodes; the outputs' names in the graph.

        Args:
            given: the inputs' names in the graph, of shape (lead..., named axes).
        """
        for value in self.program.values:
            if value.operator == "input":
                self._names[value.serial] = given[value.name]
            elif value.operator == "constant":
                self._names[value.serial] = self.graph.number(value.attributes["value"])
            elif value.operator == "linear" and value.serial not in self._names:
                self._add_group(self._group_of[value.serial])
            elif value.arguments and value.operator != "linear":
                self._names[value.serial] = self._computed(value)
        return {name: self._name(value) for name, value in self.program.outputs.items()}

    def _name(self, value: Value) -> str:
        """The value in the graph; a parameter only where it is read by itself."""
        if value.serial not in self._names:
            self._names[value.serial] = self.graph.constant(self.parts[value.name], f"weight {value.name}")
        return self._names[value.serial]

    def _computed(self, value: Value) -> str:
        if value.operator in REDUCTIONS:
            axis = value.attributes["axis"]
            (argument,) = value.arguments
            axes = named_axes(argument.axes)
            place = self.graph.integers([axes.index(axis) - len(axes)])
            return self.graph.add(REDUCTIONS[value.operator], self._name(argument), place, keepdims=0)
        if value.operator not in POINTWISE:
            raise CellwrightError(f"there is no row for the operator {value.operator!r}: add it to export/operators.py")
        arguments = [self._aligned(argument, value) for argument in value.arguments]
        return POINTWISE[value.operator](self.graph, arguments)

    def _aligned(self, argument: Value, result: Value) -> str:
        """An argument with a dimension for every axis of the result; a condition as a number where one is meant."""
        name = self._name(argument)
        is_chosen_by = result.operator == "where" and argument.serial == result.arguments[0].serial
        if argument.operator in CONDITIONS and not is_chosen_by:
            name = self.graph.add("Cast", name, to=element_type(self.graph.dtype))
        missing = missing_dimensions(argument, result)
        return self.graph.unsqueeze(name, sorted(missing)) if missing else name

    def _add_group(self, group: LinearGroup) -> None:
        """One product for each input of the group, and one piece of the sum for each node."""
        is_ready = group.name in self._ready
        first = 1 if is_ready else 0
        terms = [self._name(group.inputs[0])] if is_ready else []
        terms += self._products(group, slice(first, None))
        if not is_ready and group.has_bias:
            terms.append(self._bias(group))
        shapes = [size_of(node.attributes["out"], self.sizes) for node in group.nodes]
        labels = [f"linear {node.name}" for node in group.nodes]
        pieces = self.graph.split(self.graph.total(terms), [prod(shape) for shape in shapes], -1, labels)
        for node, piece, shape in zip(group.nodes, pieces, shapes, strict=True):
            own = len(node.attributes["out"])
            keep = [0] * self._dimensions(node.axes[: len(node.axes) - own])
            self._names[node.serial] = piece if len(shape) == 1 else self.graph.reshape(piece, [*keep, *shape])

    def sum_ahead(self, group: LinearGroup, ahead: int, given: Mapping[str, str]) -> str:
        """W x + b of a group side by side, (lead..., rows), from its first ``ahead`` inputs."""
        for value in group.inputs[:ahead]:
            self._names[value.serial] = given[value.name]
        terms = self._products(group, slice(ahead))
        return self.graph.total([*terms, self._bias(group)] if group.has_bias else terms)

    def _products(self, group: LinearGroup, taken: slice) -> list[str]:
        stacks = zip(*(linear_terms(node)[1] for node in group.nodes), strict=True)
        return [
            self.graph.add("MatMul", self._flat(value, stack[0].attributes["columns"]), self._stacked(stack))
            for value, stack in zip(group.inputs[taken], list(stacks)[taken], strict=True)
        ]

    def _stacked(self, matrices: Sequence[Value]) -> str:
        """Matrices one below the other, transposed, as MatMul takes them."""
        rows = [
            self.parts[matrix.name].reshape(prod(size_of(matrix.attributes["out"], self.sizes)), -1)
            for matrix in matrices
        ]
        return self.graph.constant(torch.cat(rows).T, f"matrices {matrices[0].name} to {matrices[-1].name}")

    def _bias(self, group: LinearGroup) -> str:
        biases = []
        for node in group.nodes:
            rows = prod(size_of(node.attributes["out"], self.sizes))
            own = [self.parts[bias.name].reshape(-1) for bias in linear_terms(node)[2]]
            biases.append(sum(own, torch.zeros(rows, dtype=self.graph.dtype)))
        return self.graph.constant(torch.cat(biases), f"bias of {group.name}")

    def _flat(self, value: Value, read: Axes) -> str:
        """With one dimension for all axes that a matrix reads, the last ones."""
        if len(read) == 1:
            return self._name(value)
        keep = [0] * self._dimensions(value.axes[: len(value.axes) - len(read)])
        return self.graph.reshape(self._name(value), [*keep, prod(size_of(read, self.sizes))])

    def _dimensions(self, axes: Axes) -> int:
        """How many dimensions of a tensor some axes stand for."""
        return sum(self.lead if axis == BATCH else 1 for axis in axes)
