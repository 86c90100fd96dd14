"""The interpreter: a program on torch tensors of any device and dtype. It is the living definition of every cell.

Everything is differentiable by torch, in reverse and forward mode, to any order, and works under ``torch.func``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from math import prod
from typing import Any, TypeAlias

import torch

from cellwright.errors import CellwrightError
from cellwright.program.convolution import convolve, convolve_transposed, correlate
from cellwright.program.dimensions import (
    axes_of_maps,
    axes_read,
    columns_of,
    flat,
    missing_dimensions,
    outer,
    reduction,
    shaped,
    unsqueeze,
)
from cellwright.program.operators import OPERATORS
from cellwright.program.passes import LinearGroup, linear_groups
from cellwright.program.storage import families, size_of
from cellwright.program.values import MULTIPLYING, Kernel, Program, Value, kernel_of, linear_terms, named_axes

Tensor: TypeAlias = torch.Tensor
Sizes: TypeAlias = Mapping[str, int]
GroupFunction: TypeAlias = Callable[[Sequence[Tensor]], Sequence[Tensor]]
"""Evaluates a linear group: flat inputs (..., features) to one flat output (..., rows) for each node.

A group of convolutions likewise, with maps (..., channels, *space).
"""


class Arithmetic:
    """How a program is computed: as torch computes it. Fixed-point arithmetic overrides this."""

    def product(self, inputs: Tensor, weights: Tensor, bias: Tensor | None = None) -> Tensor:
        """weights @ inputs + bias, for flat inputs (..., features)."""
        return torch.nn.functional.linear(inputs, weights, bias)

    def computed(self, value: Value, function: Callable[..., Tensor]) -> Callable[..., Tensor]:
        """What computes a value from its arguments instead of ``function``.

        An input, a constant and a node of a linear group come as a function of one argument, which returns it.
        """
        return function


class Interpreter:
    """A program prepared for evaluation at given axis sizes."""

    def __init__(self, program: Program, sizes: Sizes) -> None:
        self.program = program
        self.sizes = dict(sizes)
        self.families = families(program, sizes)
        self.groups = linear_groups(program, MULTIPLYING)
        self._slot = {value.serial: index for index, value in enumerate(program.values)}
        self._first = {group.nodes[0].serial: group for group in self.groups}
        self._grouped = {node.serial: group for group in self.groups for node in group.nodes}
        self._named = {name: self._slot[value.serial] for name, value in program.named.items()}

    def bind(
        self,
        stored: Mapping[str, Tensor],
        like: Tensor,
        group_functions: Mapping[str, GroupFunction] | None = None,
        arithmetic: Arithmetic | None = None,
    ) -> BoundProgram:
        """Attach parameters, for any number of evaluations.

        Args:
            stored: the family tensors (see ``storage.py``) by name.
            like: a tensor of the device and dtype that constants take.
            group_functions: what evaluates a linear group instead of its weights, by ``LinearGroup.name``:
                this is where a crossbar comes in.
            arithmetic: how every value is computed; by default as torch does.

        Raises:
            CellwrightError: a parameter that is needed is not in ``stored``; a group function names no group.
        """
        replaced, arithmetic = group_functions or {}, arithmetic or Arithmetic()
        self._check_bindings(stored, replaced)
        parts: dict[str, Tensor] = {}
        for family in self.families.values():
            if family.name in stored:
                parts |= family.views(stored[family.name])
        slots: list[Any] = [None] * len(self.program.values)
        for index, value in enumerate(self.program.values):
            if value.operator == "parameter":
                slots[index] = parts.get(value.name)
            elif (number := self._number(value)) is not None:
                constant = torch.tensor(number, dtype=like.dtype, device=like.device)
                slots[index] = arithmetic.computed(value, _unchanged)(constant)
        functions = {
            group.name: replaced.get(group.name) or self._software(group, stored, parts, arithmetic)
            for group in self.groups
        }
        steps = [step for value in self.program.values if (step := self._step(value, functions, arithmetic))]
        inputs = {value.name: self._slot[value.serial] for value in self.program.inputs}
        outputs = {name: self._slot[value.serial] for name, value in self.program.outputs.items()}
        return BoundProgram(slots, steps, inputs, outputs, self._named)

    def _check_bindings(self, stored: Mapping[str, Tensor], replaced: Mapping[str, GroupFunction]) -> None:
        names = [group.name for group in self.groups]
        if unknown := [name for name in replaced if name not in names]:
            raise CellwrightError(f"no linear group is called {unknown[0]!r}; the program has: {'; '.join(names)}")
        for value in self.program.values:
            group = self._grouped.get(value.serial)
            if group is None or group.name not in replaced:
                needed = {a.attributes["family"] for a in value.arguments if a.operator == "parameter"}
                if missing := needed - stored.keys():
                    raise CellwrightError(f"no values are given for the parameters {', '.join(sorted(missing))}")

    def _number(self, value: Value) -> float | None:
        if value.operator == "constant":
            return float(value.attributes["value"])
        if value.operator == "reciprocal_size":
            return 1.0 / size_of((value.attributes["axis"],), self.sizes)[0]
        return None

    def _software(
        self, group: LinearGroup, stored: Mapping[str, Tensor], parts: Mapping[str, Tensor], arithmetic: Arithmetic
    ) -> GroupFunction:
        """One stacked product for the whole group, or one convolution for each input."""
        rows = [prod(size_of(node.attributes["out"], self.sizes)) for node in group.nodes]
        weights = [
            self._stack([linear_terms(node)[1][term] for node in group.nodes], stored, parts)
            for term in range(len(group.inputs))
        ]
        bias = self._bias(group, rows, stored, parts)
        kernels = [kernel_of(weight) for weight in linear_terms(group.nodes[0])[1]]
        products = [arithmetic.product if kernel is None else _convolving(kernel) for kernel in kernels]
        dimension = -1 - axes_of_maps(group.nodes[0])

        def evaluate(inputs: Sequence[Tensor]) -> Sequence[Tensor]:
            total = products[0](inputs[0], weights[0], bias)
            for product, value, weight in zip(products[1:], inputs[1:], weights[1:], strict=True):
                total = total + product(value, weight)
            return total.split(rows, dimension) if len(rows) > 1 else (total,)

        return evaluate

    def _stack(self, values: Sequence[Value], stored: Mapping[str, Tensor], parts: Mapping[str, Tensor]) -> Tensor:
        """The rows of several parameters, one below the other: the stored tensor itself where that is the same."""
        family = self.families[values[0].attributes["family"]]
        if [value.name for value in values] == [part.name for part in family.parts]:
            return stored[family.name]
        rows = [prod(size_of(value.attributes["out"], self.sizes)) for value in values]
        return torch.cat(
            [parts[value.name].reshape(count, *self.families[value.attributes["family"]].shape[1:])
             for value, count in zip(values, rows, strict=True)]
        )  # fmt: skip

    def _bias(
        self, group: LinearGroup, rows: Sequence[int], stored: Mapping[str, Tensor], parts: Mapping[str, Tensor]
    ) -> Tensor | None:
        if not group.has_bias:
            return None
        biases = [linear_terms(node)[2] for node in group.nodes]
        if len({len(of_node) for of_node in biases}) == 1:
            stacks = [self._stack(column, stored, parts) for column in zip(*biases, strict=True)]
        else:
            zero = next(iter(parts.values())).new_zeros(())
            sums = [
                sum((parts[bias.name].flatten() for bias in of_node), zero.expand(count))
                for of_node, count in zip(biases, rows, strict=True)
            ]
            stacks = [torch.cat(sums)]
        return sum(stacks[1:], stacks[0])

    def _step(
        self, value: Value, functions: Mapping[str, GroupFunction], arithmetic: Arithmetic
    ) -> Callable[[list[Any]], None] | None:
        if value.operator == "input":
            return self._input_step(value, arithmetic)
        if not value.arguments:
            return None
        if value.serial in self._first:
            return self._group_step(self._first[value.serial], functions, arithmetic)
        if value.serial in self._grouped:
            return None
        function = self._pointwise(value) if value.operator in OPERATORS else self._structural(value)
        function = arithmetic.computed(value, function)
        arguments, result = [self._slot[a.serial] for a in value.arguments], self._slot[value.serial]

        def run(slots: list[Any]) -> None:
            slots[result] = function(*[slots[index] for index in arguments])

        return run

    def _input_step(self, value: Value, arithmetic: Arithmetic) -> Callable[[list[Any]], None] | None:
        function, slot = arithmetic.computed(value, _unchanged), self._slot[value.serial]
        if function is _unchanged:
            return None

        def run(slots: list[Any]) -> None:
            slots[slot] = function(slots[slot])

        return run

    def _group_step(
        self, group: LinearGroup, functions: Mapping[str, GroupFunction], arithmetic: Arithmetic
    ) -> Callable[[list[Any]], None]:
        evaluate = functions[group.name]
        computed = [arithmetic.computed(node, _unchanged) for node in group.nodes]
        weights = linear_terms(group.nodes[0])[1]
        sources = [(self._slot[v.serial], axes_read(weight)) for v, weight in zip(group.inputs, weights, strict=True)]
        space = axes_of_maps(group.nodes[0])
        shapes = [size_of(node.attributes["out"], self.sizes) for node in group.nodes]
        results = [self._slot[node.serial] for node in group.nodes]

        def run(slots: list[Any]) -> None:
            outputs = evaluate([flat(slots[index], count, space) for index, count in sources])
            for index, shape, output, function in zip(results, shapes, outputs, computed, strict=True):
                slots[index] = function(shaped(output, shape, space))

        return run

    def _pointwise(self, value: Value) -> Callable[..., Tensor]:
        evaluate = OPERATORS[value.operator].evaluate
        missing = [missing_dimensions(argument, value) for argument in value.arguments]
        if not any(missing):
            return evaluate
        return lambda *arguments: evaluate(*(unsqueeze(t, dims) for t, dims in zip(arguments, missing, strict=True)))

    def _structural(self, value: Value) -> Callable[..., Tensor]:
        operator, attributes = value.operator, value.attributes
        if operator in ("sum", "mean", "maximum_over"):
            return reduction(operator, attributes["axis"], named_axes(value.arguments[0].axes))
        if operator == "spread":
            dims = missing_dimensions(value.arguments[0], value)
            return lambda source, like: unsqueeze(source, dims).expand_as(like)
        if operator == "matrix":
            return lambda source: source
        if kernel_of(value) or operator == "convolution":
            return self._convolution(value)
        if operator not in ("linear", "linear_transposed", "outer"):
            raise CellwrightError(f"the interpreter knows no operator {operator!r}: add a row to program/operators.py")
        rows, axes = len(attributes["out"]), attributes["out"]
        out = prod(size_of(axes, self.sizes))
        if operator == "linear":
            columns, shape = columns_of(value.arguments[1]), size_of(axes, self.sizes)
            return lambda source, matrix: shaped(flat(source, columns) @ matrix.reshape(out, -1).T, shape)
        if operator == "linear_transposed":
            shape = size_of(value.axes[len(value.axes) - columns_of(value.arguments[1]) :], self.sizes)
            return lambda source, matrix: shaped(flat(source, rows) @ matrix.reshape(out, -1), shape)
        columns, shape = columns_of(value), size_of(value.axes, self.sizes)
        return lambda left, right: outer(flat(left, rows), flat(right, columns)).reshape(shape)

    def _convolution(self, value: Value) -> Callable[..., Tensor]:
        """A convolution with a kernel that is computed, as in second derivatives, or an adjoint."""
        matrix = value if value.operator == "correlation" else value.arguments[1]
        kernel = kernel_of(matrix)
        assert kernel is not None
        out = matrix.attributes["out"]
        rows, read, space, dilation = len(out), axes_read(matrix), len(kernel.offsets), kernel.dilation
        shape = size_of(matrix.axes, self.sizes)
        flat_shape = prod(shape[:rows]), prod(shape[rows : rows + read]), *shape[rows + read :]
        if value.operator == "convolution":
            return lambda source, weight: shaped(
                convolve(flat(source, read, space), weight.reshape(flat_shape), None, dilation), shape[:rows], space
            )
        if value.operator == "convolution_transposed":
            channels = shape[rows : rows + read]
            return lambda source, weight: shaped(
                convolve_transposed(flat(source, rows, space), weight.reshape(flat_shape), dilation), channels, space
            )
        return lambda left, right: correlate(
            flat(left, rows, space), flat(right, read, space), flat_shape[2:], dilation
        ).reshape(shape)


@dataclass(frozen=True)
class BoundProgram:
    """A program with its parameters attached; call it with inputs by name.

    Values live in numbered slots, of which parameters and constants are filled already; ``inputs``, ``outputs`` and
    ``named`` say which slots have names.
    """

    slots: list[Any]
    steps: list[Callable[[list[Any]], None]]
    inputs: Mapping[str, int]
    outputs: Mapping[str, int]
    named: Mapping[str, int]

    def __call__(self, inputs: Mapping[str, Tensor], record: Iterable[str] = ()) -> dict[str, Tensor]:
        """Evaluate: outputs by name, and the named values in ``record``.

        Args:
            inputs: tensors of shape (..., named axes), with any leading dimensions, by name.

        Raises:
            CellwrightError: an input is missing; no value of the program has a name in ``record``.
        """
        slots = self.slots.copy()
        for name, index in self.inputs.items():
            if name not in inputs:
                raise CellwrightError(f"the input {name!r} is missing; the program reads: {', '.join(self.inputs)}")
            slots[index] = inputs[name]
        for step in self.steps:
            step(slots)
        results = {name: slots[index] for name, index in self.outputs.items()}
        for name in record:
            if name not in self.named:
                raise CellwrightError(f"the program computes no {name!r} by itself; it has: {', '.join(self.named)}")
            results[name] = slots[self.named[name]]
        return results


def evaluate(
    program: Program,
    inputs: Mapping[str, Tensor],
    stored: Mapping[str, Tensor],
    sizes: Sizes,
    record: Iterable[str] = (),
) -> dict[str, Tensor]:
    """Evaluate a program once.

    Args:
        inputs: tensors of shape (..., named axes) by name.
        stored: the family tensors (see ``storage.py``) by name.
        sizes: of the named axes.
        record: names of values to return beside the outputs.

    Raises:
        CellwrightError: an input, a parameter or a size is missing, or a name in ``record`` is unknown.
    """
    like = next(iter({**stored, **inputs}.values()))
    return Interpreter(program, sizes).bind(stored, like)(inputs, record)


def _convolving(kernel: Kernel) -> Callable[..., Tensor]:
    return convolve if kernel.dilation == 1 else partial(convolve, dilation=kernel.dilation)


def _unchanged(tensor: Tensor) -> Tensor:
    return tensor
