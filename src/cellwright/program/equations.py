"""A program as equations on paper: Unicode for terminals, LaTeX for papers, MathML for pages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from html import escape

from cellwright.program.operators import ATOM, OPERATORS, PRODUCT, SUM
from cellwright.program.passes import merge_sums
from cellwright.program.values import Program, Value, linear_terms


@dataclass(frozen=True)
class Equation:
    """One line: the same equation in three notations."""

    name: str
    unicode: str
    latex: str
    mathml: str


def equations(program: Program) -> tuple[Equation, ...]:
    """One equation for each named value, in the order in which the step computes them.

    What the author left unnamed is written out where it is used. Sums of matrix products are written as one,
    W x + U h + b, as a crossbar computes them.
    """
    program = merge_sums(program)
    named = {value.serial: name for name, value in program.named.items()}
    lines = []
    for value in program.values:
        if value.serial not in named or value.operator == "input":
            continue
        name = named[value.serial]
        sides = [
            (notation.symbol(name, "t"), _expression(value, notation, {k: n for k, n in named.items() if k != value.serial}))
            for notation in (UNICODE, LATEX, MATHML)
        ]
        unicode, latex, mathml = sides
        lines.append(
            Equation(
                name,
                " = ".join(unicode),
                " = ".join(latex),
                f'<math xmlns="http://www.w3.org/1998/Math/MathML" display="block"><mrow>{mathml[0]}<mo>=</mo>{mathml[1]}'
                "</mrow></math>",
            )
        )
    return tuple(lines)


@dataclass(frozen=True)
class Notation:
    """How one of the three languages writes symbols, brackets and functions."""

    field: str
    symbol: Callable[[str, str], str]
    """From a name and a time step (``t``, ``t-1`` or nothing) to a symbol."""
    weight: Callable[[str, str], str]
    """From a parameter's letter and its subscript to a symbol."""
    number: Callable[[float], str]
    bracket: str
    apply: str
    """A matrix applied to a vector."""
    reduce: Mapping[str, str]
    """Sum, mean and maximum over an axis."""


_GREEK = ("alpha", "beta", "gamma", "delta", "theta", "lambda", "mu", "rho", "sigma", "tau", "phi", "psi", "omega")
_LETTERS = dict(zip(_GREEK, "αβγδθλμρστφψω", strict=True))


def _plain_number(value: float) -> str:
    return f"{value:g}"


def _unicode_symbol(name: str, time: str) -> str:
    subscript = {"t": "ₜ", "t-1": "ₜ₋₁", "": ""}[time]
    return _LETTERS.get(name, name) + subscript


def _latex_symbol(name: str, time: str) -> str:
    letters = name.replace("_", r"\_")
    base = f"\\{name}" if name in _GREEK else name if len(name) == 1 else rf"\mathrm{{{letters}}}"
    return f"{base}_{{{time}}}" if time else base


def _mathml_symbol(name: str, time: str) -> str:
    base = f"<mi>{escape(_LETTERS.get(name, name))}</mi>"
    steps = {"t": "<mi>t</mi>", "t-1": "<mrow><mi>t</mi><mo>−</mo><mn>1</mn></mrow>", "": ""}[time]
    return f"<msub>{base}{steps}</msub>" if steps else base


