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

from cellwright.errors import CellwrightError
from cellwright.program.values import (
    BATCH,
    Operand,
    Value,
    in_order,
    kernel_of,
    linear_terms,
    linear_value,
    named_axes,
    pointwise,
    reduction,
)

Adjoint: TypeAlias = Callable[[Value, Value], "tuple[Value | None, ...]"]
"""From a value and the cotangent of that value: the cotangents of its arguments (None where there is none)."""

BINDINGS = {"": 0, "sum": 1, "product": 2, "atom": 3}
"""How tightly a notation binds. In a template ``{0:product}`` brackets an argument that binds less tightly than one."""


@dataclass(frozen=True)
class Operator:
    """One row of the table.

    Attributes:
        evaluate: the value, on torch tensors that are already aligned to the result's axes.
        adjoint: cotangents of the arguments as values of the same kind of program.
        latex, unicode, mathml: notation with ``{0}``, ``{1:sum}`` for the arguments, or ``{arguments}`` for all.
        binding: how tightly the notation binds: a key of ``BINDINGS``.
        counts_as: what the operator is tallied as (``sigmoid``, ``products``, ``additions``, ...); empty for no cost.
    """

    evaluate: Callable[..., torch.Tensor]
    adjoint: Adjoint
    latex: str
    unicode: str
    mathml: str
    binding: str = "atom"
    counts_as: str = ""


def sigmoid(value: Operand) -> Value:
    """The logistic function 1 / (1 + exp(-value))."""
    return pointwise("sigmoid", value)


def tanh(value: Operand) -> Value:
    """The hyperbolic tangent."""
    return pointwise("tanh", value)


def exp(value: Operand) -> Value:
    """e to the power of the value."""
    return pointwise("exp", value)


def log(value: Operand) -> Value:
    """The natural logarithm."""
    return pointwise("log", value)


def sqrt(value: Operand) -> Value:
    """The square root; NaN below zero."""
    return pointwise("sqrt", value)


def absolute(value: Operand) -> Value:
    """|value|, with derivative 0 at 0 as in torch; also ``abs(value)``."""
    return pointwise("absolute", value)


def sign(value: Operand) -> Value:
    """1 above zero, -1 below, 0 at zero; its derivative is 0 everywhere, as in torch."""
    return pointwise("sign", value)


def relu(value: Operand) -> Value:
    """max(value, 0), with derivative 0 at 0 as in torch."""
    return pointwise("relu", value)


def log_sigmoid(value: Operand) -> Value:
    """log(sigmoid(value)), accurate for large negative values."""
    return pointwise("log_sigmoid", value)


def maximum(left: Operand, right: Operand) -> Value:
    """The larger one; a tie shares the gradient evenly."""
    return pointwise("maximum", left, right)


def minimum(left: Operand, right: Operand) -> Value:
    """The smaller one; a tie shares the gradient evenly."""
    return pointwise("minimum", left, right)


def mod(left: Operand, right: Operand) -> Value:
    """The remainder of left / right, with the sign of right; also ``left % right``."""
    return pointwise("mod", left, right)


def less(left: Operand, right: Operand) -> Value:
    """A condition for ``where``; also ``left < right``."""
    return pointwise("less", left, right)


def equal(left: Operand, right: Operand) -> Value:
    """A condition for ``where``."""
    return pointwise("equal", left, right)


def where(condition: Value, left: Operand, right: Operand) -> Value:
    """left where the condition holds, right elsewhere."""
    return pointwise("where", condition, left, right)


def mean(value: Value, axis: str) -> Value:
    """The mean over a named axis.

    Raises:
        CellwrightError: the value lacks the axis, or it is ``batch``: samples do not see one another.
    """
    return _reduced("mean", value, axis)


def sum_over(value: Value, axis: str) -> Value:
    """The sum over a named axis; see ``mean``."""
    return _reduced("sum", value, axis)


def maximum_over(value: Value, axis: str) -> Value:
    """The largest value over a named axis; equal ones share the gradient evenly. See ``mean``."""
    return _reduced("maximum_over", value, axis)


