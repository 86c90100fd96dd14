"""What a run that classifies found, in sentences; the numbers in them are the record's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cellwright.report.class_record import ClassReport
from cellwright.report.record import Score
from cellwright.report.story import caution, chips_in_words, largest_cause
from cellwright.report.wording import Numbers, counted, formula
from cellwright.units import THIN

NUMBERS = Numbers()
"""Everything is in per cent."""


def headline(record: ClassReport) -> str:
    """The result: the balanced accuracy on the chip beside that in software and that of the best baseline."""
    chip, software = (
        f"{NUMBERS.with_std(record.balanced_accuracy(score))}{THIN}%" for score in (record.chip_whole, record.software)
    )
    beside = ""
    if record.baselines:
        best = record.best_baseline
        beside = f"; {formula(best.title)}, without a network, reaches {NUMBERS.error(100 - best.error)}{THIN}%"
    return (
        f"Programmed into {chips_in_words(record)}, the network classifies with a balanced accuracy of {chip}, in "
        f"software with {software}{beside}.{caution(record)}"
    )


def departure(record: ClassReport) -> str:
    """How many decisions the hardware changes, and the cause that does most of it."""
    score = record.departure
    whose = "the median chip" if score.percentiles else "the chip"
    spread = f" (5 to 95{THIN}% of the chips: {NUMBERS.spread(score.percentiles)})" if score.percentiles else ""
    changed = (
        f"The hardware changes {NUMBERS.median(score)}{THIN}% of the decisions of {whose}{spread} from those of the "
        "same network in software."
    )
    return changed + largest_cause(
        record,
        lambda cause: (
            f"alone it changes {NUMBERS.median(cause.departure_alone)}{THIN}% of them, and the chip without it "
            f"{NUMBERS.median(cause.departure_without)}{THIN}%"
        ),
    )


def departure_unit(record: ClassReport) -> str:
    """What a departure is measured in."""
    return f"% of the {len(record.truth):,} decisions"


def test_set(record: ClassReport) -> str:
    """What was classified."""
    return f"{counted(len(record.truth), 'test sequence')} of {len(record.classes)} classes"


@dataclass(frozen=True)
class System:
    """Something that classifies: a baseline, software or a chip (``kind``), with its accuracies in per cent."""

    name: str
    note: str
    kind: str
    balanced: Score
    accuracy: Score | None
    count: int | None = None

    @property
    def in_words(self) -> str:
        """The name with what belongs to it."""
        return f"{self.name}, {self.note}" if self.note else self.name


def systems(record: ClassReport) -> list[System]:
    """Everything that classifies, the baselines first; an ideal chip's decisions are kept only as its error."""
    found = [
        System(formula(one.title), "", "", Score(mean=100 - one.error), record.accuracy(one.decisions))
        for one in record.baselines
    ]
    same = record.ideal_is_software
    decided, chips = record.decisions, f"{record.chips} a network"
    software = record.accuracy(decided.software)
    ideal = record.balanced_accuracy(record.ideal)
    return [
        *found,
        System("software", counted(len(record.seeds), "network"), "software",
               record.balanced_accuracy(record.software), software, len(record.seeds)),
        System("ideal chip", "the same decisions" if same else chips, "", ideal, software if same else None,
               record.chip_ideal.count),
        System("whole chip", chips, "chip", record.balanced_accuracy(record.chip_whole), record.accuracy(decided.chip),
               record.chip_whole.count),
    ]  # fmt: skip


@dataclass(frozen=True)
class Recalls:
    """One class: its sequences, and the share recognised by software, the chips and every baseline, in per cent."""

    name: str
    tested: int
    trained: int
    recalls: Sequence[Score | None]


def recalls(record: ClassReport) -> list[Recalls]:
    """Class by class."""
    decided = [record.decisions.software, record.decisions.chip, *(one.decisions for one in record.baselines)]
    by_class = zip(*map(record.recall, decided), strict=True)
    rows = zip(record.classes, record.test_counts, record.training_counts, by_class, strict=True)
    return [Recalls(*row) for row in rows]


def describe(record: ClassReport, name: str) -> str:
    """A figure of this kind of run in words, for those who cannot see it."""
    del name
    software, chips = (record.confusion(rows) for rows in (record.decisions.software, record.decisions.chip))
    return (
        f"Confusion matrices of the {test_set(record)}: on the diagonal {software.trace():,.1f} in software and "
        f"{chips.trace():,.1f} on the chips, as means; the table has the share of each class."
    )