UNICODE = Notation(
    field="unicode",
    symbol=_unicode_symbol,
    weight=lambda letter, part: f"{_unicode_symbol(letter, '')}_{part}" if part else _unicode_symbol(letter, ""),
    number=_plain_number,
    bracket="({0})",
    apply="{0} {1}",
    reduce={"sum": "Σ_{axis}({0})", "mean": "mean_{axis}({0})", "maximum_over": "max_{axis}({0})"},
)
LATEX = Notation(
    field="latex",
    symbol=_latex_symbol,
    weight=lambda letter, part: f"{_latex_symbol(letter, '')}_{{{part}}}" if part else _latex_symbol(letter, ""),
    number=_plain_number,
    bracket=r"\left({0}\right)",
    apply="{0} {1}",
    reduce={
        "sum": r"\sum_{{\mathrm{{{axis}}}}} {0}",
        "mean": r"\operatorname{{mean}}_{{\mathrm{{{axis}}}}}\left({0}\right)",
        "maximum_over": r"\max_{{\mathrm{{{axis}}}}} {0}",
    },
)
MATHML = Notation(
    field="mathml",
    symbol=_mathml_symbol,
    weight=lambda letter, part: (
        f"<msub>{_mathml_symbol(letter, '')}<mi>{escape(part)}</mi></msub>" if part else _mathml_symbol(letter, "")
    ),
    number=lambda value: f"<mn>{value:g}</mn>",
    bracket="<mo>(</mo>{0}<mo>)</mo>",
    apply="{0}<mo>&#x2062;</mo>{1}",
    reduce={
        "sum": "<munder><mo>∑</mo><mtext>{axis}</mtext></munder>{0}",
        "mean": "<msub><mi>mean</mi><mtext>{axis}</mtext></msub><mo>(</mo>{0}<mo>)</mo>",
        "maximum_over": "<msub><mi>max</mi><mtext>{axis}</mtext></msub><mo>(</mo>{0}<mo>)</mo>",
    },
)


def _expression(value: Value, notation: Notation, named: Mapping[int, str], loosest: int = SUM) -> str:
    """Write a value; brackets where it binds less tightly than ``loosest``."""
    if value.serial in named and value.operator != "parameter":
        return notation.symbol(named[value.serial], "t")
    text, binding = _written(value, notation, named)
    return text if binding >= loosest else notation.bracket.format(text)


def _written(value: Value, notation: Notation, named: Mapping[int, str]) -> tuple[str, int]:
    attributes = value.attributes
    if value.operator == "input":
        return notation.symbol(value.name, "t-1" if attributes["role"] == "state" else "t"), ATOM
    if value.operator == "constant":
        return notation.number(attributes["value"]), ATOM if attributes["value"] >= 0 else SUM
    if value.operator == "parameter":
        return notation.weight(attributes["symbol"], attributes["subscript"]), ATOM
    if value.operator == "linear":
        return _affine(value, notation, named)
    if value.operator in notation.reduce:
        inner = _expression(value.arguments[0], notation, named)
        return notation.reduce[value.operator].format(inner, axis=attributes["axis"]), ATOM
    if value.operator == "multiply" and any(a.operator == "constant" for a in value.arguments):
        factors = sorted(value.arguments, key=lambda a: a.operator != "constant")
        return notation.apply.format(*(_expression(a, notation, named, PRODUCT) for a in factors)), PRODUCT
    row = OPERATORS[value.operator]
    template = getattr(row, notation.field)
    if "{arguments}" in template:
        separator = "<mo>,</mo>" if notation is MATHML else ", "
        inner = separator.join(_expression(argument, notation, named) for argument in value.arguments)
        return template.format(arguments=inner), ATOM
    bracketed_by_notation = value.operator in ("where", "sqrt", "floor", "absolute") or (
        value.operator == "divide" and notation is not UNICODE
    )
    binding = row.binding
    # The right side of a difference or quotient needs brackets at equal binding: a - (b - c).
    bindings = [binding, binding + (value.operator in ("subtract", "divide", "mod"))]
    written = [
        _expression(argument, notation, named, SUM if bracketed_by_notation else bindings[min(index, 1)])
        for index, argument in enumerate(value.arguments)
    ]
    return template.format(*written), binding


def _affine(value: Value, notation: Notation, named: Mapping[int, str]) -> tuple[str, int]:
    inputs, weights, biases = linear_terms(value)
    products = [
        notation.apply.format(
            _expression(weight, notation, named), _expression(source, notation, named, loosest=ATOM)
        )
        for source, weight in zip(inputs, weights, strict=True)
    ]
    terms = products + [_expression(bias, notation, named) for bias in biases]
    plus = "<mo>+</mo>" if notation is MATHML else " + "
    return plus.join(terms), SUM if len(terms) > 1 else PRODUCT
