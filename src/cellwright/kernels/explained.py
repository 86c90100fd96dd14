"""A compiled step for people: its program, what its loops do at each step, and the code that is printed for them."""

from __future__ import annotations

from collections.abc import Iterator

from cellwright.kernels.host import Host
from cellwright.kernels.loop_ir import print_loop
from cellwright.kernels.plan import LoopPlan, plan_loop
from cellwright.kernels.schedule import REDUCTIONS, Kernel, Pass, Product, Source, Target, UnsupportedError
from cellwright.kernels.vector_ir import FLOAT32
from cellwright.program import Program, Value


def explain(program: Program, host: Host, *, assembly: bool = False) -> str:
    """The program of a step, its loops in words, and their code in float32.

    Args:
        assembly: the processor's own code instead of LLVM's.
    """
    parts = ["The step, traced once", "", str(program)]
    try:
        plan = plan_loop(program)
    except UnsupportedError as reason:
        return "\n".join([*parts, "", f"This step is interpreted, because {reason}."])
    shape = host.shape(FLOAT32)
    for kernel in (plan.forward, plan.training, plan.backward):
        text = print_loop(plan, kernel, shape).text
        title = f"The loop {kernel.name!r}"
        parts += ["", title, "-" * len(title), *_steps(plan, kernel), "", host.assembly(text) if assembly else text]
    return "\n".join(parts)


def _steps(plan: LoopPlan, kernel: Kernel) -> Iterator[str]:
    yield "from the last step to the first:" if kernel.backward else "from the first step to the last:"
    for action in kernel.actions:
        if isinstance(action, Product):
            yield f"  {_product(action)}"
        else:
            yield f"  over {', '.join(action.axes) or 'nothing, once a row'}:"
            yield from (f"    {line}" for line in _Reader(plan, kernel, action).lines())


def _product(action: Product) -> str:
    ahead = "   (for several steps at once)" if action.ahead else ""
    return f"{action.target} {'+=' if action.add else '='} {_place(action.source)} @ {action.matrix}{ahead}"


def _place(source: Source) -> str:
    kinds = {"current": " before", "next": " after", "seed": " from later steps and its output"}
    return " + ".join(source.keys) + kinds.get(source.kind, "")


class _Reader:
    """The lines of a pass: each value once, then where it goes."""

    def __init__(self, plan: LoopPlan, kernel: Kernel, action: Pass) -> None:
        self.kernel, self.action = kernel, action
        self.forward_names = {value.serial: value.name for value in plan.program.values}
        self.known: dict[int, str] = {}
        self.found: list[str] = []
        self.count = 0

    def lines(self) -> list[str]:
        for target in self.action.targets:
            value = "0" if target.value is None else self._value(target.value)
            self.found.append(_goes(target, value))
        return self.found

    def _value(self, value: Value) -> str:
        if value.serial not in self.known:
            self.known[value.serial] = self._read_or_computed(value)
        return self.known[value.serial]

    def _read_or_computed(self, value: Value) -> str:
        source = self.kernel.memory.get(value.serial)
        key = source.keys[0] if source else ""
        is_made_here = self.kernel.stored.get(key) is value and value.operator not in REDUCTIONS
        if source is not None and not (is_made_here and self.kernel.levels[value.serial] == self.action.level):
            return self._named(_place(source))
        if value.operator == "constant":
            return f"{value.attributes['value']:g}"
        if value.operator == "reciprocal_size":
            return f"1/size({value.attributes['axis']})"
        arguments = value.arguments[:1] if value.operator == "spread" else value.arguments
        text = f"{value.operator}({', '.join(self._value(argument) for argument in arguments)})"
        said = self.forward_names.get(value.serial)
        return self._named(text + (f"   # {said}" if said else ""))

    def _named(self, text: str) -> str:
        name = f"v{self.count}"
        self.count += 1
        self.found.append(f"{name} = {text}")
        return name


def _goes(target: Target, value: str) -> str:
    if target.kind == "state":
        return f"state {target.key} after = {value}"
    if target.kind == "carry":
        return f"cotangent of {target.key} before = {value}"
    if target.kind == "accumulate":
        return f"{target.key} += {value}"
    if target.kind in REDUCTIONS:
        return f"{target.key} = {target.kind} of {value}"
    return f"{target.key} = {value}"
