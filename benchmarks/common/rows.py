"""What is measured: a row for each measurement, and the files that keep them."""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from cellwright.files import write_atomically

RESULTS = Path(__file__).parent.parent / "results"
INFERENCE, TRAINING = "inference", "training step"
TINY = 1e-4


class Size(NamedTuple):
    """The size of a problem, as the tables write it: (T, B, I, H)."""

    steps: int
    rows: int
    features: int
    units: int

    def __str__(self) -> str:
        return f"({', '.join(map(str, self))})"


class Spread(NamedTuple):
    """The quartiles of repeated measurements."""

    low: float
    median: float
    high: float

    @classmethod
    def of(cls, numbers: Sequence[float]) -> Spread:
        """The quartiles of a sample; a single number is all three of them."""
        if len(numbers) == 1:
            return cls(*(3 * tuple(numbers)))
        return cls(*statistics.quantiles(numbers, n=4, method="inclusive"))


@dataclass(frozen=True)
class Row:
    """One measurement.

    Attributes:
        section: what it can be asked for by, on the command line.
        subject: what is measured: a layer, or a cell of the catalogue.
        size: of the problem.
        mode: inference, training step, ...
        unit: of ``ours`` and ``theirs``.
        ours, theirs: of the subject and of the peer; None for a subject that this version does not have.
        peer: what the subject is set beside.
        ratio: as the summary's line judges it; how many times as fast, or how many times the cost.
        share_of_peak: the floating point operations that the subject needs, in its time, over the measured peak.
        disturbed: why the row is not to be trusted, if so.
        note: what else a reader should know.
    """

    section: str
    subject: str
    size: str = ""
    mode: str = ""
    unit: str = ""
    ours: Spread | None = None
    peer: str = ""
    theirs: Spread | None = None
    ratio: Spread | None = None
    share_of_peak: float | None = None
    disturbed: str = ""
    note: str = ""

    @classmethod
    def from_json(cls, item: Mapping[str, Any]) -> Row:
        """The row that ``asdict`` and JSON made a mapping of."""
        spreads = {name: Spread(*item[name]) for name in ("ours", "theirs", "ratio") if item[name] is not None}
        return cls(**{**item, **spreads})

    def __str__(self) -> str:
        """The row as a line of text, as it is printed while the benchmark runs."""
        if self.ours is None:
            return f"{self.section:<12} {self.subject}: {self.note}"
        parts = [
            f"{self.section:<12} {self.subject:<20} {self.size:<20} {self.mode:<13}",
            f"{written(self.ours):>24} {self.unit:<5}",
            f"{written(self.theirs):>24} {self.peer}" if self.theirs else "",
            f"ratio {self.ratio.median:.2f} [{self.ratio.low:.2f} to {self.ratio.high:.2f}]" if self.ratio else "",
            f"{100 * self.share_of_peak:.0f} % of peak" if self.share_of_peak is not None else "",
            f"DISTURBED: {self.disturbed}" if self.disturbed else "",
            self.note,
        ]
        return "  ".join(part for part in parts if part)


def written(spread: Spread) -> str:
    """Median and quartiles, with three digits at least; one number where they are the same, or tiny."""
    if 0 < spread.high < TINY:
        return f"{spread.median:.1e}"
    digits = 0 if spread.median >= 100 or float(spread.median).is_integer() else 1 if spread.median >= 10 else 3
    low, median, high = (f"{number:,.{digits}f}" for number in spread)
    return median if spread.low == spread.high else f"{median} [{low} to {high}]"


@dataclass
class Results:
    """All rows of one thread count.

    Attributes:
        machine: what they were measured on.
        measured: the day of each section.
        interpreted: what cellwright said that it could not compile.
    """

    threads: int
    machine: Mapping[str, Any]
    rows: list[Row] = field(default_factory=list)
    measured: dict[str, str] = field(default_factory=dict)
    interpreted: list[str] = field(default_factory=list)

    def updated(self, earlier: Results | None) -> Results:
        """These results, and the sections of earlier ones that they lack, if the machine and torch are the same."""
        if earlier is None or earlier.measured.keys() <= self.measured.keys():
            return self
        if any(self.machine[key] != earlier.machine.get(key) for key in ("processor", "torch")):
            return self
        kept = [row for row in earlier.rows if row.section not in self.measured]
        measured = {**earlier.measured, **self.measured}
        interpreted = list(dict.fromkeys([*earlier.interpreted, *self.interpreted]))
        return Results(self.threads, self.machine, kept + self.rows, measured, interpreted)

    def write(self, path: Path) -> None:
        """Write the file, a line a row, sorted by section so that a new measurement changes no other lines."""
        head = {name: value for name, value in vars(self).items() if name != "rows"}
        in_order = sorted(self.rows, key=lambda row: row.section)
        rows = ",\n".join("  " + json.dumps(_rounded(asdict(row)), ensure_ascii=False) for row in in_order)
        text = json.dumps(head, indent=1, ensure_ascii=False).removesuffix("\n}")
        write_atomically(path, f'{text},\n "rows": [\n{rows}\n ]\n}}\n')

    @classmethod
    def read(cls, path: Path) -> Results | None:
        """The results in a file; None if there is no file."""
        if not path.is_file():
            return None
        content = json.loads(path.read_text(encoding="utf-8"))
        return cls(**{**content, "rows": [Row.from_json(item) for item in content["rows"]]})


def _rounded(item: Any) -> Any:
    """The same with five digits of every number, which is more than is measured."""
    if isinstance(item, float):
        return float(f"{item:.5g}")
    if isinstance(item, dict):
        return {name: _rounded(part) for name, part in item.items()}
    return [_rounded(part) for part in item] if isinstance(item, tuple) else item


def results_file(benchmark: str, threads: int) -> Path:
    """Where the results of a benchmark with a thread count are kept."""
    return RESULTS / f"{benchmark}-{threads}.json"
