"""What a step computes, in a form in which equal formulas look equal: sums of products of what is no sum or product.

``f * c + i * g``, ``i * g + c * f`` and ``c - i * c + i * g`` with f = 1 - i each have one form, however they were
written. Products are multiplied out, matrices applied to each addend, numbers gathered. An output stands for itself
where the rest of the step reads it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import TypeAlias

from cellwright.program import Program, Value, linear_terms

Monomial: TypeAlias = tuple[int, ...]
"""A product: the numbers of its atoms, sorted, repeated where it is a power."""
Polynomial: TypeAlias = dict[Monomial, float]
"""A sum of products with their factors."""

_MOST_TERMS = 64
"""A longer sum is nothing that an operator computes."""


@dataclass(frozen=True)
class Atom:
    """What is neither sum nor product.

    Attributes:
        kind: ``input``, ``output``, ``parameter``, ``matrix`` (applied to ``arguments``), or an operator of programs.
        name: of an input, an output, a parameter, a matrix, or the axis of a reduction.
        arguments: polynomials as sorted items.
    """

    kind: str
    name: str = ""
    arguments: tuple[tuple[tuple[Monomial, float], ...], ...] = ()


class TooLargeError(Exception):
    """A sum has too many terms."""


class NormalForm:
    """The outputs of a program as polynomials of atoms.

    Args:
        program: a cell's step.
        complements: names of sigmoids that are written as 1 - sigmoid(-...), for gates that are used the other way
            round.

    Attributes:
        atoms: by number.
        outputs: polynomials by name.

    Raises:
        TooLargeError: a sum has too many terms.
    """

    def __init__(self, program: Program, complements: Collection[str] = ()) -> None:
        self.atoms: list[Atom] = []
        self.outputs: dict[str, Polynomial] = {}
        self._numbers: dict[Atom, int] = {}
        self._complements = complements
        output_names: dict[int, list[str]] = {}
        for name, value in program.outputs.items():
            output_names.setdefault(value.serial, []).append(name)
        forms: dict[int, Polynomial] = {}
        for value in program.values:
            forms[value.serial] = form = self._form(value, [forms[a.serial] for a in value.arguments])
            if names := output_names.get(value.serial):
                self.outputs |= dict.fromkeys(names, form)
                if value.operator != "input":
                    forms[value.serial] = self._atom(Atom("output", names[0]))

    def _atom(self, atom: Atom) -> Polynomial:
        if atom not in self._numbers:
            self._numbers[atom] = len(self.atoms)
            self.atoms.append(atom)
        return {(self._numbers[atom],): 1.0}

    def _form(self, value: Value, arguments: Sequence[Polynomial]) -> Polynomial:
        if value.operator in ("input", "parameter"):
            return self._atom(Atom(value.operator, value.name))
        if value.operator == "constant":
            return _scaled({(): 1.0}, value.attributes["value"])
        if value.operator == "linear":
            return self._linear(value, arguments)
        if value.operator in _SUMS_AND_PRODUCTS:
            return _SUMS_AND_PRODUCTS[value.operator](*arguments)
        if value.operator == "divide" and arguments[1].keys() == {()}:
            return _scaled(arguments[0], 1 / arguments[1][()])
        if value.operator == "sigmoid" and value.name in self._complements:
            return _difference({(): 1.0}, self._atom(Atom("sigmoid", "", (_items(_scaled(arguments[0], -1.0)),))))
        name = str(value.attributes.get("axis", ""))
        return self._atom(Atom(value.operator, name, tuple(_items(argument) for argument in arguments)))

    def _linear(self, value: Value, arguments: Sequence[Polynomial]) -> Polynomial:
        _, weights, biases = linear_terms(value)
        total: Polynomial = {}
        for weight, source in zip(weights, arguments, strict=False):
            for monomial, factor in source.items():
                applied = self._atom(Atom("matrix", weight.name, (((monomial, 1.0),),)))
                total = _sum(total, _scaled(applied, factor))
        for bias in biases:
            total = _sum(total, self._atom(Atom("parameter", bias.name)))
        return total


def _items(polynomial: Polynomial) -> tuple[tuple[Monomial, float], ...]:
    return tuple(sorted(polynomial.items()))


def _checked(polynomial: Polynomial) -> Polynomial:
    if len(polynomial) > _MOST_TERMS:
        raise TooLargeError
    return {monomial: factor for monomial, factor in polynomial.items() if factor}


def _sum(left: Polynomial, right: Polynomial) -> Polynomial:
    return _checked({monomial: left.get(monomial, 0.0) + right.get(monomial, 0.0) for monomial in {**left, **right}})


def _scaled(polynomial: Polynomial, factor: float) -> Polynomial:
    return _checked({monomial: factor * own for monomial, own in polynomial.items()})


def _difference(left: Polynomial, right: Polynomial) -> Polynomial:
    return _sum(left, _scaled(right, -1.0))


def _product(left: Polynomial, right: Polynomial) -> Polynomial:
    products = (
        {tuple(sorted(first + second)): factor * other}
        for first, factor in left.items()
        for second, other in right.items()
    )
    return reduce(_sum, products, {})


_SUMS_AND_PRODUCTS: Mapping[str, Callable[..., Polynomial]] = {
    "add": _sum,
    "subtract": _difference,
    "multiply": _product,
    "negative": lambda value: _scaled(value, -1.0),
}

ALGEBRA = frozenset((*_SUMS_AND_PRODUCTS, "divide"))
"""Operators that a form may do away with (a division, where it is by a number)."""
