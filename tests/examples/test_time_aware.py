"""Irregular samples: the time-aware LSTM beats an LSTM that is not told the gaps."""

from __future__ import annotations

import torch


def test_tlstm_beats_an_lstm_that_is_not_told_the_gaps(example):
    """To a third of its error after 150 updates; no LSTM can do better than about 0.7 without the gaps."""
    tlstm, untold = (example.error(name, seed=0, updates=150) for name in ("tlstm", "lstm"))
    assert tlstm < untold / 3


def test_levels_are_those_of_each_dose_by_itself(example):
    """Every dose falls by half every 5 hours, and levels are sums of what is left."""
    found = example.doses(4, torch.Generator().manual_seed(0), steps=6)
    times = found.gaps.cumsum(0)
    for n in range(6):
        left = found.amounts[: n + 1] * 2 ** (-(times[n] - times[: n + 1]) / 5)
        torch.testing.assert_close(found.levels[n], left.sum(0))


def test_it_prints_an_error_for_each_model(example, capsys):
    example.main(["--updates", "1", "--seeds", "1", "--units", "4"])
    assert [line.partition("  ")[0] for line in capsys.readouterr().out.splitlines()[1:]] == [
        "tlstm", "lstm", "lstm, told the gaps", "tlstm, told the gaps",
    ]  # fmt: skip
