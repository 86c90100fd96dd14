"""Sequence to sequence: fast path and steps agree, padding has no effect, sampling between its two ends."""

from __future__ import annotations

import logging
import math
from typing import ClassVar

import pytest
import torch

from cellwright import Recurrent, kernels
from cellwright.cells import Cell, affine, catalogue, tanh
from cellwright.errors import CellwrightError
from cellwright.kernels import operator
from cellwright.layers.attention import AdditiveAttention, DotAttention, LocationAwareAttention
from cellwright.layers.decoder import Decoder, Markers
from cellwright.layers.pyramidal import PyramidalRecurrent
from cellwright.layers.scheduled_sampling import Sampling, exponential, inverse_sigmoid, linear
from cellwright.layers.seq2seq import Seq2Seq

TOKENS, SIZE = 7, 4
END = Markers().end
SOURCE = torch.tensor([[3, 4, 5, 6], [5, 3, 0, 0], [6, 0, 0, 0]])
LENGTHS = torch.tensor([4, 2, 1])
TARGET = torch.tensor([[4, 5, 6, END], [3, END, 0, 0], [6, 3, END, 0]])
ATTENTIONS = {
    "none": {},
    "after": {"attention": lambda memory: DotAttention(SIZE, memory)},
    "fed": {"attention": lambda memory: DotAttention(SIZE, memory), "input_feeding": True},
    "before": {"attention": lambda memory: AdditiveAttention(SIZE, memory, 3), "query": "previous"},
    "location": {"attention": lambda memory: LocationAwareAttention(SIZE, memory, 3, filters=2, width=3)},
}


def network(
    attention: str = "none", cell="lstm", bidirectional: bool = True, layers: int = 1, bridge="learned", **options
) -> Seq2Seq:
    torch.manual_seed(0)
    chosen = dict(ATTENTIONS[attention])
    encoder = Recurrent(cell, 3, SIZE, layers, bidirectional=bidirectional)
    if make := chosen.pop("attention", None):
        chosen["attention"] = make(encoder.output_size)
    decoder = Decoder(cell, TOKENS, 3, SIZE, layers, **chosen, **options)
    return Seq2Seq(encoder, decoder, source_tokens=TOKENS, bridge=bridge).double()


def by_steps(model: Seq2Seq, target: torch.Tensor) -> tuple[torch.Tensor, list[torch.Tensor]]:
    """Teacher forcing as a loop over ``step``."""
    state = model.start(SOURCE, LENGTHS)
    logits, alignments = [], []
    for time in range(target.shape[1]):
        before = target[:, time - 1] if time else torch.full((len(target),), model.decoder.markers.start)
        said, state = model.decoder.step(before, state)
        logits.append(said)
        if state.alignment is not None:
            alignments.append(state.alignment)
    return torch.stack(logits, 1), [torch.stack(alignments, 1)] if alignments else []


@pytest.mark.parametrize("attention", ATTENTIONS)
@pytest.mark.parametrize("layers", [1, 2])
def test_a_whole_target_is_its_steps(laws, attention: str, layers: int) -> None:
    model = network(attention, layers=layers)
    logits, alignment = model(SOURCE, TARGET, LENGTHS)
    assert logits.shape == (3, 4, TOKENS)
    laws.same([logits, *([] if alignment is None else [alignment])], by_steps(model, TARGET))


@pytest.mark.parametrize("cell", [name for name, cell in catalogue("sequence").items() if not cell.projects])
def test_any_cell_encodes_and_decodes(laws, cell: str) -> None:
    model = network("after", cell)
    with kernels.switched(False):  # others show that compiled loops do the same
        logits, _ = model(SOURCE, TARGET, LENGTHS)
        laws.same(logits, by_steps(model, TARGET)[0])
        model.loss(SOURCE, TARGET, LENGTHS).backward()
    gradients = [p.grad for p in model.parameters() if p.grad is not None]  # some cells read no state, or not all
    assert all(gradient.isfinite().all() for gradient in gradients)
    assert model.decoder.embedding.weight.grad is not None


