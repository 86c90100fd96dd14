"""What a compiled time loop does: products and passes over the units, derived from the recurrent stage of a cell.

A step alternates linear groups (one product each) and passes, in which the values that are ready are computed unit by
unit. A value belongs to a level: that of its arguments, and one more behind a product or a reduction over the units.
What a later level, the next step or the reverse program needs is stored; all else lives in registers.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from cellwright.program import Program, Value, linear_groups, linear_terms
from cellwright.program.operators import OPERATORS
from cellwright.program.reverse import reverse
from cellwright.program.values import BATCH, Axes, named_axes, with_arguments

REDUCTIONS = ("sum", "mean", "maximum_over")
CONDITIONS = ("less", "equal")


class UnsupportedError(Exception):
    """What a kernel cannot do; the message ends the sentence "it is interpreted, because ..."."""


@dataclass(frozen=True)
class Source:
    """Where a value is read from: the sum of buffers, each by unit or one number a row.

    ``kind`` is plain, ``current`` or ``next`` (a state before and after the step) or ``seed`` (the cotangent of a
    state: what later steps and what the output of this step bring).
    """

    keys: tuple[str, ...]
    by_unit: bool = True
    kind: str = "plain"


@dataclass(frozen=True, eq=False)
class Target:
    """Where a computed value goes.

    ``kind`` is ``store``, ``state``, ``carry`` (the cotangent of a state, to the step before), ``accumulate`` (over
    rows and steps), or the name of a reduction over the units. ``value`` is None for zero.
    """

    kind: str
    key: str
    value: Value | None
    axis: str | None


@dataclass(frozen=True, eq=False)
class Group:
    """A linear group inside of the loop.

    Attributes:
        terms: the inputs that are multiplied in the loop, ``weights[k][n]`` the parameter of term k and node n.
        ready: the input that holds the part which was computed before the loop, all nodes side by side.
    """

    index: int
    nodes: tuple[Value, ...]
    terms: tuple[Value, ...]
    weights: tuple[tuple[Value, ...], ...]
    biases: tuple[tuple[Value, ...], ...]
    ready: str | None


def is_given(term: Value) -> bool:
    """Whether an operand is known before the loop, so that its cotangent is one product after the loop."""
    return term.operator == "input" and term.attributes["role"] == "hoisted"


@dataclass(frozen=True)
class Product:
    """rows (from ``sources``) times packed matrices, into ``target``.

    ``matrices`` name the packed matrices, ``depths`` and ``columns`` their sizes.
    """

    sources: tuple[Source, ...]
    matrices: tuple[str, ...]
    target: str


@dataclass(frozen=True)
class Pass:
    """One turn over the units of an axis (None: one number a row) in which ``targets`` are computed."""

    level: int
    axis: str | None
    targets: tuple[Target, ...]


@dataclass(frozen=True, eq=False)
class Kernel:
    """A loop over time: what happens at each step in order, and where values are found.

    Attributes:
        stored: values kept in memory by the key of their buffer.
        states: names of the states.
    """

    name: str
    backward: bool
    actions: tuple[Product | Pass, ...]
    memory: Mapping[int, Source]
    levels: Mapping[int, int]
    stored: Mapping[str, Value]
    states: tuple[str, ...]


def lane_axis(value: Value) -> str | None:
    """The axis along which a value is computed unit by unit; None for one number a row.

    Raises:
        UnsupportedError: it has several.
    """
    axes = named_axes(value.axes)
    if len(axes) > 1:
        raise UnsupportedError(f"a value has the axes {', '.join(axes)}")
    return axes[0] if axes else None


def groups_of(program: Program, ready: Collection[str]) -> tuple[Group, ...]:
    """The linear groups of a recurrent stage; ``ready`` names inputs that stand for products done before the loop."""
    found = []
    for index, group in enumerate(linear_groups(program)):
        ahead = group.inputs[0].name if group.inputs[0].name in ready else None
        skip = 0 if ahead is None else 1
        weights = zip(*(linear_terms(node)[1][skip:] for node in group.nodes), strict=True)
        for value in (*group.inputs[skip:], *group.nodes):
            lane_axis(value)
        found.append(
            Group(
                index,
                group.nodes,
                group.inputs[skip:],
                tuple(weights),
                tuple(linear_terms(node)[2] for node in group.nodes),
                ahead,
            )
        )
    used = [weight.serial for group in found for term in group.weights for weight in term]
    used += [bias.serial for group in found for of_node in group.biases for bias in of_node]
    if len(used) != len(set(used)):
        raise UnsupportedError("two products share a matrix or a bias")
    return tuple(found)


@dataclass
class _Scheduler:
    """Assigns values to levels and finds out what has to be stored.

    Attributes:
        memory: what is found in memory, by serial, with ``levels`` at which it is there (-1: before the step).
        keep: called for a value that is to be kept; returns the key of its buffer.
    """

    memory: dict[int, Source]
    levels: dict[int, int]
    keep: Callable[[Value], str]
    stored: dict[str, Value] = field(default_factory=dict)
    targets: dict[tuple[int, str | None], list[Target]] = field(default_factory=dict)

    def level(self, value: Value) -> int:
        if value.serial not in self.levels:
            before = [self.level(argument) for argument in value.arguments]
            self.levels[value.serial] = max([0, *before]) + (value.operator in REDUCTIONS)
        return self.levels[value.serial]

    def compute(self, kind: str, key: str, value: Value | None, axis: str | None, level: int = 0) -> None:
        """Compute a value at its level and send it to a target.

        Raises:
            UnsupportedError: one number a row goes anywhere but to memory.
        """
        if axis is None and kind != "store":
            raise UnsupportedError(f"a {kind} is one number a row")
        if value is not None:
            level = max(level, self.level(value))
            self.require(value, level)
        self.targets.setdefault((level, axis), []).append(Target(kind, key, value, axis))

    def in_memory(self, value: Value) -> None:
        """See to it that a value can be read from memory as an operand of a product."""
        if value.serial not in self.memory or value.operator == "linear":
            self._store(value, self.level(value))

    def require(self, value: Value, level: int) -> None:
        """See to it that a value can be computed in a pass of a level."""
        if value.serial in self.memory or value.operator in ("constant", "reciprocal_size"):
            return
        axis = lane_axis(value)
        if value.operator in REDUCTIONS:
            self._reduce(value)
        elif axis is not None and value.operator not in CONDITIONS and self.level(value) < level:
            self._store(value, self.level(value))
        elif value.operator == "spread":
            self.require(value.arguments[0], level)
        elif value.operator in OPERATORS:
            for argument in value.arguments:
                self.require(argument, level)
        else:
            raise UnsupportedError(f"it contains the operator {value.operator!r}")

    def _store(self, value: Value, level: int) -> None:
        key = self.keep(value)
        if key in self.stored:
            return
        self.stored[key] = value
        self.compute("store", key, value, lane_axis(value), level)
        if value.operator != "linear":
            self.memory[value.serial] = Source((key,), lane_axis(value) is not None)

    def _reduce(self, value: Value) -> None:
        (argument,), key = value.arguments, self.keep(value)
        axis = value.attributes["axis"]
        if lane_axis(argument) != axis or lane_axis(value) is not None:
            raise UnsupportedError(f"it reduces over {axis}")
        self.stored[key] = value
        self.memory[value.serial] = Source((key,), by_unit=False)
        self.compute(value.operator, key, argument, axis)


@dataclass(frozen=True, eq=False)
class LoopPlan:
    """The compiled loops of one recurrent stage.

    Attributes:
        inputs: hoisted and constant inputs that are read by themselves; ``parameters`` likewise.
        saved: what training keeps for the reverse program, by the key of its buffer.
        sums: the keys of the accumulated cotangents by the name of the parameter or constant input.
        with_cotangent: hoisted inputs that have a cotangent.
    """

    program: Program
    groups: tuple[Group, ...]
    inputs: tuple[Value, ...]
    parameters: tuple[Value, ...]
    forward: Kernel
    training: Kernel
    backward: Kernel
    saved: Mapping[str, Value]
    sums: Mapping[str, tuple[Target, ...]]
    with_cotangent: frozenset[str]


def plan_loop(program: Program, ready: Collection[str]) -> LoopPlan:
    """Plan the loops of a recurrent stage.

    Raises:
        UnsupportedError: a kernel cannot do it.
    """
    groups = groups_of(program, ready)
    states = tuple(value.name for value in program.inputs_with_role("state"))
    read = _read_by_themselves(program)
    inputs = tuple(v for v in program.inputs if v.name not in {*states, *ready} and v.serial in read)
    parameters = tuple(v for v in program.parameters if v.serial in read)
    for value in (*inputs, *parameters):
        lane_axis(value)
    leaves = _leaves(program, inputs, parameters)
    backward, saved, sums, with_cotangent = _plan_backward(program, groups, leaves, (inputs, parameters, states))
    return LoopPlan(
        program,
        groups,
        inputs,
        parameters,
        _plan_forward("forward", program, groups, leaves, states, ()),
        _plan_forward("training", program, groups, leaves, states, saved.values()),
        backward,
        saved,
        sums,
        with_cotangent,
    )


def _read_by_themselves(program: Program) -> set[int]:
    """Serials of what anything but a matrix product reads, biases and the operands of products included."""
    read = {output.serial for output in program.outputs.values()}
    for value in program.values:
        arguments = value.arguments
        if value.operator == "linear":
            inputs, _, biases = linear_terms(value)
            arguments = (*inputs, *biases)
        read |= {argument.serial for argument in arguments}
    return read


def _leaves(program: Program, inputs: Iterable[Value], parameters: Iterable[Value]) -> dict[int, Source]:
    leaves = {v.serial: Source((f"input {v.name}",), lane_axis(v) is not None) for v in inputs}
    leaves |= {v.serial: Source((f"parameter {v.name}",), lane_axis(v) is not None) for v in parameters}
    for value in program.inputs_with_role("state"):
        leaves[value.serial] = Source((f"state {value.name}",), kind="current")
    return leaves


def _key(program: Program) -> Callable[[Value], str]:
    numbers = {value.serial: index for index, value in enumerate(program.values)}
    return lambda value: f"value {numbers[value.serial]}"


def _plan_forward(
    name: str,
    program: Program,
    groups: Sequence[Group],
    leaves: Mapping[int, Source],
    states: tuple[str, ...],
    saved: Iterable[Value],
) -> Kernel:
    scheduler = _Scheduler(dict(leaves), dict.fromkeys(leaves, -1), _key(program))
    products: list[tuple[int, Product]] = []
    for group in groups:
        for term in group.terms:
            scheduler.in_memory(term)
        level = max((scheduler.level(term) for term in group.terms), default=-1) + 1
        for n, (node, biases) in enumerate(zip(group.nodes, group.biases, strict=True)):
            keys = [f"product {group.index}.{n}"] + ([f"ready {group.index}.{n}"] if group.ready else [])
            scheduler.memory[node.serial] = Source((*keys, *(f"parameter {bias.name}" for bias in biases)))
            scheduler.levels[node.serial] = level
        matrices = tuple(f"matrix {group.index}.{k}" for k in range(len(group.terms)))
        sources = tuple(_operand(scheduler, term) for term in group.terms)
        products.append((level, Product(sources, matrices, f"product {group.index}.0")))
    for value in saved:
        if value.serial not in scheduler.memory or value.operator == "linear":
            if value.operator in REDUCTIONS:
                scheduler.require(value, scheduler.level(value))
            else:
                scheduler._store(value, scheduler.level(value))
    for state in states:
        value = program.outputs[state]
        scheduler.compute("state", state, value, lane_axis(value))
    return _kernel(name, False, scheduler, products, states)


def _operand(scheduler: _Scheduler, term: Value) -> Source:
    """Where a product reads its rows; a linear value is read from where it was stored, not from its parts."""
    if term.operator == "linear":
        return Source((scheduler.keep(term),))
    return scheduler.memory[term.serial]


def _kernel(
    name: str,
    backward: bool,
    scheduler: _Scheduler,
    products: Sequence[tuple[int, Product]],
    states: tuple[str, ...],
) -> Kernel:
    """Products of a level first, then reductions and values of that level."""
    actions: list[Product | Pass] = []
    levels = {level for level, _ in products} | {level for level, _ in scheduler.targets}
    for level in sorted(levels):
        actions += [product for at, product in products if at == level]
        axes = [axis for at, axis in scheduler.targets if at == level]
        actions += [Pass(level, axis, tuple(scheduler.targets[level, axis])) for axis in sorted(axes, key=str)]
    return Kernel(name, backward, tuple(actions), scheduler.memory, scheduler.levels, scheduler.stored, states)


def _plan_backward(
    program: Program,
    groups: Sequence[Group],
    leaves: Mapping[int, Source],
    read: tuple[tuple[Value, ...], tuple[Value, ...], tuple[str, ...]],
) -> tuple[Kernel, dict[str, Value], dict[str, tuple[Target, ...]], frozenset[str]]:
    inputs, parameters, states = read
    outputs, cotangents = _fold_products(reverse(program), groups)
    forward_values = {value.serial for value in program.values}
    forward_key, saved = _key(program), dict[str, Value]()
    numbers: dict[int, int] = {}

    def keep(value: Value) -> str:
        return f"cotangent {numbers.setdefault(value.serial, len(numbers))}"

    memory = dict(leaves)
    for value in program.outputs.values():
        name = next(n for n, v in program.outputs.items() if v is value)
        memory.setdefault(value.serial, Source((f"state {name}",), kind="next"))
    scheduler = _Scheduler(memory, dict.fromkeys(memory, -1), keep)
    _save_forward(
        scheduler,
        [v for v in (*outputs.values(), *cotangents.values()) if v is not None],
        forward_values,
        forward_key,
        saved,
    )
    for group in groups:  # operands of products are kept for the products of the matrices' gradients
        for term in group.terms:
            if term.serial not in leaves and memory.get(term.serial, Source(("",))).kind != "next":
                saved[forward_key(term)] = term
    products = _transposed_products(scheduler, groups, outputs, cotangents)
    for group in groups:
        for n, node in enumerate(group.nodes):
            key = f"d_product {group.index}.{n}"
            scheduler.compute("store", key, cotangents.get(node.serial), lane_axis(node))
    sums: dict[str, tuple[Target, ...]] = {}
    with_cotangent = set()
    biases = _biases(program, groups)
    for leaf in (*inputs, *parameters):
        if leaf.serial in biases or "d_" + leaf.name not in outputs:
            continue  # biases get the sums of what the products get
        value = outputs["d_" + leaf.name]
        with_cotangent.add(leaf.name)
        if BATCH in leaf.axes:
            scheduler.compute("store", f"d_input {leaf.name}", value, lane_axis(leaf))
            continue
        targets = []
        for addend in _summed_over_batch(value):
            axis = lane_axis(addend)
            if axis is None:
                raise UnsupportedError("a weight or constant is one number")
            targets.append(Target("accumulate", f"d_sum {leaf.name}", addend, axis))
            scheduler.compute("accumulate", f"d_sum {leaf.name}", addend, axis)
        sums[leaf.name] = tuple(targets)
    by_name = {value.name: value for value in program.inputs_with_role("state")}
    for state in states:
        scheduler.compute("carry", state, outputs.get("d_" + state), lane_axis(by_name[state]))
    return _kernel("backward", True, scheduler, products, states), saved, sums, frozenset(with_cotangent)


def _biases(program: Program, groups: Sequence[Group]) -> set[int]:
    """The parameters that products add; nothing else may read them."""
    found = {bias.serial for group in groups for of_node in group.biases for bias in of_node}
    others = [a.serial for value in program.values if value.operator != "linear" for a in value.arguments]
    if not found.isdisjoint(others):
        raise UnsupportedError("a bias serves something else too")
    return found


def _save_forward(
    scheduler: _Scheduler,
    roots: Iterable[Value],
    forward_values: Collection[int],
    key: Callable[[Value], str],
    saved: dict[str, Value],
) -> None:
    """Find the forward values that the reverse program reads: they are kept, or computed anew where that is free."""
    pending, seen = list(roots), set[int]()
    while pending:
        value = pending.pop()
        if value.serial in seen:
            continue
        seen.add(value.serial)
        if value.serial in forward_values and value.serial not in scheduler.memory:
            by_unit = lane_axis(value) is not None
            is_condition = value.operator in CONDITIONS
            if value.arguments and not is_condition and (by_unit or value.operator in REDUCTIONS):
                saved[key(value)] = value
                scheduler.memory[value.serial] = Source((key(value),), by_unit)
                scheduler.levels[value.serial] = -1
                continue
        if value.operator == "input" and value.attributes["role"] == "cotangent":
            scheduler.memory[value.serial] = Source((value.name.removeprefix("d_"),), kind="seed")
            scheduler.levels[value.serial] = -1
        pending += value.arguments[:1] if value.operator == "spread" else value.arguments


def _transposed_products(
    scheduler: _Scheduler,
    groups: Sequence[Group],
    outputs: Mapping[str, Value],
    cotangents: Mapping[int, Value | None],
) -> list[tuple[int, Product]]:
    """The products of cotangents with transposed matrices, in order of evaluation."""
    found: dict[int, Value] = {}
    pending = [*outputs.values(), *(value for value in cotangents.values() if value is not None)]
    while pending:
        value = pending.pop()
        if value.serial not in found:
            found[value.serial] = value
            pending += value.arguments
    products = []
    for serial in sorted(found):
        value = found[serial]
        if value.operator == "transposed":
            group, term = value.attributes["group"], value.attributes["term"]
            level = max(0, *(scheduler.level(argument) for argument in value.arguments)) + 1
            key = f"product {group}.{term}"
            scheduler.memory[serial], scheduler.levels[serial] = Source((key,)), level
            source = Source((f"d_product {group}.0",))
            products.append((level, Product((source,), (f"matrix {group}.{term}",), key)))
    return products


def _fold_products(program: Program, groups: Sequence[Group]) -> tuple[dict[str, Value], dict[int, Value | None]]:
    """The outputs of a reverse program with one transposed product a group and term; the cotangents of the nodes."""
    place = {
        weight.serial: (group, k, n)
        for group in groups
        for k, term in enumerate(group.weights)
        for n, weight in enumerate(term)
    }
    node_of = {}
    for group in groups:
        for node in group.nodes:
            node_of[linear_terms(node)[1][0].serial] = node.serial
    last = {}
    for value in program.values:
        if value.operator == "linear_transposed" and value.arguments[1].serial in place:
            group, k, _ = place[value.arguments[1].serial]
            last[group.index, k] = value.serial
    new: dict[int, Value | None] = {}
    cotangents: dict[int, Value | None] = {}
    for value in program.values:
        arguments = [new[argument.serial] for argument in value.arguments]
        if value.operator == "outer":
            new[value.serial] = None
        elif value.operator == "linear_transposed":
            weight = value.arguments[1]
            if weight.serial in node_of:
                cotangents[node_of[weight.serial]] = arguments[0]
            new[value.serial] = None
            if weight.serial in place:
                group, k, _ = place[weight.serial]
                if not is_given(group.terms[k]) and last[group.index, k] == value.serial:
                    known = tuple(c for n in group.nodes if (c := cotangents.get(n.serial)) is not None)
                    attributes = {"group": group.index, "term": k}
                    new[value.serial] = Value("transposed", known, value.axes, attributes=attributes)
        elif value.operator == "add" and None in arguments:
            new[value.serial] = next((argument for argument in arguments if argument is not None), None)
        elif None in arguments:
            raise UnsupportedError("a product's cotangent is used on its own")
        elif value.arguments and any(a is not b for a, b in zip(arguments, value.arguments, strict=True)):
            new[value.serial] = with_arguments(value, tuple(a for a in arguments if a is not None))
        else:
            new[value.serial] = value
    outputs = {name: found for name, value in program.outputs.items() if (found := new[value.serial]) is not None}
    return outputs, cotangents


def _summed_over_batch(value: Value) -> list[Value]:
    """The addends of a cotangent that is summed over the batch."""
    if value.operator == "add":
        return [addend for argument in value.arguments for addend in _summed_over_batch(argument)]
    if value.operator == "sum" and value.attributes["axis"] == BATCH:
        return [value.arguments[0]]
    raise UnsupportedError("a weight or constant is used in a sum over units")


def axes_of(program: Program) -> Axes:
    """All lane axes of a program."""
    return tuple(
        sorted({axis for value in program.values for axis in named_axes(value.axes) if not axis.endswith("'")})
    )
