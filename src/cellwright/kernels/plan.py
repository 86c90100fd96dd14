"""What the compiled loops of a cell do: products and passes over the units, derived from its step and its reverse."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from cellwright.kernels.schedule import (
    CONDITIONS,
    REDUCTIONS,
    Kernel,
    Product,
    Scheduler,
    Source,
    UnsupportedError,
    lanes,
)
from cellwright.program import Program, Value, linear_groups, linear_terms
from cellwright.program.reverse import reverse
from cellwright.program.values import BATCH, Axes, carried_axes, named_axes, with_arguments


@dataclass(frozen=True, eq=False)
class Group:
    """A linear group of the step.

    Attributes:
        terms: what is multiplied; ``weights[k][n]`` the matrix of term k and node n.
        biases: of each node.
    """

    index: int
    nodes: tuple[Value, ...]
    terms: tuple[Value, ...]
    weights: tuple[tuple[Value, ...], ...]
    biases: tuple[tuple[Value, ...], ...]


@dataclass(frozen=True, eq=False)
class LoopPlan:
    """The compiled loops of one step.

    Attributes:
        program: its outputs are the states, and after them the recorded signals.
        inputs: sequences and what is constant over time, where anything reads them.
        parameters: those that passes read by themselves.
        signals: names of the recorded signals.
        saved: what training keeps for the reverse loop beside the states, by the key of its buffer.
        operands: what products read and neither inputs nor states hold, by the key of its buffer.
        sums: parameters and constant inputs whose cotangents the reverse loop adds up.
        with_cotangent: sequences whose cotangents a pass of the reverse loop computes.
        recompute: whether training keeps the states alone.
    """

    program: Program
    groups: tuple[Group, ...]
    inputs: tuple[Value, ...]
    parameters: tuple[Value, ...]
    states: tuple[str, ...]
    signals: tuple[str, ...]
    forward: Kernel
    training: Kernel
    backward: Kernel
    saved: Mapping[str, Value]
    operands: Mapping[str, Value]
    sums: frozenset[str]
    with_cotangent: frozenset[str]
    recompute: bool


def is_given(term: Value) -> bool:
    """Whether an operand is known before the loop, so that products with it need not wait for a step."""
    return term.operator == "input" and term.attributes["role"] == "sequence"


def plan_loop(program: Program, recompute: bool = False) -> LoopPlan:
    """Plan the loops of a step.

    Args:
        recompute: keep the states alone for the reverse loop, which computes the rest again.

    Raises:
        UnsupportedError: a kernel cannot do it.
    """
    _check_conditions(program)
    planner = _Planner(program)
    if not any(BATCH in value.axes for value in planner.inputs):
        raise UnsupportedError("the step reads no sequence")
    backward = _ReversePlanner(planner, recompute)
    kernel = backward.kernel()
    _check_families(planner, backward.sums)
    kept = () if recompute else (*backward.saved.values(), *backward.operands.values())
    return LoopPlan(
        program,
        planner.groups,
        planner.inputs,
        planner.parameters,
        planner.states,
        planner.signals,
        planner.kernel("forward", ()),
        planner.kernel("training", kept),
        kernel,
        backward.saved,
        backward.operands,
        frozenset(backward.sums),
        frozenset(backward.with_cotangent),
        recompute,
    )


class _Planner:
    """Plans the loops from the first step to the last."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.groups = _groups(program)
        self.states = tuple(value.name for value in program.inputs_with_role("state"))
        self.signals = tuple(name for name in program.outputs if name not in self.states)
        read = _read_by_themselves(program)
        terms = {term.serial for group in self.groups for term in group.terms}
        outside = [value for value in program.inputs if value.name not in self.states]
        self.inputs = tuple(value for value in outside if value.serial in read | terms)
        self.parameters = tuple(value for value in program.parameters if value.serial in read)
        self.biases = _biases(program, self.groups)
        self.numbers = {value.serial: index for index, value in enumerate(program.values)}

    def key(self, value: Value) -> str:
        return f"value {self.numbers[value.serial]}"

    def leaves(self) -> dict[int, Source]:
        """What is in memory before a step."""
        found = {v.serial: Source((f"input {v.name}",), lanes(v)) for v in self.inputs}
        found |= {v.serial: Source((f"parameter {v.name}",), lanes(v)) for v in self.parameters}
        for value in self.program.inputs_with_role("state"):
            found[value.serial] = Source((f"state {value.name}",), lanes(value), "current")
        return found

    def kernel(self, name: str, kept: Iterable[Value]) -> Kernel:
        leaves = self.leaves()
        scheduler = Scheduler(leaves, dict.fromkeys(leaves, -1), self.key)
        products = self.products(scheduler)
        for value in kept:
            scheduler.keep(value)
        for output, value in self.program.outputs.items():
            is_state = output in self.states
            key = output if is_state else f"signal {output}"
            scheduler.compute("state" if is_state else "visible", key, value, lanes(value))
        return scheduler.kernel(name, products, self.states)

    def products(self, scheduler: Scheduler) -> list[tuple[int, Product]]:
        """The products of all groups with their levels: with what is given first, once for several steps."""
        products: list[tuple[int, Product]] = []
        for group in self.groups:
            for term in group.terms:
                scheduler.in_memory(term)
            level = max((scheduler.level(term) for term in group.terms), default=-1) + 1
            for n, (node, biases) in enumerate(zip(group.nodes, group.biases, strict=True)):
                keys = (f"product {group.index}.{n}", *(f"parameter {bias.name}" for bias in biases))
                scheduler.memory[node.serial] = Source(keys, lanes(node))
                scheduler.levels[node.serial] = level
            for turn, k in enumerate(sorted(range(len(group.terms)), key=lambda k: not is_given(group.terms[k]))):
                term = group.terms[k]
                # A linear value is read from where it was stored, not from its parts.
                stored = Source((scheduler.key(term),), lanes(term))
                source = stored if term.operator == "linear" else scheduler.memory[term.serial]
                matrix, target = f"matrix {group.index}.{k}", f"product {group.index}.0"
                products.append((level, Product(source, matrix, target, turn > 0, is_given(term))))
        return products