def test_a_decoder_may_project_its_output(laws) -> None:
    torch.manual_seed(0)
    encoder = Recurrent("gru", 3, SIZE)
    decoder = Decoder("lstmp", TOKENS, 3, SIZE, 2, proj_size=2, attention=DotAttention(2, SIZE), input_feeding=True)
    model = Seq2Seq(encoder, decoder, source_tokens=TOKENS).double()
    laws.same(model(SOURCE, TARGET, LENGTHS)[0], by_steps(model, TARGET)[0])


def test_it_is_the_equations_of_luong(laws) -> None:
    """Input feeding and the attentional vector, from the parameters, with one layer."""
    model = network("fed")
    decoder, attention = model.decoder, model.decoder.attention
    encoded = model.encode(SOURCE, LENGTHS)
    states = tuple(state for state in model.bridge(encoded))
    fed, expected = torch.zeros(3, SIZE).double(), []
    for time in range(4):
        before = TARGET[:, time - 1] if time else torch.full((3,), 1)
        x = torch.cat([decoder.embedding.weight[before], fed], -1)
        output, states = decoder.layer(x.unsqueeze(0), states)
        h = output[0]
        contexts = []
        for row, length in enumerate(LENGTHS.tolist()):
            memory = encoded.outputs[row, :length]
            weights = torch.softmax(memory @ attention.projection.weight.T @ h[row], 0)
            contexts.append(weights @ memory)
        fed = torch.tanh(torch.cat([torch.stack(contexts), h], -1) @ decoder.attentional.weight.T)
        expected.append(fed @ decoder.readout.weight.T + decoder.readout.bias)
    laws.same(model(SOURCE, TARGET, LENGTHS)[0], torch.stack(expected, 1))


@pytest.mark.parametrize("attention", ATTENTIONS)
def test_padding_has_no_effect_at_all(laws, attention: str) -> None:
    """What is in the padding changes no bit; that it is there changes nothing beyond rounding."""
    model = network(attention)
    garbage = SOURCE.where(torch.arange(4) < LENGTHS.unsqueeze(-1), 6)
    results = [model(source, TARGET, LENGTHS)[0] for source in (SOURCE, garbage)]
    assert torch.equal(*results)
    for row, length in enumerate(LENGTHS.tolist()):
        alone, _ = model(SOURCE[[row], :length], TARGET[[row]])
        laws.same(alone[0], results[0][row])
    longer = torch.cat([TARGET, torch.zeros(3, 2).long()], 1)
    laws.same(model.loss(SOURCE, longer, LENGTHS), model.loss(SOURCE, TARGET, LENGTHS))


@pytest.mark.parametrize("attention", ["none", "before", "location"])
def test_gradients_are_right(attention: str) -> None:
    model = network(attention, cell="gru", bidirectional=False)
    parameters = dict(model.named_parameters())

    def function(flat):
        parts = flat.split([p.numel() for p in parameters.values()])
        own = {name: part.view_as(p) for (name, p), part in zip(parameters.items(), parts, strict=True)}
        return torch.func.functional_call(model, own, (SOURCE, TARGET, LENGTHS))[0]

    flat = torch.nn.utils.parameters_to_vector(parameters.values()).detach().requires_grad_()
    with kernels.switched(False):
        assert torch.autograd.gradcheck(function, flat, fast_mode=True)
        assert torch.autograd.gradgradcheck(function, flat, fast_mode=True)


@pytest.mark.parametrize("bridge", ["learned", "copy", "zero"])
def test_the_bridge(laws, bridge: str) -> None:
    model = network(layers=2, bidirectional=False, bridge=bridge)
    encoded = model.encode(SOURCE, LENGTHS)
    _, final = model.encoder(model.embedding(SOURCE).transpose(0, 1), lengths=LENGTHS)
    handed = model.bridge(encoded)
    assert [state.shape for state in handed] == [(2, 3, SIZE)] * 2
    if bridge == "copy":
        laws.same(handed, final)
    elif bridge == "zero":
        assert not any(state.any() for state in handed)
    else:
        for name, state in zip("hc", handed, strict=True):
            made = torch.tanh(model.bridge.maps[name](final[0][-1]))
            laws.same(state, torch.stack(made.split(SIZE, -1)))


