"""Language models counted in text, against the counts by hand; lists of words."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cellwright import CellwrightError
from cellwright.layers.ctc import LabelNGram, WordList, WordNGram

STRINGS = st.lists(st.lists(st.integers(1, 3), max_size=6), min_size=1, max_size=4)


@given(STRINGS, st.integers(1, 3), st.lists(st.integers(1, 3), max_size=4))
def test_probabilities_of_labels_sum_to_one(strings: list[list[int]], order: int, prefix: list[int]) -> None:
    model = LabelNGram(strings, order, 4)
    state = model.start()
    for label in prefix:
        state = model.after(state, label)
    assert np.exp(model.scores(state)[1:]).sum() + math.exp(model.ending(state)) == pytest.approx(1.0, rel=1e-12)


def test_a_bigram_by_hand() -> None:
    """Witten-Bell: after 1 came 2 twice and the end once; in all 2 x1, 2 x2, end x2 of six."""
    model = LabelNGram([[1, 2, 1], [1, 2]], 2, 4)
    unigram = {1: 3, 2: 2, 3: 0, "end": 2}
    shorter = {symbol: (count + 3 * 0.25) / (7 + 3) for symbol, count in unigram.items()}
    state = model.after(model.start(), 1)
    scores = model.scores(state)
    assert math.exp(scores[2]) == pytest.approx((2 + 2 * shorter[2]) / (3 + 2), rel=1e-12)
    assert math.exp(scores[3]) == pytest.approx((0 + 2 * shorter[3]) / (3 + 2), rel=1e-12)
    assert math.exp(model.ending(state)) == pytest.approx((1 + 2 * shorter["end"]) / (3 + 2), rel=1e-12)
    unseen = model.after(model.start(), 3)
    assert math.exp(model.scores(unseen)[1]) == pytest.approx(shorter[1], rel=1e-12)


def test_a_word_counts_when_it_is_complete() -> None:
    """Words ab and a, told apart at the separator 3; what is not in the text shares the probability of one word."""
    model = WordNGram([[1, 2, 3, 1], [1]], 1, 4, 3)
    symbols = 4  # two words, an unknown one, the end
    p = {word: (count + 3 / symbols) / (5 + 3) for word, count in {"ab": 1, "a": 2, "unknown": 0, "end": 2}.items()}
    state = model.start()
    assert not model.scores(state).any()
    assert model.ending(state) == pytest.approx(math.log(p["end"]), rel=1e-12)
    state = model.after(state, 1)
    assert model.scores(state)[3] == pytest.approx(math.log(p["a"]), rel=1e-12)
    assert not model.scores(state)[:3].any()
    state = model.after(state, 2)
    assert model.scores(state)[3] == pytest.approx(math.log(p["ab"]), rel=1e-12)
    assert model.ending(state) == pytest.approx(math.log(p["ab"]) + math.log(p["end"]), rel=1e-12)
    unknown = model.after(model.start(), 2)
    assert model.scores(unknown)[3] == pytest.approx(math.log(p["unknown"]), rel=1e-12)
    assert not model.scores(model.after(state, 3)).any()


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: LabelNGram([], 2, 4), "a language model is counted in text, but there is none"),
        (lambda: LabelNGram([[1]], 0, 4), "order is a whole number from 1, got 0"),
        (lambda: LabelNGram([[1], [4]], 2, 4), "string 1 holds 4: labels are whole numbers from 0 to 3"),
        (lambda: WordList([], 4), "the list of words is empty"),
        (lambda: WordList([[1], []], 4), "the list of words holds an empty word"),
        (lambda: WordList([[1], [9]], 4), "word 1 holds 9"),
        (lambda: WordList([1, 2], 4), r"word 0 is 1: expected a string of labels, such as \[3, 1, 2\]"),
        (lambda: WordList([[1]], 4, 4), "separator is the number of a label from 0 to 3, or None; got 4"),
        (lambda: WordNGram([[1]], 2, 4, -1), "separator is the number of a label from 0 to 3, or None; got -1"),
        (lambda: LabelNGram([[]], 2, 0), "labels is a whole number from 1, got 0"),
        (lambda: WordList([[1, 3]], 4, 3), "word 0 holds the separator: leave it out"),
    ],
)
def test_what_does_not_fit_is_told(build, message: str) -> None:
    with pytest.raises(CellwrightError, match=message):
        build()
