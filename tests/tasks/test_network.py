"""The networks of the tasks go where torch's modules go."""

from __future__ import annotations

import copy
import io
import pickle

import pytest
import torch

from cellwright.cells import LSTM
from cellwright.tasks import Classifier, Forecaster


def through_a_state_dict(model):
    file = io.BytesIO()
    torch.save(model.state_dict(), file)
    file.seek(0)
    other = copy.deepcopy(model)
    for parameter in other.parameters():
        torch.nn.init.zeros_(parameter)
    other.load_state_dict(torch.load(file, weights_only=True))
    return other


@pytest.mark.parametrize("cell", ["lstm", "gru", LSTM(coupled=True)], ids=str)
@pytest.mark.parametrize("network", [Forecaster, Classifier])
@pytest.mark.parametrize(
    "copied", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model)), through_a_state_dict]
)
def test_a_copy_is_the_same_and_trains_on_its_own(network, cell, copied):
    model = network(cell, 2, 4, 3)
    inputs = torch.randn(3, 5, 2, generator=torch.Generator().manual_seed(0))
    before = model(inputs)[0].detach()
    other = copied(model)
    assert torch.equal(other(inputs)[0], before)
    optimizer = torch.optim.Adam(other.parameters())
    other(inputs)[0].sum().backward()
    optimizer.step()
    assert not torch.equal(other(inputs)[0], before)
    assert torch.equal(model(inputs)[0], before)


@pytest.mark.parametrize("network", [Forecaster, Classifier])
def test_a_network_in_double_precision(network):
    model = network("lstm", 2, 4, 3)
    inputs = torch.randn(3, 5, 2, generator=torch.Generator().manual_seed(0))
    single = model(inputs)[0]
    double = model.to(torch.float64)(inputs.double())[0]
    assert double.dtype == torch.float64
    torch.testing.assert_close(single, double.float(), rtol=1e-5, atol=1e-6)
