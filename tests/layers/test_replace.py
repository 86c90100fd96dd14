"""replace(model) swaps every LSTM, GRU and RNN of torch in place, on the same parameters; nothing is lost silently."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations, prune

from cellwright import GRU, LSTM, RNN, replace
from cellwright.errors import CellwrightError


class Reader(nn.Module):
    """Layers nested in a container, one under two names, and one that is shared with a child."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Linear(3, 4), nn.LSTM(4, 4, 2, bidirectional=True, dropout=0.25))
        self.second = nn.ModuleDict({"lstm": nn.LSTM(8, 5, bias=False)})
        self.again = self.second["lstm"]
        self.same_parent = nn.Module()
        self.same_parent.one = self.same_parent.other = nn.LSTM(5, 4, proj_size=2, batch_first=True)
        self.several = nn.ModuleList([nn.LSTM(2, 3), nn.Identity(), nn.LSTM(3, 3)])
        self.gated = nn.GRU(3, 3, 2, bias=False, batch_first=True)
        self.simple = nn.RNN(3, 3, nonlinearity="relu", batch_first=True)
        self.head = nn.Linear(3, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x, _ = self.first(x)
        x, _ = self.again(x)
        x, _ = self.same_parent.other(x)
        for layer in self.several:
            x = layer(x) if isinstance(layer, nn.Identity) else layer(x)[0]
        return self.head(self.simple(self.gated(x)[0])[0])


@pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN")
def test_every_layer_is_swapped_on_the_same_parameters(laws) -> None:
    torch.manual_seed(0)
    model = Reader().double().eval()
    x = torch.randn(5, 2, 3, dtype=torch.float64)
    before, parameters = model(x), dict(model.named_parameters())
    optimiser = torch.optim.Adam(model.parameters())
    assert replace(model) is model
    assert not any(isinstance(module, nn.RNNBase) for module in model.modules())
    assert sum(isinstance(module, LSTM) for module in model.modules()) == 5
    assert isinstance(model.gated, GRU)
    assert isinstance(model.simple, RNN)
    assert model.again is model.second["lstm"]
    assert model.same_parent.one is model.same_parent.other
    after = dict(model.named_parameters())
    assert list(after) == list(parameters)
    assert all(after[name] is parameter for name, parameter in parameters.items())
    laws.same(model(x), before)
    model(x).square().sum().backward()
    optimiser.step()
    assert (model(x) - before).abs().max() > 0
    assert replace(model) is model
    assert sum(isinstance(module, LSTM) for module in model.modules()) == 5


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        (LSTM, {}),
        (LSTM, {"num_layers": 2, "bidirectional": True, "dropout": 0.5}),
        (LSTM, {"bias": False, "proj_size": 2, "batch_first": True}),
        (GRU, {}),
        (GRU, {"num_layers": 2, "bidirectional": True, "dropout": 0.5, "bias": False, "batch_first": True}),
        (RNN, {"num_layers": 2, "nonlinearity": "relu", "bias": False}),
    ],
    ids=str,
)
@pytest.mark.parametrize("training", [False, True])
def test_the_model_itself(kind: type, options: dict, training: bool) -> None:
    theirs = kind.torch_class(3, 4, **options).train(training)
    theirs.weight_hh_l0.requires_grad_(False)
    ours = replace(theirs)
    assert type(ours) is kind
    assert ours.training is training
    assert repr(ours) == repr(theirs)
    assert ours.dropout == theirs.dropout
    assert ours.weight_hh_l0 is theirs.weight_hh_l0
    assert not ours.weight_hh_l0.requires_grad


@pytest.mark.filterwarnings("ignore:dropout option adds dropout")
def test_dropout_with_one_layer_is_kept_without_another_warning() -> None:
    theirs = nn.LSTM(3, 4, dropout=0.5)
    assert replace(theirs).dropout == 0.5


def test_a_model_with_nothing_to_swap_is_left_alone() -> None:
    model = nn.Sequential(nn.Linear(2, 2), RNN(2, 2), LSTM(2, 2), GRU(2, 2))
    modules = list(model.modules())
    assert replace(model) is model
    assert all(one is other for one, other in zip(model.modules(), modules, strict=True))


