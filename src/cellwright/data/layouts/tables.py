"""Tables in text: rows of numbers, labels and names between separators."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import IO

from cellwright.data.layouts.content import (
    Content,
    Count,
    Examined,
    classes,
    counted,
    labels_differ,
    lines,
    matches,
    miscounted,
    ranged,
    tally,
)


@dataclass(frozen=True, kw_only=True)
class Rows(Content):
    """Rows of values.

    Attributes:
        rows: without the header; empty lines are none.
        columns: values in a row.
        separator: between values; None for any run of blanks.
        header: names in the line before the rows; checked.
        skipped: lines that are not looked at, before the header and the rows.
        comment: how further such lines begin.
        words: columns that hold no numbers.
        gaps: whether a number may be left out.
        lowest, highest: the range of all numbers that are no labels.
        label: the column of the class, which has ``labels`` rows of each.
    """

    rows: Count
    columns: int
    separator: str | None = ","
    header: tuple[str, ...] = ()
    skipped: int = 0
    comment: str = ""
    words: tuple[int, ...] = ()
    gaps: bool = False
    lowest: float = -math.inf
    highest: float = math.inf
    label: int | None = None
    labels: dict[str, int] = field(default_factory=dict)

    @property
    def expected(self) -> str:
        return f"{counted(self.rows, 'rows')} of {self.columns}{classes(self.labels)}"

    def examine(self, stream: IO[bytes]) -> Examined:
        rows, fault = 0, ""
        numeric = [column for column in range(self.columns) if column not in self.words]
        widths: set[int] = set()
        labels: dict[str, int] = {}
        for number, line in enumerate(lines(stream), start=1):
            if number <= self.skipped or not line.strip() or (self.comment and line.startswith(self.comment)):
                continue
            values = line.split(self.separator)
            if self.header and number == self.skipped + 1:
                fault = fault or self._header_fault(values)
                continue
            rows += 1
            widths.add(len(values))
            fault = fault or self._row_fault(number, values, numeric)
            if self.label is not None and len(values) == self.columns:
                tally(labels, _plain(values[self.label].strip()), self.labels)
        wrong = miscounted(rows, self.rows, "rows") or fault or labels_differ(labels, self.labels)
        return Examined(found=f"{rows} rows of {' or '.join(map(str, sorted(widths)[:3])) or 'nothing'}", wrong=wrong)

    def _header_fault(self, values: list[str]) -> str:
        names = [value.strip().strip('"') for value in values]
        expected = list(self.header)
        return "" if names == expected else f"its header is {','.join(names)[:80]!r}, expected {','.join(expected)!r}"

    def _row_fault(self, number: int, values: list[str], numeric: list[int]) -> str:
        if len(values) != self.columns:
            return f"line {number} has {len(values)} values, expected {self.columns}"
        for column in numeric:
            value = values[column]
            try:
                parsed = float(value)
            except ValueError:
                if self.gaps and not value.strip():
                    continue
                return f"line {number}, value {column + 1} is {value.strip()[:40]!r}, expected a number"
            if not math.isfinite(parsed):
                return f"line {number}, value {column + 1} is {parsed}, expected a finite number"
            if column != self.label and not self.lowest <= parsed <= self.highest:
                return f"line {number}, value {column + 1} is {parsed:g}, expected {self.lowest:g} to {self.highest:g}"
        return ""


@dataclass(frozen=True, kw_only=True)
class Cases(Content):
    """The ``.ts`` format of the UEA archive: a case a line, its channels and then its class between colons.

    Attributes:
        cases: lines after ``@data``.
        channels: series of a case.
        length: values of a channel.
        labels: cases of each class.
    """

    cases: int
    channels: int
    length: Count
    labels: dict[str, int]

    @property
    def expected(self) -> str:
        return f"{self.cases} cases of {self.channels} × {ranged(self.length)}{classes(self.labels)}"

    def examine(self, stream: IO[bytes]) -> Examined:
        cases, fault = 0, ""
        shortest, longest = math.inf, 0
        labels: dict[str, int] = {}
        text = lines(stream)
        before = 0
        for line in text:
            before += 1
            if line.strip().lower() == "@data":
                break
        for number, line in enumerate(text, start=before + 1):
            if not line.strip():
                continue
            cases += 1
            *channels, label = line.strip().split(":")
            tally(labels, label, self.labels)
            lengths = [channel.count(",") + 1 for channel in channels] or [0]
            shortest, longest = min(shortest, *lengths), max(longest, *lengths)
            fault = fault or self._fault(number, channels, lengths)
        lengths_found = f"{shortest:g}" if shortest == longest else f"{shortest:g} to {longest}"
        found = f"{cases} cases of length {lengths_found}" if cases else "no line @data with cases after it"
        wrong = miscounted(cases, self.cases, "cases") or fault or labels_differ(labels, self.labels)
        return Examined(found=found, wrong=wrong)

    def _fault(self, number: int, channels: list[str], lengths: list[int]) -> str:
        if len(channels) != self.channels:
            return f"line {number} has {len(channels)} channels, expected {self.channels}"
        for length in lengths:
            if not matches(length, self.length):
                return f"line {number} has a channel of {length} values, expected {counted(self.length, 'values')}"
        try:
            finite = all(math.isfinite(float(value)) for channel in channels for value in channel.split(","))
        except ValueError:
            finite = False
        return "" if finite else f"line {number} has a value that is no finite number"


def _plain(label: str) -> str:
    """A label as the archive names it: some files write 1 as 1.0000000e+00."""
    try:
        return f"{float(label):g}"
    except ValueError:
        return label
