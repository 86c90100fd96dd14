"""The encoder-forecaster: the second stack starts where the first one ended, and reads nothing."""

import pytest
import torch
from torch.nn import functional as F

from cellwright.cells.convolutional import ConvLSTM
from cellwright.errors import CellwrightError
from cellwright.layers import EncoderForecaster


def test_by_its_parts(laws):
    torch.manual_seed(0)
    model = EncoderForecaster("convlstm-peephole", 2, 3, 2, dtype=torch.float64)
    x = torch.randn(4, 2, 2, 3, 5, dtype=torch.float64)
    forecast = model(x, 3)
    _, state = model.encoder(x)
    frames = []
    for _ in range(3):
        _, state = model.forecaster.step(torch.zeros_like(x[0]), state)
        frames.append(F.conv2d(torch.cat(list(state[0]), 1), model.readout.weight, model.readout.bias))
    laws.same(forecast, torch.stack(frames))


@pytest.mark.parametrize("dimensions", [1, 3])
def test_layouts(dimensions, laws):
    torch.manual_seed(0)
    model = EncoderForecaster(ConvLSTM(dimensions=dimensions), 1, 2, dtype=torch.float64, batch_first=True)
    x = torch.randn(2, 4, 1, *(3,) * dimensions, dtype=torch.float64)
    forecast = model(x, 5)
    assert forecast.shape == (2, 5, *x.shape[2:])
    laws.same(model(x[1], 5), forecast[1])


def test_a_forecast_has_steps():
    with pytest.raises(CellwrightError, match="steps is a whole number from 1, got 0"):
        EncoderForecaster("convgru", 1, 2)(torch.ones(2, 1, 1, 3, 3), 0)
