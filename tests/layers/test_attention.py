"""Attention: the equations by a plain loop, padding that has no effect, gradients, and what is refused."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from cellwright.errors import CellwrightError
from cellwright.layers.attention import AdditiveAttention, Attention, DotAttention, LocationAwareAttention

BATCH, PLACES, QUERY, SIZE, HIDDEN = 3, 5, 4, 4, 6
LENGTHS = torch.tensor([5, 1, 3])
KINDS = {
    "dot": lambda: DotAttention(QUERY, SIZE, "dot"),
    "scaled": lambda: DotAttention(QUERY, SIZE, "scaled"),
    "general": lambda: DotAttention(QUERY, SIZE),
    "additive": lambda: AdditiveAttention(QUERY, SIZE, HIDDEN),
    "additive with bias": lambda: AdditiveAttention(QUERY, SIZE, HIDDEN, bias=True),
    "location-aware": lambda: LocationAwareAttention(QUERY, SIZE, HIDDEN, filters=2, width=3),
    "sharpened": lambda: LocationAwareAttention(QUERY, SIZE, HIDDEN, filters=2, width=5, sharpening=2.0),
    "smoothed": lambda: LocationAwareAttention(QUERY, SIZE, HIDDEN, filters=2, width=3, smoothing=True),
}


@pytest.fixture(params=KINDS)
def attention(request: pytest.FixtureRequest) -> Attention:
    torch.manual_seed(0)
    return KINDS[request.param]().double()


def given(*lead: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """A query, the values of a memory, an alignment before."""
    torch.manual_seed(1)
    query, values = torch.randn(*lead, QUERY).double(), torch.randn(BATCH, PLACES, SIZE).double()
    valid = torch.arange(PLACES) < LENGTHS.unsqueeze(-1)
    before = torch.rand(*lead, PLACES).double() * (valid if len(lead) == 1 else valid.unsqueeze(1))
    return query, values, before


def score(attention: Attention, s: list[float], m: list[float], before: list[float], place: int) -> float:
    """The score of one place, number by number."""
    weights = {name: parameter.tolist() for name, parameter in attention.named_parameters()}
    if isinstance(attention, DotAttention):
        key = m if attention.form != "general" else [dot(row, m) for row in weights["projection.weight"]]
        return dot(s, key) / (math.sqrt(QUERY) if attention.form == "scaled" else 1.0)
    total = 0.0
    for unit in range(HIDDEN):
        seen = dot(weights["of_query.weight"][unit], s) + dot(weights["of_memory.weight"][unit], m)
        seen += weights["of_query.bias"][unit] if "of_query.bias" in weights else 0.0
        for feature, (taps,) in enumerate(weights.get("filters.weight", [])):
            around = [place + tap - len(taps) // 2 for tap in range(len(taps))]
            looked = [before[j] if 0 <= j < PLACES else 0.0 for j in around]
            seen += weights["of_location.weight"][unit][feature] * dot(taps, looked)
        total += weights["score.weight"][0][unit] * math.tanh(seen)
    return total


def dot(one: list[float], other: list[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))


def by_hand(attention: Attention, query, values, before) -> tuple[torch.Tensor, torch.Tensor]:
    contexts, alignments = [], []
    for row, length in enumerate(LENGTHS.tolist()):
        scores = [
            score(attention, query[row].tolist(), values[row, place].tolist(), before[row].tolist(), place)
            for place in range(length)
        ]
        beta = getattr(attention, "sharpening", 1.0)
        smooth = getattr(attention, "smoothing", False)
        strengths = [1 / (1 + math.exp(-beta * e)) if smooth else math.exp(beta * e) for e in scores]
        weights = [strength / sum(strengths) for strength in strengths] + [0.0] * (PLACES - length)
        alignments.append(weights)
        contexts.append([dot(weights, values[row, :, k].tolist()) for k in range(SIZE)])
    return torch.tensor(contexts).double(), torch.tensor(alignments, dtype=torch.float64)


def test_it_is_the_loop_written_by_hand(laws, attention: Attention) -> None:
    query, values, before = given(BATCH)
    context, alignment = attention(query, attention.memory(values, LENGTHS), before)
    expected_context, expected = by_hand(attention, query, values, before)
    laws.same(alignment, expected)
    laws.same(context, torch.einsum("bp,bpk->bk", expected, values), 1e-12)
    assert expected_context.shape == context.shape


def test_several_queries_are_each_by_itself(laws, attention: Attention) -> None:
    query, values, before = given(BATCH, 2)
    memory = attention.memory(values, LENGTHS)
    together = attention(query, memory, before)
    for k in range(2):
        laws.same([part[:, k] for part in together], attention(query[:, k], memory, before[:, k]))


def test_nothing_looked_at_before_is_zeros(laws, attention: Attention) -> None:
    query, values, before = given(BATCH)
    memory = attention.memory(values)
    laws.same(attention(query, memory), attention(query, memory, torch.zeros_like(before)))


def test_padding_has_no_effect_at_all(laws, attention: Attention) -> None:
    """Not on a bit of the results or the gradients if it holds NaN, nor beyond rounding if it is not there."""
    query, values, before = given(BATCH)
    results = []
    for garbage in (0.0, float("nan"), float("inf")):
        padded = values.masked_fill((torch.arange(PLACES) >= LENGTHS.unsqueeze(-1)).unsqueeze(-1), garbage)
        padded.requires_grad_()
        attention.zero_grad()
        context, alignment = attention(query, attention.memory(padded, LENGTHS), before)
        context.square().sum().backward()
        results.append([context, alignment, padded.grad, *(p.grad for p in attention.parameters())])
    for other in results[1:]:
        assert all(torch.equal(one, two) for one, two in zip(results[0], other, strict=True))
    assert not results[0][2][1, 1:].any()
    for row, length in enumerate(LENGTHS.tolist()):
        alone = attention(query[[row]], attention.memory(values[[row], :length]), before[[row], :length])
        laws.same([alone[0][0], alone[1][0]], [results[0][0][row], results[0][1][row, :length]])


def test_gradients_are_right_to_the_second_order(attention: Attention) -> None:
    query, values, before = given(BATCH)
    leaves = [query.requires_grad_(), values.requires_grad_(), before.requires_grad_()]
    leaves = leaves if attention.reads_previous else leaves[:2]

    def function(query, values, before=None):
        context, alignment = attention(query, attention.memory(values, LENGTHS), before)
        return torch.cat([context.flatten(), alignment.flatten()])

    assert torch.autograd.gradcheck(function, leaves, fast_mode=True)
    assert torch.autograd.gradgradcheck(function, leaves, fast_mode=True)


def test_scaled_is_torchs(laws) -> None:
    query, values, _ = given(BATCH, 2)
    attention = DotAttention(QUERY, SIZE, "scaled")
    context, _ = attention(query, attention.memory(values, LENGTHS))
    mask = (torch.arange(PLACES) < LENGTHS.unsqueeze(-1)).unsqueeze(1)
    laws.same(context, nn.functional.scaled_dot_product_attention(query, values, values, mask))


def test_sharpened_is_narrower_and_smoothed_broader() -> None:
    query, values, _ = given(BATCH)
    largest = {}
    for name in ("location-aware", "sharpened", "smoothed"):
        options = {"sharpened": {"sharpening": 8.0}, "smoothed": {"smoothing": True}}.get(name, {})
        torch.manual_seed(0)
        attention = LocationAwareAttention(QUERY, SIZE, HIDDEN, width=3, **options).double()
        with torch.no_grad():
            attention.score.weight.mul_(10)
        largest[name] = attention(query, attention.memory(values))[1].amax(1).mean()
    assert largest["smoothed"] < largest["location-aware"] < largest["sharpened"]


def test_scores_far_below_zero_leave_a_smoothed_alignment() -> None:
    attention = LocationAwareAttention(QUERY, SIZE, HIDDEN, smoothing=True)
    weights = attention.weights(torch.tensor([-1e4, -1e4, -torch.inf]))
    assert torch.equal(weights, torch.tensor([0.5, 0.5, 0.0]))


def test_no_rows_may_look() -> None:
    attention = LocationAwareAttention(3, 4, 2)
    memory = attention.memory(torch.zeros(0, 5, 4), [])
    assert attention(torch.zeros(0, 3), memory, torch.zeros(0, 5))[0].shape == (0, 4)


BAD = [
    (lambda: DotAttention(3, 4, "dot"), "dot needs query and memory of one size, got 3 and 4: use form='general'"),
    (lambda: DotAttention(3, 3, "product"), "form is one of dot, scaled, general; got 'product'"),
    (lambda: AdditiveAttention(3, 0, 2), "memory_size is a whole number from 1, got 0"),
    (lambda: LocationAwareAttention(3, 4, 2, width=4), "width is odd, so that a filter has a middle; got 4"),
    (lambda: LocationAwareAttention(3, 4, 2, sharpening=0), "sharpening is a number above 0, got 0"),
    (
        lambda: DotAttention(3, 4).memory(torch.zeros(2, 5, 3)),
        r"the memory has the shape \(2, 5, 3\), expected \(batch, places, 4\)",
    ),
    (
        lambda: DotAttention(3, 4).memory(torch.zeros(2, 0, 4)),
        "attention needs something to look at: the memory has no places, expected one at least",
    ),
    (
        lambda: DotAttention(3, 4).memory(torch.zeros(2, 5, 4).double()),
        r"the memory has the dtype torch.float64, but the parameters have torch.float32: .*",
    ),
    (
        lambda: (a := DotAttention(3, 4))(torch.zeros(2, 3).double(), a.memory(torch.zeros(2, 5, 4))),
        r"the query has the dtype torch.float64, but the parameters have torch.float32: .*",
    ),
    (
        lambda: DotAttention(3, 4)(torch.zeros(2, 3), torch.zeros(2, 5, 4)),
        r"attention takes a tensor and what its memory\(\) prepared, got Tensor and Tensor",
    ),
    (
        lambda: DotAttention(3, 4).memory(torch.zeros(2, 5, 4), [5, 0]),
        "attention needs something to look at: lengths of a memory are from 1, got 0",
    ),
    (
        lambda: DotAttention(3, 4).memory(torch.zeros(2, 5, 4), [6, 1]),
        "lengths lie between 0 and the 5 time steps of the input, got 1 to 6",
    ),
    (
        lambda: (a := DotAttention(3, 4))(torch.zeros(2, 4), a.memory(torch.zeros(2, 5, 4))),
        r"the query has the shape \(2, 4\), expected \(2, 3\) or \(2, queries, 3\)",
    ),
    (
        lambda: (a := DotAttention(3, 4))(torch.zeros(2, 3), a.memory(torch.zeros(2, 5, 4)), torch.zeros(2, 4)),
        r"the alignment before has the shape \(2, 4\), expected \(2, 5\)",
    ),
]


@pytest.mark.parametrize(("call", "message"), BAD, ids=[message for _, message in BAD])
def test_what_is_refused(call, message: str) -> None:
    with pytest.raises(CellwrightError, match=f"^{message}$"):
        call()
