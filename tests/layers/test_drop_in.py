"""cellwright.LSTM, GRU and RNN compute what torch.nn's do: outputs, final states, gradients, whatever the options."""

from __future__ import annotations

import inspect
import warnings

import pytest
import torch
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from torch import nn

from cellwright import GRU, LSTM, RNN, cells
from cellwright.errors import CellwrightError
from cellwright.layers import Recurrent

pytestmark = pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN")

KINDS = (LSTM, GRU, RNN)
STATES = {LSTM: ("h", "c"), GRU: ("h",), RNN: ("h",)}
LAYOUTS = [
    (LSTM, {}),
    (LSTM, {"num_layers": 2, "bidirectional": True}),
    (LSTM, {"bias": False, "bidirectional": True}),
    (LSTM, {"num_layers": 2, "proj_size": 2, "batch_first": True}),
    (LSTM, {"num_layers": 2, "proj_size": 2, "bidirectional": True, "bias": False}),
    (LSTM, {"num_layers": 3, "batch_first": True}),
    (GRU, {}),
    (GRU, {"num_layers": 2, "bidirectional": True}),
    (GRU, {"bias": False, "bidirectional": True}),
    (GRU, {"num_layers": 3, "batch_first": True}),
    (RNN, {"num_layers": 2, "bidirectional": True}),
    (RNN, {"nonlinearity": "relu", "bias": False, "batch_first": True}),
]


def named(layout: tuple[type, dict]) -> str:
    kind, options = layout
    return ", ".join([kind.__name__, *(f"{name}={value}" for name, value in options.items())])


every_layout = pytest.mark.parametrize(("kind", "options"), LAYOUTS, ids=map(named, LAYOUTS))
both_kinds = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)


def pair(kind: type, input_size: int, hidden_size: int, dtype: torch.dtype = torch.float64, **options: object):
    """The same layer, ours and torch's, from the same seed."""
    layers = []
    for build in (kind, kind.torch_class):
        torch.manual_seed(7)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "dropout")
            layers.append(build(input_size, hidden_size, dtype=dtype, **options))
    return layers


def as_tuple(state: torch.Tensor | tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
    """States as layers return them: one tensor for one state."""
    return (state,) if isinstance(state, torch.Tensor) else state


def results(
    layer: nn.Module, x: torch.Tensor, state: torch.Tensor | tuple[torch.Tensor, ...] | None
) -> list[torch.Tensor]:
    """Output, final states, and the gradients of a sum that weighs every element of them differently."""
    given = () if state is None else as_tuple(state)
    leaves = [t.detach().clone().requires_grad_() for t in (x, *given)]
    initial = None if state is None else leaves[1] if isinstance(state, torch.Tensor) else tuple(leaves[1:])
    output, final = layer(leaves[0], initial)
    final = as_tuple(final)
    total = sum((t * torch.linspace(-1, 2, t.numel(), dtype=t.dtype).reshape(t.shape)).sum() for t in (output, *final))
    gradients = torch.autograd.grad(total, [*leaves, *layer.parameters()])
    return [output, *final, *gradients]


@st.composite
def cases(draw: st.DrawFn) -> dict:
    kind = draw(st.sampled_from(KINDS))
    hidden_size = draw(st.integers(1, 6))
    options = {
        "input_size": draw(st.integers(1, 5)),
        "hidden_size": hidden_size,
        "num_layers": draw(st.integers(1, 3)),
        "bias": draw(st.booleans()),
        "batch_first": draw(st.booleans()),
        "dropout": draw(st.sampled_from([0.0, 0.5, 1.0])),
        "bidirectional": draw(st.booleans()),
    }
    if kind is LSTM:
        options["proj_size"] = draw(st.integers(0, hidden_size - 1))
    if kind is RNN:
        options["nonlinearity"] = draw(st.sampled_from(["tanh", "relu"]))
    batch = draw(st.none() | st.integers(1, 4))
    steps, state = draw(st.integers(1, 6)), draw(st.booleans())
    return {"kind": kind, "options": options, "steps": steps, "batch": batch, "state": state}


def draw_inputs(
    kind: type, options: dict, steps: int, batch: int | None, state: bool, dtype: torch.dtype = torch.float64
):
    lead = (steps,) if batch is None else (batch, steps) if options.get("batch_first") else (steps, batch)
    x = torch.randn(*lead, options["input_size"], dtype=dtype)
    if not state:
        return x, None
    rows = options.get("num_layers", 1) * (2 if options.get("bidirectional") else 1)
    inner = (rows,) if batch is None else (rows, batch)
    sizes = {"h": options.get("proj_size") or options["hidden_size"], "c": options["hidden_size"]}
    states = tuple(torch.randn(*inner, sizes[name], dtype=dtype) for name in STATES[kind])
    return x, states if len(states) > 1 else states[0]


SMALLEST = {"options": {"input_size": 1, "hidden_size": 1}, "steps": 1, "batch": 1, "state": True}


@settings(max_examples=100)
@given(case=cases())
@example(case={"kind": LSTM, **SMALLEST})
@example(case={"kind": GRU, **SMALLEST})
@example(case={"kind": RNN, **SMALLEST})
def test_it_computes_what_torch_computes(laws, case: dict) -> None:
    ours, theirs = pair(case["kind"], **case["options"])
    x, state = draw_inputs(case["kind"], case["options"], case["steps"], case["batch"], case["state"])
    ours.eval()
    theirs.eval()
    laws.same(results(ours, x, state), results(theirs, x, state))


@pytest.mark.filterwarnings("ignore:TF32 acceleration on top of oneDNN")
@every_layout
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16], ids=str)
def test_lower_precision_is_as_good_as_torchs(laws, kind: type, options: dict, dtype: torch.dtype) -> None:
    ours, theirs = pair(kind, 5, 16, dtype, **options)
    exact = kind.torch_class(5, 16, dtype=torch.float64, **options)
    exact.load_state_dict(theirs.state_dict())
    half = dtype is not torch.float32
    triples = []
    for _ in range(6 if half else 1):
        x, state = draw_inputs(kind, {"input_size": 5, "hidden_size": 16, **options}, 12, 4, True, dtype)
        precise = state.double() if isinstance(state, torch.Tensor) else tuple(t.double() for t in state)
        truth = results(exact, x.double(), precise)
        # In half precision oneDNN keeps what is inside a step in float32; torch's own steps round it, as ours do.
        with torch.backends.mkldnn.flags(enabled=not half):
            expected = results(theirs, x, state)
        triples.append((results(ours, x, state), expected, truth))
    laws.as_good_as(triples)