def _groups(program: Program) -> tuple[Group, ...]:
    found = []
    for index, group in enumerate(linear_groups(program)):
        weights = zip(*(linear_terms(node)[1] for node in group.nodes), strict=True)
        for value in (*group.inputs, *group.nodes):
            lanes(value)
        if any(
            named_axes(carried_axes(*term))
            for node in group.nodes
            for term in zip(*linear_terms(node)[:2], strict=True)
        ):
            raise UnsupportedError("a matrix is applied along a further axis")
        biases = tuple(linear_terms(node)[2] for node in group.nodes)
        found.append(Group(index, group.nodes, group.inputs, tuple(weights), biases))
    used = [weight.serial for group in found for term in group.weights for weight in term]
    used += [bias.serial for group in found for of_node in group.biases for bias in of_node]
    if len(used) != len(set(used)):
        raise UnsupportedError("two products share a matrix or a bias")
    return tuple(found)


def _check_conditions(program: Program) -> None:
    """A condition in a register is no number: only ``where`` takes one, as what it chooses by."""
    for value in program.values:
        numbers = value.arguments[1:] if value.operator == "where" else value.arguments
        if any(argument.operator in CONDITIONS for argument in numbers):
            raise UnsupportedError("a condition is used as a number")


def _check_families(planner: _Planner, sums: Collection[str]) -> None:
    """Gradients of products and those that the loop adds up are written to different tensors."""
    read = [w for g in planner.groups for term in g.weights for w in term]
    read += [b for g in planner.groups for biases in g.biases for b in biases]
    of_products = {parameter.attributes["family"] for parameter in read}
    added_up = {p.attributes["family"] for p in planner.parameters if p.name in sums}
    if shared := of_products & added_up:
        raise UnsupportedError(f"{shared.pop()} serves a product and something else too")
    names = [value.name for value in (*planner.program.inputs, *planner.program.parameters)]
    if len(names) != len(set(names)):
        raise UnsupportedError("a weight has the name of a sequence or a state")