def _reduced(operator: str, value: Value, axis: str) -> Value:
    if axis == BATCH:
        raise CellwrightError(f"a step cannot reduce over {BATCH!r}: each sample of a batch is computed by itself")
    return reduction(operator, value, axis)


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
    out = weight.attributes["out"]
    carried = [axis for axis in cotangent.axes if axis not in out]
    read = [axis for axis in named_axes(like.axes) if axis not in carried]
    operator = "convolution_transposed" if kernel_of(weight) else "linear_transposed"
    return Value(operator, (cotangent, weight), in_order((*carried, *read)), attributes=_matrix_attributes(weight))


def _outer(left: Value, right: Value, like: Value) -> Value:
    operator = "correlation" if kernel_of(like) else "outer"
    return Value(operator, (left, right), like.axes, attributes=_matrix_attributes(like))


def _matrix_attributes(matrix: Value) -> dict[str, Any]:
    """Which axes of a matrix are its rows, and what kernel it is, if it is one."""
    return {key: matrix.attributes[key] for key in ("out", "kernel") if key in matrix.attributes}


def _apply(matrix: Value, value: Value) -> Value:
    """matrix @ value for a matrix that may itself be computed (second derivatives)."""
    return linear_value([value], [matrix], [], matrix.attributes["out"])


def _as_matrix(cotangent: Value, like: Value) -> Value:
    """The cotangent of a matrix, marked with the matrix's row axes so that it can be applied as one."""
    return Value("matrix", (cotangent,), like.axes, attributes=_matrix_attributes(like))


def _transposed_adjoint(value: Value, cotangent: Value) -> tuple[Value | None, ...]:
    forward, weight = value.arguments
    return _apply(weight, cotangent), _outer(forward, cotangent, weight)


def _outer_adjoint(value: Value, cotangent: Value) -> tuple[Value | None, ...]:
    left, right = value.arguments
    matrix = _as_matrix(cotangent, value)
    return _apply(matrix, right), _transposed(left, matrix, right)


def _extremum_adjoint(loses: Callable[[Value, Value], Value]) -> Adjoint:
    def adjoint(value: Value, cotangent: Value) -> tuple[Value | None, ...]:
        left, right = value.arguments
        shared = where(equal(left, right), cotangent * 0.5, cotangent)
        return where(loses(left, right), 0.0, shared), where(loses(right, left), 0.0, shared)

    return adjoint


def _mod_adjoint(value: Value, cotangent: Value) -> tuple[Value | None, ...]:
    left, right = value.arguments
    return cotangent, -cotangent * pointwise("floor_divide", left, right)


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


def _infix(symbol: str, latex: str, mathml: str, binding: str, left: str = "", right: str = "") -> dict[str, Any]:
    """Notation between two arguments, which bind at least as tightly as it unless ``left`` or ``right`` says how."""
    left, right = f"{{0:{left or binding}}}", f"{{1:{right or binding}}}"
    return {
        "latex": f"{left} {latex} {right}",
        "unicode": f"{left} {symbol} {right}",
        "mathml": f"{left}<mo>{mathml}</mo>{right}",
        "binding": binding,
    }


