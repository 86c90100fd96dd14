"""Networks of units without memory, and of cells with output units inside."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from cellwright import RNN, Recurrent
from cellwright.cells import FeedForward
from cellwright.errors import CellwrightError


def test_a_feed_forward_network_is_torchs(laws) -> None:
    """Units without memory, layer on layer: at each step that of torch's linear layers, gradients included."""
    torch.manual_seed(0)
    ours = Recurrent("sigmoid-unit", 3, 5, 2, dtype=torch.float64)
    theirs = nn.Sequential(nn.Linear(3, 5), nn.Sigmoid(), nn.Linear(5, 5), nn.Sigmoid()).double()
    theirs.load_state_dict(dict(zip(theirs.state_dict(), ours.state_dict().values(), strict=True)))
    x = torch.randn(4, 2, 3, dtype=torch.float64)
    results = []
    for network, output in ((ours, ours(x)[0]), (theirs, theirs(x))):
        results.append([output, *torch.autograd.grad(output.square().sum(), list(network.parameters()))])
    laws.same(*results)


def test_a_unit_without_memory_forgets_its_state() -> None:
    torch.manual_seed(0)
    layer = Recurrent(FeedForward(activation="tanh"), 3, 4)
    x = torch.randn(5, 2, 3)
    assert torch.equal(layer(x, torch.randn(1, 2, 4))[0], layer(x)[0])


@pytest.mark.parametrize("name", ["jordan", "fully-recurrent"])
def test_there_may_be_more_outputs_than_hidden_units(name: str) -> None:
    layer = Recurrent(name, 3, 2, num_layers=2, proj_size=7)
    assert layer(torch.randn(5, 4, 3))[0].shape == (5, 4, 7)
    assert layer.output_size == 7
    with pytest.raises(CellwrightError, match="give the size of the projection, proj_size"):
        Recurrent(name, 3, 2)


def test_a_step_of_a_fully_recurrent_network_sees_the_step_before() -> None:
    """What one output unit said reaches the others and the hidden units one step later, not at once."""
    layer = Recurrent("fully-recurrent", 3, 2, proj_size=2, dtype=torch.float64)
    x, state = torch.zeros(1, 1, 3, dtype=torch.float64), torch.zeros(1, 1, 2, dtype=torch.float64)
    y = state.clone().requires_grad_()
    output, (_, hidden) = layer(x, (y, state))
    for later in (output, hidden):
        (gradient,) = torch.autograd.grad(later.sum(), y, retain_graph=True)
        assert gradient.all()


@pytest.mark.parametrize("nonlinearity", ["sigmoid", None, "Tanh"])
def test_an_unknown_nonlinearity_is_refused(nonlinearity: object) -> None:
    with pytest.raises(CellwrightError, match=rf"^nonlinearity is tanh or relu, got {nonlinearity!r}$"):
        RNN(3, 4, nonlinearity=nonlinearity)
    with pytest.raises(ValueError, match="nonlinearity"):
        nn.RNN(3, 4, nonlinearity=nonlinearity)
