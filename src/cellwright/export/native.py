"""Which cells ONNX's own recurrent operators compute, and with which weights.

Which cells those are is no list: any cell whose step has the same normal form as a reference is one of its operator's
cells, and the weights are found on the way.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache

import torch

from cellwright.cells import Cell
from cellwright.cells.notation import UNIT
from cellwright.errors import CellwrightError
from cellwright.export.matching import Combination, Match
from cellwright.export.normal_form import ALGEBRA, NormalForm, TooLargeError
from cellwright.export.references import Reference, references
from cellwright.export.values import parts_of
from cellwright.program import evaluate, families
from cellwright.program.operators import OPERATORS

Tensor = torch.Tensor


@dataclass(frozen=True)
class Native:
    """An operator that computes a cell, and how its weights are made of the cell's."""

    reference: Reference
    weights: Mapping[str, Combination]

    @property
    def has_peepholes(self) -> bool:
        return any(self.weights.get(f"weight_peephole.{gate}") for gate in self.reference.peepholes)


@cache
def native(cell: Cell) -> Native | None:
    """The operator that computes a cell; None where there is none."""
    if [*cell.sequences.values()] != [("feature",)] or any(axes != UNIT for axes in cell.state_axes().values()):
        return None
    try:
        form = NormalForm(cell.program())
    except TooLargeError:
        return None
    found = next(_matches(cell, form), None)
    if found is not None:
        _check(found, cell)
    return found


@cache
def _functions(cell: Cell) -> tuple[int, frozenset[str]]:
    """What tells most cells apart at once: how many states there are, and which functions are applied."""
    operators = {value.operator for value in cell.program().values if value.operator in OPERATORS}
    return len(cell.state_axes()), frozenset(operators - ALGEBRA)


def _matches(cell: Cell, form: NormalForm) -> Iterator[Native]:
    """With as few gates as possible the other way round."""
    own = _functions(cell)
    possible = [each for each in references() if _functions(each.cell) == own]
    for count in range(1 + max((len(reference.sigmoids) for reference in possible), default=0)):
        for reference in possible:
            names = dict(zip(("x", *reference.cell.states), (*cell.sequences, *cell.state_axes()), strict=True))
            for turned in itertools.combinations(reference.sigmoids, count):
                weights = Match(_reference_form(reference.cell, turned), form, names).weights()
                if weights is not None:
                    yield Native(reference, weights)


@cache
def _reference_form(cell: Cell, turned: tuple[str, ...]) -> NormalForm:
    return NormalForm(cell.program(), turned)


def reference_weights(
    found: Native, cell: Cell, stored: Mapping[str, Tensor], sizes: Mapping[str, int]
) -> dict[str, Tensor]:
    """The reference's parameters by family, from the cell's own.

    Args:
        stored: the cell's parameters by family.
        sizes: of the axes, those of both.
    """
    parts = parts_of(cell, stored, sizes)
    result: dict[str, Tensor] = {}
    like = next(iter(stored.values()))
    for family in families(found.reference.cell.program(), sizes).values():
        total = like.new_zeros(family.shape)
        for name, view in family.views(total).items():
            for source, factor in found.weights.get(name, {}).items():
                view += factor * (parts[source] if source else torch.ones_like(view))
        result[family.name] = total
    return result


def _check(found: Native, cell: Cell) -> None:
    """Compute both with made-up numbers: a guard against a wrong match, which would be a wrong file."""
    sizes = {"feature": 3, "unit": 2}
    generator = torch.Generator().manual_seed(0)

    def drawn(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator, dtype=torch.float64)

    stored = {family.name: drawn(*family.shape) for family in families(cell.program(), sizes).values()}
    values = [drawn(5, 3), *(drawn(5, 2) for _ in cell.state_axes())]
    own = evaluate(cell.program(), dict(zip((*cell.sequences, *cell.state_axes()), values, strict=True)), stored, sizes)
    reference, weights = found.reference.cell, reference_weights(found, cell, stored, sizes)
    other = evaluate(reference.program(), dict(zip(("x", *reference.states), values, strict=True)), weights, sizes)
    for (name, left), right in zip(own.items(), other.values(), strict=True):
        if not torch.allclose(left, right, rtol=1e-9, atol=1e-9):
            raise CellwrightError(
                f"{cell} was taken for ONNX's {found.reference.operator}, but computes another {name}: please report it"
            )