OPERATORS: Mapping[str, Operator] = {
    "add": Operator(torch.add, lambda v, g: (g, g), **_infix("+", "+", "+", "sum"), counts_as="additions"),
    "subtract": Operator(
        torch.sub, lambda v, g: (g, -g), **_infix("−", "-", "−", "sum", right="product"), counts_as="additions"
    ),
    "multiply": Operator(
        torch.mul,
        lambda v, g: (g * v.arguments[1], g * v.arguments[0]),
        **_infix("⊙", r"\odot", "⊙", "product"),
        counts_as="products",
    ),
    "divide": Operator(
        torch.div,
        lambda v, g: (g / v.arguments[1], -g * (v / v.arguments[1])),
        latex=r"\frac{{{0}}}{{{1}}}",
        unicode="{0:product} / {1:atom}",
        mathml="<mfrac><mrow>{0}</mrow><mrow>{1}</mrow></mfrac>",
        binding="product",
        counts_as="divisions",
    ),
    "negative": Operator(
        torch.neg,
        lambda v, g: (-g,),
        latex="-{0:product}",
        unicode="−{0:product}",
        mathml="<mo>−</mo>{0:product}",
        binding="sum",
    ),
    "sigmoid": Operator(
        torch.sigmoid, lambda v, g: (g * (1 - v) * v,), **_function("sigmoid", r"\sigma", "σ"), counts_as="sigmoid"
    ),
    "tanh": Operator(torch.tanh, lambda v, g: (g * (1 - v * v),), **_function("tanh", r"\tanh"), counts_as="tanh"),
    "exp": Operator(torch.exp, lambda v, g: (g * v,), **_function("exp", r"\exp"), counts_as="exp"),
    "log": Operator(torch.log, lambda v, g: (g / v.arguments[0],), **_function("log", r"\log"), counts_as="log"),
    "sqrt": Operator(
        torch.sqrt,
        lambda v, g: (g / (2 * v),),
        latex=r"\sqrt{{{0}}}",
        unicode="√({0})",
        mathml="<msqrt>{0}</msqrt>",
        counts_as="sqrt",
    ),
    "absolute": Operator(
        torch.abs,
        lambda v, g: (g * sign(v.arguments[0]),),
        latex=r"\left|{0}\right|",
        unicode="|{0}|",
        mathml="<mo>|</mo>{0}<mo>|</mo>",
        counts_as="comparisons",
    ),
    "sign": Operator(torch.sign, _none(1), **_function("sign")),
    "relu": Operator(
        torch.relu,
        # NaN passes the gradient on, as in torch; it is what is neither below, at nor above zero.
        lambda v, g: (where(equal(v, 0.0), 0.0, g),),
        **_function("relu"),
        counts_as="comparisons",
    ),
    "log_sigmoid": Operator(
        torch.nn.functional.logsigmoid,
        lambda v, g: (g * sigmoid(-v.arguments[0]),),
        **_function("log σ", r"\log\sigma", "log σ"),
        counts_as="log_sigmoid",
    ),
    "maximum": Operator(torch.maximum, _extremum_adjoint(less), **_function("max", r"\max"), counts_as="comparisons"),
    "minimum": Operator(
        torch.minimum,
        _extremum_adjoint(lambda a, b: less(b, a)),
        **_function("min", r"\min"),
        counts_as="comparisons",
    ),
    "mod": Operator(
        torch.remainder,
        _mod_adjoint,
        **_infix("mod", r"\bmod", "mod", "", left="product", right="atom"),
        counts_as="divisions",
    ),
    "floor_divide": Operator(
        lambda left, right: torch.div(left, right, rounding_mode="floor"),
        _none(2),
        latex=r"\left\lfloor\frac{{{0}}}{{{1}}}\right\rfloor",
        unicode="⌊{0:product} / {1:atom}⌋",
        mathml="<mo>⌊</mo><mfrac><mrow>{0}</mrow><mrow>{1}</mrow></mfrac><mo>⌋</mo>",
    ),
    "less": Operator(torch.lt, _none(2), **_infix("<", "<", "&lt;", "", "sum", "sum"), counts_as="comparisons"),
    "equal": Operator(torch.eq, _none(2), **_infix("=", "=", "=", "", "sum", "sum"), counts_as="comparisons"),
    "where": Operator(
        torch.where,
        lambda v, g: (None, where(v.arguments[0], g, 0.0), where(v.arguments[0], 0.0, g)),
        latex=r"\begin{{cases}}{1} & \text{{if }} {0}\\ {2} & \text{{otherwise}}\end{{cases}}",
        unicode="{1:sum} if {0} else {2}",
        mathml="<mrow>{1}<mtext>&#xa0;if&#xa0;</mtext>{0}<mtext>, otherwise&#xa0;</mtext>{2}</mrow>",
        binding="",
        counts_as="selections",
    ),
}


@dataclass(frozen=True)
class StructuralOperator:
    """An operator whose value needs axes or sizes, which ``interpret.py`` knows; the rest of its row."""

    adjoint: Adjoint
    counts_as: str = ""


STRUCTURAL: Mapping[str, StructuralOperator] = {
    "linear": StructuralOperator(_linear_adjoint),
    "linear_transposed": StructuralOperator(_transposed_adjoint),
    "outer": StructuralOperator(_outer_adjoint),
    "convolution": StructuralOperator(_linear_adjoint),
    "convolution_transposed": StructuralOperator(_transposed_adjoint),
    "correlation": StructuralOperator(_outer_adjoint),
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
