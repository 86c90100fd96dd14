"""The network that tells classes apart: pooling, padding, chips, and how it equals torch."""

from __future__ import annotations

import pytest
import torch

from cellwright.crossbar import ChipSettings, program
from cellwright.errors import CellwrightError
from cellwright.tasks import Classifier

POOLINGS = ("last", "mean", "max")


@pytest.fixture
def inputs():
    return torch.randn(3, 5, 2, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("cell", ["lstm", "gru", "lstmp"])
def test_padding_changes_nothing(inputs, cell, bidirectional, pooling):
    """Each sequence alone, without padding, is the reference."""
    model = Classifier(cell, 2, 4, 3, bidirectional=bidirectional, pooling=pooling)
    lengths = [5, 2, 3]
    alone = torch.cat([model(inputs[k : k + 1, :steps])[0] for k, steps in enumerate(lengths)])
    assert alone.shape == (3, 3)
    padded = inputs.clone()
    for k, steps in enumerate(lengths):
        padded[k, steps:] = torch.nan
    torch.testing.assert_close(model(padded)[0], alone, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(model(inputs, lengths=lengths)[0], alone, rtol=1e-5, atol=1e-6)
    model(padded)[0].sum().backward()
    assert all(bool(p.grad.isfinite().all()) for p in model.parameters())


@pytest.mark.parametrize("bidirectional", [False, True])
def test_equals_torch(inputs, bidirectional):
    lstm = torch.nn.LSTM(2, 4, batch_first=True, bidirectional=bidirectional)
    for name, parameter in lstm.named_parameters():
        if name.startswith("bias_hh"):  # torch adds two biases, the literature's cell has one
            torch.nn.init.zeros_(parameter)
    hidden, (last, _) = lstm(inputs)
    pooled = {"last": torch.cat(tuple(last), -1), "mean": hidden.mean(1), "max": hidden.amax(1)}
    for pooling in POOLINGS:
        ours = Classifier("lstm", 2, 4, 3, bidirectional=bidirectional, pooling=pooling)
        ours.recurrent.load_state_dict({n: p for n, p in lstm.state_dict().items() if n in ours.recurrent.state_dict()})
        torch.testing.assert_close(ours(inputs)[0], ours.dense(pooled[pooling]), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("pooling", POOLINGS)
def test_an_ideal_chip_is_the_software(inputs, pooling):
    model = Classifier("lstm", 2, 4, 3, bidirectional=True, pooling=pooling)
    padded = inputs.clone()
    padded[1, 2:] = torch.nan
    for given, options in ((inputs, {}), (padded, {}), (inputs, {"lengths": torch.tensor([5, 2, 3])})):
        chip = program(model, ChipSettings().ideal(), chips=4, calibration=given)
        logits, _ = chip(given, **options)
        expected = model(given, **options)[0].expand(4, 3, 3)
        torch.testing.assert_close(logits, expected, rtol=1e-5, atol=1e-6, check_dtype=False)


def test_padding_does_not_reach_the_converters(inputs):
    model = Classifier("lstm", 2, 4, 3)
    padded = inputs.clone()
    padded[1, 2:] = torch.nan
    chip = program(model, chips=3, calibration=padded)
    assert bool(chip(padded)[0].isfinite().all())


def test_a_stream_goes_on_from_its_state(inputs):
    model = Classifier("lstm", 2, 4, 3)
    _, state = model(inputs[:, :2])
    torch.testing.assert_close(model(inputs[:, 2:], state)[0], model(inputs)[0], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("option", [{"dropout": 0.5}, {"noise": 0.1}])
def test_dropout_and_noise_are_for_training_alone(inputs, option):
    inputs[1, 2:] = torch.nan
    torch.manual_seed(0)
    model = Classifier("lstm", 2, 4, 3, **option)
    assert bool(model(inputs)[0].isfinite().all())
    assert not torch.equal(model(inputs)[0], model(inputs)[0])
    model.eval()
    assert torch.equal(model(inputs)[0], model(inputs)[0])


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"pooling": "median"}, "pooling='median': expected one of 'last', 'mean', 'max'"),
        ({"classes": 1}, "classes=1: expected an integer of at least 2"),
        ({"classes": True}, "classes=True"),
        ({"dropout": 1.5}, "dropout is a probability"),
        ({"noise": -1.0}, "noise=-1.0: expected a standard deviation"),
        ({"hidden_size": 0}, "hidden_size"),
        ({"cell": "lsmt"}, "did you mean 'lstm'"),
    ],
)
def test_bad_arguments(arguments, says):
    with pytest.raises(CellwrightError, match=says):
        Classifier(**{"cell": "lstm", "input_size": 1, "hidden_size": 2, "classes": 2, **arguments})


def test_a_sequence_without_a_step_has_no_class(inputs):
    inputs[1] = torch.nan
    with pytest.raises(CellwrightError, match="a sequence without a step has no class"):
        Classifier("lstm", 2, 4, 3)(inputs)
