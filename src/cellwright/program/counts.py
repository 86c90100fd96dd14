"""What a step costs: weights, activations, products, additions, as polynomials in the axis sizes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import prod

from cellwright.program.operators import OPERATORS, STRUCTURAL
from cellwright.program.storage import size_of
from cellwright.program.values import (
    MULTIPLYING,
    OFFSETS,
    SPATIAL,
    Axes,
    Program,
    Value,
    linear_terms,
    named_axes,
    unprimed,
)

SYMBOLS = {"unit": "M", "feature": "N", "projection": "P", "block": "B", "cell": "C", "predecessor": "K"}
SYMBOLS |= dict(zip((*SPATIAL, *OFFSETS), ("D", "H", "W", "kD", "kH", "kW", "kD'", "kH'", "kW'"), strict=True))
"""The survey's letters for the axis sizes: M units, N inputs; B blocks of C cells as in the tutorial.

Maps have D × H × W places, a kernel kD × kH × kW weights a pair of channels, that of the input kD' × kH' × kW'.
"""


@dataclass(frozen=True)
class Counts:
    """Tallies by kind. A tally maps axes to a number: {("unit",): 3} is 3M.

    Kinds: ``weights`` (entries of matrices), ``biases``, ``elementwise weights`` (peepholes, gains), ``products`` and
    ``additions`` between signals, ``addends`` (the terms of those additions), ``scalings`` and ``offsets`` (products
    and additions with a fixed number), ``sigmoid``, ``tanh``, ``comparisons``, ...
    Products and additions *inside* a matrix product are its weights, one multiplication each; times the sizes of the
    axes along which a matrix is applied, such as the children of a node. Those inside a convolution are
    ``kernel products``: its weights at every place of the map, zeros beyond the border included.
    """

    tallies: Mapping[str, Counter[Axes]] = field(default_factory=dict)

    def at(self, sizes: Mapping[str, int]) -> dict[str, int]:
        """The numbers at given axis sizes.

        Raises:
            CellwrightError: the size of an axis is missing.
        """
        return {
            kind: sum(number * prod(size_of(axes, sizes)) for axes, number in tally.items())
            for kind, tally in self.tallies.items()
        }

    def parameters(self, sizes: Mapping[str, int]) -> int:
        """All that is learnt: weights, biases and elementwise weights."""
        numbers = self.at(sizes)
        return sum(numbers.get(kind, 0) for kind in ("weights", "biases", "elementwise weights"))

    def polynomial(self, kind: str) -> str:
        """One tally in the letters of ``SYMBOLS``: ``4MN + 4M²``."""
        return _polynomial(self.tallies.get(kind, Counter())) or "0"

    def __str__(self) -> str:
        return ", ".join(f"{self.polynomial(kind)} {kind}" for kind in self.tallies)


def counts(program: Program) -> Counts:
    """Count one step of a traced or merged program.

    For an LSTM this is the survey's list of what runs beside the crossbar (section on the system of Li et al. 2019):
    3M sigmoid, 2M tanh, 3M products. Its "2M additions" are the 2M addends of c = f * c + i * g, that is, M additions
    of two terms; the sums inside W x + U h + b happen on the bit lines.
    """
    tallies: dict[str, Counter[Axes]] = {}

    def add(kind: str, axes: Axes, number: int = 1) -> None:
        tallies.setdefault(kind, Counter())[unprimed(named_axes(axes))] += number

    biases = {b.serial for v in program.values if v.operator in MULTIPLYING for b in linear_terms(v)[2]}
    for value in program.parameters:
        matrix = value.attributes["columns"] is not None
        add("weights" if matrix else "biases" if value.serial in biases else "elementwise weights", value.axes)
    lines: dict[int, tuple[Axes, Axes]] = {}
    for value in program.values:
        if value.operator == "convolution":
            for kernel in linear_terms(value)[1]:
                add("kernel products", (*kernel.axes, *(axis for axis in value.axes if axis in SPATIAL)))
        if (own := _bit_lines(value, lines)) is not None:
            lines[value.serial] = own
        elif kind := _kind(value):
            terms = value.arguments[0].axes if value.operator in STRUCTURAL else value.axes
            add(kind, terms)
            if kind == "additions":
                add("addends", terms, len(value.arguments))
            if value.operator in STRUCTURAL:  # n terms, n - 1 additions
                add(kind, value.axes, -1)
            if value.operator == "mean":
                add("scalings", value.axes)
    return Counts(tallies)


def _bit_lines(value: Value, lines: Mapping[int, tuple[Axes, Axes]]) -> tuple[Axes, Axes] | None:
    """On which columns, and along which axes, a value is a sum of products where these are computed, if it is one.

    What is seen of x once for all children is added to what is seen of each of them elsewhere.
    """
    if value.operator in MULTIPLYING:
        return value.attributes["out"], value.axes
    added = {lines.get(argument.serial) for argument in value.arguments}
    return added.pop() if value.operator == "add" and len(added) == 1 else None


def _kind(value: Value) -> str:
    """What a value is tallied as; empty for what costs nothing."""
    row = OPERATORS.get(value.operator) or STRUCTURAL.get(value.operator)
    kind = row.counts_as if row else ""
    numbers = [argument.operator == "constant" for argument in value.arguments]
    if value.operator == "divide":
        return "scalings" if numbers[1] else kind
    return {"products": "scalings", "additions": "offsets"}.get(kind, kind) if any(numbers) else kind


def _polynomial(tally: Counter[Axes]) -> str:
    """{("unit", "unit"): 4, ("unit",): -3} as 4M² − 3M."""
    same_powers: dict[frozenset[tuple[str, int]], Axes] = {}
    terms: Counter[Axes] = Counter()
    for axes, number in tally.items():
        terms[same_powers.setdefault(frozenset(Counter(axes).items()), axes)] += number
    text = ""
    for axes, number in terms.items():
        sign = " − " if number < 0 else " + "
        text += (sign if text else sign.strip(" +")) + _monomial(axes, abs(number)) if number else ""
    return text


def _monomial(axes: Axes, number: int) -> str:
    powers = Counter(SYMBOLS.get(axis, axis) for axis in axes)
    factors = [letter if power == 1 else letter + _raised(power) for letter, power in powers.items()]
    if number != 1 or not factors:
        factors.insert(0, str(number))
    return ("·" if any(len(letter) > 1 for letter in powers) else "").join(factors)


def _raised(power: int) -> str:
    return str(power).translate(str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹"))
