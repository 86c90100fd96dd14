"""Edit distances against the plain dynamic programme, and the rates over them."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from cellwright import CellwrightError
from cellwright.layers.ctc import collapse, edit_distance, label_error_rate, word_error_rate

STRINGS = st.lists(st.integers(0, 3), max_size=8)


def plain(one: list[int], other: list[int]) -> int:
    table = [[0] * (len(other) + 1) for _ in range(len(one) + 1)]
    for i in range(len(one) + 1):
        for j in range(len(other) + 1):
            if not i or not j:
                table[i][j] = i + j
            else:
                replaced = table[i - 1][j - 1] + (one[i - 1] != other[j - 1])
                table[i][j] = min(replaced, table[i - 1][j] + 1, table[i][j - 1] + 1)
    return table[-1][-1]


@given(STRINGS, STRINGS)
def test_an_edit_distance_is_that_of_the_plain_programme(one: list[int], other: list[int]) -> None:
    assert edit_distance(one, other) == plain(one, other)


def test_strings_of_letters_have_one_too() -> None:
    assert edit_distance("kitten", "sitting") == 3


def test_the_label_error_rate_is_the_mean_over_sequences() -> None:
    assert label_error_rate([(1,), (2, 2, 3)], [(1, 2), (2, 3, 3, 4)]) == pytest.approx((1 / 2 + 2 / 4) / 2)


def test_the_word_error_rate_is_over_all_words() -> None:
    """With the separator 9: one of two words is wrong, then one of three is left out."""
    decoded, targets = [(1, 9, 2), (1, 9, 3)], [(1, 9, 2, 2), (1, 9, 2, 9, 3)]
    assert word_error_rate(decoded, targets, 9) == pytest.approx(2 / 5)
    assert word_error_rate([(1, 2), (3,)], [(1, 2), (4,)]) == pytest.approx(1 / 2)


def test_strings_may_be_tensors() -> None:
    """Equal numbers in tensors are not equal as keys: a target of a loader must not count as all wrong."""
    string = torch.tensor([1, 9, 2])
    assert edit_distance(string, (1, 2)) == 1
    assert label_error_rate([(1, 9, 2)], [string]) == 0.0
    assert word_error_rate([string], [string.clone()], 9) == 0.0
    assert collapse(torch.tensor([1, 1, 0, 1])) == (1, 1)


def test_what_does_not_fit_is_told() -> None:
    with pytest.raises(CellwrightError, match="1 decoded strings for 2 targets: expected one for each"):
        label_error_rate([(1,)], [(1,), (2,)])
    with pytest.raises(CellwrightError, match="0 decoded strings for 0 targets"):
        word_error_rate([], [])
    with pytest.raises(CellwrightError, match="target 1 is empty"):
        label_error_rate([(1,), (2,)], [(1,), ()])
    with pytest.raises(CellwrightError, match=r"decoded string 0 is 1: expected a string of labels, such as"):
        label_error_rate([1, 2], [1, 2])
    with pytest.raises(CellwrightError, match="the targets hold no words"):
        word_error_rate([(1,)], [()])
