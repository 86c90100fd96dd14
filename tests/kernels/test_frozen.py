"""Matrices that stay packed from call to call."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch

from cellwright import LSTM, Recurrent
from cellwright.cells import Cell
from cellwright.kernels.loop import CompiledLoop


@pytest.fixture
def packings(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """One entry for each time that matrices were packed to stay."""
    made: list[int] = []
    real = CompiledLoop.pack
    monkeypatch.setattr(CompiledLoop, "pack", lambda self, given: made.append(1) or real(self, given))
    return made


def test_frozen_computes_the_same(cell: Cell) -> None:
    torch.manual_seed(0)
    layer = Recurrent(cell, 3, 4, proj_size=2 if cell.projects else 0, dtype=torch.float64)
    inputs = {
        "input" if name == "x" else name: torch.rand(5, 9, *(3 for _ in axes), dtype=torch.float64)
        for name, axes in cell.sequences.items()
    }
    with torch.no_grad():
        expected = layer(**inputs)[0]
        assert layer.freeze() is layer
        for _ in range(2):
            assert torch.equal(layer(**inputs)[0], expected)
    layer(**inputs)[0].sum().backward()


def test_matrices_are_packed_once_and_again_when_they_change(packings: list[int]) -> None:
    layer, x = LSTM(3, 5, num_layers=2).freeze(), torch.randn(4, 6, 3)
    with torch.no_grad():
        before = layer(x)[0]
        layer(torch.randn(9, 2, 3))
        layer(x, lengths=[4, 2, 0, 1, 3, 4])
        assert len(packings) == 2
        layer.weight_hh_l1.mul_(2)
        after = layer(x)[0]
        assert len(packings) == 3
        assert not torch.equal(after, before)
        layer.unfreeze()
        assert torch.equal(layer(x)[0], after)
        assert len(packings) == 3


def test_another_tensor_in_its_place_is_packed(packings: list[int]) -> None:
    layer, x = LSTM(3, 5).freeze(), torch.randn(4, 6, 3)
    with torch.no_grad():
        layer(x)
        layer.load_state_dict(LSTM(3, 5).state_dict())
        changed = layer(x)[0]
        assert torch.equal(layer.unfreeze()(x)[0], changed)
    assert len(packings) == 2


def test_copies_and_pickles_of_a_frozen_layer(packings: list[int]) -> None:
    layer, x = LSTM(3, 5).freeze(), torch.randn(4, 6, 3)
    with torch.no_grad():
        expected = layer(x)[0]
        for other in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
            assert torch.equal(other(x)[0], expected)
    assert len(packings) == 3


def test_frozen_in_inference_mode() -> None:
    layer, x = LSTM(3, 5).freeze(), torch.randn(4, 6, 3)
    with torch.inference_mode():
        assert torch.equal(layer(x)[0], LSTM.forward(layer.unfreeze(), x)[0])
