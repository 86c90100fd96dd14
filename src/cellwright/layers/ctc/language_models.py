"""Language models counted in text: n-grams of labels and of words."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Sequence
from typing import TypeAlias

import numpy as np

from cellwright.errors import CellwrightError
from cellwright.layers import checks as layer_checks
from cellwright.layers.ctc import checks
from cellwright.layers.ctc.checks import Labelling
from cellwright.layers.ctc.string_models import Array, StringModel

History: TypeAlias = tuple[Hashable, ...]
_START, _END = "start", "end"


class NGram:
    """Probabilities of the next symbol after the last ``order - 1`` ones, counted in sequences.

    Smoothed as Witten & Bell (1991) do: with c counts of a history, T of them different, the counted share weighs
    c / (c + T) and the model of a history shorter by one T / (c + T); below the shortest all symbols are equal. The
    ends of a sequence are symbols too.

    Args:
        sequences: of symbols.
        order: symbols that are looked at together, from 1.
        symbols: how many there are, the end among them.
    """

    def __init__(self, sequences: Iterable[Sequence[Hashable]], order: int, symbols: int) -> None:
        self.order, self._uniform = layer_checks.positive("order", order), 1.0 / symbols
        self._counts: defaultdict[History, Counter[Hashable]] = defaultdict(Counter)
        for sequence in sequences:
            padded = (*self.start(), *sequence, _END)
            for position in range(order - 1, len(padded)):
                for length in range(order):
                    self._counts[padded[position - length : position]][padded[position]] += 1
        if not self._counts:
            raise CellwrightError("a language model is counted in text, but there is none: give at least one string")
        self._totals = {history: counts.total() for history, counts in self._counts.items()}

    def start(self) -> History:
        """What stands before the first symbol."""
        return (_START,) * (self.order - 1)

    def after(self, history: History, symbol: Hashable) -> History:
        """What is looked at after one more symbol."""
        return (*history, symbol)[1:] if self.order > 1 else ()

    def probability(self, symbol: Hashable, history: History) -> float:
        """p(symbol | history)."""
        lower = self.probability(symbol, history[1:]) if history else self._uniform
        counts = self._counts.get(history)
        if counts is None:
            return lower
        return (counts[symbol] + len(counts) * lower) / (self._totals[history] + len(counts))

    def ending(self, history: History) -> float:
        """ln p(end | history)."""
        return math.log(self.probability(_END, history))


class LabelNGram(StringModel):
    """A language model of labels: n-grams counted in strings of labels.

    Args:
        strings: of labels, without blanks.
        order: labels that are looked at together.
        labels: how many the network has, the blank among them.

    Raises:
        CellwrightError: no strings, labels out of range, an order below 1.
    """

    def __init__(self, strings: Iterable[Iterable[int]], order: int, labels: int) -> None:
        self.labels = layer_checks.positive("labels", labels)
        own = _text(strings, labels)
        self.used = frozenset(label for string in own for label in string)
        self._ngram = NGram(own, order, labels)  # the end is a symbol more, the blank is none
        self._scores: dict[History, Array] = {}

    def start(self) -> History:
        return self._ngram.start()

    def scores(self, state: History) -> Array:
        if state not in self._scores:
            found = [math.log(self._ngram.probability(label, state)) for label in range(self.labels)]
            self._scores[state] = np.array(found)
        return self._scores[state]

    def after(self, state: History, label: int) -> History:
        return self._ngram.after(state, label)

    def ending(self, state: History) -> float:
        return self._ngram.ending(state)


class WordNGram(StringModel):
    """A language model of words: n-grams counted in strings of labels that a separator divides into words.

    A word counts when it is complete: at the separator, or at the end of the string. All words that are not in the
    text share the probability of one. Without a separator a string is one word.

    Args:
        strings: of labels, without blanks.
        order: words that are looked at together.
        labels: how many the network has, the blank among them.
        separator: the label between words.

    Raises:
        CellwrightError: no strings, labels out of range, an order below 1.
    """

    def __init__(self, strings: Iterable[Iterable[int]], order: int, labels: int, separator: int | None) -> None:
        self.labels = layer_checks.positive("labels", labels)
        self.separator = checks.separator(separator, labels)
        own = _text(strings, labels)
        self.used = frozenset(label for string in own for label in string)
        sentences = [split(string, separator) for string in own]
        known = {word for sentence in sentences for word in sentence}
        self._ngram = NGram(sentences, order, len(known) + 2)

    def start(self) -> tuple[History, Labelling]:
        return self._ngram.start(), ()

    def scores(self, state: tuple[History, Labelling]) -> Array:
        history, word = state
        found = np.zeros(self.labels)
        if word and self.separator is not None:
            found[self.separator] = math.log(self._ngram.probability(word, history))
        return found

    def after(self, state: tuple[History, Labelling], label: int) -> tuple[History, Labelling]:
        history, word = state
        if label != self.separator:
            return history, (*word, label)
        return (self._ngram.after(history, word) if word else history), ()

    def ending(self, state: tuple[History, Labelling]) -> float:
        history, word = state
        if not word:
            return self._ngram.ending(history)
        return math.log(self._ngram.probability(word, history)) + self._ngram.ending(self._ngram.after(history, word))


def _text(strings: Iterable[Iterable[int]], labels: int) -> list[Labelling]:
    return [checks.labelling(string, labels, f"string {row}") for row, string in enumerate(strings)]


def split(string: Iterable[int], separator: int | None) -> list[Labelling]:
    """The words of a string: what stands between separators, if it is not empty."""
    words: list[list[int]] = [[]]
    for label in checks.string(string):
        if label == separator:
            words.append([])
        else:
            words[-1].append(label)
    return [tuple(word) for word in words if word]
