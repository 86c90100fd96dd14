"""What a file of a data set must hold, and the reading that finds out: a stream is read once, a piece at a time."""

from __future__ import annotations

import gzip
import io
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TypeAlias

LONGEST_LINE = 1 << 24
"""Bytes: a text file with a longer line is none (a binary file may have no line end at all)."""

LONGEST_WHOLE = 1 << 26
"""Bytes: no file of a known set that must be read whole is longer."""

Count: TypeAlias = int | tuple[int, int | None]
"""How many there must be: a number, or the least and the most (None: no upper end)."""


class UnreadableError(Exception):
    """The file is not of its format; the message says where."""


@dataclass(frozen=True, kw_only=True)
class Examined:
    """What was found in a file, for people, and what of it is wrong (nothing: an empty text)."""

    found: str
    wrong: str = ""


class Content(ABC):
    """What a file must hold."""

    @property
    @abstractmethod
    def expected(self) -> str:
        """In a few words, for a table: "144 rows of 2"."""

    @abstractmethod
    def examine(self, stream: IO[bytes]) -> Examined:
        """Read a file from its beginning to its end and say what it holds.

        Raises:
            UnreadableError: the file is not of this format; or whatever the library raises that reads it.
        """


def opened(path: Path) -> IO[bytes]:
    """The bytes of a file; of the file within, when it is compressed with gzip."""
    return gzip.open(path) if path.suffix == ".gz" else path.open("rb")  # type: ignore[return-value]


def lines(stream: IO[bytes]) -> Iterator[str]:
    """The lines of a UTF-8 text without their ends.

    Raises:
        UnreadableError: it is no such text.
    """
    number = 0
    while line := stream.readline(LONGEST_LINE):
        number += 1
        if len(line) == LONGEST_LINE:
            raise UnreadableError(f"line {number} is longer than {LONGEST_LINE >> 20} MiB, so it is no text")
        if b"\0" in line:
            raise UnreadableError(f"line {number} has zero bytes, so it is no text")
        try:
            yield line.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r\n")
        except UnicodeDecodeError:
            raise UnreadableError(f"line {number} is no UTF-8 text") from None


def small(stream: IO[bytes]) -> IO[bytes]:
    """A whole file in memory, for formats that cannot be read a piece at a time.

    Raises:
        UnreadableError: it is longer than such a file of a data set is.
    """
    data = stream.read(LONGEST_WHOLE + 1)
    if len(data) > LONGEST_WHOLE:
        raise UnreadableError(f"it is longer than {LONGEST_WHOLE >> 20} MiB")
    return io.BytesIO(data)


def matches(count: int, expected: Count) -> bool:
    """Whether a number is the expected one, or in the expected range."""
    if isinstance(expected, int):
        return count == expected
    least, most = expected
    return count >= least and (most is None or count <= most)


def counted(expected: Count, what: str) -> str:
    """``144 rows``, ``6 to 1481 rows``, ``at least 100 rows``."""
    return f"{ranged(expected)} {what.removesuffix('s') if expected == 1 else what}"


def ranged(expected: Count) -> str:
    """``144``, ``6 to 1481``, ``at least 100``."""
    if isinstance(expected, int):
        return str(expected)
    least, most = expected
    return f"at least {least}" if most is None else f"{least} to {most}"


def miscounted(count: int, expected: Count, what: str) -> str:
    """What is wrong with a number of rows, cases, ...: nothing, or "too short: 20 rows, expected 144 rows"."""
    if matches(count, expected):
        return ""
    least = expected if isinstance(expected, int) else expected[0]
    return f"{'too short' if count < least else 'too long'}: {count} {what}, expected {counted(expected, what)}"


def tally(found: dict[str, int], label: str, expected: dict[str, int]) -> None:
    """Count a case of a class; all that are not expected count as ``other``, so that no file can fill the memory."""
    key = label if label in expected else "other"
    found[key] = found.get(key, 0) + 1


def labels_differ(found: dict[str, int], expected: dict[str, int]) -> str:
    """What is wrong with the number of cases of the classes that are expected: nothing, or both lists."""
    if all(found.get(label, 0) == cases for label, cases in expected.items()):
        return ""
    listed = [", ".join(f"{label}: {cases}" for label, cases in list(some.items())[:12]) for some in (found, expected)]
    return f"cases by class are {listed[0] or 'none'}, expected {listed[1]}"


def classes(labels: dict[str, int]) -> str:
    """``, 5 classes``; ``, 9711 of normal`` where a single class is counted; nothing where none is."""
    if len(labels) == 1:
        return "".join(f", {cases} of {label}" for label, cases in labels.items())
    return f", {len(labels)} classes" * bool(labels)
