"""The one error that Cellwright raises when a request cannot be met."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import TypeVar

T = TypeVar("T")


class CellwrightError(ValueError):
    """What was wrong, what was expected and what to do about it, in one line that a user can act on.

    The command line prints the message alone, without a traceback.
    """


def named(kind: str, name: str, known: Mapping[str, T], more: str = "") -> T:
    """``known[name]``.

    Args:
        kind: what the names stand for: "cell", "recipe of airline".
        more: said at the end of the message.

    Raises:
        CellwrightError: no such name; the message has the nearest one and all of them.
    """
    if name in known:
        return known[name]
    near = get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    raise CellwrightError(f"no {kind} is called {name!r}: {hint}known are {', '.join(known)}{more}")
