"""The multipliers that a design may be built with, by name: each is a file among the blocks that lists it."""

from __future__ import annotations

from functools import cache

import cellwright.circuit.blocks as blocks
from cellwright.cells.listing import listed
from cellwright.circuit.blocks.multiplier import Multiplier
from cellwright.errors import named

TRANSLINEAR = "translinear"
"""No multiplier: the current of a sigma pair is the tail of a tanh pair, and their product needs no other block."""


@cache
def catalogue() -> dict[str, Multiplier]:
    """Every multiplier by name."""
    return {name: entry for name, (_, entry) in listed(blocks.__name__, "MULTIPLIERS", ()).items()}


def find(multiplier: str | Multiplier) -> Multiplier | None:
    """A multiplier by its name, None for ``translinear``; an instance passes through.

    Raises:
        CellwrightError: no multiplier has that name.
    """
    if isinstance(multiplier, Multiplier):
        return multiplier
    return named("multiplier", multiplier, {TRANSLINEAR: None, **catalogue()})
