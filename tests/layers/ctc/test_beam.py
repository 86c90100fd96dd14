"""Prefix beam search, against every string there is."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cellwright import CellwrightError
from cellwright.layers.ctc import LabelNGram, WordList, WordNGram, best_path, ctc_loss, prefix_beam_search

ALL = 400
"""More than the strings of five steps and four labels."""

SIZES = {
    "steps": st.integers(1, 5),
    "labels": st.integers(2, 4),
    "blank": st.integers(0, 1),
    "seed": st.integers(0, 99),
}


def outputs_of(steps: int, labels: int, seed: int, batch: int = 1) -> torch.Tensor:
    torch.manual_seed(seed)
    return 2 * torch.randn(steps, batch, labels, dtype=torch.float64)


@settings(max_examples=25)
@given(**SIZES)
def test_a_wide_beam_holds_every_string(every_string, steps: int, labels: int, blank: int, seed: int) -> None:
    outputs = outputs_of(steps, labels, seed)
    (beam,) = prefix_beam_search(outputs, width=ALL, blank=blank)
    expected = every_string(outputs[:, 0], blank)
    assert {one.labels for one in beam} == expected.keys()
    for one in beam:
        assert math.exp(one.log_probability) == pytest.approx(expected[one.labels], rel=1e-12)
        assert one.score == one.log_probability
    assert [one.score for one in beam] == sorted((one.score for one in beam), reverse=True)


def test_probabilities_are_those_of_the_loss() -> None:
    outputs = outputs_of(7, 4, 0, batch=3)
    beams = prefix_beam_search(outputs, [7, 5, 6], width=4000)
    losses = ctc_loss(outputs, [beam[0].labels for beam in beams], [7, 5, 6], reduction="none").tolist()
    assert [-beam[0].log_probability for beam in beams] == pytest.approx(losses, rel=1e-12)


def test_a_narrow_beam_gives_no_more_than_there_is(every_string) -> None:
    """What a prefix loses when it falls out of the beam is lost; a string may not be counted twice either."""
    for seed in range(20):
        outputs = outputs_of(6, 4, seed)
        expected = every_string(outputs[:, 0])
        (beam,) = prefix_beam_search(outputs, width=3)
        assert len({one.labels for one in beam}) == len(beam) <= 3
        assert all(math.exp(one.log_probability) <= expected[one.labels] * (1 + 1e-12) for one in beam)


def plain_beam_search(y: list[list[float]], width: int) -> dict[tuple[int, ...], float]:
    """One sequence with the blank 0, in dictionaries and probabilities, as the papers write it."""
    beam = {(): (1.0, 0.0)}
    for row in y:
        found: dict[tuple[int, ...], list[float]] = {}
        for prefix, (in_blank, in_label) in beam.items():
            own = found.setdefault(prefix, [0.0, 0.0])
            own[0] += (in_blank + in_label) * row[0]
            if prefix:
                own[1] += in_label * row[prefix[-1]]
            for label in range(1, len(row)):
                before = in_blank if prefix and prefix[-1] == label else in_blank + in_label
                found.setdefault((*prefix, label), [0.0, 0.0])[1] += before * row[label]
        kept = sorted(found, key=lambda prefix: -sum(found[prefix]))[:width]
        beam = {prefix: (found[prefix][0], found[prefix][1]) for prefix in kept}
    return {prefix: sum(both) for prefix, both in beam.items()}


@settings(max_examples=15)
@given(st.integers(1, 12), st.integers(2, 6), st.integers(1, 9), st.integers(0, 99))
def test_a_narrow_beam_is_that_of_dictionaries(steps: int, labels: int, width: int, seed: int) -> None:
    outputs = outputs_of(steps, labels, seed)
    (beam,) = prefix_beam_search(outputs, width=width)
    expected = plain_beam_search(outputs[:, 0].softmax(-1).tolist(), width)
    assert {one.labels: math.exp(one.log_probability) for one in beam} == pytest.approx(expected, rel=1e-9)


def test_a_prefix_that_comes_back_is_the_same_prefix() -> None:
    """A beam of two, with the word ab alone: a falls out, comes back from the empty prefix, and leads to ab again.

    Kept are {"", a}, {"", ab} of .06 and .36, {a, ab} of .054 and .036, and {a, ab}.
    """
    y = [[0.6, 0.4, 0.0], [0.1, 0.0, 0.9], [0.1, 0.9, 0.0], [0.1, 0.0, 0.9]]
    outputs = torch.tensor(y, dtype=torch.float64).log().unsqueeze(1)
    (beam,) = prefix_beam_search(outputs, width=2, word_list=WordList([(1, 2)], 3))
    assert [one.labels for one in beam] == [(1, 2)]
    assert math.exp(beam[0].log_probability) == pytest.approx(0.036 * 0.1 + 0.054 * 0.9, rel=1e-12)


@settings(max_examples=15)
@given(st.lists(st.integers(0, 6), min_size=1, max_size=4), st.integers(1, 5))
def test_a_batch_is_each_sequence_alone(lengths: list[int], width: int) -> None:
    outputs = outputs_of(6, 4, 1, batch=len(lengths))
    for row, length in enumerate(lengths):
        outputs[length:, row] = torch.nan
    beams = prefix_beam_search(outputs, lengths, width=width)
    for row, length in enumerate(lengths):
        if length:
            assert beams[row] == prefix_beam_search(outputs[:length, row : row + 1], width=width)[0]
        else:
            assert [tuple(one) for one in beams[row]] == [((), 0.0, 0.0)]


def test_the_best_string_is_not_on_the_best_path() -> None:
    """Graves et al. 2006, figure 2: two steps, the blank at .6; "a" has three paths."""
    outputs = torch.tensor([[[0.6, 0.4]], [[0.6, 0.4]]], dtype=torch.float64).log()
    assert best_path(outputs) == [()]
    (beam,) = prefix_beam_search(outputs, width=2)
    assert beam[0].labels == (1,)
    assert math.exp(beam[0].log_probability) == pytest.approx(0.64, rel=1e-12)


def bigram(string: tuple[int, ...]) -> list[float]:
    """A made-up language model of the labels 1 to 3 that forbids two equal ones."""
    weights = [0.0, *(abs(label - (string[-1] if string else 0)) for label in (1, 2, 3))]
    return [math.log(weight / sum(weights)) if weight else -math.inf for weight in weights]


@settings(max_examples=10)
@given(st.integers(1, 5), st.floats(0.1, 2), st.floats(-2, 2), st.integers(0, 99))
def test_with_a_language_model(every_string, steps: int, alpha: float, beta: float, seed: int) -> None:
    outputs = outputs_of(steps, 4, seed)
    (beam,) = prefix_beam_search(outputs, width=ALL, language_model=bigram, alpha=alpha, beta=beta)
    expected = {}
    for string, probability in every_string(outputs[:, 0]).items():
        model = sum(bigram(string[:place])[label] for place, label in enumerate(string))
        if model > -math.inf:
            expected[string] = math.log(probability) + alpha * model + beta * len(string)
    assert {one.labels: one.score for one in beam} == pytest.approx(expected, rel=1e-9, abs=1e-9)


WORDS, SPACE = [(1,), (1, 2), (2, 1)], 3


def words_of(string: tuple[int, ...]) -> list[tuple[int, ...]]:
    groups = itertools.groupby(string, lambda label: label == SPACE)
    return [tuple(group) for is_space, group in groups if not is_space]


@settings(max_examples=10)
@given(st.integers(1, 5), st.booleans(), st.integers(0, 99))
def test_with_a_list_of_words(every_string, steps: int, separated: bool, seed: int) -> None:
    outputs = outputs_of(steps, 4, seed)
    word_list = WordList(WORDS, 4, SPACE if separated else None)
    (beam,) = prefix_beam_search(outputs, width=ALL, word_list=word_list)
    allowed = {()} | {
        sum(((*word, SPACE) for word in words), ())[:-1]
        for count in range(1, 4)
        for words in itertools.product(WORDS, repeat=count)
    }
    expected = every_string(outputs[:, 0])
    wanted = {string for string in expected if (string in allowed if separated else string in WORDS)}
    assert {one.labels for one in beam} == wanted
    for one in beam:
        assert math.exp(one.log_probability) == pytest.approx(expected[one.labels], rel=1e-12)


@settings(max_examples=10)
@given(st.integers(1, 5), st.floats(0.1, 2), st.floats(-2, 2), st.integers(0, 99))
def test_with_words_a_language_model_of_words_and_a_count(
    every_string, steps: int, alpha: float, beta: float, seed: int
) -> None:
    outputs = outputs_of(steps, 4, seed)
    model = WordNGram([(1, 2, SPACE, 1), (2, 1, SPACE, 1, SPACE, 1)], 2, 4, SPACE)
    found = prefix_beam_search(outputs, width=ALL, language_model=model, alpha=alpha, beta=beta)[0]
    expected = {}
    for string, probability in every_string(outputs[:, 0]).items():
        history, total = model.start(), 0.0
        for label in string:
            total += model.scores(history)[label]
            history = model.after(history, label)
        total += model.ending(history)
        expected[string] = math.log(probability) + alpha * total + beta * len(words_of(string))
    assert {one.labels: one.score for one in found} == pytest.approx(expected, rel=1e-9, abs=1e-9)
    listed = prefix_beam_search(
        outputs, width=ALL, language_model=model, alpha=alpha, beta=beta, word_list=WordList(WORDS, 4, SPACE)
    )[0]
    for one in listed:
        assert one.score == pytest.approx(expected[one.labels], rel=1e-9, abs=1e-9)


def test_labels_that_are_impossible_are_in_no_string() -> None:
    outputs = torch.tensor([[[0.5, 0.5, 0.0]], [[0.0, 1.0, 0.0]]], dtype=torch.float64).log()
    (beam,) = prefix_beam_search(outputs, width=5)
    assert {one.labels: math.exp(one.log_probability) for one in beam} == pytest.approx({(1,): 1.0})


def test_a_beam_may_end_without_a_word() -> None:
    outputs = torch.tensor([[[0.0, 0.0, 1.0]]], dtype=torch.float64).log()
    assert prefix_beam_search(outputs, word_list=WordList([(1,)], 3)) == [[]]


def test_a_language_model_may_be_a_network() -> None:
    outputs, bias = torch.zeros(3, 1, 3), torch.tensor([0.0, 1.0, 2.0], requires_grad=True)
    logarithms = bias.log_softmax(-1)
    of_network = prefix_beam_search(outputs, language_model=lambda string: logarithms)
    assert of_network == prefix_beam_search(outputs, language_model=lambda string: logarithms.tolist())


OUTPUTS = torch.zeros(2, 1, 4)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"width": 0}, "width is a whole number from 1, got 0"),
        ({"blank": -1}, "blank is the number of a label from 0 to 3, got -1"),
        ({"alpha": -1.0}, "alpha is a weight from 0, got -1.0"),
        ({"beta": math.nan}, "beta is a number, got nan"),
        ({"outputs": torch.full((2, 1, 4), torch.nan)}, "outputs hold NaN"),
        ({"outputs": [[1.0]]}, "outputs are a tensor"),
        ({"word_list": [(1, 2)]}, r"word_list is a WordList, got list: build WordList\(words, labels\)"),
        ({"word_list": WordList([(1,)], 5)}, "a WordList knows 5 labels, but the outputs have 4"),
        ({"language_model": LabelNGram([(1,)], 2, 3)}, "a LabelNGram knows 3 labels, but the outputs have 4"),
        ({"word_list": WordList([(1, 0)], 4)}, "a WordList has the blank, 0, among its labels"),
        ({"word_list": WordList([(1,)], 4, 0)}, "a WordList has the blank, 0, among its labels"),
        ({"language_model": LabelNGram([(1, 3)], 2, 4), "blank": 3}, "a LabelNGram has the blank, 3, among its labels"),
        (
            {"word_list": WordList([(1,)], 4, 3), "language_model": WordNGram([(1, 2, 1)], 2, 4, 2)},
            "the list of words has the separator 3, the language model 2: expected one",
        ),
        ({"language_model": 3}, "language_model is a LabelNGram, a WordNGram or a function, got int"),
        ({"language_model": lambda string: [0.0]}, r"the language model gave \(1,\) after \[\], expected"),
        ({"language_model": lambda string: [math.nan] * 4}, r"the language model gave NaN or inf after \[\]"),
    ],
)
def test_what_does_not_fit_is_told_in_one_line(arguments: dict, message: str) -> None:
    with pytest.raises(CellwrightError, match=message) as told:
        prefix_beam_search(**{"outputs": OUTPUTS, **arguments})
    assert "\n" not in str(told.value)
