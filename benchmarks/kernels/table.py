"""The summary: what was to be reached, what was measured, and whether it is enough."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from rows import INFERENCE, TRAINING, Results, Row, written


class Verdict(NamedTuple):
    """What was measured, in words, and whether it is enough."""

    measured: str
    met: bool


Judge = Callable[[Sequence[Row]], Verdict]


@dataclass(frozen=True)
class Line:
    """A line of the summary.

    Attributes:
        section: whose rows it is about,
        where: and which of them: values of their attributes.
    """

    what: str
    against: str
    reach: str
    section: str
    where: Mapping[str, str]
    judge: Judge

    def rows(self, results: Results) -> list[Row]:
        """The rows that the line is about."""
        return [
            row
            for row in results.rows
            if row.section == self.section and all(getattr(row, name) == value for name, value in self.where.items())
        ]

    def verdict(self, results: Results | None) -> Verdict | None:
        """The verdict over the rows of one thread count; None where nothing was measured."""
        rows = self.rows(results) if results else []
        present = [row for row in rows if row.ours is not None]
        if not present:
            return Verdict(rows[0].note, False) if rows else None
        measured, met = self.judge(present)
        disturbed = sum(1 for row in present if row.disturbed)
        return Verdict(measured + (f"; {disturbed} of {len(present)} disturbed" if disturbed else ""), met)


def _ratio(row: Row) -> float:
    return row.ratio.median if row.ratio else float("nan")


def _at(row: Row, rows: Sequence[Row]) -> str:
    """Where a row stands among others, without its subject if that is the same for all."""
    subject = row.subject if len({other.subject for other in rows}) > 1 else ""
    return ", ".join(part for part in (subject, row.size, row.mode) if part)


def fast(worst: float, mean: float) -> Judge:
    """Every row at least ``worst`` times as fast as its peer, and ``mean`` times on geometric average."""

    def judge(rows: Sequence[Row]) -> Verdict:
        slowest = min(rows, key=_ratio)
        average = statistics.geometric_mean(map(_ratio, rows))
        measured = f"worst {_ratio(slowest):.2f}x at {slowest.size}, mean {average:.2f}x"
        return Verdict(measured, _ratio(slowest) >= worst and average >= mean)

    return judge


def fast_or_near_peak(factor: float, share: float) -> Judge:
    """Every row at least ``factor`` times as fast as its peer, or at ``share`` of the peak."""

    def judge(rows: Sequence[Row]) -> Verdict:
        met = [row for row in rows if _ratio(row) >= factor or (row.share_of_peak or 0.0) >= share]
        slowest = min(rows, key=lambda row: max(_ratio(row) / factor, (row.share_of_peak or 0.0) / share))
        average = statistics.geometric_mean(map(_ratio, rows))
        measured = (
            f"{len(met)} of {len(rows)} reach it; farthest {_ratio(slowest):.2f}x, "
            f"{100 * (slowest.share_of_peak or 0.0):.0f} % of peak at {_at(slowest, rows)}; "
            f"mean {average:.2f}x"
        )
        return Verdict(measured, len(met) == len(rows))

    return judge


def faster_than(factor: float) -> Judge:
    """Every row at least ``factor`` times as fast as its peer."""
    return _every(lambda row: _ratio(row) >= factor, lambda rows: min(rows, key=_ratio))


def cost(limit: float) -> Judge:
    """Every row at most ``limit`` times what its peer costs."""
    return _every(lambda row: _ratio(row) <= limit, lambda rows: max(rows, key=_ratio))


def _every(enough: Callable[[Row], bool], farthest: Callable[[Sequence[Row]], Row]) -> Judge:
    def judge(rows: Sequence[Row]) -> Verdict:
        met, worst = sum(map(enough, rows)), farthest(rows)
        average = statistics.geometric_mean(max(_ratio(row), 1e-9) for row in rows)
        measured = (
            f"{met} of {len(rows)} reach it; worst {_ratio(worst):.2f}x at {_at(worst, rows)}; mean {average:.2f}x"
        )
        return Verdict(measured, met == len(rows))

    return judge


def at_most(limit: float) -> Judge:
    """The median itself at most ``limit``."""

    def judge(rows: Sequence[Row]) -> Verdict:
        most = max(rows, key=lambda row: row.ours.median if row.ours else 0.0)
        spread = most.ours
        return Verdict(f"{written(spread)} {most.unit}", spread.median <= limit) if spread else Verdict("", False)

    return judge


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
        ("projection to half", "projection", {}, "torch.nn.LSTM"),
        ("random lengths, packed", "ragged", {"subject": "LSTM, packed"}, "torch.nn.LSTM, packed"),
        ("random lengths, padded", "ragged", {"subject": "LSTM, lengths"}, "torch.nn.LSTM, packed"),
    ):
        yield Line(what, against, reach, section, where, fast_or_near_peak(3.0, 0.8))


def _own_lines() -> Iterable[Line]:
    scaled = "our vanilla, scaled by multiplications"
    yield Line("each elementwise variant", scaled, "≤ 1.15x", "variants", {}, cost(1.15))
    yield Line("each elementwise variant", "interpreted loop", "≥ 5x faster", "interpreted", {}, faster_than(5.0))
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


def summary(by_threads: Mapping[int, Results | None]) -> str:
    """The summary as a Markdown table, a column for each thread count."""
    head = ["what", "against", "reach", *(_threads(threads) for threads in by_threads), "met"]
    table = [head]
    for line in LINES:
        verdicts = [line.verdict(results) for results in by_threads.values()]
        if any(verdicts):
            cells = ["not measured" if verdict is None else verdict.measured for verdict in verdicts]
            table.append(
                [line.what, line.against, line.reach, *cells, _met(dict(zip(by_threads, verdicts, strict=True)))]
            )
    return markdown(table)


def _threads(threads: int) -> str:
    return f"{threads} thread" + ("s" if threads > 1 else "")


def _met(verdicts: Mapping[int, Verdict | None]) -> str:
    """Whether a line is met, in all that was measured or in some."""
    judged = {threads: verdict.met for threads, verdict in verdicts.items() if verdict}
    if len(set(judged.values())) == 1:
        return "yes" if all(judged.values()) else "no"
    return "with " + ", ".join(_threads(threads) for threads, met in judged.items() if met)


def details(results: Results, sections: Sequence[str]) -> str:
    """All rows of some sections as a Markdown table: medians with quartiles."""
    table = [
        ["section", "what", "(T, B, I, H)", "mode", "ours", "unit", "peer", "of the peer", "ratio", "% of peak", ""]
    ]
    for row in results.rows:
        if row.section in sections:
            share = "" if row.share_of_peak is None else f"{100 * row.share_of_peak:.0f}"
            ours, theirs, ratio = (
                "" if spread is None else written(spread) for spread in (row.ours, row.theirs, row.ratio)
            )
            remark = "; ".join(part for part in (row.disturbed and f"disturbed: {row.disturbed}", row.note) if part)
            table.append(
                [row.section, row.subject, row.size, row.mode, ours, row.unit, row.peer, theirs, ratio, share, remark]
            )
    return markdown(table)


def markdown(table: Sequence[Sequence[str]]) -> str:
    """A table whose first row is its head, aligned to be read as plain text too."""
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in table
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)
