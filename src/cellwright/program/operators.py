"""The table of operators: one row gives an operator its value, its adjoint, its notation and what it counts as.

Adding an operator is adding a row. Adjoints are written in the same values as the program itself, so that the reverse
of a program is a program again and can be reversed once more. Ties in a maximum share the gradient evenly and
``mod`` has the sign of the divisor, both as in torch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch

from cellwright.program.values import BATCH, Operand, Value, in_order, linear_terms, pointwise, reduction

Adjoint: TypeAlias = Callable[[Value, Value], "tuple[Value | None, ...]"]
"""From a value and the cotangent of that value: the cotangents of its arguments (None where there is none)."""

ATOM, UNARY, PRODUCT, SUM = 4, 3, 2, 1
"""How tightly a notation binds: a looser argument is put into brackets."""


@dataclass(frozen=True)
class Operator:
    """One row of the table.

    Attributes:
        evaluate: the value, on torch tensors that are already aligned to the result's axes.
        adjoint: cotangents of the arguments as values of the same kind of program.
        latex, unicode, mathml: notation with ``{0}``, ``{1}`` for the arguments.
        binding: how tightly the notation binds; an argument that binds less tightly is bracketed.
        counts_as: what the operator is tallied as (``sigmoid``, ``products``, ``additions``, ...); empty for no cost.
    """

    evaluate: Callable[..., torch.Tensor]
    adjoint: Adjoint
    latex: str
    unicode: str
    mathml: str
    binding: int = ATOM
    counts_as: str = ""


def sigmoid(value: Operand) -> Value:
    """The logistic function 1 / (1 + exp(-value))."""
    return pointwise("sigmoid", value)


def tanh(value: Operand) -> Value:
    return pointwise("tanh", value)


def exp(value: Operand) -> Value:
    return pointwise("exp", value)


def log(value: Operand) -> Value:
    """The natural logarithm."""
    return pointwise("log", value)


def sqrt(value: Operand) -> Value:
    return pointwise("sqrt", value)


def absolute(value: Operand) -> Value:
    return pointwise("absolute", value)


def relu(value: Operand) -> Value:
    """max(value, 0), with derivative 0 at 0 as in torch."""
    return pointwise("relu", value)


def log_sigmoid(value: Operand) -> Value:
    """log(sigmoid(value)), accurate for large negative values."""
    return pointwise("log_sigmoid", value)


def maximum(left: Operand, right: Operand) -> Value:
    return pointwise("maximum", left, right)


def minimum(left: Operand, right: Operand) -> Value:
    return pointwise("minimum", left, right)


def mod(left: Operand, right: Operand) -> Value:
    """The remainder of left / right, with the sign of right."""
    return pointwise("mod", left, right)


def less(left: Operand, right: Operand) -> Value:
    return pointwise("less", left, right)


def equal(left: Operand, right: Operand) -> Value:
    return pointwise("equal", left, right)


def where(condition: Value, left: Operand, right: Operand) -> Value:
    """left where the condition holds, right elsewhere."""
    return pointwise("where", condition, left, right)


def mean(value: Value, axis: str) -> Value:
    return reduction("mean", value, axis)


def sum_over(value: Value, axis: str) -> Value:
    return reduction("sum", value, axis)


def maximum_over(value: Value, axis: str) -> Value:
    return reduction("maximum_over", value, axis)


def spread(value: Value, like: Value) -> Value:
    """Repeat a value along the axes of another that it lacks."""
    return Value("spread", (value, like), in_order((*value.axes, *like.axes)))


def _reciprocal_size(axis: str) -> Value:
    return Value("reciprocal_size", (), (), attributes={"axis": axis})


def _linear_adjoint(value: Value, cotangent: Value) -> tuple[Value | None, ...]:
    inputs, weights, biases = linear_terms(value)
    backward = [_transposed(cotangent, weight, source) for source, weight in zip(inputs, weights, strict=True)]
    outer = [_outer(cotangent, source, weight) for source, weight in zip(inputs, weights, strict=True)]
    return (*backward, *outer, *(cotangent for _ in biases))


def _transposed(cotangent: Value, weight: Value, like: Value) -> Value:
    return Value("linear_transposed", (cotangent, weight), like.axes, attributes={"out": weight.attributes["out"]})


def _outer(left: Value, right: Value, like: Value) -> Value:
    return Value("outer", (left, right), like.axes, attributes={"out": like.attributes["out"]})


def _apply(matrix: Value, value: Value) -> Value:
    """matrix @ value for a matrix that is itself computed (second derivatives)."""
    out = matrix.attributes["out"]
    return Value("linear", (value, matrix), in_order((BATCH, *out)), attributes={"terms": 1, "out": out})


def _as_matrix(cotangent: Value, like: Value) -> Value:
    """The cotangent of a matrix, marked with the matrix's row axes so that it can be applied as one."""
    return Value("matrix", (cotangent,), like.axes, attributes={"out": like.attributes["out"]})