def test_tied_parameters_stay_tied() -> None:
    theirs = nn.LSTM(3, 4, bidirectional=True)
    theirs.weight_hh_l0_reverse = theirs.weight_hh_l0
    ours = replace(theirs)
    assert ours.weight_hh_l0_reverse is ours.weight_hh_l0
    ours(torch.randn(2, 1, 3))


def test_hooks_of_parameters_go_on() -> None:
    theirs, seen = nn.LSTM(3, 4), []
    theirs.weight_hh_l0.register_hook(lambda gradient: seen.append(gradient.shape))
    replace(theirs)(torch.randn(2, 1, 3))[0].sum().backward()
    assert seen == [(16, 4)]


def test_swapping_draws_no_random_numbers() -> None:
    theirs = nn.LSTM(3, 4)
    torch.manual_seed(0)
    replace(theirs)
    drawn = torch.rand(())
    torch.manual_seed(0)
    assert torch.equal(drawn, torch.rand(()))


class Louder(nn.LSTM):
    def forward(self, *arguments: object) -> object:
        output, state = super().forward(*arguments)
        return 2 * output, state


def with_buffer(layer: nn.RNNBase) -> None:
    layer.register_buffer("mean", torch.zeros(3))


REASONS = {
    "weight norm": (lambda layer: parametrizations.weight_norm(layer, "weight_hh_l0"), "it is parametrised: remove"),
    "pruning": (
        lambda layer: prune.l1_unstructured(layer, "weight_hh_l0", 0.5),
        "it has hooks .forward_pre_hooks.*pruning",
    ),
    "forward hook": (lambda layer: layer.register_forward_hook(print), "it has hooks .forward_hooks."),
    "forward pre-hook": (lambda layer: layer.register_forward_pre_hook(print), "it has hooks .forward_pre_hooks."),
    "backward hook": (lambda layer: layer.register_full_backward_hook(print), "it has hooks .backward_hooks."),
    "backward pre-hook": (
        lambda layer: layer.register_full_backward_pre_hook(print),
        "it has hooks .backward_pre_hooks.",
    ),
    "state dict hook": (
        lambda layer: layer.register_state_dict_post_hook(lambda *_: None),
        "it has hooks .state_dict_hooks.",
    ),
    "load hook": (
        lambda layer: layer.register_load_state_dict_pre_hook(print),
        "it has hooks .load_state_dict_pre_hooks.",
    ),
    "buffer": (with_buffer, "it holds other tensors than a torch.nn.LSTM's"),
}


def test_a_layer_of_another_class_is_refused() -> None:
    with pytest.raises(CellwrightError, match=r"^it is a GRU, not a torch.nn.LSTM$"):
        LSTM.from_torch(nn.GRU(3, 4))
    with pytest.raises(CellwrightError, match=r"^it is a LSTM, not a torch.nn.GRU$"):
        GRU.from_torch(nn.LSTM(3, 4))


def test_a_gru_that_cannot_be_swapped_is_named() -> None:
    model = nn.ModuleDict({"lstm": nn.LSTM(3, 4), "gru": nn.GRU(4, 4)})
    with_buffer(model["gru"])
    with pytest.raises(CellwrightError, match=r"^gru cannot be replaced: it holds other tensors than a torch.nn.GRU's"):
        replace(model)
    assert type(model["lstm"]) is nn.LSTM


@pytest.mark.parametrize(("change", "message"), REASONS.values(), ids=REASONS)
def test_what_would_be_lost_is_refused_and_nothing_is_swapped(change, message: str) -> None:
    model = nn.Sequential(nn.LSTM(3, 4), nn.ModuleDict({"deep": nn.LSTM(4, 4)}))
    change(model[1]["deep"])
    modules = list(model.modules())
    with pytest.raises(CellwrightError, match=f"^1.deep cannot be replaced: {message}"):
        replace(model)
    assert all(one is other for one, other in zip(model.modules(), modules, strict=True))


def test_a_subclass_is_refused_for_what_it_adds() -> None:
    with pytest.raises(CellwrightError, match=r"^the model cannot be replaced: it is a Louder, and what that adds"):
        replace(Louder(3, 4))
