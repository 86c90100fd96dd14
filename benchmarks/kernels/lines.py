"""What is to be reached: the lines of the summary, and the sizes that they are about."""

from __future__ import annotations

from collections.abc import Iterable

from rows import INFERENCE, TRAINING, Size
from table import Line, at_most, cost, fast, fast_or_near_peak, faster_than

GRID = tuple(
    Size(*size)
    for size in (
        (1, 1, 64, 64),
        (3, 16, 1, 4),
        (15, 16, 1, 15),
        (152, 32, 1, 16),
        (100, 1, 64, 64),
        (100, 8, 64, 64),
        (100, 32, 64, 128),
        (128, 64, 256, 256),
        (35, 20, 650, 650),
    )
)


def _vanilla_lines() -> Iterable[Line]:
    reach = "worst ≥ 1.0x, geometric mean ≥ 1.5x"
    for mode in (INFERENCE, TRAINING):
        for subject in ("cellwright.LSTM", 'Recurrent("lstm")'):
            where = {"subject": subject, "mode": mode}
            yield Line(f"vanilla LSTM, {mode}: {subject}", "torch.nn.LSTM", reach, "vanilla", where, fast(1.0, 1.5))


def _generic_lines() -> Iterable[Line]:
    reach = "≥ 3x, or ≥ 80 % of peak"
    for what, section, where, against in (
        ("GRU", "gru", {}, "torch.nn.GRU"),
        ("RNN", "rnn", {}, "torch.nn.RNN"),
        ("projection to half", "projection", {}, "torch.nn.LSTM"),
        ("random lengths, packed", "ragged", {"subject": "LSTM, packed"}, "torch.nn.LSTM, packed"),
        ("random lengths, padded", "ragged", {"subject": "LSTM, lengths"}, "torch.nn.LSTM, packed"),
    ):
        yield Line(what, against, reach, section, where, fast_or_near_peak(3.0, 0.8))


def _own_lines() -> Iterable[Line]:
    scaled = "our vanilla, scaled by multiplications"
    yield Line("each elementwise variant", scaled, "≤ 1.15x", "variants", {}, cost(1.15))
    yield Line("each elementwise variant", "interpreted loop", "≥ 5x faster", "interpreted", {}, faster_than(5.0))
    yield Line("each further cell", "interpreted loop", "≥ 5x faster", "further", {}, faster_than(5.0))
    yield Line("layer-normalised LSTM", "our vanilla", "≤ 1.35x", "normalised", {}, cost(1.35))
    for subject, limit in (("lengths", 1.1), ("3 % resets", 1.1), ("gates on request", 1.2)):
        yield Line(subject, "without", f"≤ {limit}x", "extras", {"subject": subject}, cost(limit))


def _call_lines() -> Iterable[Line]:
    for mode, limit in ((INFERENCE, 15.0), (TRAINING, 50.0)):
        for subject in ("cellwright.LSTM", 'Recurrent("lstm")'):
            what = f"call overhead, {mode}: {subject}"
            yield Line(what, "", f"≤ {limit:.0f} µs", "overhead", {"subject": subject, "mode": mode}, at_most(limit))
    for kind, limit in (("cold", 5.0), ("cached", 0.5)):
        for mode, what in (("first call", "first call"), ("with import", "first call and import")):
            where = {"subject": kind, "mode": mode}
            yield Line(f"{what} of a new cell, {kind}", "", f"≤ {limit} s", "first", where, at_most(limit))
    yield Line("a new T or B", "", "compiles nothing", "first", {"subject": "new T or B"}, at_most(0))
    for what, subject, limit in (("kept memory", "cellwright.LSTM", 1.0), ("recomputing", "recomputing", 0.5)):
        where = {"subject": subject}
        against = "torch.nn.LSTM"
        yield Line(f"{what}, between forward and backward", against, f"≤ {limit}x", "memory", where, cost(limit))


LINES = (*_vanilla_lines(), *_generic_lines(), *_own_lines(), *_call_lines())
SECTIONS = tuple(dict.fromkeys(line.section for line in LINES))
