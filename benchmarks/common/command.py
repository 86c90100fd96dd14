"""What the command lines of the benchmarks have in common."""

from __future__ import annotations

import argparse
import datetime
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from rows import Results

Bench = TypeVar("Bench")


def sections_among(known: Sequence[str]) -> Callable[[str], tuple[str, ...]]:
    """What reads names of sections, with commas between them."""

    def sections(text: str) -> tuple[str, ...]:
        names = tuple(text.split(","))
        if unknown := [name for name in names if name not in known]:
            raise argparse.ArgumentTypeError(f"no section {', '.join(unknown)}; there are {', '.join(known)}")
        return names

    return sections


def numbers(text: str) -> tuple[int, ...]:
    """Reads whole numbers from 1, with commas between them."""
    return tuple(positive(part) for part in text.split(","))


def positive(text: str) -> int:
    """Reads a whole number from 1."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"a whole number from 1; got {number}")
    return number


def measure_section(name: str, section: Callable[[Bench], None], bench: Bench, results: Results) -> None:
    """Run a section, which reports its rows; say what it is and how long it took, and note the day."""
    print(f"\n{name}: {_first_paragraph(section.__doc__)}", flush=True)
    start = time.perf_counter()
    section(bench)
    print(f"({time.perf_counter() - start:.0f} s)", flush=True)
    results.measured[name] = datetime.datetime.now(datetime.UTC).date().isoformat()


def _first_paragraph(docstring: str | None) -> str:
    return " ".join((docstring or "").strip().split("\n\n")[0].split())
