"""What a step costs: weights, activations, products, additions, as polynomials in the axis sizes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import prod

from cellwright.program.operators import OPERATORS, STRUCTURAL
from cellwright.program.storage import size_of
from cellwright.program.values import Axes, Program, Value, linear_terms, named_axes, unprimed

SYMBOLS = {"unit": "M", "feature": "N", "projection": "P", "block": "B", "cell": "C", "predecessor": "K"}
"""The survey's letters for the axis sizes: M units, N inputs; B blocks of C cells as in the tutorial."""


@dataclass(frozen=True)
class Counts:
    """Tallies by kind. A tally maps axes to a number: {("unit",): 3} is 3M.

    Kinds: ``weights`` (entries of matrices), ``biases``, ``elementwise weights`` (peepholes, gains), ``products`` and
    ``additions`` between signals, ``addends`` (the terms of those additions), ``sigmoid``, ``tanh``, ...
    Products and additions *inside* a matrix product are its weights, one multiplication each.
    """

    tallies: Mapping[str, Counter[Axes]] = field(default_factory=dict)

    def at(self, sizes: Mapping[str, int]) -> dict[str, int]:
        """The numbers at given axis sizes."""
        return {
            kind: sum(number * prod(size_of(axes, sizes)) for axes, number in tally.items())
            for kind, tally in self.tallies.items()
        }

    def parameters(self, sizes: Mapping[str, int]) -> int:
        """All that is learnt: weights, biases and elementwise weights."""
        numbers = self.at(sizes)
        return sum(numbers.get(kind, 0) for kind in ("weights", "biases", "elementwise weights"))

    def __str__(self) -> str:
        return ", ".join(f"{_polynomial(tally)} {kind}" for kind, tally in self.tallies.items())


def counts(program: Program) -> Counts:
    """Count one step of a program (the tutorial's section 9.4; the survey's section 3.1.2)."""
    tallies: dict[str, Counter[Axes]] = {}

    def add(kind: str, axes: Axes, number: int = 1) -> None:
        tallies.setdefault(kind, Counter())[unprimed(named_axes(axes))] += number

    for value in program.parameters:
        add(_parameter_kind(value, program), value.axes)
    for value in program.values:
        row = OPERATORS.get(value.operator) or STRUCTURAL.get(value.operator)
        if row is None or not row.counts_as or _is_array_sum(value):
            continue
        axes = value.arguments[0].axes if value.operator in STRUCTURAL else value.axes
        add(row.counts_as, axes)
        if row.counts_as == "additions":
            add("addends", axes, len(value.arguments))
    return Counts(tallies)


def _parameter_kind(parameter: Value, program: Program) -> str:
    if parameter.attributes["columns"]:
        return "weights"
    biases = {b.serial for v in program.values if v.operator == "linear" for b in linear_terms(v)[2]}
    return "biases" if parameter.serial in biases else "elementwise weights"


def _is_array_sum(value: Value) -> bool:
    """W x + U h: a sum of linear values is part of the matrix product (currents add on the wire)."""
    return value.operator == "add" and all(a.operator == "linear" or _is_array_sum(a) for a in value.arguments)


def _polynomial(tally: Counter[Axes]) -> str:
    """{("unit", "unit"): 4, ("unit",): 3} as 4M² + 3M."""
    terms = []
    for axes, number in tally.items():
        letters = Counter(SYMBOLS.get(axis, axis) for axis in axes)
        powers = "".join(letter + ("" if power == 1 else "²³⁴"[power - 2]) for letter, power in letters.items())
        terms.append(f"{number if number != 1 or not powers else ''}{powers}")
    return " + ".join(terms)
