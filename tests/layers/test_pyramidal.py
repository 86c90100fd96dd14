"""Pyramids: against the layers called by hand, and what a factor of 1, padding and remainders do."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cellwright import CellwrightError, Recurrent
from cellwright.cells import Cell
from cellwright.layers import PyramidalRecurrent
from cellwright.layers.pyramidal import side_by_side


def pyramid(cell: str | Cell = "lstm", num_layers: int = 3, **options: object) -> PyramidalRecurrent:
    torch.manual_seed(0)
    return PyramidalRecurrent(cell, 3, 4, num_layers, dtype=torch.float64, **options)


@pytest.mark.parametrize("cell", ["lstm", "gru", "lstm1997"])
def test_a_pyramid_is_its_layers_by_hand(laws, cell: str) -> None:
    model, x = pyramid(cell, factor=(2, 3)), torch.randn(13, 2, 3, dtype=torch.float64)
    output, state, lengths = model(x)
    below, _ = model.layers[0](x)
    pairs = torch.stack([torch.cat([below[2 * i], below[2 * i + 1]], -1) for i in range(6)])
    below, _ = model.layers[1](pairs)
    triples = torch.stack([torch.cat([below[3 * i], below[3 * i + 1], below[3 * i + 2]], -1) for i in range(2)])
    laws.same((output, state), model.layers[2](triples))
    assert lengths is None
    assert output.shape == (2, 2, model.output_size)


@pytest.mark.parametrize("bidirectional", [True, False])
def test_a_factor_of_one_is_a_stack(laws, bidirectional: bool) -> None:
    model = pyramid(num_layers=2, factor=1, bidirectional=bidirectional, batch_first=True)
    stack = Recurrent("lstm", 3, 4, 2, bidirectional=bidirectional, batch_first=True, dtype=torch.float64)
    for layer, own in enumerate(model.layers):
        for name, parameter in own.named_parameters():
            stack.get_parameter(name.replace("_l0", f"_l{layer}")).data.copy_(parameter)
    x = torch.randn(2, 5, 3, dtype=torch.float64)
    output, _, lengths = model(x, lengths=[5, 2])
    laws.same(output, stack(x, lengths=[5, 2])[0])
    assert lengths.tolist() == [5, 2]


@settings(max_examples=10)
@given(st.lists(st.integers(0, 9), min_size=1, max_size=4), st.sampled_from(["drop", "pad"]), st.integers(1, 3))
def test_lengths_equal_each_sequence_alone(laws, lengths: list[int], remainder: str, factor: int) -> None:
    model = pyramid(num_layers=2, factor=factor, remainder=remainder)
    x = torch.randn(9, len(lengths), 3, dtype=torch.float64)
    for row, length in enumerate(lengths):
        x[length:, row] = torch.nan
    x.requires_grad_()
    output, state, shorter = model(x, lengths=lengths)
    output.sum().backward()
    for row, length in enumerate(lengths):
        assert not x.grad[length:, row].any()
        steps = shorter[row].item()
        assert steps == (length // factor if remainder == "drop" else -(-length // factor))
        assert not output[steps:, row].any()
        if steps:
            alone, final, _ = model(x[:length, row : row + 1])
            laws.same(output[:steps, row], alone[:, 0])
            laws.same([part[:, row] for part in state], [part[:, 0] for part in final])


def test_what_is_dropped_and_padded() -> None:
    x = torch.arange(1.0, 6.0).reshape(5, 1, 1)
    assert side_by_side(x, None, 2)[0].squeeze(1).tolist() == [[1, 2], [3, 4]]
    assert side_by_side(x, None, 2, "pad")[0].squeeze(1).tolist() == [[1, 2], [3, 4], [5, 0]]
    joined, lengths = side_by_side(x, torch.tensor([3]), 2, "pad")
    assert joined[: lengths[0]].squeeze(1).tolist() == [[1, 2], [3, 0]]


def test_gradients() -> None:
    torch.manual_seed(0)
    model = PyramidalRecurrent("gru", 3, 2, dtype=torch.float64)
    x = torch.randn(5, 2, 3, dtype=torch.float64, requires_grad=True)

    def output(x: torch.Tensor, *_: torch.Tensor) -> torch.Tensor:
        return model(x, lengths=[5, 2])[0]

    parameters = tuple(model.parameters())
    assert torch.autograd.gradcheck(output, (x, *parameters), fast_mode=True)
    assert torch.autograd.gradgradcheck(output, (x, *parameters), fast_mode=True)


def test_dropout_is_between_layers_and_in_training_alone() -> None:
    model, x = pyramid(num_layers=2, dropout=1.0), torch.randn(4, 1, 3, dtype=torch.float64)
    assert torch.equal(model(x)[0], model(-x)[0])
    assert not torch.equal(model.eval()(x)[0], model(-x)[0])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"factor": 0}, "factor is a whole number from 1, got 0"),
        ({"factor": (2,)}, "factor has 1 numbers, expected 2: one for each layer but the first"),
        ({"remainder": "keep"}, "remainder is one of drop, pad; got 'keep'"),
        ({"num_layers": 0}, "num_layers is a whole number from 1"),
    ],
)
def test_bad_options_are_told(options: dict, message: str) -> None:
    with pytest.raises(CellwrightError, match=message):
        pyramid(**options)


def test_bad_inputs_are_told() -> None:
    with pytest.raises(CellwrightError, match="1 steps are too few for a layer that reads 2 at once"):
        pyramid()(torch.zeros(3, 1, 3, dtype=torch.float64))
    with pytest.raises(CellwrightError, match="expected three dimensions: add a batch"):
        pyramid()(torch.zeros(3, 3, dtype=torch.float64))
    with pytest.raises(CellwrightError, match="lengths lie between 0 and the 4 time steps"):
        pyramid()(torch.zeros(4, 1, 3, dtype=torch.float64), lengths=[5])
