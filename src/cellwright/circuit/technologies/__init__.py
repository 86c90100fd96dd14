"""Processes of integrated circuits: one file each, found by name. A file lists its technologies in ``CATALOGUE``."""

from __future__ import annotations

from functools import cache

from cellwright.cells.listing import listed
from cellwright.circuit.technologies.technology import CORNERS, ROOM_TEMPERATURE, Corner, Technology
from cellwright.errors import CellwrightError, named

__all__ = ["CORNERS", "ROOM_TEMPERATURE", "Corner", "Technology", "catalogue", "find"]


@cache
def _entries() -> dict[str, Technology]:
    return {
        name: technology
        for name, (_, technology) in listed(__name__, "CATALOGUE", ("generic180", "gf180", "sky130")).items()
    }


def catalogue() -> dict[str, Technology]:
    """Every technology by name."""
    return dict(_entries())


def find(technology: str | Technology) -> Technology:
    """A technology by its name; a technology passes through.

    Raises:
        CellwrightError: no technology has that name.
    """
    if isinstance(technology, Technology):
        return technology
    if not isinstance(technology, str):
        raise CellwrightError(f"a technology is a name or an instance of Technology, got {technology!r}")
    return named("technology", technology, _entries())
