"""Decoding: a beam that is wide enough finds the best sequence there is; one of width 1 is greedy; batches are rows."""

from __future__ import annotations

import itertools
import math
from typing import NamedTuple

import pytest
import torch

from cellwright.errors import CellwrightError
from cellwright.layers.decoding import Hypothesis, LanguageModel, beam_search, greedy

TOKENS, LENGTH, START, END, HIDDEN, PLACES = 3, 4, 0, 2, 5, 4


class RandomModel:
    """A small recurrent model with random weights: its state (rows, hidden) remembers all tokens."""

    def __init__(self, seed: int, tokens: int = TOKENS) -> None:
        draws = torch.Generator().manual_seed(seed)
        self.embedding, self.recurrent, self.out, self.looks = (
            torch.randn(*shape, dtype=torch.float64, generator=draws)
            for shape in ((tokens, HIDDEN), (HIDDEN, HIDDEN), (HIDDEN, tokens), (HIDDEN, PLACES))
        )
        self.calls = 0

    def initial(self, batch: int, seed: int = 0) -> torch.Tensor:
        return torch.randn(batch, HIDDEN, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))

    def __call__(self, tokens: torch.Tensor, state: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        self.calls += 1
        state = torch.tanh(self.embedding[tokens] + state @ self.recurrent)
        return torch.log_softmax(state @ self.out, -1), state


class Looking:
    """A state that says where the model looked."""

    def __init__(self, state: torch.Tensor, alignment: torch.Tensor) -> None:
        self.state, self.alignment = state, alignment

    def take(self, rows: torch.Tensor) -> Looking:
        return Looking(self.state[rows], self.alignment[rows])


class LookingModel(RandomModel):
    def __call__(self, tokens, state):
        said, new = super().__call__(tokens, state.state if isinstance(state, Looking) else state)
        return said, Looking(new, torch.softmax(new @ self.looks, -1))


def everything(model, state: torch.Tensor, weights=(1.0,), others=()) -> dict[tuple[int, ...], float]:
    """The log-probability of every sequence that ends by itself or reaches the greatest length, one by one."""
    found = {}
    for length in range(1, LENGTH + 1):
        for tokens in itertools.product(range(TOKENS), repeat=length):
            ends, within = tokens[-1] == END, END in tokens[:-1]
            if within or not (ends or length == LENGTH):
                continue
            total = 0.0
            for weight, (one, start) in zip(weights, ((model, state), *others), strict=True):
                now, before = start, START
                for token in tokens:
                    said, now = one(torch.tensor([before]), now)
                    total += weight * float(said[0, token])
                    before = token
            found[tokens] = total
    return found


def written(hypothesis: Hypothesis) -> tuple[int, ...]:
    return (*hypothesis.tokens, END) if hypothesis.ended else hypothesis.tokens


@pytest.mark.parametrize("penalty", [0.0, 0.7, 1.5])
@pytest.mark.parametrize("seed", range(4))
def test_a_beam_as_wide_as_everything_finds_the_best(seed: int, penalty: float) -> None:
    """And all the others after it, in order."""
    model = RandomModel(seed)
    start = model.initial(1, seed)
    every = everything(model, start)
    assert math.isclose(sum(math.exp(value) for value in every.values()), 1.0, rel_tol=1e-12)
    options = {"start": START, "end": END, "max_length": LENGTH, "length_penalty": penalty}
    (found,) = beam_search(model, start, 1, width=TOKENS**LENGTH, best=TOKENS**LENGTH, **options)
    ranked = {tokens: value / ((5 + len(tokens)) / 6) ** penalty for tokens, value in every.items()}
    assert [written(h) for h in found] == sorted(ranked, key=ranked.get, reverse=True)
    assert [h.score for h in found] == pytest.approx(sorted(ranked.values(), reverse=True), rel=1e-12)
    assert [h.log_probability for h in found] == pytest.approx([every[written(h)] for h in found], rel=1e-12)


def test_greedy_falls_for_what_a_beam_of_two_sees() -> None:
    """The likelier first token leads to where nothing is likely: 0.6 * 0.4 against 0.4 * 1."""
    following = torch.tensor([[0.6, 0.4, 0.0], [0.0, 0.0, 1.0], [0.3, 0.3, 0.4]], dtype=torch.float64).log()

    def step(tokens, state):
        row = torch.where(state[:, 0] == 0, 0, 2 - tokens)  # of the first step; of those that said 1 or 0 before
        return following[row], state + 1

    options = {"start": START, "end": END, "max_length": 2}
    first = torch.zeros(1, 1)
    (found,) = greedy(step, first, 1, **options)
    assert found.log_probability == pytest.approx(math.log(0.6 * 0.4), rel=1e-12)
    ((best,),) = beam_search(step, first, 1, width=2, **options)
    assert (best.tokens, best.log_probability) == ((1,), pytest.approx(math.log(0.4), rel=1e-12))


@pytest.mark.parametrize("make", [RandomModel, LookingModel])
def test_a_beam_of_one_is_greedy(make) -> None:
    model = make(1, tokens=6)
    options = {"start": START, "end": END, "max_length": 12}
    one = greedy(model, model.initial(8), 8, **options)
    other = [found for (found,) in beam_search(model, model.initial(8), 8, width=1, **options)]
    assert [(h.tokens, h.ended) for h in one] == [(h.tokens, h.ended) for h in other]
    assert len({h.ended for h in one}) == len({len(h.tokens) for h in one} & {12}) + 1, "some end, some do not"
    assert [h.log_probability for h in one] == pytest.approx([h.log_probability for h in other], rel=1e-12)
    for a, b in zip(one, other, strict=True):
        assert (a.alignment is None) == (b.alignment is None) == (make is RandomModel)
        if a.alignment is not None:
            assert torch.equal(a.alignment, b.alignment)


@pytest.mark.parametrize("width", [2, 5])
def test_a_batch_is_its_samples_one_by_one(width: int) -> None:
    """In as many calls as the longest of them takes."""
    model = LookingModel(3, tokens=7)
    options = {"start": START, "end": END, "max_length": 9, "width": width, "best": 2, "length_penalty": 0.6}
    start = model.initial(10)
    model.calls = 0
    together = beam_search(model, start, 10, **options)
    calls, each = model.calls, []
    assert calls <= 9
    for sample, found in enumerate(together):
        model.calls = 0
        (alone,) = beam_search(model, start[[sample]], 1, **options)
        each.append(model.calls)
        assert [(h.tokens, h.ended) for h in found] == [(h.tokens, h.ended) for h in alone]
        assert [h.score for h in found] == pytest.approx([h.score for h in alone], rel=1e-12)
        for a, b in zip(found, alone, strict=True):
            assert a.alignment.shape == (len(written(a)), PLACES)
            torch.testing.assert_close(a.alignment, b.alignment, rtol=1e-12, atol=0)
    assert calls == max(each)
    assert min(each) < max(each), "samples leave at different times"


def test_alignments_are_those_of_the_sequence() -> None:
    model = LookingModel(5)
    start = model.initial(1)
    (found,) = beam_search(model, start, 1, start=START, end=END, max_length=LENGTH, width=9, best=9)
    for hypothesis in found:
        state, before = start, START
        for token, looked in zip(written(hypothesis), hypothesis.alignment, strict=True):
            _, state = model(torch.tensor([before]), state)
            torch.testing.assert_close(looked, state.alignment[0], rtol=1e-12, atol=0)
            before = token


def test_coverage_is_the_published_sum() -> None:
    model, lengths = LookingModel(7), [PLACES, 2]
    options = {"start": START, "end": END, "max_length": LENGTH, "width": 81, "best": 81, "lengths": lengths}
    found = beam_search(model, model.initial(2), 2, coverage_penalty=0.4, length_penalty=1.0, **options)
    for places, hypotheses in zip(lengths, found, strict=True):
        assert [h.score for h in hypotheses] == sorted((h.score for h in hypotheses), reverse=True)
        for h in hypotheses:
            covered = sum(math.log(min(float(seen), 1.0)) for seen in h.alignment.sum(0)[:places])
            expected = h.log_probability / ((5 + len(written(h))) / 6) + 0.4 * covered
            assert h.score == pytest.approx(expected, rel=1e-12)


def test_a_language_model_adds_its_scores() -> None:
    model, other = RandomModel(0), RandomModel(9)
    start, second = model.initial(1), other.initial(1, seed=4)
    every = everything(model, start, (1.0, 0.5), ((other, second),))
    fused = LanguageModel(other, second, 0.5)
    options = {"start": START, "end": END, "max_length": LENGTH, "width": 81, "best": 81}
    (found,) = beam_search(model, start, 1, language_model=fused, **options)
    assert [written(h) for h in found] == sorted(every, key=every.get, reverse=True)
    (without,) = beam_search(model, start, 1, **options)
    assert [written(h) for h in found] != [written(h) for h in without]


def test_impossible_tokens_are_never_said() -> None:
    model = RandomModel(2)

    def step(tokens, state):
        said, state = model(tokens, state)
        said[:, 1] = -torch.inf
        return said, state

    (found,) = beam_search(step, model.initial(1), 1, start=START, end=END, max_length=LENGTH, width=81, best=81)
    expected = {(0,) * length + ((END,) if length < LENGTH else ()) for length in range(LENGTH + 1)}
    assert {written(h) for h in found} == expected
    assert len(found) == len(expected)


class Pair(NamedTuple):
    one: torch.Tensor
    other: list[torch.Tensor]


@pytest.mark.parametrize("shape", ["tuple", "named", "dict"])
def test_a_state_may_be_nested(shape: str) -> None:
    model = RandomModel(4)
    both = Pair if shape == "named" else lambda one, other: (one, other)

    def step(tokens, state):
        parts = list(state.values()) if shape == "dict" else list(state)
        said, new = model(tokens, parts[0])
        return said, {"a": new, "b": None} if shape == "dict" else both(new, [parts[1][0]])

    start = model.initial(3)
    nested = {"a": start, "b": None} if shape == "dict" else both(start, [start])
    options = {"start": START, "end": END, "width": 3}
    assert beam_search(step, nested, 3, **options) == beam_search(model, start, 3, **options)


def test_a_language_model_without_weight_is_not_asked() -> None:
    model = RandomModel(2)
    options = {"start": START, "end": END, "max_length": LENGTH}
    forbids = LanguageModel(lambda tokens, state: (torch.full((len(tokens), TOKENS), -torch.inf), state), None, 0.0)
    state = model.initial(1)
    assert beam_search(model, state, 1, language_model=forbids, **options) == beam_search(model, state, 1, **options)
    for weight in (-0.5, math.nan, "much"):
        with pytest.raises(CellwrightError, match="the weight of a language model is a number from 0, got "):
            LanguageModel(model, state, weight)


def test_greedy_refuses_what_is_no_number_and_no_token() -> None:
    options = {"start": START, "max_length": LENGTH}
    with pytest.raises(CellwrightError, match="no numbers"):
        greedy(nan, None, 1, end=END, **options)
    with pytest.raises(CellwrightError, match="end is the token 3"):
        greedy(RandomModel(0), RandomModel(0).initial(1), 1, end=3, **options)


def test_of_no_samples_nothing_is_said() -> None:
    model = RandomModel(0)
    assert greedy(model, model.initial(0), 0, start=START, end=END) == []
    assert beam_search(model, model.initial(0), 0, start=START, end=END) == []


def nan(tokens, state):
    return torch.full((len(tokens), TOKENS), torch.nan), state


BAD = [
    ({"width": 0}, "width is a whole number from 1, got 0"),
    ({"best": 5}, "best is at most the width of the beam, 4; got 5"),
    ({"max_length": 0}, "max_length is a whole number from 1, got 0"),
    ({"length_penalty": -1.0}, "length_penalty is a number from 0, got -1.0"),
    ({"coverage_penalty": 0.1}, "coverage_penalty goes by alignments, and the step's state has none: leave it 0"),
    ({"batch": -1}, "batch is a whole number from 0, got -1"),
    ({"end": -1}, "end is a whole number from 0, got -1"),
    ({"end": 3}, "end is the token 3, but a step says tokens from 0 to 2 alone"),
    ({"step": lambda tokens, state: None}, r"a step returns log-probabilities .* and its state, got NoneType"),
    ({"language_model": nan}, "language_model is a LanguageModel, got function: give its step, state and weight"),
    (
        {"language_model": LanguageModel(RandomModel(0, 4), RandomModel(0).initial(1), 1.0)},
        "the step says 3 tokens, the language model 4",
    ),
    ({"step": nan}, r"the step's log-probabilities are no numbers \(NaN\): look at the model"),
    (
        {"step": lambda tokens, state: (torch.zeros(2), state)},
        r"a step returns log-probabilities \(1, tokens\) and its state, got \(2,\)",
    ),
    (
        {"state": "somewhere", "step": lambda tokens, state: (torch.zeros(1, 3), state)},
        r"the state of a step is made of tensors, tuples, lists and dicts, or has take\(rows\); got str",
    ),
]


@pytest.mark.parametrize(("options", "message"), BAD, ids=[message for _, message in BAD])
def test_what_is_refused(options: dict, message: str) -> None:
    model = RandomModel(0)
    complete = {"step": model, "state": model.initial(1), "batch": 1, "start": START, "end": END, **options}
    with pytest.raises(CellwrightError, match=f"^{message}$"):
        beam_search(**complete)