def _transposed_adjoint(value: Value, cotangent: Value) -> tuple[Value | None, ...]:
    forward, weight = value.arguments
    return _apply(weight, cotangent), _outer(forward, cotangent, weight)


def _outer_adjoint(value: Value, cotangent: Value) -> tuple[Value | None, ...]:
    left, right = value.arguments
    matrix = _as_matrix(cotangent, value)
    return _apply(matrix, right), _transposed(left, matrix, right)


def _maximum_adjoint(first_wins: Callable[[Value, Value], Value]) -> Adjoint:
    def adjoint(value: Value, cotangent: Value) -> tuple[Value | None, ...]:
        left, right = value.arguments
        share = where(first_wins(left, right), 1.0, where(equal(left, right), 0.5, 0.0))
        return cotangent * share, cotangent * (1 - share)

    return adjoint


def _mod_adjoint(value: Value, cotangent: Value) -> tuple[Value | None, ...]:
    left, right = value.arguments
    return cotangent, -cotangent * pointwise("floor", left / right)


def _maximum_over_adjoint(value: Value, cotangent: Value) -> tuple[Value | None, ...]:
    (argument,) = value.arguments
    hit = where(equal(argument, spread(value, argument)), 1.0, 0.0)
    return (spread(cotangent / sum_over(hit, value.attributes["axis"]), argument) * hit,)


def _none(count: int) -> Adjoint:
    return lambda value, cotangent: (None,) * count


def _function(name: str, latex: str = "", unicode: str = "") -> dict[str, Any]:
    """Notation of a function of its arguments, f(a, b)."""
    latex, unicode = latex or rf"\operatorname{{{{{name}}}}}", unicode or name
    return {
        "latex": latex + r"\left({arguments}\right)",
        "unicode": unicode + "({arguments})",
        "mathml": f"<mi>{unicode}</mi><mo>(</mo>{{arguments}}<mo>)</mo>",
    }


def _infix(symbol: str, latex: str, mathml: str, binding: int) -> dict[str, Any]:
    return {
        "latex": f"{{0}} {latex} {{1}}",
        "unicode": f"{{0}} {symbol} {{1}}",
        "mathml": f"{{0}}<mo>{mathml}</mo>{{1}}",
        "binding": binding,
    }


