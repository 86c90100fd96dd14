"""Values from a file that anybody may have edited: each is taken as what it should be, or refused by its name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cellwright.errors import CellwrightError, shown

LARGEST = 1e100
"""Numbers beyond it have squares that are none."""

MOST = 1_000_000
"""No size of anything is larger."""


@dataclass(frozen=True)
class PlainValues:
    """What JSON gives for an object, and where it stands: ``encoding.shape.``.

    Every method takes the value of a name.

    Raises:
        CellwrightError: it is missing, or not what was expected.
    """

    values: Mapping[str, Any]
    where: str = ""

    def value(self, name: str) -> Any:
        """Whatever it is."""
        if name not in self.values:
            raise CellwrightError(f"{self.where}{name} is missing")
        return self.values[name]

    def part(self, name: str) -> PlainValues:
        """The values of an object in this one."""
        found = self.value(name)
        if not isinstance(found, Mapping):
            raise self.wrong(name, "values by name")
        return PlainValues(found, f"{self.where}{name}.")

    def text(self, name: str) -> str:
        found = self.value(name)
        if not isinstance(found, str):
            raise self.wrong(name, "a text")
        return found

    def texts(self, name: str) -> tuple[str, ...]:
        found = self.value(name)
        if not isinstance(found, list | tuple) or not all(isinstance(item, str) for item in found):
            raise self.wrong(name, "a list of texts")
        return tuple(found)

    def whole(self, name: str, least: int) -> int:
        """A whole number from ``least`` to `MOST`."""
        found = self.value(name)
        if not _is_whole(found) or not least <= found <= MOST:
            raise self.wrong(name, f"a whole number from {least} to {MOST:,}")
        return int(found)

    def wholes(self, name: str, most: int) -> tuple[int, ...]:
        """Different whole numbers from 0, at least one of them and at most so many."""
        found = self.value(name)
        if not isinstance(found, list | tuple) or not all(_is_whole(item) and 0 <= item < 2**64 for item in found):
            raise self.wrong(name, "a list of whole numbers from 0")
        if not 1 <= len(set(found)) == len(found) <= most:
            raise self.wrong(name, f"1 to {most:,} different numbers")
        return tuple(found)

    def number(self, name: str, *, above_zero: bool = False) -> float:
        """A finite number."""
        found = self.value(name)
        if not _is_number(found) or (above_zero and not found > 0):
            raise self.wrong(name, "a number above 0" if above_zero else "a number")
        return float(found)

    def numbers(self, name: str, count: int, *, above_zero: bool = False) -> tuple[float, ...]:
        """So many finite numbers."""
        found = self.value(name)
        right = isinstance(found, list | tuple) and len(found) == count and all(map(_is_number, found))
        if not right or (above_zero and not min(found) > 0):
            raise self.wrong(name, f"a list of {count:,} numbers{' above 0' if above_zero else ''}")
        return tuple(map(float, found))

    def flag(self, name: str) -> bool:
        """True or false."""
        found = self.value(name)
        if not isinstance(found, bool):
            raise self.wrong(name, "true or false")
        return found

    def by_name(self, name: str, *, above_zero: bool = False) -> dict[str, float]:
        """Finite numbers by name."""
        inner = self.part(name)
        return {key: inner.number(key, above_zero=above_zero) for key in inner.values}

    def wrong(self, name: str, expected: str) -> CellwrightError:
        """The error that says what a value is and what was expected."""
        given = self.values[name]
        return CellwrightError(
            f"{self.where}{name} is {shown(given) if isinstance(given, str) else _short(given)}: expected {expected}"
        )


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:59]}…"


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    # Compared before it is converted: a whole number may be too large for a float.
    return isinstance(value, int | float) and not isinstance(value, bool) and bool(abs(value) <= LARGEST)
