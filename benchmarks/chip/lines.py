"""What is to be reached: the lines of the summary."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rows import Row
from table import Line, Verdict, at_most, cost, faster_than

PEERS = ("badcrossbar", "aihwkit")
"""Sections that take a Python of their own."""


def _wires_lines() -> Iterable[Line]:
    against = "SciPy's sparse LU"
    for size, limit in (("128 x 64", 20.0), ("128 x 128", 60.0), ("256 x 256", 700.0)):
        where = {"subject": "effective matrix", "size": size}
        yield Line(f"exact wires, {size}", "", f"≤ {limit:.0f} ms", "wires", where, at_most(limit))
    yield Line("exact wires", against, "faster", "wires", {"subject": "effective matrix"}, faster_than(1.0))
    where = {"subject": "largest difference"}
    yield Line("exact wires, largest difference", against, "≤ 1e-11", "wires", where, at_most(1e-11))
    for subject in ("1 vector", "64 vectors"):
        yield Line(
            f"exact wires, {subject}", "badcrossbar", "faster", "badcrossbar", {"subject": subject}, faster_than(1.0)
        )


def _lstm_lines() -> Iterable[Line]:
    for subject in ("with the solve", "after the solve"):
        where = {"subject": subject}
        yield Line(f"LSTM forward with wires, {subject}", "", "≤ 100 ms", "lstm", where, at_most(100.0))
    one, many = {"subject": "one chip"}, {"subject": "50 chips"}
    yield Line("forward of one chip", "torch.nn.LSTM's training step", "≤ 9x", "chips", one, cost(9.0))
    yield Line("forward of one chip", "aihwkit's inference tile", "faster", "aihwkit", {}, faster_than(1.0))
    yield Line("forward of 50 chips", "one chip", "≤ 25x", "chips", many, cost(25.0))


def _seconds_and_outcome(rows: Sequence[Row]) -> Verdict:
    """At most two seconds; what was reached in them goes beside."""
    (row,) = rows
    verdict = at_most(2.0)(rows)
    return Verdict(f"{verdict.measured}; {row.note}", verdict.met)


LINES = (
    *_wires_lines(),
    *_lstm_lines(),
    Line("write-verify of 128 x 64 devices to 2 µS", "", "≤ 2 s", "programming", {}, _seconds_and_outcome),
)
SECTIONS = tuple(dict.fromkeys(line.section for line in LINES))
