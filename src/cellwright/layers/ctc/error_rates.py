"""How far decoded strings are from their targets: edit distance, label error rate, word error rate."""

from __future__ import annotations

from collections.abc import Hashable, Iterable

import numpy as np

from cellwright.errors import CellwrightError
from cellwright.layers.ctc import checks
from cellwright.layers.ctc.checks import Labelling
from cellwright.layers.ctc.language_models import split


def edit_distance(one: Iterable[Hashable], other: Iterable[Hashable]) -> int:
    """The fewest insertions, deletions and substitutions that turn one string into the other (Levenshtein 1966)."""
    one, other = checks.string(one), checks.string(other)
    if len(one) < len(other):
        one, other = other, one
    numbers = {symbol: number for number, symbol in enumerate(dict.fromkeys((*one, *other)))}
    shorter = np.array([numbers[symbol] for symbol in other], dtype=np.int64)
    column = np.arange(len(other) + 1)
    distances = column.copy()
    for symbol in one:
        replaced = distances[:-1] + (shorter != numbers[symbol])
        # Without insertions, and then with them: a run of n insertions costs n from wherever it begins.
        distances += 1
        np.minimum(distances[1:], replaced, out=distances[1:])
        distances = np.minimum.accumulate(distances - column) + column
    return int(distances[-1])


def label_error_rate(decoded: Iterable[Iterable[int]], targets: Iterable[Iterable[int]]) -> float:
    """The mean of the edit distances over the lengths of the targets (Graves et al. 2006, equation 1).

    Args:
        decoded: strings of labels, or anything that can be compared.
        targets: what they should be; none of them empty.

    Raises:
        CellwrightError: not one decoded string for each target, no targets, an empty target.
    """
    decoded, targets = _strings(decoded, targets)
    if empty := [row for row, target in enumerate(targets) if not target]:
        raise CellwrightError(f"target {empty[0]} is empty, so that errors cannot be set over its length: leave it out")
    pairs = zip(decoded, targets, strict=True)
    return sum(edit_distance(one, target) / len(target) for one, target in pairs) / len(targets)


def word_error_rate(
    decoded: Iterable[Iterable[int]], targets: Iterable[Iterable[int]], separator: int | None = None
) -> float:
    """All edits of words over all words of the targets.

    Args:
        decoded: strings of labels.
        targets: what they should be.
        separator: the label between words; without one a string is one word.

    Raises:
        CellwrightError: not one decoded string for each target, no words among the targets.
    """
    decoded, targets = _strings(decoded, targets)
    found, wanted = ([split(each, separator) for each in strings] for strings in (decoded, targets))
    if not any(wanted):
        raise CellwrightError("the targets hold no words, so that errors cannot be set over their number")
    edits = sum(edit_distance(one, other) for one, other in zip(found, wanted, strict=True))
    return edits / sum(map(len, wanted))


def _strings(
    decoded: Iterable[Iterable[int]], targets: Iterable[Iterable[int]]
) -> tuple[list[Labelling], list[Labelling]]:
    """Both as strings, one of each for the other."""
    own = [checks.string(each, f"decoded string {row}") for row, each in enumerate(decoded)]
    wanted = [checks.string(each, f"target {row}") for row, each in enumerate(targets)]
    if len(own) != len(wanted) or not wanted:
        raise CellwrightError(f"{len(own)} decoded strings for {len(wanted)} targets: expected one for each")
    return own, wanted