def _read_by_themselves(program: Program) -> set[int]:
    """Serials of what anything but a matrix product reads, biases included."""
    read = {output.serial for output in program.outputs.values()}
    for value in program.values:
        read |= {a.serial for a in (linear_terms(value)[2] if value.operator == "linear" else value.arguments)}
    return read


def _biases(program: Program, groups: Sequence[Group]) -> set[int]:
    """The parameters that products add; nothing else may read them."""
    found = {bias.serial for group in groups for of_node in group.biases for bias in of_node}
    others = [a.serial for value in program.values if value.operator != "linear" for a in value.arguments]
    if not found.isdisjoint(others):
        raise UnsupportedError("a bias serves something else too")
    return found


def _is_cheap(value: Value) -> bool:
    """Whether the reverse loop had better compute a value again than read it: it costs less than a store and a load."""
    if value.operator == "divide":
        return not lanes(value.arguments[1])
    return value.operator in ("add", "subtract", "multiply", "negative")


class _ReversePlanner:
    """Plans the loop from the last step to the first.

    Attributes:
        saved, operands, sums, with_cotangent: as in ``LoopPlan``.
    """

    def __init__(self, forward: _Planner, recompute: bool) -> None:
        self.forward, self.recompute = forward, recompute
        self.outputs, self.cotangents = _fold_products(reverse(forward.program), forward.groups)
        self.forward_values = {value.serial for value in forward.program.values}
        self.numbers: dict[int, int] = {}
        memory = forward.leaves()
        for name, value in forward.program.outputs.items():
            if name in forward.states:
                memory.setdefault(value.serial, Source((f"state {name}",), lanes(value), "next"))
        self.scheduler = Scheduler(memory, dict.fromkeys(memory, -1), self.key)
        self.saved: dict[str, Value] = {}
        self.operands: dict[str, Value] = {}
        self.sums: set[str] = set()
        self.with_cotangent: set[str] = set()

    def key(self, value: Value) -> str:
        if value.serial in self.forward_values:
            return self.forward.key(value)
        return f"cotangent {self.numbers.setdefault(value.serial, len(self.numbers))}"

    def kernel(self) -> Kernel:
        roots = [v for v in (*self.outputs.values(), *self.cotangents.values()) if v is not None]
        products: list[tuple[int, Product]] = []
        self._find_operands()
        self._read_seeds(roots)
        if self.recompute:
            products += self.forward.products(self.scheduler)
            for value in self.operands.values():
                self.scheduler.keep(value)
        else:
            self._find_saved(roots)
        products += self._transposed_products(roots)
        for group in self.forward.groups:
            for n, node in enumerate(group.nodes):
                key = f"d_product {group.index}.{n}"
                self.scheduler.compute("visible", key, self.cotangents.get(node.serial), lanes(node))
        self._leaf_cotangents()
        by_name = {value.name: value for value in self.forward.program.inputs_with_role("state")}
        for state in self.forward.states:
            self.scheduler.compute("carry", state, self.outputs.get("d_" + state), lanes(by_name[state]))
        return self.scheduler.kernel("backward", products, self.forward.states)

    def _find_operands(self) -> None:
        """Operands of products are kept for the products that make the matrices' gradients."""
        for group in self.forward.groups:
            for term in group.terms:
                known = self.scheduler.memory.get(term.serial)
                if known is None:
                    self.operands[self.forward.key(term)] = term

    def _read_seeds(self, roots: Iterable[Value]) -> None:
        for value in _reached(roots):
            if value.operator == "input" and value.attributes["role"] == "cotangent":
                name = value.name.removeprefix("d_")
                is_state = name in self.forward.states
                key, kind = (name, "seed") if is_state else (f"d_signal {name}", "plain")
                self._in_memory(value, Source((key,), lanes(value), kind))

    def _in_memory(self, value: Value, source: Source) -> None:
        self.scheduler.memory[value.serial] = source
        self.scheduler.levels[value.serial] = -1

    def _find_saved(self, roots: Iterable[Value]) -> None:
        """Forward values that the reverse program reads are saved, unless little work makes them of others."""
        for value in self.operands.values():
            self._in_memory(value, Source((self.key(value),), lanes(value)))
        known = self.scheduler.memory
        needed: dict[int, Value] = {}
        pending, seen = list(roots), set[int]()
        while pending:
            value = pending.pop()
            if value.serial in seen:
                continue
            seen.add(value.serial)
            is_new = value.serial in self.forward_values and value.serial not in known and value.arguments
            if is_new and value.operator not in CONDITIONS and (lanes(value) or value.operator in REDUCTIONS):
                needed[value.serial] = value
            elif value.serial not in known or value.serial not in self.forward_values:
                pending += value.arguments[:1] if value.operator == "spread" else value.arguments
        for value in sorted(needed.values(), key=lambda value: -value.serial):
            others = needed.keys() - {value.serial}
            if not (_is_cheap(value) and all(self._is_derivable(a, others) for a in value.arguments)):
                continue
            del needed[value.serial]
        for value in needed.values():
            self.saved[self.key(value)] = value
            self._in_memory(value, Source((self.key(value),), lanes(value)))

    def _is_derivable(self, value: Value, saved: Collection[int]) -> bool:
        """Whether a forward value is at hand in the reverse loop, or made of such values with little work."""
        if value.serial in saved or value.serial in self.scheduler.memory:
            return True
        if not value.arguments:
            return value.operator == "constant"
        if not (_is_cheap(value) or not lanes(value)) or value.operator in REDUCTIONS or value.operator == "linear":
            return False
        return all(self._is_derivable(argument, saved) for argument in value.arguments)

    def _transposed_products(self, roots: Iterable[Value]) -> list[tuple[int, Product]]:
        """The products of cotangents with transposed matrices, in order of evaluation."""
        products = []
        for value in sorted(_reached(roots), key=lambda value: value.serial):
            if value.operator == "transposed":
                group, term = value.attributes["group"], value.attributes["term"]
                level = max([0, *(self.scheduler.level(argument) for argument in value.arguments)]) + 1
                key = f"transposed {group}.{term}"
                self.scheduler.memory[value.serial] = Source((key,), lanes(value))
                self.scheduler.levels[value.serial] = level
                source = Source((f"d_product {group}.0",), ("unit",))
                products.append((level, Product(source, f"transposed matrix {group}.{term}", key, False)))
        return products

    def _leaf_cotangents(self) -> None:
        for leaf in (*self.forward.inputs, *self.forward.parameters):
            if leaf.serial in self.forward.biases or "d_" + leaf.name not in self.outputs:
                continue  # biases get the sums of what the products get
            value = self.outputs["d_" + leaf.name]
            if BATCH in leaf.axes:
                self.with_cotangent.add(leaf.name)
                self.scheduler.compute("visible", f"d_input {leaf.name}", value, lanes(leaf))
                continue
            self.sums.add(leaf.name)
            for addend in _summed_over_batch(value):
                if lanes(addend) != lanes(leaf):
                    raise UnsupportedError("a weight or constant is one number, or used in a sum over units")
                self.scheduler.compute("accumulate", f"d_sum {leaf.name}", addend, lanes(addend))


def _reached(roots: Iterable[Value]) -> Collection[Value]:
    found: dict[int, Value] = {}
    pending = list(roots)
    while pending:
        value = pending.pop()
        if value.serial not in found:
            found[value.serial] = value
            pending += value.arguments
    return found.values()


def _fold_products(program: Program, groups: Sequence[Group]) -> tuple[dict[str, Value], dict[int, Value | None]]:
    """The outputs of a reverse program with one transposed product a group and term; the cotangents of the nodes."""
    place = {
        weight.serial: (group, k, n)
        for group in groups
        for k, term in enumerate(group.weights)
        for n, weight in enumerate(term)
    }
    node_of = {linear_terms(node)[1][0].serial: node.serial for group in groups for node in group.nodes}
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
    """All axes of a program along which there are units."""
    return tuple(
        sorted({axis for value in program.values for axis in named_axes(value.axes) if not axis.endswith("'")})
    )