# Linear, structural and reducing operators need axes or sizes: interpret.py evaluates those marked None by name.
OPERATORS: Mapping[str, Operator] = {
    "add": Operator(torch.add, lambda v, g: (g, g), **_infix("+", "+", "+", SUM), counts_as="additions"),
    "subtract": Operator(torch.sub, lambda v, g: (g, -g), **_infix("−", "-", "−", SUM), counts_as="additions"),
    "multiply": Operator(
        torch.mul,
        lambda v, g: (g * v.arguments[1], g * v.arguments[0]),
        **_infix("⊙", r"\odot", "⊙", PRODUCT),
        counts_as="products",
    ),
    "divide": Operator(
        torch.div,
        lambda v, g: (g / v.arguments[1], -g * v / v.arguments[1]),
        latex=r"\frac{{{0}}}{{{1}}}",
        unicode="{0} / {1}",
        mathml="<mfrac><mrow>{0}</mrow><mrow>{1}</mrow></mfrac>",
        binding=PRODUCT,
        counts_as="divisions",
    ),
    "negative": Operator(
        torch.neg, lambda v, g: (-g,), latex="-{0}", unicode="−{0}", mathml="<mo>−</mo>{0}", binding=UNARY
    ),
    "sigmoid": Operator(
        torch.sigmoid, lambda v, g: (g * (v * (1 - v)),), **_function("sigmoid", r"\sigma", "σ"), counts_as="sigmoid"
    ),
    "tanh": Operator(torch.tanh, lambda v, g: (g * (1 - v * v),), **_function("tanh", r"\tanh"), counts_as="tanh"),
    "exp": Operator(torch.exp, lambda v, g: (g * v,), **_function("exp", r"\exp"), counts_as="exp"),
    "log": Operator(torch.log, lambda v, g: (g / v.arguments[0],), **_function("log", r"\log"), counts_as="log"),
    "sqrt": Operator(
        torch.sqrt,
        lambda v, g: (g * 0.5 / v,),
        latex=r"\sqrt{{{0}}}",
        unicode="√({0})",
        mathml="<msqrt>{0}</msqrt>",
        counts_as="sqrt",
    ),
    "absolute": Operator(
        torch.abs,
        lambda v, g: (g * pointwise("sign", v.arguments[0]),),
        latex=r"\left|{0}\right|",
        unicode="|{0}|",
        mathml="<mo>|</mo>{0}<mo>|</mo>",
        counts_as="comparisons",
    ),
    "sign": Operator(torch.sign, _none(1), **_function("sign")),
    "relu": Operator(
        torch.relu,
        lambda v, g: (where(less(0.0, v.arguments[0]), g, 0.0),),
        **_function("relu"),
        counts_as="comparisons",
    ),
    "log_sigmoid": Operator(
        torch.nn.functional.logsigmoid,
        lambda v, g: (g * sigmoid(-v.arguments[0]),),
        **_function("log σ", r"\log\sigma", "log σ"),
        counts_as="log_sigmoid",
    ),
    "maximum": Operator(
        torch.maximum, _maximum_adjoint(lambda a, b: less(b, a)), **_function("max", r"\max"), counts_as="comparisons"
    ),
    "minimum": Operator(
        torch.minimum, _maximum_adjoint(less), **_function("min", r"\min"), counts_as="comparisons"
    ),
    "mod": Operator(torch.remainder, _mod_adjoint, **_infix("mod", r"\bmod", "mod", PRODUCT), counts_as="divisions"),
    "floor": Operator(
        torch.floor,
        _none(1),
        latex=r"\lfloor{0}\rfloor",
        unicode="⌊{0}⌋",
        mathml="<mo>⌊</mo>{0}<mo>⌋</mo>",
    ),
    "less": Operator(torch.lt, _none(2), **_infix("<", "<", "&lt;", SUM), counts_as="comparisons"),
    "equal": Operator(torch.eq, _none(2), **_infix("=", "=", "=", SUM), counts_as="comparisons"),
    "where": Operator(
        torch.where,
        lambda v, g: (None, where(v.arguments[0], g, 0.0), where(v.arguments[0], 0.0, g)),
        latex=r"\begin{{cases}}{1} & {0}\\{2} & \text{{otherwise}}\end{{cases}}",
        unicode="({1} if {0} else {2})",
        mathml="<mrow>{1}<mspace width='.4em'/><mtext>if</mtext><mspace width='.4em'/>{0}<mtext>, otherwise </mtext>{2}</mrow>",
        counts_as="selections",
    ),
}


@dataclass(frozen=True)
class StructuralOperator:
    """An operator whose evaluation needs axes or sizes (see ``interpret.py``); only its adjoint is a row here."""

    adjoint: Adjoint
    counts_as: str = ""


STRUCTURAL: Mapping[str, StructuralOperator] = {
    "linear": StructuralOperator(_linear_adjoint),
    "linear_transposed": StructuralOperator(_transposed_adjoint),
    "outer": StructuralOperator(_outer_adjoint),
    "matrix": StructuralOperator(lambda v, g: (g,)),
    "sum": StructuralOperator(lambda v, g: (spread(g, v.arguments[0]),), counts_as="additions"),
    "mean": StructuralOperator(
        lambda v, g: (spread(g * _reciprocal_size(v.attributes["axis"]), v.arguments[0]),), counts_as="additions"
    ),
    "maximum_over": StructuralOperator(_maximum_over_adjoint, counts_as="comparisons"),
    "spread": StructuralOperator(lambda v, g: (g, None)),
    "reciprocal_size": StructuralOperator(lambda v, g: ()),
}


def adjoint_of(operator: str) -> Adjoint:
    """The adjoint rule of any operator of either table."""
    return (OPERATORS.get(operator) or STRUCTURAL[operator]).adjoint

