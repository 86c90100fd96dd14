"""A run that classifies as data for other programs: its parts of result.json, and test.csv."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from cellwright.report.class_record import Classes, ClassReport
from cellwright.report.plain import as_csv, spread
from cellwright.report.record import Cause, Score


def result(record: ClassReport) -> dict[str, Any]:
    """Accuracies and recalls in per cent, means over networks or chips; of an ideal chip the balanced accuracy."""
    decided = record.decisions
    return {
        "classes": {
            name: {"training_sequences": trained, "test_sequences": tested}
            for name, trained, tested in zip(record.classes, record.training_counts, record.test_counts, strict=True)
        },
        "baselines": {one.name: _system(record, Score(mean=one.error), one.decisions) for one in record.baselines},
        "software": _system(record, record.software, decided.software),
        "ideal": _balanced(record, record.chip_ideal),
        "whole": _system(record, record.chip_whole, decided.chip),
        "departure_from_software": {
            "changed_decisions_percent": record.departure.mean,
            **spread(record.departure),
        },
    }


def cause(record: ClassReport, of: Cause) -> dict[str, Any]:
    """Mean balanced errors of a cause, in per cent."""
    del record
    return {"alone": of.alone.mean, "without": of.without.mean}


def files(record: ClassReport) -> dict[str, str]:
    """``test.csv``: a row a test sequence, its class, what every network decides, and how many chips agree."""
    decided, names = record.decisions, np.array(record.classes, dtype=object)
    columns: dict[str, Iterable[Any]] = {"sequence": record.sequences, "label": names[record.truth]}
    for seed, decisions in zip(record.seeds, decided.software, strict=True):
        columns[f"software_seed_{seed}"] = names[decisions]
    columns["chip_share_right"] = (decided.chip == record.truth).mean(axis=0)
    for index, name in enumerate(record.classes):
        columns[f"chip_share_{name}"] = (decided.chip == index).mean(axis=0)
    return {"test.csv": as_csv(columns)}


def _balanced(record: ClassReport, error: Score) -> dict[str, Any]:
    accuracy = record.balanced_accuracy(error)
    return {"balanced_accuracy": accuracy.mean, **spread(accuracy)}


def _system(record: ClassReport, error: Score, decisions: Classes) -> dict[str, Any]:
    recalls = zip(record.classes, record.recall(decisions), strict=True)
    return {
        **_balanced(record, error),
        "accuracy": record.accuracy(decisions).mean,
        "recall": {name: None if score is None else score.mean for name, score in recalls},
        "confusion": record.confusion(decisions),
    }
