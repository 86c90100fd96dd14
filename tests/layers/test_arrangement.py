"""Arrangements: each is the loop written by hand, with lengths, and refuses what belongs to another."""

from __future__ import annotations

import pytest
import torch

from cellwright import kernels
from cellwright.cells import catalogue, find
from cellwright.errors import CellwrightError
from cellwright.layers.arrangement import ARRANGEMENTS, Arranged
from cellwright.layers.scheduled_sampling import Sampling

BATCH, TIME, SIZE, UNITS = 3, 4, 2, 5
LENGTHS = torch.tensor([4, 1, 3])


def built(arrangement: str, cell="gru", outputs: int = SIZE, **options) -> Arranged:
    torch.manual_seed(0)
    if find(cell).projects:
        options["proj_size"] = 3
    return Arranged(arrangement, cell, SIZE, UNITS, outputs, **options).double()


def sequences() -> torch.Tensor:
    return torch.randn(BATCH, TIME, SIZE, generator=torch.Generator().manual_seed(1)).double()


def loop(model: Arranged, inputs: list[torch.Tensor], feeds_back: bool = False) -> list[torch.Tensor]:
    """Every step by hand: from zero states, an output after each."""
    state, outputs = None, []
    for time, x in enumerate(inputs):
        moments = {n: torch.full((len(x),), float(time)).double() for n in model.layer.cell.timing}
        times = {n: m if model.layer.cell.timing[n] == "moment" else torch.ones_like(m) for n, m in moments.items()}
        x = outputs[-1] if feeds_back and outputs else x
        h, state = model.layer.step(x, state, **times)
        outputs.append(h @ model.readout.weight.T + model.readout.bias)
    return outputs


@pytest.mark.parametrize("cell", catalogue("sequence"))
def test_each_is_the_loop(laws, cell: str) -> None:
    x = sequences()
    with kernels.switched(False):
        one = built("one-to-one", cell)
        laws.same(one(x[:, 0]), loop(one, [x[:, 0]])[0])
        many = built("many-to-one", cell)
        laws.same(many(x), loop(many, list(x.unbind(1)))[-1])
        each = built("many-to-many", cell)
        laws.same(each(x), torch.stack(loop(each, list(x.unbind(1))), 1))
        for feeds in ("output", "input", "nothing"):
            said = built("one-to-many", cell, feeds=feeds)
            after = x[:, 0] if feeds == "input" else torch.zeros_like(x[:, 0])
            inputs = [x[:, 0], *[after] * 3]
            laws.same(said(x[:, 0], steps=4), torch.stack(loop(said, inputs, feeds == "output"), 1))


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("arrangement", ["many-to-one", "many-to-many"])
def test_lengths_are_respected(laws, arrangement: str, bidirectional: bool) -> None:
    model = built(arrangement, "lstm", num_layers=2, bidirectional=bidirectional)
    x = sequences()
    padding = torch.arange(TIME) >= LENGTHS.unsqueeze(-1)
    said = model(x, lengths=LENGTHS)
    assert torch.equal(said, model(x.masked_fill(padding.unsqueeze(-1), torch.nan), lengths=LENGTHS))
    for row, length in enumerate(LENGTHS.tolist()):
        alone = model(x[[row], :length])[0]
        laws.same(said[row] if arrangement == "many-to-one" else said[row, :length], alone)
    if arrangement == "many-to-many":
        assert not said[padding].any()


def test_encoder_decoder_is_sequence_to_sequence(laws) -> None:
    model = built("encoder-decoder", outputs=4, bidirectional=True)
    x, target = sequences(), torch.tensor([[3, 3, 2], [3, 2, 0], [2, 0, 0]])
    for sampling in (Sampling(), Sampling(1.0)):
        said = model(x, target, lengths=LENGTHS, sampling=sampling)
        assert said.shape == (BATCH, 3, 4)
        laws.same(said, model.pair(x, target, LENGTHS, sampling)[0])
    assert len(model.pair.greedy(x, LENGTHS, max_length=5)) == BATCH


@pytest.mark.parametrize("arrangement", ARRANGEMENTS)
def test_gradients_reach_every_weight(arrangement: str) -> None:
    model = built(arrangement, outputs=3 if arrangement == "encoder-decoder" else SIZE)
    more = {"one-to-many": {"steps": 3}, "encoder-decoder": {"target": torch.tensor([[1, 2]] * BATCH)}}
    x = sequences() if model._reads_many else sequences()[:, 0]
    model(x, **more.get(arrangement, {})).square().sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


X = torch.zeros(1, 2)
BAD = [
    (lambda: Arranged("some-to-many", "gru", 2, 3, 2), "arrangement is one of one-to-one, .*; got 'some-to-many'"),
    (lambda: Arranged("one-to-many", "gru", 2, 3, 2, feeds="all"), "feeds is one of output, input, nothing; got 'all'"),
    (
        lambda: Arranged("one-to-many", "gru", 2, 3, 4),
        "feeds='output' reads 4 outputs where it read 2 features: they are as many",
    ),
    (
        lambda: Arranged("one-to-one", "gru", 2, 3, 2, bidirectional=True),
        "one-to-one reads one input, which has one direction: bidirectional is for many",
    ),
    (lambda: Arranged("one-to-one", "gru", 2, 3, 0), "output_size is a whole number from 1, got 0"),
    (
        lambda: Arranged("many-to-one", "gru", 2, 3, 2)(X),
        r"the input of many-to-one has the shape \(1, 2\), expected \(batch, time, 2\)",
    ),
    (
        lambda: Arranged("one-to-one", "gru", 2, 3, 2)(X.unsqueeze(0)),
        r"the input of one-to-one has the shape \(1, 1, 2\), expected \(batch, 2\)",
    ),
    (lambda: Arranged("one-to-many", "gru", 2, 3, 2)(X), "one-to-many needs steps: see Arranged.forward"),
    (lambda: Arranged("one-to-many", "gru", 2, 3, 2)(X, steps=0), "steps is a whole number from 1, got 0"),
    (
        lambda: Arranged("one-to-one", "gru", 2, 3, 2)(X, lengths=[1]),
        "one-to-one takes no lengths: that is for many-to-one, many-to-many, encoder-decoder",
    ),
    (
        lambda: Arranged("many-to-one", "gru", 2, 3, 2)(X.unsqueeze(0), X),
        "many-to-one takes no target: that is for encoder-decoder",
    ),
    (
        lambda: Arranged("many-to-one", "gru", 2, 3, 2)(X.unsqueeze(0), sampling=Sampling(0.5)),
        "many-to-one takes no sampling: that is for encoder-decoder",
    ),
    (
        lambda: Arranged("encoder-decoder", "gru", 2, 3, 4)(X.unsqueeze(0)),
        "encoder-decoder needs target: see Arranged.forward",
    ),
]


@pytest.mark.parametrize(("call", "message"), BAD, ids=[message for _, message in BAD])
def test_what_is_refused(call, message: str) -> None:
    with pytest.raises(CellwrightError, match=f"^{message}$"):
        call()
