"""A small recurrent model with dropout, and sequences for it to learn."""

import pytest
import torch
from torch import nn

from cellwright.learning import SequenceData


class SmallModel(nn.Module):
    """Returns (outputs, state), draws dropout masks, has a buffer that training moves (batch normalisation)."""

    def __init__(self, dropout: float = 0.3) -> None:
        super().__init__()
        self.recurrent = nn.LSTM(1, 3, batch_first=True)
        self.dropout = nn.Dropout(dropout)
        self.normal = nn.BatchNorm1d(3)
        self.head = nn.Linear(3, 1)

    def forward(self, x, state=None):
        hidden, state = self.recurrent(x, state)
        normal = self.normal(self.dropout(hidden).transpose(1, 2)).transpose(1, 2)
        return self.head(normal), state


@pytest.fixture
def small_model():
    """Makes the same model at every call."""

    def make(dropout: float = 0.3) -> SmallModel:
        with torch.random.fork_rng():
            torch.manual_seed(0)
            return SmallModel(dropout)

    return make


@pytest.fixture
def waves():
    """Makes sine waves of random phase; the target of each step is the next value."""

    def make(count: int = 5, steps: int = 8, seed: int = 0) -> SequenceData:
        phase = torch.rand(count, 1, generator=torch.Generator().manual_seed(seed)) * 6
        wave = torch.sin(phase + 0.5 * torch.arange(steps + 1))[..., None]
        return SequenceData(wave[:, :-1], wave[:, 1:])

    return make


@pytest.fixture
def same_bits():
    """Asserts that two state_dicts hold the same bits."""

    def check(first, second) -> None:
        assert first.keys() == second.keys()
        for name, value in first.items():
            assert torch.equal(value, second[name]), name

    return check
