"""A program as equations on paper: Unicode for terminals, LaTeX for papers, MathML for pages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from html import escape
from typing import Literal, TypeAlias

from cellwright.program.operators import BINDINGS, OPERATORS
from cellwright.program.passes import merge_sums
from cellwright.program.values import Program, Value, kernel_of, linear_terms

Language: TypeAlias = Literal["unicode", "latex", "mathml"]


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
    names = {value.serial: name for name, value in program.named.items() if value.operator != "input"}
    lines = [_equation(names[value.serial], value, names) for value in program.values if value.serial in names]
    # States that are passed on as they are, or that equal another.
    return (
        *lines,
        *(_equation(name, value, names) for name, value in program.outputs.items() if names.get(value.serial) != name),
    )


def _equation(name: str, value: Value, names: Mapping[int, str]) -> Equation:
    others = {serial: other for serial, other in names.items() if other != name}
    unicode, latex, mathml = (
        (notation.at(name, notation.now), str(_Writer(notation, others).written(value))) for notation in _NOTATIONS
    )
    return Equation(
        name,
        " = ".join(unicode),
        " = ".join(latex),
        '<math xmlns="http://www.w3.org/1998/Math/MathML" display="block">'
        f"<mrow>{mathml[0]}<mo>=</mo>{mathml[1]}</mrow></math>",
    )


@dataclass(frozen=True)
class _Notation:
    """How one of the three languages writes symbols, brackets and functions."""

    language: Language
    word: Callable[[str], str]
    """From a name to its letter or word."""
    subscript: str
    """A word and its subscript, which is a word."""
    timed: str
    """A word and its time step, one of ``now`` and ``before``."""
    now: str
    before: str
    number: str
    power_of_ten: str
    """A number with an exponent, for very large and very small ones."""
    bracket: str
    apply: str
    """A matrix applied to a vector, or a number to a value; a template as in ``operators.py``."""
    convolve: str
    """A kernel and the map that it is convolved with."""
    plus: str
    comma: str
    reduce: Mapping[str, str]
    """Sum, mean and maximum over an axis."""

    def at(self, name: str, time: str) -> str:
        """The value of that name at a time step."""
        return self.timed.format(self.word(name), time)


@dataclass(frozen=True)
class _Written:
    """A written value; as ``{0:product}`` in a template it takes brackets where it binds less tightly than that."""

    text: str
    binding: str
    bracket: str

    def __format__(self, needed: str) -> str:
        loose = BINDINGS[self.binding] < BINDINGS[needed]
        return self.bracket.format(self.text) if loose else self.text

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class _Writer:
    """Writes values in one notation; ``names`` are those that have an equation of their own."""

    notation: _Notation
    names: Mapping[int, str]

    def written(self, value: Value) -> _Written:
        if value.serial in self.names:
            return self._as(self.notation.at(self.names[value.serial], self.notation.now))
        if value.operator in ("input", "constant", "parameter"):
            return self._leaf(value)
        if value.operator in ("linear", "convolution"):
            return self._affine(value)
        arguments = [self.written(argument) for argument in value.arguments]
        if value.operator in self.notation.reduce:
            template = self.notation.reduce[value.operator]
            return self._as(template.format(*arguments, axis=self.notation.word(value.attributes["axis"])))
        if value.operator == "multiply" and any(a.operator == "constant" for a in value.arguments):
            number, other = sorted(value.arguments, key=lambda argument: argument.operator != "constant")
            return self._applied(number, other, needed="product")
        row = OPERATORS[value.operator]
        template = getattr(row, self.notation.language)
        joined = self.notation.comma.join(str(argument) for argument in arguments)
        return self._as(template.format(*arguments, arguments=joined), row.binding)

    def _as(self, text: str, binding: str = "atom") -> _Written:
        return _Written(text, binding, self.notation.bracket)

    def _leaf(self, value: Value) -> _Written:
        attributes = value.attributes
        if value.operator == "input":
            time = self.notation.before if attributes["role"] == "state" else self.notation.now
            return self._as(self.notation.at(value.name, time))
        if value.operator == "parameter":
            words = [self.notation.word(attributes[key]) for key in ("symbol", "subscript") if attributes[key]]
            return self._as(self.notation.subscript.format(*words) if len(words) == 2 else words[0])
        return self._number(attributes["value"])

    def _number(self, number: float) -> _Written:
        """A constant to six digits."""
        mantissa, _, exponent = f"{number:g}".partition("e")
        negative = "sum" if mantissa.startswith("-") else ""
        if exponent:
            return self._as(self.notation.power_of_ten.format(mantissa, int(exponent)), negative or "product")
        return self._as(self.notation.number.format(mantissa), negative or "atom")

    def _applied(self, left: Value, right: Value, needed: str = "atom") -> _Written:
        sides = (format(self.written(side), needed) for side in (left, right))
        template = self.notation.convolve if kernel_of(left) else self.notation.apply
        return self._as(template.format(*sides), "product")

    def _affine(self, value: Value) -> _Written:
        inputs, weights, biases = linear_terms(value)
        terms = [self._applied(weight, source) for source, weight in zip(inputs, weights, strict=True)]
        terms += [self.written(bias) for bias in biases]
        return self._as(self.notation.plus.join(str(t) for t in terms), "sum" if len(terms) > 1 else "product")


_GREEK = ("alpha", "beta", "gamma", "delta", "theta", "lambda", "mu", "rho", "sigma", "tau", "phi", "psi", "omega")
_LETTERS = dict(zip(_GREEK, "αβγδθλμρστφψω", strict=True))


def _unicode_word(name: str) -> str:
    return _LETTERS.get(name, name)


def _latex_word(name: str) -> str:
    if name in _GREEK:
        return f"\\{name}"
    escaped = name.replace("_", r"\_")
    return name if len(name.rstrip("'")) == 1 else rf"\mathrm{{{escaped}}}"


def _mathml_word(name: str) -> str:
    return f"<mi>{escape(_unicode_word(name))}</mi>"


_NOTATIONS = (
    _Notation(
        language="unicode",
        word=_unicode_word,
        subscript="{0}_{1}",
        timed="{0}{1}",
        now="ₜ",
        before="ₜ₋₁",
        number="{0}",
        power_of_ten="{0}·10^{1}",
        bracket="({0})",
        apply="{0} {1}",
        convolve="{0} ∗ {1}",
        plus=" + ",
        comma=", ",
        reduce={"sum": "Σ_{axis}({0})", "mean": "mean_{axis}({0})", "maximum_over": "max_{axis}({0})"},
    ),
    _Notation(
        language="latex",
        word=_latex_word,
        subscript="{0}_{{{1}}}",
        timed="{0}_{{{1}}}",
        now="t",
        before="t-1",
        number="{0}",
        power_of_ten=r"{0} \cdot 10^{{{1}}}",
        bracket=r"\left({0}\right)",
        apply="{0} {1}",
        convolve="{0} * {1}",
        plus=" + ",
        comma=", ",
        reduce={
            "sum": r"\sum_{{{axis}}}\left({0}\right)",
            "mean": r"\operatorname{{mean}}_{{{axis}}}\left({0}\right)",
            "maximum_over": r"\max_{{{axis}}}\left({0}\right)",
        },
    ),
    _Notation(
        language="mathml",
        word=_mathml_word,
        subscript="<msub>{0}{1}</msub>",
        timed="<msub>{0}{1}</msub>",
        now="<mi>t</mi>",
        before="<mrow><mi>t</mi><mo>−</mo><mn>1</mn></mrow>",
        number="<mn>{0}</mn>",
        power_of_ten="<mn>{0}</mn><mo>·</mo><msup><mn>10</mn><mn>{1}</mn></msup>",
        bracket="<mo>(</mo>{0}<mo>)</mo>",
        apply="{0}<mo>&#x2062;</mo>{1}",
        convolve="{0}<mo>∗</mo>{1}",
        plus="<mo>+</mo>",
        comma="<mo>,</mo>",
        reduce={
            "sum": "<munder><mo>∑</mo>{axis}</munder><mo>(</mo>{0}<mo>)</mo>",
            "mean": "<msub><mi>mean</mi>{axis}</msub><mo>(</mo>{0}<mo>)</mo>",
            "maximum_over": "<msub><mi>max</mi>{axis}</msub><mo>(</mo>{0}<mo>)</mo>",
        },
    ),
)
