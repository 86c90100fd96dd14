"""The one error that Cellwright raises when a request cannot be met."""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping
from difflib import get_close_matches
from typing import TypeVar

T = TypeVar("T")

_SHOWN = 40
"""The most characters of a piece of somebody else's text in a message."""

_FULL = "free some space there; the same command then goes on"
_FORBIDDEN = "change its permissions, or name another place"
_REMEDIES = {
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _FULL,
    errno.EFBIG: "allow larger files there, or name another place; the same command then goes on",
    errno.EACCES: _FORBIDDEN,
    errno.EPERM: _FORBIDDEN,
    errno.EROFS: _FORBIDDEN,
    errno.EIO: "check the disk; the same command then goes on",
    errno.ENOENT: "it was there before, or a folder on its way was: put it back, and do not move it meanwhile",
    errno.EMFILE: "allow more open files (ulimit -n)",
}
"""What a person can do about an error of the operating system."""


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
    near = get_close_matches(name, known, n=1) or get_close_matches(name.lower(), known, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    raise CellwrightError(f"no {kind} is called {name!r}: {hint}known are {', '.join(known)}{more}")


def in_words(error: OSError) -> str:
    """An error of the operating system: which file, what happened, what to do."""
    where = f"{os.fsdecode(error.filename)}: " if error.filename else ""
    what = error.strerror or str(error) or type(error).__name__
    remedy = _REMEDIES.get(error.errno or 0, "see that it can be read and written, or name another place")
    return one_line(f"{where}{as_clause(what)}: {remedy}")


def as_clause(sentence: str) -> str:
    """A sentence of somebody else's as a part of ours."""
    return f"{sentence[:1].lower()}{sentence[1:].rstrip('.')}"


def shown(text: str) -> str:
    """A piece of somebody else's text for a message: quoted, in one line, not too long."""
    return repr(text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…")


def one_line(text: str) -> str:
    """A text of somebody else's without its line ends, and with escapes for what a terminal would take as orders."""
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in " ".join(text.split()))