@every_layout
def test_the_same_seed_gives_the_same_weights(kind: type, options: dict) -> None:
    ours, theirs = pair(kind, 3, 5, torch.float32, **options)
    mine, other = ours.state_dict(), theirs.state_dict()
    assert list(mine) == list(other)
    assert all(torch.equal(mine[name], other[name]) for name in other)
    assert [name for name, _ in ours.named_parameters()] == [name for name, _ in theirs.named_parameters()]
    # Both have left the generator in the same state, and draw the same again.
    torch.manual_seed(3)
    ours.reset_parameters()
    mine = torch.rand(())
    torch.manual_seed(3)
    theirs.reset_parameters()
    assert torch.equal(mine, torch.rand(()))
    assert all(torch.equal(a, b) for a, b in zip(ours.parameters(), theirs.parameters(), strict=True))


@every_layout
def test_state_dicts_load_both_ways(laws, kind: type, options: dict) -> None:
    ours, theirs = pair(kind, 3, 5, **options)
    for parameter in theirs.parameters():
        nn.init.normal_(parameter)
    ours.load_state_dict(theirs.state_dict())
    fresh = kind.torch_class(3, 5, dtype=torch.float64, **options)
    fresh.load_state_dict(ours.state_dict())
    assert all(torch.equal(a, b) for a, b in zip(fresh.parameters(), theirs.parameters(), strict=True))
    x, state = draw_inputs(kind, {"input_size": 3, "hidden_size": 5, **options}, 4, 2, True)
    laws.same(ours(x, state), theirs(x, state))


@every_layout
def test_all_weights_are_torchs(kind: type, options: dict) -> None:
    ours, theirs = pair(kind, 3, 5, **options)
    assert [len(group) for group in ours.all_weights] == [len(group) for group in theirs.all_weights]
    for own, other in zip(ours.all_weights, theirs.all_weights, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(own, other, strict=True))
    ours.flatten_parameters()
    assert all(parameter is getattr(ours, name) for name, parameter in ours.named_parameters())
    assert repr(ours) == repr(theirs)


@both_kinds
def test_the_signature_is_torchs(kind: type) -> None:
    sizes = "input_size hidden_size num_layers bias batch_first dropout bidirectional".split()
    sizes += ["proj_size"] if kind is LSTM else []
    sizes[3:3] = ["nonlinearity"] if kind is RNN else []
    assert list(inspect.signature(kind).parameters) == [*sizes, "device", "dtype"]
    options = {"bidirectional": True, "device": "cpu", "dtype": torch.float64}
    given = [2, 3, 2, *(["relu"] if kind is RNN else []), True, False, 0.0]
    theirs = kind.torch_class(*given, **options)
    ours = kind(*given, **options)
    assert ours.state_dict().keys() == theirs.state_dict().keys()
    for name in [*sizes, "proj_size"]:
        assert getattr(ours, name) == getattr(theirs, name)


def test_others_than_an_lstm_have_no_projection() -> None:
    for build in (GRU, nn.GRU, RNN, nn.RNN):
        with pytest.raises((TypeError, ValueError), match="proj_size"):
            build(2, 3, proj_size=1)


def test_the_initial_state_goes_by_torchs_name(laws) -> None:
    for kind in KINDS:
        ours, theirs = pair(kind, 3, 5)
        x, state = draw_inputs(kind, {"input_size": 3, "hidden_size": 5}, 4, 2, True)
        expected = theirs(input=x, hx=state)
        laws.same(ours(input=x, hx=state), expected)
        laws.same(ours(x, state=state), expected)
        laws.same(ours(x, list(as_tuple(state))), expected)
        with pytest.raises(CellwrightError, match="given twice"):
            ours(x, state, hx=state)


