"""A cell's step as a diagram: its program, with everything that reads the same values through matrices in one box."""

from __future__ import annotations

from collections.abc import Iterator

from cellwright.program import Program, Value, linear_groups, linear_terms, merge_sums
from cellwright.program.operators import OPERATORS
from cellwright.report.diagram import Box, Diagram, Kind

_SIGNS = {
    "mod": " mod ",
    "add": "+",
    "subtract": "−",
    "multiply": "×",
    "divide": "÷",
    "negative": "−",
    "sigmoid": "σ",
    "maximum": "max",
    "minimum": "min",
    "floor_divide": "⌊÷⌋",
    "less": "<",
    "equal": "=",
    "where": "if",
    "absolute": "|·|",
    "sqrt": "√",
    "log_sigmoid": "log σ",
    "sum": "Σ",
    "maximum_over": "max",
}
_INFIX = ("add", "subtract", "multiply", "divide", "mod", "less")


def cell_diagram(program: Program) -> Diagram:
    """What a step computes from what.

    A box of products is what one crossbar would hold; elementwise weights and numbers stand inside the box of what
    they are combined with.
    """
    program = merge_sums(program)
    return _Drawing(program).diagram()


class _Drawing:
    def __init__(self, program: Program) -> None:
        self.program = program
        self.groups = {node.serial: group for group in linear_groups(program) for node in group.nodes}
        self.notes = {value.serial: name for name, value in program.named.items() if value.operator != "input"}

    def diagram(self) -> Diagram:
        boxes: dict[str, Box] = {}
        arrows: dict[tuple[str, str], None] = {}
        for value in self.program.values:
            if self._is_inside(value):
                continue
            name = self._box(value)
            boxes.setdefault(name, self._drawn(value))
            arrows |= {(self._box(source), name): None for source in self._sources(value)}
        for name, value in self.program.outputs.items():
            boxes[f"new {name}"] = Box(f"{name}_t", "output")
            arrows[self._box(value), f"new {name}"] = None
        return Diagram(boxes, tuple(arrows))

    def _is_inside(self, value: Value) -> bool:
        """Whether a value has no box of its own: parameters, numbers, and what is made of these alone."""
        return value.operator in ("parameter", "constant", "reciprocal_size")

    def _sources(self, value: Value) -> Iterator[Value]:
        read = linear_terms(value)[0] if value.operator == "linear" else value.arguments
        return (argument for argument in read if not self._is_inside(argument))

    def _box(self, value: Value) -> str:
        group = self.groups.get(value.serial)
        return f"group {group.name}" if group else f"value {value.serial}"

    def _drawn(self, value: Value) -> Box:
        group = self.groups.get(value.serial)
        if group is not None:
            parts = [str(linear_terms(node)[1][0].attributes["part"]) for node in group.nodes]
            symbols = dict.fromkeys(str(w.attributes["symbol"]) for node in group.nodes for w in linear_terms(node)[1])
            return Box(f"{', '.join(symbols)}: {' '.join(parts)}", "product")
        if value.operator == "input":
            time = "t" if value.attributes["role"] == "sequence" else "t−1"
            return Box(f"{value.name}_{time}", "input")
        return Box(self._label(value), self._kind(value), self._note(value))

    def _note(self, value: Value) -> str:
        name = self.notes.get(value.serial, "")
        return "" if name in self.program.outputs else name

    def _kind(self, value: Value) -> Kind:
        return "operation" if value.operator in _INFIX or value.operator == "negative" else "function"

    def _label(self, value: Value) -> str:
        sign = _SIGNS.get(value.operator, value.operator)
        inside = [_written(argument) if self._is_inside(argument) else "" for argument in value.arguments]
        if not any(inside) or value.operator not in OPERATORS:
            axis = value.attributes.get("axis", "")
            return f"{sign} {axis}".strip()
        if value.operator in _INFIX:
            return f"{inside[0]}{sign}{inside[1]}".strip()
        return f"{sign}({', '.join(word or '·' for word in inside)})"


def _written(value: Value) -> str:
    """A number or a weight, inside a box."""
    if value.operator == "constant":
        return f"{value.attributes['value']:g}"
    return str(value.attributes.get("symbol", ""))
