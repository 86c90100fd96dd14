"""Models of strings of labels, which beam search adds to what the network says: the interface and the simplest ones."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from cellwright.errors import CellwrightError
from cellwright.layers.ctc.checks import Labelling

Array: TypeAlias = NDArray[np.float64]
NextLabel: TypeAlias = Callable[[Labelling], Sequence[float]]
"""From a string of labels to the logarithms of the probabilities of the label that follows."""


class StringModel(ABC):
    """A score of strings that grows label by label: a language model, a list of words, a count.

    What the score depends on is a state of the model's own: the last labels, a place in a tree.

    Attributes:
        labels: how many there are, the blank among them.
        separator: the label between words, for models that know of words.
        used: labels in its words, or in the text that it was counted in.
    """

    labels: int
    separator: int | None = None
    used: frozenset[int] = frozenset()

    @abstractmethod
    def start(self) -> Any:
        """The state of the empty string."""

    @abstractmethod
    def scores(self, state: Any) -> Array:
        """(labels,), what each label adds to the score; -inf forbids it. What stands at the blank is not read."""

    @abstractmethod
    def after(self, state: Any, label: int) -> Any:
        """The state when a label has been added."""

    def ending(self, state: Any) -> float:
        """What it adds to the score that the string ends here."""
        return 0.0


class LabelCount(StringModel):
    """The number of labels."""

    def __init__(self, labels: int) -> None:
        self.labels = labels
        self._ones = np.ones(labels)

    def start(self) -> None:
        return None

    def scores(self, state: None) -> Array:
        return self._ones

    def after(self, state: None, label: int) -> None:
        return None


class WordCount(StringModel):
    """The number of words: of non-empty strings between separators. The state is whether a word has begun."""

    def __init__(self, labels: int, separator: int) -> None:
        self.labels, self.separator = labels, separator
        self._ends, self._goes_on = np.zeros(labels), np.zeros(labels)
        self._ends[separator] = 1.0

    def start(self) -> bool:
        return False

    def scores(self, state: bool) -> Array:
        return self._ends if state else self._goes_on

    def after(self, state: bool, label: int) -> bool:
        return label != self.separator

    def ending(self, state: bool) -> float:
        return float(state)


class CalledModel(StringModel):
    """A language model that is a function of the string. The state is the string."""

    def __init__(self, function: NextLabel, labels: int) -> None:
        self.labels, self._function = labels, function

    def start(self) -> Labelling:
        return ()

    def scores(self, state: Labelling) -> Array:
        said = self._function(state)
        found = np.asarray(said.detach().cpu() if isinstance(said, Tensor) else said, dtype=np.float64)
        if found.shape != (self.labels,) or not bool((found < np.inf).all()):
            raise CellwrightError(
                f"the language model gave {'NaN or inf' if found.shape == (self.labels,) else found.shape} "
                f"after {list(state)}, expected the logarithms of {self.labels} probabilities"
            )
        return found

    def after(self, state: Labelling, label: int) -> Labelling:
        return (*state, label)


class WeightedSum(StringModel):
    """Models times their weights; those of weight 0 are left out. The state holds the state of each."""

    def __init__(self, terms: Sequence[tuple[float, StringModel]], labels: int) -> None:
        self.labels, self.terms = labels, [(weight, model) for weight, model in terms if weight]
        for _, model in self.terms:
            if model.labels != labels:
                raise CellwrightError(
                    f"a {type(model).__name__} knows {model.labels} labels, but the outputs have {labels}: "
                    "count the blank in both"
                )

    def start(self) -> tuple[Any, ...]:
        return tuple(model.start() for _, model in self.terms)

    def scores(self, state: tuple[Any, ...]) -> Array:
        total = np.zeros(self.labels)
        for (weight, model), own in zip(self.terms, state, strict=True):
            total += weight * model.scores(own)
        return total

    def after(self, state: tuple[Any, ...], label: int) -> tuple[Any, ...]:
        return tuple(model.after(own, label) for (_, model), own in zip(self.terms, state, strict=True))

    def ending(self, state: tuple[Any, ...]) -> float:
        return sum(weight * model.ending(own) for (weight, model), own in zip(self.terms, state, strict=True))
