"""The example of moving digits: what it draws, and that a ConvLSTM forecasts better than a copy after a few updates."""

from __future__ import annotations

import torch


def test_it_beats_copying_the_last_frame(example, needs):
    """By far: two fifths of its squared error are gone, and a third of its cross-entropy."""
    digits = example.read(needs.data("mnist_t10k"))
    errors = example.run(digits, 0, updates=40, several=False, judged_sequences=50)
    copy, ours = errors["next: copy"], errors["next: ConvLSTM"]
    assert ours.squared < 0.6 * copy.squared
    assert ours.entropy < 0.67 * copy.entropy


def test_sequences_are_digits_that_move_and_bounce(example):
    digits = torch.ones(3, example.DIGIT, example.DIGIT)
    frames = example.sequences(digits, 30, 4, torch.Generator().manual_seed(0), number=1)
    assert torch.equal(frames, example.sequences(digits, 30, 4, torch.Generator().manual_seed(0), number=1))
    assert (frames.sum((2, 3, 4)) == example.DIGIT**2).all(), "a digit stays whole, within the frame"
    rows = frames[:, :, 0].amax(-1).argmax(-1)
    steps = rows.diff(dim=0)
    assert steps.abs().max() <= 2
    assert ((steps > 0).any(0) & (steps < 0).any(0)).all()
