"""The example learns to reverse short strings, better with attention, and shows where it looks."""

from __future__ import annotations


def test_attention_reverses_what_a_state_cannot_hold(example, capsys):
    """About 0.77 against 0.44 of the strings: the lengths are such that a state alone does not hold them yet."""
    sizes = example.Sizes(letters=6, units=32, updates=160, batch=32, longest=7, learning_rate=0.02)
    shares = example.main((0,), sizes)
    assert shares[True][0] > 0.6 > shares[False][0]
    printed = capsys.readouterr().out
    assert "1 to 7 letters, as trained" in printed
    table = printed.rpartition("where it looks:\n")[2].splitlines()
    assert [line.split()[0] for line in table[1:]] == list("abcdef")


def test_a_target_is_the_source_reversed(example):
    import torch

    made = example.strings(4, 20, (1, 5), torch.Generator().manual_seed(0))
    for source, length, target in zip(*(t.tolist() for t in (made.source, made.lengths, made.target)), strict=True):
        assert target[: length + 1] == [*source[:length][::-1], example.MARKERS.end]
        assert not any(source[length:] + target[length + 1 :])