@pytest.mark.parametrize("attention", ["none", "fed"])
def test_no_sampling_is_teacher_forcing_and_all_of_it_free_running(laws, attention: str) -> None:
    model = network(attention)
    logits, _ = model(SOURCE, TARGET, LENGTHS, Sampling(0.0))
    laws.same(logits, by_steps(model, TARGET)[0])
    free, _ = model(SOURCE, TARGET, LENGTHS, Sampling(1.0))
    own = torch.full((3, 0), 0)
    for _ in range(4):
        said, _ = by_steps(model, torch.cat([own, torch.zeros(3, 1).long()], 1))
        own = torch.cat([own, said[:, -1:].argmax(-1)], 1)
    laws.same(free, by_steps(model, own)[0])
    assert not torch.allclose(free, logits)


@pytest.mark.parametrize("own", ["best", "drawn"])
@pytest.mark.parametrize("coin", ["token", "sequence"])
def test_one_seed_one_result(own: str, coin: str) -> None:
    model = network()

    def said(seed: int) -> torch.Tensor:
        draws = torch.Generator().manual_seed(seed)
        return model(SOURCE, TARGET, LENGTHS, Sampling(0.5, coin=coin, own=own, draws=draws))[0]

    assert torch.equal(said(0), said(0))
    assert any(not torch.equal(said(0), said(seed)) for seed in range(1, 6))


def test_coins_fall_as_often_as_they_should() -> None:
    draws = torch.Generator().manual_seed(0)
    each = Sampling(0.3, draws=draws).coins(400, 50, torch.device("cpu"))
    assert abs(float(each.double().mean()) - 0.3) < 0.01  # 3 standard deviations
    whole = Sampling(0.3, coin="sequence", draws=draws).coins(4000, 5, torch.device("cpu"))
    assert (whole == whole[:, :1]).all()
    assert abs(float(whole.double().mean()) - 0.3) < 0.022


def test_the_schedules_are_the_published_ones() -> None:
    """Bengio, Vinyals, Jaitly & Shazeer 2015, section 2.4, as the probability of an own token."""
    assert [linear(i, slope=0.25, least=0.1) for i in (0, 1, 2, 4)] == [0.0, 0.25, 0.5, 0.9]
    assert [exponential(i, base=0.5) for i in (0, 1, 3)] == [0.0, 0.5, 0.875]
    for i in (0, 5, 50, 5000):
        k = 10.0
        assert inverse_sigmoid(i, k=k) == pytest.approx(1 - k / (k + math.exp(i / k)), rel=1e-12)
    assert inverse_sigmoid(10**6, k=10.0) == 1.0


