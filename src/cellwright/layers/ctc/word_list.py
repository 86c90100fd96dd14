"""A list of words as a prefix tree: the only strings that beam search may give."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from cellwright.errors import CellwrightError
from cellwright.layers import checks as layer_checks
from cellwright.layers.ctc import checks
from cellwright.layers.ctc.string_models import Array, StringModel


class WordList(StringModel):
    """Allows strings of these words alone (Graves & Jaitly 2014, section 4; Hannun et al. 2014).

    With a separator a string is any number of words with one separator between two of them; without one, a string is
    one word. The state is a place in the prefix tree of the words.

    Args:
        words: strings of labels, without blanks and separators.
        labels: how many the network has, the blank among them.
        separator: the label between words.

    Raises:
        CellwrightError: no words, an empty word, labels out of range, a word that holds the separator.
    """

    def __init__(self, words: Iterable[Iterable[int]], labels: int, separator: int | None = None) -> None:
        self.labels = layer_checks.positive("labels", labels)
        self.separator = checks.separator(separator, labels)
        self._children: list[dict[int, int]] = [{}]
        self._is_word = [False]
        for row, word in enumerate(words):
            self._insert(checks.labelling(word, labels, f"word {row}", separator, "the separator"))
        if len(self._children) == 1:
            raise CellwrightError("the list of words is empty: give at least one word that has a label")
        self.used = frozenset(label for children in self._children for label in children)
        self._allowed = np.full((len(self._children), labels), -np.inf)
        for place, children in enumerate(self._children):
            self._allowed[place, list(children)] = 0.0
        if separator is not None:
            self._allowed[self._is_word, separator] = 0.0

    def start(self) -> int | None:
        """The root; none where a string may be empty, which is the same place and another end."""
        return 0 if self.separator is None else None

    def scores(self, state: int | None) -> Array:
        return self._allowed[state or 0]

    def after(self, state: int | None, label: int) -> int:
        return 0 if label == self.separator else self._children[state or 0][label]

    def ending(self, state: int | None) -> float:
        return 0.0 if state is None or self._is_word[state] else -np.inf

    def _insert(self, word: checks.Labelling) -> None:
        place = 0
        for label in word:
            if label not in self._children[place]:
                self._children[place][label] = len(self._children)
                self._children.append({})
                self._is_word.append(False)
            place = self._children[place][label]
        if not word:
            raise CellwrightError("the list of words holds an empty word: leave it out")
        self._is_word[place] = True
