"""Whether a step computes what a reference computes, with which weights: two normal forms laid over one another.

The reference's matrices, biases and elementwise weights are what is looked for. Each may stand for any sum of the
cell's own (with a factor, or a number where it is a bias), or for nothing, which is zero. All else has to agree.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from cellwright.export.normal_form import Monomial, NormalForm, Polynomial

Combination: TypeAlias = Mapping[str, float]
"""A weight as a sum of a cell's weights with their factors; the name "" is the number 1."""


@dataclass(frozen=True)
class Found:
    """What has been found so far.

    Attributes:
        atoms: the cell's atom for each of the reference's that is a function.
        weights: the cell's weights for each of the reference's.
    """

    atoms: Mapping[int, int] = field(default_factory=dict)
    weights: Mapping[str, Combination] = field(default_factory=dict)


@dataclass(frozen=True)
class _Weighted:
    """A term of the reference with a weight in it: factor * weight * rest, or factor * weight(seen) * rest."""

    weight: str
    factor: float
    rest: Monomial
    seen: Monomial | None


class Match:
    """Lays the normal form of a cell over that of a reference.

    Args:
        names: the cell's name of each input and each output of the reference.
    """

    def __init__(self, reference: NormalForm, cell: NormalForm, names: Mapping[str, str]) -> None:
        self.reference, self.cell, self.names = reference, cell, names

    def weights(self) -> Mapping[str, Combination] | None:
        """The reference's weights as the cell has them (one that it lacks is left out); None if they differ."""
        pairs = [(form, self.cell.outputs[self.names[name]]) for name, form in self.reference.outputs.items()]
        found = next(self._all(pairs, Found()), None)
        return None if found is None else found.weights

    def _all(self, pairs: Sequence[tuple[Polynomial, Polynomial]], found: Found) -> Iterator[Found]:
        if not pairs:
            yield found
            return
        for more in self._sums(*pairs[0], found):
            yield from self._all(pairs[1:], more)

    def _sums(self, reference: Polynomial, cell: Polynomial, found: Found) -> Iterator[Found]:
        """Terms without weights have to be there; those with weights take what is left over."""
        weighted, plain = self._weighted(reference)
        if len(plain) > len(cell) or (not weighted and len(plain) != len(cell)):
            return
        for chosen in itertools.permutations(cell, len(plain)):
            if any(cell[term] != reference[own] for term, own in zip(chosen, plain, strict=True)):
                continue
            left = {term: factor for term, factor in cell.items() if term not in chosen}
            for more in self._products(tuple(zip(plain, chosen, strict=True)), found):
                yield from self._leftover(weighted, tuple(left.items()), {}, more)

    def _weighted(self, reference: Polynomial) -> tuple[list[_Weighted], list[Monomial]]:
        """The terms with a weight, but for those that are like another one (a second bias), and those without."""
        weighted: dict[tuple[Monomial, Monomial | None], _Weighted] = {}
        plain: list[Monomial] = []
        for monomial, factor in reference.items():
            split = next(_without_weight(self.reference, monomial), None)
            if split is None:
                plain.append(monomial)
            else:
                weight, seen, rest = split
                weighted.setdefault((rest, seen), _Weighted(weight, factor, rest, seen))
        return list(weighted.values()), plain

    def _leftover(
        self,
        weighted: Sequence[_Weighted],
        terms: Sequence[tuple[Monomial, float]],
        taken: Mapping[int, Combination],
        found: Found,
    ) -> Iterator[Found]:
        """Give each term of the cell to a weighted term of the reference."""
        if not terms:
            yield from _agreed(weighted, taken, found)
            return
        (monomial, factor), *others = terms
        splits = [*_without_weight(self.cell, monomial), ("", None, monomial)]
        for (place, own), (weight, seen, rest) in itertools.product(enumerate(weighted), splits):
            if (own.seen is None) != (seen is None):
                continue
            pairs = [(own.rest, rest)] if own.seen is None or seen is None else [(own.rest, rest), (own.seen, seen)]
            before = taken.get(place, {})
            after = {**before, weight: before.get(weight, 0.0) + factor / own.factor}
            for more in self._products(pairs, found):
                yield from self._leftover(weighted, others, {**taken, place: after}, more)

    def _products(self, pairs: Sequence[tuple[Monomial, Monomial]], found: Found) -> Iterator[Found]:
        if not pairs:
            yield found
            return
        (reference, cell), *others = pairs
        if len(reference) != len(cell):
            return
        for order in set(itertools.permutations(cell)):
            for more in self._factors(tuple(zip(reference, order, strict=True)), found):
                yield from self._products(others, more)

    def _factors(self, pairs: Sequence[tuple[int, int]], found: Found) -> Iterator[Found]:
        if not pairs:
            yield found
            return
        for more in self._atoms(*pairs[0], found):
            yield from self._factors(pairs[1:], more)

    def _atoms(self, reference: int, cell: int, found: Found) -> Iterator[Found]:
        if reference in found.atoms:
            if found.atoms[reference] == cell:
                yield found
            return
        own, other = self.reference.atoms[reference], self.cell.atoms[cell]
        if own.kind != other.kind or len(own.arguments) != len(other.arguments):
            return
        if own.kind in ("input", "output"):
            if self.names[own.name] == other.name:
                yield found
        elif own.name == other.name:
            pairs = [(dict(left), dict(right)) for left, right in zip(own.arguments, other.arguments, strict=True)]
            for more in self._all(pairs, found):
                yield replace(more, atoms={**more.atoms, reference: cell})


def _without_weight(form: NormalForm, monomial: Monomial) -> Iterator[tuple[str, Monomial | None, Monomial]]:
    """Take a weight out of a product: its name, what it is applied to if it is a matrix, and the rest."""
    for place, number in enumerate(monomial):
        atom, rest = form.atoms[number], (*monomial[:place], *monomial[place + 1 :])
        if atom.kind == "parameter":
            yield atom.name, None, rest
        elif atom.kind == "matrix":
            (((seen, _),),) = atom.arguments
            yield atom.name, seen, rest


def _agreed(weighted: Sequence[_Weighted], taken: Mapping[int, Combination], found: Found) -> Iterator[Found]:
    """Note the weights, if each is the same wherever the reference has it."""
    weights = dict(found.weights)
    for place, term in enumerate(weighted):
        combination = taken.get(place, {})
        if weights.setdefault(term.weight, combination) != combination:
            return
    yield replace(found, weights=weights)
