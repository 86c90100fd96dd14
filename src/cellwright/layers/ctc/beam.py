"""Prefix beam search: the most probable strings, with a language model and a list of words; all sequences at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from operator import itemgetter
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from cellwright.cells.checks import is_finite
from cellwright.errors import CellwrightError
from cellwright.layers import checks as layer_checks
from cellwright.layers.ctc import checks
from cellwright.layers.ctc.checks import Labelling
from cellwright.layers.ctc.string_models import (
    Array,
    CalledModel,
    LabelCount,
    NextLabel,
    StringModel,
    WeightedSum,
    WordCount,
)
from cellwright.layers.ctc.word_list import WordList

Tensor: TypeAlias = torch.Tensor
Numbers: TypeAlias = NDArray[np.int64]

_NOWHERE, _NO_PARENT = -1, -2  # of places of a beam that hold no prefix: equal to no prefix, and to no parent


class Hypothesis(NamedTuple):
    """A string that a search has found.

    Attributes:
        labels: the string.
        log_probability: ln p(string | outputs), over the alignments that the search has followed.
        score: what the search ranks by: ``log_probability``, and what language model and count add.
    """

    labels: Labelling
    log_probability: float
    score: float


def prefix_beam_search(
    outputs: Tensor,
    lengths: Tensor | Sequence[int] | None = None,
    *,
    width: int = 16,
    blank: int = 0,
    language_model: StringModel | NextLabel | None = None,
    alpha: float = 1.0,
    beta: float = 0.0,
    word_list: WordList | None = None,
) -> list[list[Hypothesis]]:
    """The best strings by ln p(string | outputs) + alpha ln p(string) + beta |string|.

    At each step the ``width`` best prefixes are kept, each with the probability of its alignments that end in a blank
    and of those that do not (Graves & Jaitly 2014, algorithm 1; Hannun, Maas, Jurafsky & Ng 2014, algorithm 1). A
    width as large as the number of strings makes it exact.

    Args:
        outputs: (time, batch, labels), before the softmax or logarithms of probabilities.
        lengths: steps of each sequence; all of them by default. What the padding holds has no effect.
        width: prefixes that are kept of each sequence. Of equally probable ones it is not said which.
        blank: which label is the blank.
        language_model: a ``LabelNGram``, a ``WordNGram``, or a function from a string of labels to the logarithms of
            the probabilities of the next label (labels,); it is asked once for each prefix.
        alpha: weight of the language model.
        beta: what each word adds to the score, or each label where nothing that is given knows of words: a language
            model prefers short strings, which this makes up for.
        word_list: the words that a string may consist of.

    Returns:
        for each sequence the strings of its beam, the best first. With a list of words a beam may end without any.

    Raises:
        CellwrightError: shapes that do not fit, NaN among the outputs, models of other labels.
    """
    logarithms, steps = checks.log_probabilities(outputs, lengths, torch.float64)
    checks.no_nan(logarithms)
    labels = logarithms.shape[-1]
    own_blank = checks.blank(blank, labels)
    models = _models(labels, own_blank, language_model, alpha, beta, word_list)
    search = _Search(labels, own_blank, layer_checks.positive("width", width), models)
    return search.run(logarithms.detach().cpu().numpy(), steps.cpu().numpy())


def _models(
    labels: int,
    blank: int,
    language_model: StringModel | NextLabel | None,
    alpha: float,
    beta: float,
    word_list: WordList | None,
) -> WeightedSum:
    for name, weight in (("alpha", alpha), ("beta", beta)):
        if not is_finite(weight):
            raise CellwrightError(f"{name} is a number, got {weight!r}")
    if alpha < 0:
        raise CellwrightError(f"alpha is a weight from 0, got {alpha}: what a language model forbids stays forbidden")
    if not isinstance(word_list, WordList | None):
        raise CellwrightError(f"word_list is a WordList, got {type(word_list).__name__}: build WordList(words, labels)")
    if not isinstance(language_model, StringModel | None) and not callable(language_model):
        raise CellwrightError(
            f"language_model is a LabelNGram, a WordNGram or a function, got {type(language_model).__name__}"
        )
    terms: list[tuple[float, StringModel]] = []
    if word_list is not None:
        terms.append((1.0, word_list))
    if language_model is not None:
        own = language_model if isinstance(language_model, StringModel) else CalledModel(language_model, labels)
        terms.append((alpha, own))
    for _, model in terms:
        if blank == model.separator or blank in model.used:
            raise CellwrightError(f"a {type(model).__name__} has the blank, {blank}, among its labels: leave it out")
    separators = [model.separator for _, model in terms if model.separator is not None]
    if len(set(separators)) > 1:
        raise CellwrightError(
            f"the list of words has the separator {separators[0]}, the language model {separators[1]}: expected one"
        )
    terms.append((beta, WordCount(labels, separators[0]) if separators else LabelCount(labels)))
    return WeightedSum(terms, labels)


class _Prefixes:
    """All prefixes that a search has met, by number: the empty one is 0, the others follow in the order of meeting.

    Sequences share them: what the models say of a prefix is found once.
    """

    def __init__(self, labels: int, models: WeightedSum) -> None:
        self._labels, self._models = labels, models
        self._numbers: dict[int, int] = {}  # parent * labels + label: number
        self._keys: list[int] = [-1]
        self._states: list[Any] = [models.start()]
        self._scores = models.scores(self._states[0])[np.newaxis]

    def __len__(self) -> int:
        return len(self._keys)

    def extended(self, parents: Numbers, labels: Numbers) -> list[int]:
        """The numbers of prefixes with a label more."""
        keys: list[int] = (parents * self._labels + labels).tolist()
        numbers = self._numbers
        found = []
        for key in keys:
            number = numbers.get(key)
            if number is None:
                number = numbers[key] = len(self._keys)
                self._keys.append(key)
            found.append(number)
        return found

    def scores(self, numbers: Numbers) -> Array:
        """(..., labels), what the models say of the label that follows."""
        known = len(self._states)
        if known < len(self._keys):
            self._grow()
            for key in self._keys[known:]:
                parent, label = divmod(key, self._labels)
                self._states.append(self._models.after(self._states[parent], label))
                self._scores[len(self._states) - 1] = self._models.scores(self._states[-1])
        return self._scores[numbers]

    def ending(self, number: int) -> float:
        """What the models say of the end."""
        return self._models.ending(self._states[number]) if self._models.terms else 0.0

    def string(self, number: int) -> Labelling:
        labels = []
        while number:
            number, label = divmod(self._keys[number], self._labels)
            labels.append(label)
        return tuple(reversed(labels))

    def _grow(self) -> None:
        if len(self._scores) < len(self._keys):
            larger = np.empty((2 * len(self._keys), self._labels))
            larger[: len(self._scores)] = self._scores
            self._scores = larger


class _Beam(NamedTuple):
    """The prefixes kept of each sequence, each array (batch, width).

    Attributes:
        in_blank: ln p of the alignments that end in a blank.
        in_label: ln p of those that end in the last label.
        added: what the models say.
        numbers: of the prefixes.
        parents: numbers of the prefixes without their last labels.
        last: their last labels.
    """

    in_blank: Array
    in_label: Array
    added: Array
    numbers: Numbers
    parents: Numbers
    last: Numbers

    @classmethod
    def start(cls, batch: int, width: int) -> _Beam:
        """The empty prefix alone."""
        shape = (batch, width)
        nothing = np.full(shape, -np.inf)
        in_blank, numbers = nothing.copy(), np.full(shape, _NOWHERE)
        in_blank[:, 0], numbers[:, 0] = 0.0, 0
        last = np.zeros(shape, dtype=np.int64)
        return cls(in_blank, nothing, np.zeros(shape), numbers, np.full(shape, _NO_PARENT), last)

    def each(self, change: Callable[[Any], Any]) -> _Beam:
        """The beam with every array changed."""
        return _Beam(*map(change, self))


class _Search:
    def __init__(self, labels: int, blank: int, width: int, models: WeightedSum) -> None:
        self._labels, self._blank, self._width = labels, blank, width
        self._all = np.append(np.delete(np.arange(labels), blank), blank)
        self._places = np.arange(width)
        self._has_models = bool(models.terms)
        self._prefixes = _Prefixes(labels, models)

    def run(self, logarithms: Array, lengths: Numbers) -> list[list[Hypothesis]]:
        """The beams of all sequences, longest first: a step looks at those that go on."""
        order = np.argsort(-lengths, kind="stable")
        logarithms, ascending = logarithms[:, order], lengths[order][::-1]
        beam = _Beam.start(len(lengths), self._width)
        found: list[list[Hypothesis]] = [[] for _ in lengths]
        for step in range(len(logarithms) + 1):
            going_on = len(lengths) - int(np.searchsorted(ascending, step, side="right"))
            for row in range(going_on, len(beam.numbers)):
                found[order[row]] = self._hypotheses(beam, row)
            if not going_on:
                break
            beam = self._step(beam.each(itemgetter(slice(going_on))), logarithms[step, :going_on])
        return found

    def _step(self, beam: _Beam, y: Array) -> _Beam:
        """The beam after one step more; y (batch, labels) are the logarithms of its probabilities."""
        total = np.logaddexp(beam.in_blank, beam.in_label)
        repeated = _taken(y, beam.last)
        stays_blank, stays_label = total + y[:, self._blank, np.newaxis], beam.in_label + repeated
        rows, children, parents = self._own_parents(beam)
        labels = beam.last[rows, children]
        # A label more: after a blank, or after another label. Where that is in the beam already, it belongs there.
        before = np.where(beam.last[rows, parents] == labels, beam.in_blank[rows, parents], total[rows, parents])
        stays_label[rows, children] = np.logaddexp(stays_label[rows, children], before + y[rows, labels])
        stays = beam._replace(in_blank=stays_blank, in_label=stays_label)
        columns = self._promising(stays, total, y)
        # The last column, the blank's, takes what is written for labels that are left out.
        where = np.full(self._labels, len(columns) - 1)
        where[columns] = np.arange(len(columns))
        longer = total[..., np.newaxis] + y[:, np.newaxis, columns]
        longer[_every_row(y), self._places, where[beam.last]] = beam.in_blank + repeated
        longer[rows, parents, where[labels]] = -np.inf
        longer[..., -1] = -np.inf
        return self._best(stays, longer, columns)

    def _own_parents(self, beam: _Beam) -> tuple[Numbers, Numbers, Numbers]:
        """Rows, places and the places of their parents, of the prefixes whose parents are in the beam too."""
        rows, children = np.nonzero(beam.parents >= 0)
        # Numbers differ within a row; with the row before them they differ throughout.
        apart = len(self._prefixes) + 1
        numbers = (_every_row(beam.numbers) * apart + beam.numbers + 1).ravel()
        wanted = rows * apart + beam.parents[rows, children] + 1
        order = np.argsort(numbers)
        places = order[np.searchsorted(numbers, wanted, sorter=order).clip(max=len(order) - 1)]
        is_found = numbers[places] == wanted
        return rows[is_found], children[is_found], places[is_found] % self._width

    def _promising(self, stays: _Beam, total: Array, y: Array) -> Numbers:
        """The labels that may lead into the beam of some sequence, and the blank.

        What a label gives at most may be less than what all that stays has: then it is left out.
        """
        if self._has_models:
            return self._all
        least = np.logaddexp(stays.in_blank, stays.in_label).min(1, keepdims=True)
        is_promising = (total.max(1, keepdims=True) + y >= least).any(0)
        is_promising[self._blank] = True
        return self._all[is_promising[self._all]]

    def _best(self, stays: _Beam, longer: Array, labels: Numbers) -> _Beam:
        """The best of the prefixes that stay and of those with one of some labels more."""
        added = stays.added[..., np.newaxis]
        if self._has_models:
            added = added + self._prefixes.scores(np.maximum(stays.numbers, 0))[..., labels]
        candidates = [np.logaddexp(stays.in_blank, stays.in_label) + stays.added, _flat(longer + added)]
        scores = np.concatenate(candidates, 1)
        chosen = np.argpartition(-scores, self._width - 1, 1)[:, : self._width]
        is_there = _taken(scores, chosen) > -np.inf
        is_longer = chosen >= self._width
        column = np.where(is_longer, chosen - self._width, chosen * len(labels))
        place, label = column // len(labels), labels[column % len(labels)]
        old = stays.each(partial(_taken, columns=place))
        numbers, made = old.numbers.copy(), is_longer & is_there
        numbers[made] = self._prefixes.extended(old.numbers[made], label[made])
        return _Beam(
            in_blank=np.where(is_there & ~is_longer, old.in_blank, -np.inf),
            in_label=np.where(is_there, np.where(is_longer, _taken(_flat(longer), column), old.in_label), -np.inf),
            added=np.where(made, _taken(_flat(added), column), old.added) if self._has_models else old.added,
            numbers=np.where(is_there, numbers, _NOWHERE),
            parents=np.where(is_there, np.where(is_longer, old.numbers, old.parents), _NO_PARENT),
            last=np.where(is_longer, label, old.last),
        )

    def _hypotheses(self, beam: _Beam, row: int) -> list[Hypothesis]:
        """The strings of one beam that may end, the best first."""
        if self._has_models:
            self._prefixes.scores(beam.numbers[:0])  # so that the models know the last prefixes
        totals = np.logaddexp(beam.in_blank[row], beam.in_label[row]).tolist()
        found = []
        for number, total, added in zip(beam.numbers[row].tolist(), totals, beam.added[row].tolist(), strict=True):
            if number != _NOWHERE and (score := total + added + self._prefixes.ending(number)) > -np.inf:
                found.append(Hypothesis(self._prefixes.string(number), total, score))
        return sorted(found, key=lambda one: (-one.score, one.labels))


def _flat(array: Array) -> Array:
    """(batch, width * labels)"""
    return array.reshape(len(array), -1)


def _taken(array: Any, columns: Numbers) -> Any:
    """What stands at some columns (batch, width) of (batch, columns)."""
    return array[_every_row(array), columns]


def _every_row(array: Array | Numbers) -> Numbers:
    """(batch, 1), the numbers of the rows of an array (batch, ...)."""
    return np.arange(len(array))[:, np.newaxis]
