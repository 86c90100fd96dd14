"""Programs as expressions of ngspice: what a behavioural source computes."""

from __future__ import annotations

from collections.abc import Mapping

from cellwright.errors import CellwrightError
from cellwright.program.operators import OPERATORS
from cellwright.program.values import Value

_TEMPLATES: Mapping[str, str] = {
    "add": "({0}+{1})",
    "subtract": "({0}-{1})",
    "multiply": "({0}*{1})",
    "divide": "({0}/{1})",
    "negative": "(-{0})",
    "sigmoid": "(0.5+0.5*tanh(0.5*{0}))",  # 1 / (1 + exp(-v)) overflows
    "tanh": "tanh({0})",
    "exp": "exp({0})",
    "log": "ln({0})",
    "sqrt": "sqrt({0})",
    "absolute": "abs({0})",
    "sign": "sgn({0})",
    "relu": "max({0},0)",
    "log_sigmoid": "(min({0},0)-ln(1+exp(-abs({0}))))",
    "maximum": "max({0},{1})",
    "minimum": "min({0},{1})",
    "mod": "({0}-{1}*floor({0}/{1}))",
    "floor_divide": "floor({0}/{1})",
    "less": "(({0}<{1}) ? 1 : 0)",
    "equal": "(({0}=={1}) ? 1 : 0)",
    "where": "(({0}>0.5) ? {1} : {2})",
}
_COMPARISONS: Mapping[str, str] = {"less": "<", "equal": "=="}
"""Conditions, which a choice takes as they stand and others as 1 and 0."""

assert _TEMPLATES.keys() == OPERATORS.keys(), "each operator has its expression"


def expression(value: Value, names: Mapping[int, str]) -> str:
    """A value as an expression.

    Args:
        names: what stands for a value that is there already, by its serial: inputs, and values with nodes of their own
            (``v(h)``).

    Raises:
        CellwrightError: an operator that works along an axis, which has no expression.
    """
    if value.serial in names:
        return names[value.serial]
    if value.operator == "constant":
        number = repr(float(value.attributes["value"]))
        return f"({number})" if number.startswith("-") else number
    if value.operator not in _TEMPLATES:
        raise CellwrightError(f"the operator {value.operator} works along an axis: it has no expression of one node")
    template, terms = _TEMPLATES[value.operator], value.arguments
    if value.operator == "where" and (sign := _COMPARISONS.get(terms[0].operator)):
        template, terms = f"(({{0}}{sign}{{1}}) ? {{2}} : {{3}})", (*terms[0].arguments, *terms[1:])
    return template.format(*(expression(term, names) for term in terms))