def test_greedy_is_free_running() -> None:
    model = network("before")
    found = model.greedy(SOURCE, LENGTHS, max_length=6)
    logits, alignment = model(SOURCE, torch.full((3, 6), 3), LENGTHS, Sampling(1.0))
    for row, hypothesis in enumerate(found):
        steps = len(hypothesis.tokens) + hypothesis.ended
        assert (*hypothesis.tokens, END)[:steps] == tuple(logits[row, :steps].argmax(-1).tolist())
        torch.testing.assert_close(hypothesis.alignment, alignment[row, :steps], rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("attention", ATTENTIONS)
def test_a_beam_over_a_batch_is_one_over_each(attention: str) -> None:
    """The hypotheses of a sample share its memory; log-probabilities are those of the model itself."""
    model = network(attention)
    options = {"width": 5, "best": 3, "max_length": 8, "length_penalty": 0.5}
    found = model.beam_search(SOURCE, LENGTHS, **options)
    for row, length in enumerate(LENGTHS.tolist()):
        (alone,) = model.beam_search(SOURCE[[row], :length], **options)
        assert [h.tokens for h in found[row]] == [h.tokens for h in alone]
        for h in found[row]:
            said = [*h.tokens, *([END] if h.ended else [])]
            logits, alignment = model(SOURCE[[row], :length], torch.tensor([said]))
            each = torch.log_softmax(logits[0], -1)[torch.arange(len(said)), said]
            assert h.log_probability == pytest.approx(float(each.detach().sum()), rel=1e-12)
            if alignment is not None:
                torch.testing.assert_close(h.alignment[:, :length], alignment[0].detach(), rtol=1e-11, atol=1e-15)


def test_attention_within_the_loop_is_said_once(caplog, monkeypatch) -> None:
    monkeypatch.setattr(operator, "_said", set())
    with caplog.at_level(logging.WARNING):
        for attention in ("fed", "after", "none", "fed"):
            network(attention)(SOURCE, TARGET, LENGTHS)
    said = [record.message for record in caplog.records]
    assert said == ["a decoder of LSTM() runs step by step, because its attention is within the loop"]


class Halved(torch.nn.Module):
    """An encoder that is no recurrent layer: the mean of two neighbours, and lengths that are halved too."""

    input_size, output_size, batch_first = 3, 3, True

    def forward(self, source, *, lengths=None):
        ends = torch.full((len(source),), source.shape[1]) if lengths is None else lengths
        valid = (torch.arange(source.shape[1]) < ends.unsqueeze(-1)).unsqueeze(-1)
        pairs = source.masked_fill(~valid, 0.0).unflatten(1, (-1, 2)).mean(2)
        return pairs, torch.div(ends + 1, 2, rounding_mode="floor")


def test_any_module_may_encode(laws) -> None:
    torch.manual_seed(0)
    decoder = Decoder("gru", TOKENS, 3, SIZE, attention=DotAttention(SIZE, 3))
    model = Seq2Seq(Halved(), decoder, source_tokens=TOKENS).double()
    logits, alignment = model(SOURCE, TARGET, LENGTHS)
    assert alignment.shape == (3, 4, 2)
    laws.same(model(SOURCE[1:2, :2], TARGET[1:2], LENGTHS[1:2])[0][0], logits[1])


def test_a_pyramid_may_encode(laws) -> None:
    """As in listen, attend and spell: the memory has fewer places than the source has steps."""
    torch.manual_seed(0)
    encoder = PyramidalRecurrent("lstm", 3, SIZE, 2, factor=2, bidirectional=True)
    attention = LocationAwareAttention(SIZE, encoder.output_size, 3, width=3)
    model = Seq2Seq(encoder, Decoder("lstm", TOKENS, 3, SIZE, attention=attention), source_tokens=TOKENS).double()
    logits, alignment = model(SOURCE, TARGET, LENGTHS.clamp_min(2))
    assert alignment.shape == (3, 4, 2)
    assert not alignment[1:, :, 1].any()
    laws.same(model(SOURCE[1:2, :2], TARGET[1:2])[0][0], logits[1])


def test_a_source_may_be_features(laws) -> None:
    torch.manual_seed(0)
    encoder = Recurrent("gru", 3, SIZE, batch_first=True)
    model = Seq2Seq(
        encoder, Decoder("gru", TOKENS, 3, SIZE, attention=DotAttention(SIZE, SIZE)), bridge="copy"
    ).double()
    source = torch.randn(3, 4, 3).double()
    logits, _ = model(source, TARGET, LENGTHS)
    laws.same(model(source[1:2, :2], TARGET[1:2])[0][0], logits[1])


def test_dropout_acts_in_training_alone() -> None:
    model = network("after", layers=2, dropout=0.5)
    assert not torch.equal(model(SOURCE, TARGET, LENGTHS)[0], model(SOURCE, TARGET, LENGTHS)[0])
    model.eval()
    assert torch.equal(model(SOURCE, TARGET, LENGTHS)[0], model(SOURCE, TARGET, LENGTHS)[0])


class Watched(Cell):
    """Reads something that is no time."""

    sequences: ClassVar = {"x": ("feature",), "light": ()}

    def step(self, x, light, h):
        return tanh(affine("h", x, h) + light)


def test_a_generator_draws_where_it_lives() -> None:
    """The device meta stands for another one."""
    sampling = Sampling(0.5, own="drawn", draws=torch.Generator().manual_seed(0))
    assert sampling.coins(2, 3, torch.device("meta")).is_meta


def test_shapes_without_values() -> None:
    model = network("after").to("meta")
    assert model.loss(*(tensor.to("meta") for tensor in (SOURCE, TARGET, LENGTHS))).is_meta


PAIRS = {"encoder": lambda: Recurrent("gru", 3, 4), "decoder": lambda: Decoder("gru", 7, 3, 4)}
BAD = [
    (lambda: Decoder("gru", 0, 3, 4), "tokens is a whole number from 1, got 0"),
    (lambda: Decoder("gru", 2, 3, 4), "padding, start and end are three tokens from 0 to 1, got 0, 1, 2"),
    (lambda: Decoder(Watched(), 7, 3, 4), r"Watched\(\) also reads light: use a cell that reads its input alone"),
    (
        lambda: Seq2Seq(Recurrent(Watched(), 3, 4), PAIRS["decoder"]()),
        r"Watched\(\) also reads light: use a cell that reads its input alone",
    ),
    (lambda: Decoder("gru", 7, 3, 4, markers=Markers("pad")), "padding is a whole number from 0, got 'pad'"),
    (
        lambda: Decoder("gru", 7, 3, 4, markers=(0, 1, 2)),
        r"markers are Markers\(padding, start, end\), got \(0, 1, 2\)",
    ),
    (
        lambda: Decoder("gru", 7, 3, 4, attention=torch.nn.Linear(4, 4)),
        "attention is an Attention, got Linear: build a DotAttention, say",
    ),
    (lambda: Seq2Seq(PAIRS["encoder"](), PAIRS["encoder"]()), "the decoder is a Decoder, got Recurrent"),
    (
        lambda: network()(SOURCE, TARGET, LENGTHS, 0.5),
        r"sampling is a Sampling, got 0.5: build Sampling\(probability\)",
    ),
    (
        lambda: network().loss(SOURCE, 0 * TARGET, LENGTHS),
        "the target is padding, 0, alone: expected a token, the marker of the end say",
    ),
    (lambda: Decoder("gru", 7, 3, 4, query="old"), "query is one of new, previous; got 'old'"),
    (
        lambda: Decoder("gru", 7, 3, 4, input_feeding=True),
        "input_feeding feeds back what attention with query='new' made: it needs that",
    ),
    (
        lambda: Decoder("gru", 7, 3, 4, attention=DotAttention(5, 4)),
        "the attention takes queries of 5 features, the decoder's output has 4",
    ),
    (
        lambda: Seq2Seq(PAIRS["encoder"](), Decoder("gru", 7, 3, 4, attention=DotAttention(4, 5))),
        "the attention looks at vectors of 5 features, the encoder's outputs have 4",
    ),
    (
        lambda: Seq2Seq(torch.nn.Linear(3, 4), PAIRS["decoder"]()),
        "Linear has no output_size: an encoder says how many features its outputs have",
    ),
    (
        lambda: Seq2Seq(Recurrent("lstm", 3, 4), PAIRS["decoder"](), bridge="copy"),
        "bridge='copy' takes an encoder of one direction .*: use bridge='learned'",
    ),
    (lambda: network()(SOURCE, TARGET + 4, LENGTHS), "the target has tokens from 4 to 10, expected 0 to 6"),
    (lambda: network()(SOURCE - 1, TARGET, LENGTHS), "the source has tokens from -1 to 5, expected 0 to 6"),
    (lambda: network()(SOURCE[:2], TARGET, LENGTHS[:2]), "2 sources but 3 targets: expected one for each"),
    (
        lambda: network()(SOURCE, TARGET.double(), LENGTHS),
        r"the target is a tensor \(batch, time\) of whole numbers, got \(3, 4\) of torch.float64",
    ),
    (lambda: network()(SOURCE, TARGET[:, :0], LENGTHS), r"the target has the shape \(3, 0\): expected a sequence .*"),
    (lambda: network("after")(SOURCE, TARGET, [4, 2, 0]), "attention needs something to look at: .*"),
    (lambda: Sampling(1.5), "probability is a probability between 0 and 1, got 1.5"),
    (lambda: Sampling(0.5, coin="word"), "coin is one of token, sequence; got 'word'"),
    (lambda: linear(-1, slope=0.1), "update is a whole number from 0, got -1"),
    (lambda: linear(0, slope=-0.1), "slope is a number from 0, got -0.1"),
    (lambda: exponential(0, base=1.0), "base is a number between 0 and 1, got 1.0"),
    (lambda: inverse_sigmoid(0, k=0.5), "k is a number from 1, got 0.5"),
]


@pytest.mark.parametrize(("call", "message"), BAD, ids=[message for _, message in BAD])
def test_what_is_refused(call, message: str) -> None:
    with pytest.raises(CellwrightError, match=f"^{message}$"):
        call()
