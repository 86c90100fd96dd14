"""The summary: what was to be reached, what was measured, and whether it is enough."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from rows import Results, Row, written


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


def summary(lines: Sequence[Line], by_threads: Mapping[int, Results | None]) -> str:
    """The summary as a Markdown table, a column for each thread count."""
    head = ["what", "against", "reach", *(_threads(threads) for threads in by_threads), "met"]
    table = [head]
    for line in lines:
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
    table = [["section", "what", "size", "mode", "ours", "unit", "peer", "of the peer", "ratio", "% of peak", ""]]
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
