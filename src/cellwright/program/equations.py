"""A program as equations on paper: Unicode for terminals, LaTeX for papers, MathML for pages."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from html import escape
from typing import Literal, TypeAlias

from cellwright.program.operators import BINDINGS, OPERATORS
from cellwright.program.passes import merge_sums
from cellwright.program.values import MULTIPLYING, PREDECESSOR, Program, Value, kernel_of, linear_terms

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
    W x + U h + b, as a crossbar computes them. What there is of each of several predecessors has the index k.
    """
    program = merge_sums(program)
    names = {value.serial: name for name, value in program.named.items() if value.operator != "input"}
    subscripts = _subscripts(program.parameters)
    lines = [(names[value.serial], value) for value in program.values if value.serial in names]
    # States that are passed on as they are, or that equal another.
    lines += [(name, value) for name, value in program.outputs.items() if names.get(value.serial) != name]
    return tuple(_equation(name, value, names, subscripts) for name, value in lines)


def _subscripts(parameters: Sequence[Value]) -> dict[int, str]:
    """The gate or signal that a parameter is for, and what else is needed to tell it from others of its symbol."""
    alike = Counter((p.attributes["symbol"], p.attributes["part"]) for p in parameters)
    return {
        p.serial: p.attributes["subscript"] and p.attributes["part" if alike[key] == 1 else "subscript"]
        for p in parameters
        for key in [(p.attributes["symbol"], p.attributes["part"])]
    }


def _equation(name: str, value: Value, names: Mapping[int, str], subscripts: Mapping[int, str]) -> Equation:
    others = {serial: other for serial, other in names.items() if other != name}
    unicode, latex, mathml = (
        (writer.named(name, value, writer.notation.now), str(writer.written(value)))
        for writer in (_Writer(notation, others, subscripts) for notation in _NOTATIONS)
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
    split: Callable[[str], list[str]]
    """A name as the word and its indices: h1 is h with the index 1."""
    indexed: str
    """A word and its indices, of which the time step, one of ``now`` and ``before``, is the last."""
    indices: Callable[[Sequence[str]], str]
    """Several indices as one."""
    listed: Callable[[Sequence[str]], str]
    """The parts of a subscript as one."""
    predecessor: str
    """The index of a predecessor."""
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

    def at(self, name: str, *indices: str) -> str:
        """The value of that name, with the indices that it has beside those of its name; empty ones are left out."""
        letter, *own = self.split(name)
        every = [*own, *(index for index in indices if index)]
        return self.indexed.format(self.word(letter), self.indices(every)) if every else self.word(letter)


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
    """Writes values in one notation.

    Attributes:
        names: those that have an equation of their own.
        subscripts: of parameters.
        of_all: what is written is of all predecessors at once, as where one matrix reads them side by side.
    """

    notation: _Notation
    names: Mapping[int, str]
    subscripts: Mapping[int, str]
    of_all: bool = False

    def named(self, name: str, value: Value, time: str) -> str:
        """A value by its name, with its indices."""
        is_of_one = PREDECESSOR in value.axes and not self.of_all
        return self.notation.at(name, self.notation.predecessor if is_of_one else "", time)

    def written(self, value: Value) -> _Written:
        if value.serial in self.names:
            return self._as(self.named(self.names[value.serial], value, self.notation.now))
        if value.operator in ("input", "constant", "parameter"):
            return self._leaf(value)
        if value.operator in MULTIPLYING:
            return self._affine(value)
        arguments = [self.written(argument) for argument in value.arguments]
        if value.operator in self.notation.reduce:
            template = self.notation.reduce[value.operator]
            axis = value.attributes["axis"]
            return self._as(template.format(*arguments, axis=self.notation.word("k" if axis == PREDECESSOR else axis)))
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
            return self._as(self.named(value.name, value, "" if PREDECESSOR in value.axes else time))
        if value.operator == "parameter":
            return self._as(self._parameter(value))
        return self._number(attributes["value"])

    def _parameter(self, value: Value) -> str:
        symbol, subscript = self.notation.word(value.attributes["symbol"]), self.subscripts[value.serial]
        parts = [self.notation.at(part) for part in subscript.split(",") if part]
        if PREDECESSOR in value.attributes["out"]:
            parts.append(self.notation.predecessor)
        return self.notation.subscript.format(symbol, self.notation.listed(parts)) if parts else symbol

    def _number(self, number: float) -> _Written:
        """A constant to six digits."""
        mantissa, _, exponent = f"{number:g}".partition("e")
        negative = "sum" if mantissa.startswith("-") else ""
        if exponent:
            return self._as(self.notation.power_of_ten.format(mantissa, int(exponent)), negative or "product")
        return self._as(self.notation.number.format(mantissa), negative or "atom")

    def _applied(self, left: Value, right: Value, needed: str = "atom") -> _Written:
        reads_all = left.operator == "parameter" and PREDECESSOR in (left.attributes["columns"] or ())
        sides = format(self.written(left), needed), format(replace(self, of_all=reads_all).written(right), needed)
        template = self.notation.convolve if kernel_of(left) else self.notation.apply
        return self._as(template.format(*sides), "product")

    def _affine(self, value: Value) -> _Written:
        inputs, weights, biases = linear_terms(value)
        terms = [self._applied(weight, source) for source, weight in zip(inputs, weights, strict=True)]
        terms += [self.written(bias) for bias in biases]
        return self._as(self.notation.plus.join(str(t) for t in terms), "sum" if len(terms) > 1 else "product")


_GREEK = ("alpha", "beta", "gamma", "delta", "theta", "lambda", "mu", "rho", "sigma", "tau", "phi", "psi", "omega")
_LETTERS = dict(zip(_GREEK, "αβγδθλμρστφψω", strict=True))
_LOW = str.maketrans("0123456789k", "₀₁₂₃₄₅₆₇₈₉ₖ")


def _numbered(name: str) -> list[str]:
    """A name and the number at its end."""
    match = re.fullmatch(r"(\D*[^\d_])(\d+)", name)
    return list(match.groups()) if match else [name]


def _unicode_split(name: str) -> list[str]:
    letter, *number = _numbered(name)
    return [letter, *(digits.translate(_LOW) for digits in number)]


def _unicode_list(parts: Sequence[str]) -> str:
    return ",".join(parts).replace(",ₖ", "ₖ")


def _split(name: str, word: Callable[[str], str], digits: str = "{0}") -> list[str]:
    """The letter, then what an underscore parts from it and the number at the end."""
    letter, *number = _numbered(name)
    first, _, rest = letter.partition("_")
    indices = [digits.format(each) for each in number]
    return [first, word(rest), *indices] if first and rest else [letter, *indices]


def _mathml_list(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"<mrow>{'<mo>,</mo>'.join(parts)}</mrow>"


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
        split=_unicode_split,
        indexed="{0}{1}",
        indices="".join,
        listed=_unicode_list,
        predecessor="ₖ",
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
        split=partial(_split, word=_latex_word),
        indexed="{0}_{{{1}}}",
        indices=",".join,
        listed=",".join,
        predecessor="k",
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
        split=partial(_split, word=_mathml_word, digits="<mn>{0}</mn>"),
        indexed="<msub>{0}{1}</msub>",
        indices=_mathml_list,
        listed=_mathml_list,
        predecessor="<mi>k</mi>",
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