@pytest.mark.parametrize("bias", [True, False])
def test_a_gru_of_the_catalogue_is_torchs(laws, bias: bool) -> None:
    ours = Recurrent("gru" if bias else cells.GRU(bias=False), 3, 5, 2, bidirectional=True, dtype=torch.float64)
    theirs = nn.GRU(3, 5, 2, bias=bias, bidirectional=True, dtype=torch.float64)
    ours.load_state_dict(theirs.state_dict())
    theirs.load_state_dict(ours.state_dict())
    x = torch.randn(6, 4, 3, dtype=torch.float64)
    laws.same(results(ours, x, None), results(theirs, x, None))


@both_kinds
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("batch_first", [False, True])
def test_an_empty_batch(kind: type, batch_first: bool, bidirectional: bool) -> None:
    ours, theirs = pair(kind, 3, 5, torch.float32, num_layers=2, batch_first=batch_first, bidirectional=bidirectional)
    x = torch.randn(0, 4, 3) if batch_first else torch.randn(4, 0, 3)
    output, state = ours(x)
    expected, expected_state = theirs(x)
    assert output.shape == expected.shape
    assert [t.shape for t in as_tuple(state)] == [t.shape for t in as_tuple(expected_state)]
    output.sum().backward()
    assert all(torch.equal(parameter.grad, torch.zeros_like(parameter)) for parameter in ours.parameters())


@both_kinds
def test_input_need_not_be_contiguous(laws, kind: type) -> None:
    ours, theirs = pair(kind, 3, 5, bidirectional=True, batch_first=True)
    wide = torch.randn(6, 4, 8, dtype=torch.float64)
    states = (
        torch.randn(5, 4, 2, dtype=torch.float64).transpose(0, 2),
        torch.randn(2, 4, 10, dtype=torch.float64)[..., ::2],
    )
    for x in (
        wide.transpose(0, 1)[..., :3],
        wide.flip(0).transpose(0, 1)[..., 1:7:2],
        wide[:1, :, :3].expand(4, -1, -1),
    ):
        assert not x.is_contiguous()
        given = [t[:, : x.shape[0]] for t in states]
        state = tuple(given) if kind is LSTM else given[0]
        laws.same(results(ours, x, state), results(theirs, x, state))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), 1e300])
@every_layout
def test_nan_and_infinity_pass_as_in_torch(laws, kind: type, options: dict, value: float) -> None:
    ours, theirs = pair(kind, 3, 5, **options)
    x, state = draw_inputs(kind, {"input_size": 3, "hidden_size": 5, **options}, 5, 3, True)
    x.transpose(0, 1)[2, 1, 0] = value
    laws.same(results(ours, x, state), results(theirs, x, state))
    as_tuple(state)[-1][0, 2, 1] = value
    laws.same(ours(x, state), theirs(x, state))


@settings(max_examples=10, suppress_health_check=[HealthCheck.too_slow])
@given(
    kind=st.sampled_from(KINDS),
    seed=st.integers(0, 2**31),
    probability=st.sampled_from([0.1, 0.5, 0.9, 1.0]),
    bidirectional=st.booleans(),
)
def test_the_same_seed_drops_the_same_units(
    laws, kind: type, seed: int, probability: float, bidirectional: bool
) -> None:
    ours, theirs = pair(kind, 3, 5, num_layers=3, dropout=probability, bidirectional=bidirectional)
    x = torch.randn(6, 4, 3, dtype=torch.float64)
    both = []
    for layer in (ours, theirs):
        torch.manual_seed(seed)
        both.append(results(layer, x, None))
    laws.same(*both)


def test_dropout_acts_in_training_alone_and_with_its_probability() -> None:
    torch.manual_seed(0)
    layer = LSTM(3, 200, 2, dropout=0.3, dtype=torch.float64)
    x = torch.randn(10, 8, 3, dtype=torch.float64)
    with torch.no_grad():
        for name in ("weight_hh_l1", "bias_ih_l1", "bias_hh_l1"):
            getattr(layer, name).zero_()
        layer.weight_ih_l1.fill_(1e-9)
        layer.bias_ih_l1[200:400] = -100.0  # no memory: g is then a small multiple of what comes from below
        seen = [layer(x, record="g")[2]["g_l1"][..., 0] for _ in range(30)]
        whole = layer.eval()(x, record="g")[2]["g_l1"][..., 0]
        assert torch.equal(whole, layer(x, record="g")[2]["g_l1"][..., 0])
    below = layer(x, record="h")[2]["h_l0"]
    # What comes through is Bernoulli(0.7) / 0.7 of it: its mean is the whole, its variance 3/7 of the squares' sum.
    deviation = (torch.stack(seen) - whole) / 1e-9
    variance = below.detach().square().sum(-1) * 3 / 7
    draws = torch.stack(seen).numel()
    scores = deviation / variance.sqrt()
    assert abs(scores.mean()) < 4 / draws**0.5
    assert abs(scores.square().mean() - 1) < 4 * (2 / draws) ** 0.5
