"""The table of operators in ONNX: how a graph computes each pointwise operator of a program.

It stands beside the table of ``program/operators.py``, row for row; a test compares their keys.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from cellwright.export.graph import Graph

Pointwise: TypeAlias = Callable[[Graph, Sequence[str]], str]
"""Adds nodes for an operator to a graph, from the names of its aligned arguments to that of the result."""


def _called(operator: str) -> Pointwise:
    return lambda graph, arguments: graph.add(operator, *arguments)


def _log_sigmoid(graph: Graph, arguments: Sequence[str]) -> str:
    """-softplus(-value)."""
    return graph.add("Neg", graph.add("Softplus", graph.add("Neg", *arguments)))


def _remainder(graph: Graph, arguments: Sequence[str]) -> str:
    """With the sign of the divisor. ONNX's Mod of floating-point numbers has that of the dividend."""
    remainder, divisor, zero = graph.add("Mod", *arguments, fmod=1), arguments[1], graph.number(0.0)
    other_sign = graph.add("Xor", graph.add("Less", remainder, zero), graph.add("Less", divisor, zero))
    is_nothing = graph.add("Equal", remainder, zero)
    is_wrong = graph.add("And", other_sign, graph.add("Not", is_nothing))
    return graph.add("Where", is_wrong, graph.add("Add", remainder, divisor), remainder)


def _floor_divide(graph: Graph, arguments: Sequence[str]) -> str:
    """What the remainder leaves, which the divisor divides but for rounding."""
    dividend, divisor = arguments
    multiple = graph.add("Sub", dividend, _remainder(graph, arguments))
    return graph.add("Round", graph.add("Div", multiple, divisor))


POINTWISE: Mapping[str, Pointwise] = {
    "add": _called("Add"),
    "subtract": _called("Sub"),
    "multiply": _called("Mul"),
    "divide": _called("Div"),
    "negative": _called("Neg"),
    "sigmoid": _called("Sigmoid"),
    "tanh": _called("Tanh"),
    "exp": _called("Exp"),
    "log": _called("Log"),
    "sqrt": _called("Sqrt"),
    "absolute": _called("Abs"),
    "sign": _called("Sign"),
    "relu": _called("Relu"),
    "log_sigmoid": _log_sigmoid,
    "maximum": _called("Max"),
    "minimum": _called("Min"),
    "mod": _remainder,
    "floor_divide": _floor_divide,
    "less": _called("Less"),
    "equal": _called("Equal"),
    "where": _called("Where"),
}

REDUCTIONS: Mapping[str, str] = {"sum": "ReduceSum", "mean": "ReduceMean", "maximum_over": "ReduceMax"}
"""Operators over one named axis."""

CONDITIONS = ("less", "equal")
"""Operators whose results are true or false."""
