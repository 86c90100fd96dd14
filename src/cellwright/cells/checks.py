"""What the fields of a cell accept: each check names the field, what it takes and what it got."""

from __future__ import annotations

from collections.abc import Collection
from math import isfinite
from numbers import Real
from typing import TypeGuard

from cellwright.errors import CellwrightError


def choice(field: str, value: object, choices: Collection[str]) -> None:
    if value not in choices:
        raise CellwrightError(f"{field} is one of {', '.join(choices)}; got {value!r}")


def flag(field: str, value: object) -> None:
    if not isinstance(value, bool):
        raise CellwrightError(f"{field} is True or False; got {value!r}")


def whole(field: str, value: object) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise CellwrightError(f"{field} is a whole number from 1; got {value!r}")


def is_finite(value: object) -> TypeGuard[float]:
    """A finite number, which True and False are not."""
    return isinstance(value, Real) and not isinstance(value, bool) and isfinite(value)
