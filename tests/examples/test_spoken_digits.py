"""The example of spoken digits learns to spell, and beats its baselines on recordings that it never heard."""

from __future__ import annotations

import pytest
import torch

SPEAKERS = ("jackson",)


@pytest.fixture(scope="module")
def recordings(example, needs):
    return example.read_recordings(needs.data("fsdd").parent, SPEAKERS)


def test_the_recordings_are_those_of_the_archive(example, recordings):
    """50 of each digit and speaker; 10 ms a step, as many windows as fit."""
    assert len(recordings) == 50 * 10 * len(SPEAKERS)
    assert {one.digit for one in recordings} == set(range(10))
    frames = torch.cat([one.frames for one in recordings if one.number in example.TRAINING])
    torch.testing.assert_close(frames.mean(0), torch.zeros(example.CHANNELS), rtol=0, atol=1e-4)
    halves = (example.TEST, example.VALIDATION, example.TRAINING)
    assert sorted(number for half in halves for number in half) == list(range(50))


def test_a_tone_is_in_its_band(example):
    samples = torch.sin(2 * torch.pi * 1000 * torch.arange(800) / example.RATE).numpy()
    assert example.log_mel(samples).shape == (8, example.CHANNELS)
    middle = example.mel_bands().argmax(1)[example.log_mel(samples).mean(0).argmax()] * example.RATE / 256
    assert abs(middle - 1000) < 100


def test_it_learns_to_spell(example, recordings):
    """One digit a string, of one speaker: less than half of the label errors of the string that is best on average.

    A list of words and a language model help a network that has learnt for seconds.
    """
    quick = {"hidden_size": 24, "epochs": 10, "strings_an_epoch": 240, "longest": 1, "batch_size": 8, "rate": 1e-2}
    model = example.train(recordings, seed=0, dropout=0.0, noise=0.2, **quick)
    test = example.strings(recordings, example.TEST, 100, 1, seed=3)
    constant, _ = example.rates([example.most_frequent(recordings, 1)] * len(test), [one.target for one in test])
    found = example.results(model, recordings, test, 1)
    assert all(labels < constant / 2 for labels, _ in found.values())
    assert found["with the list of words"][1] < found["best path"][1]
