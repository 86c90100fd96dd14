"""The example of the chorales: a short training beats what knows no time, and the baselines are what they say."""

from __future__ import annotations

from math import log

import pytest
import torch


@pytest.fixture(scope="module")
def parts(example, needs):
    return example.read(needs.data("jsb_nottingham/JSB_Chorales.mat").parents[1])


def test_the_parts_are_those_of_2012(parts):
    assert {part: (len(rolls), sum(map(len, rolls))) for part, rolls in parts.items()} == {
        "train": (229, 13807),
        "valid": (76, 4602),
        "test": (77, 4725),
    }


def test_a_network_beats_the_frequency_of_each_key(example, parts):
    """By one nat at least, after 15 epochs at a high learning rate."""
    _, test = example.trained("rnn", 100, parts, epochs=15, seed=0, learning_rate=0.01)
    assert test < example.unigram(parts["train"], parts["test"]) - 1


def test_the_baselines_cost_what_counting_says(example):
    """Two keys of 88 sound in turn: the unigram pays for half a chance, the last frame for a change each time."""
    roll = torch.zeros(41, example.KEYS)
    roll[::2, 0] = roll[1::2, 1] = 1
    costs = example.unigram([roll], [roll]), example.last_frame([roll], [roll])
    even = torch.tensor([22 / 43, 21 / 43] + 86 * [1 / 43], dtype=torch.float64)
    first, second, silent = -even[:2].log(), -(1 - even[:2]).log(), -(1 - even[2:]).log().sum()
    assert costs[0] == pytest.approx(float((first + second.flip(0)).mean() + silent), rel=1e-5)
    goes_on, begins = 1 / 42, 41 / (87 * 40 + 2)
    assert costs[1] == pytest.approx(-log(1 - goes_on) - log(begins) - 86 * log(1 - begins), rel=1e-5)
