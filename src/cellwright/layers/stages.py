"""What leaves the time loop: a cell's step cut into what runs once over all time steps and what runs at each one.

Gates that read a sequence and a state, W x + U h + b, are cut in two: W x + b is one product over all time steps
before the loop, and each step adds its U h to that.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from math import prod
from typing import TypeAlias

import torch
from torch.nn.functional import linear

from cellwright.cells import Cell
from cellwright.kernels.operator import is_watched
from cellwright.program import (
    BoundProgram,
    Family,
    GroupFunction,
    Interpreter,
    LinearGroup,
    Program,
    Value,
    families,
    linear_groups,
    linear_terms,
    merge_sums,
    split_stages,
)
from cellwright.program.convolution import convolve
from cellwright.program.storage import size_of
from cellwright.program.values import MULTIPLYING, Kernel, input_value, kernel_of, linear_value, with_arguments

Tensor: TypeAlias = torch.Tensor
Sizes: TypeAlias = tuple[tuple[str, int], ...]


@dataclass(frozen=True, eq=False)
class Cut:
    """A linear group of a step, cut between the sequences and the states that it reads.

    Attributes:
        name: of the input by which a step receives what is ready.
        group: as the cell has it; its first ``ahead`` inputs are sequences, the others states or made from them.
        rows: of each node.
    """

    name: str
    group: LinearGroup
    ahead: int
    rows: tuple[int, ...]
    families: Mapping[str, Family]

    def ready(self, stored: Mapping[str, Tensor], sequences: Mapping[str, Tensor]) -> Tensor:
        """W x + b of all nodes side by side, (time, batch, rows)."""
        flat = [self._flat(sequences[value.name]) for value in self.group.inputs[: self.ahead]]
        biases = [linear_terms(node)[2] for node in self.group.nodes]
        stacked = [self._stack(parameters, stored) for parameters in zip(*biases, strict=True)]
        weights = self._weights(stored, slice(self.ahead))
        total = self._applied(flat[0], weights[0], sum(stacked[1:], stacked[0]) if stacked else None)
        for tensor, weight in zip(flat[1:], weights[1:], strict=True):
            total = total + self._applied(tensor, weight)
        return total

    def _flat(self, sequence: Tensor) -> Tensor:
        """A sequence (time, batch, ...) as the weights read it."""
        return sequence.flatten(2)

    def _applied(self, sequence: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        return linear(sequence, weight, bias)

    def function(self, stored: Mapping[str, Tensor]) -> GroupFunction:
        """What each step does with it: from what is ready and the states to one output a node."""
        weights = [weight.T for weight in self._weights(stored, slice(self.ahead, None))]

        def evaluate(inputs: Sequence[Tensor]) -> Sequence[Tensor]:
            total = inputs[0]
            for value, weight in zip(inputs[1:], weights, strict=True):
                total = torch.addmm(total, value, weight)
            return total.split(self.rows, -1)

        return evaluate

    def _weights(self, stored: Mapping[str, Tensor], terms: slice) -> list[Tensor]:
        weights = [linear_terms(node)[1][terms] for node in self.group.nodes]
        return [self._stack(parameters, stored) for parameters in zip(*weights, strict=True)]

    def _stack(self, parameters: Sequence[Value], stored: Mapping[str, Tensor]) -> Tensor:
        """The rows of several parameters, one below the other: the stored tensor itself where that is the same."""
        family = self.families[parameters[0].attributes["family"]]
        if [parameter.name for parameter in parameters] == [part.name for part in family.parts]:
            return stored[family.name]
        known = [(family, stored[name]) for name, family in self.families.items() if name in stored]
        rows = {part.name: tensor[part.rows] for family, tensor in known for part in family.parts}
        return torch.cat([rows[parameter.name] for parameter in parameters])


@dataclass(frozen=True, eq=False)
class ConvolutionCut(Cut):
    """The same of a group of convolutions: W ∗ x + b is one convolution over the maps of all time steps."""

    kernel: Kernel

    def function(self, stored: Mapping[str, Tensor]) -> GroupFunction:
        weights, dimension = self._weights(stored, slice(self.ahead, None)), -1 - len(self.kernel.offsets)
        watched = is_watched()

        def evaluate(inputs: Sequence[Tensor]) -> Sequence[Tensor]:
            total = inputs[0]
            for value, weight in zip(inputs[1:], weights, strict=True):
                convolved = self._applied(value, weight)  # nothing else has seen it yet
                total = total + convolved if watched else convolved.add_(total)
            return total.split(self.rows, dimension)

        return evaluate

    def _flat(self, sequence: Tensor) -> Tensor:
        return sequence.flatten(2, -1 - len(self.kernel.offsets))

    def _applied(self, sequence: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        return convolve(sequence, weight, bias, self.kernel.dilation)


@dataclass(frozen=True, eq=False)
class Loop:
    """What runs at each time step, and what is ready before it.

    Attributes:
        body: the step.
        per_step: what it reads beside the states, (time, batch, ...) by name.
        fixed: what it reads at every step alike.
        recorded: signals that were asked for and are complete before the loop.
    """

    body: BoundProgram
    per_step: Mapping[str, Tensor]
    fixed: Mapping[str, Tensor]
    recorded: Mapping[str, Tensor]


@dataclass(frozen=True, eq=False)
class Staged:
    """A cell at given sizes, in two stages.

    Attributes:
        hoisted: what runs over all time steps at once.
        recurrent: what runs at each time step.
        cuts: what evaluates linear groups of ``recurrent``, by the groups' names.
        read: the stored tensors that each of the two programs reads by itself, not through a cut.
    """

    hoisted: Interpreter
    recurrent: Interpreter
    cuts: Mapping[str, Cut]
    read: tuple[frozenset[str], frozenset[str]]

    def loop(
        self, stored: Mapping[str, Tensor], sequences: Mapping[str, Tensor], like: Tensor, record: Sequence[str]
    ) -> Loop:
        """Run what leaves the loop, over sequences (time, batch, ...), and bind the rest."""
        computed = self.recurrent.program.named if record else {}
        early = [name for name in record if name not in computed]
        ready = self.hoist(stored, sequences, like, early)
        return Loop(self.bind(stored, like), *self.by_role(ready), {name: ready[name] for name in early})

    def hoist(
        self,
        stored: Mapping[str, Tensor],
        sequences: Mapping[str, Tensor],
        like: Tensor,
        record: Sequence[str] = (),
    ) -> dict[str, Tensor]:
        """Run what leaves the loop: the inputs of the loop, and signals to record, by name."""
        once = {name: tensor for name, tensor in stored.items() if name in self.read[0]}
        ahead = {cut.name: cut.ready(stored, sequences) for cut in self.cuts.values()}
        if not record and self.passed_on is not None:
            available = {**sequences, **ahead}
            return {name: available[source] for name, source in self.passed_on.items()}
        return self.hoisted.bind(once, like)({**sequences, **ahead}, record)

    def by_role(self, ready: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """What the loop reads step by step, and what it reads at every step alike."""
        hoisted, fixed = ({name: ready[name] for name in names} for names in self.names_by_role)
        return hoisted, fixed

    @cached_property
    def names_by_role(self) -> tuple[tuple[str, ...], ...]:
        """The names of inputs that change with time, and of those that do not."""
        program = self.recurrent.program
        return tuple(tuple(v.name for v in program.inputs_with_role(r)) for r in ("hoisted", "constant over time"))

    @cached_property
    def passed_on(self) -> dict[str, str] | None:
        """Where each input of the loop comes from, if nothing but products is computed before it."""
        outputs = self.hoisted.program.outputs
        if any(value.operator != "input" for value in outputs.values()):
            return None
        return {name: value.name for name, value in outputs.items()}

    def bind(self, stored: Mapping[str, Tensor], like: Tensor) -> BoundProgram:
        """The step, with its parameters attached."""
        stepwise = {name: tensor for name, tensor in stored.items() if name in self.read[1]}
        functions = {name: cut.function(stored) for name, cut in self.cuts.items()}
        return self.recurrent.bind(stepwise, like, functions)


@lru_cache(maxsize=256)
def staged(cell: Cell, sizes: Sizes) -> Staged:
    """Cut a cell in two, in such a way that every signal can still be recorded."""
    program = cell.program()
    summed = merge_sums(program)
    by_input: dict[str, Cut] = {}
    if summed.named.keys() == program.named.keys():
        program, by_input = _cut_groups(summed, dict(sizes))
    stages = split_stages(program)
    groups = linear_groups(stages.recurrent, MULTIPLYING)
    cuts = {group.name: by_input[name] for group in groups if (name := group.inputs[0].name) in by_input}
    through_cuts = {node.serial for group in groups if group.name in cuts for node in group.nodes}
    return Staged(
        Interpreter(stages.hoisted, dict(sizes)),
        Interpreter(stages.recurrent, dict(sizes)),
        cuts,
        (_families_read(stages.hoisted), _families_read(stages.recurrent, through_cuts)),
    )


@lru_cache(maxsize=256)
def merged(cell: Cell, sizes: Sizes) -> Interpreter:
    """The whole step, with the sums of products merged as on a chip."""
    return Interpreter(merge_sums(cell.program()), dict(sizes))


def _cut_groups(program: Program, sizes: Mapping[str, int]) -> tuple[Program, dict[str, Cut]]:
    """The program with one flat input in the place of each group's sequences, and the cuts by that input's name."""
    stored_as = families(program, sizes)
    dependent = _dependent_on_states(program)
    cuts: dict[str, Cut] = {}
    stand_ins: dict[int, tuple[Value, int]] = {}
    for group in linear_groups(program, MULTIPLYING):
        ahead = sum(value.operator == "input" and value.serial not in dependent for value in group.inputs)
        reads = [value.serial in dependent for value in group.inputs]
        bias_counts = {len(linear_terms(node)[2]) for node in group.nodes}
        if any(reads[:ahead]) or not all(reads[ahead:]) or ahead in (0, len(reads)) or len(bias_counts) > 1:
            continue  # such a group is evaluated as it stands
        rows = tuple(prod(size_of(node.attributes["out"], sizes)) for node in group.nodes)
        kernel = kernel_of(linear_terms(group.nodes[0])[1][0])
        fields = f"ahead of {group.name}", group, ahead, rows, stored_as
        cut = Cut(*fields) if kernel is None else ConvolutionCut(*fields, kernel)
        cuts[cut.name] = cut
        stand_in = input_value(cut.name, ("ahead",), "hoisted")
        stand_ins |= {node.serial: (stand_in, ahead) for node in group.nodes}

    def replace(value: Value, arguments: tuple[Value, ...]) -> Value:
        if value.serial not in stand_ins:
            return with_arguments(value, arguments)
        stand_in, ahead = stand_ins[value.serial]
        inputs, weights, _ = linear_terms(with_arguments(value, arguments))
        # The stand-in needs a weight to be a term; the cut evaluates the group, so that it is never applied.
        return linear_value((stand_in, *inputs[ahead:]), weights[ahead - 1 :], (), value.attributes["out"], value.name)

    return program.rebuild(replace), cuts


def _dependent_on_states(program: Program) -> set[int]:
    found: set[int] = set()
    for value in program.values:
        is_state = value.operator == "input" and value.attributes["role"] == "state"
        if is_state or any(argument.serial in found for argument in value.arguments):
            found.add(value.serial)
    return found


def _families_read(program: Program, leave_out: Collection[int] = ()) -> frozenset[str]:
    """The stored tensors that a program's values read, but for those with the serials ``leave_out``."""
    readers = [value for value in program.values if value.serial not in leave_out]
    arguments = [argument for value in readers for argument in value.arguments]
    return frozenset(argument.attributes["family"] for argument in arguments if argument.operator == "parameter")
