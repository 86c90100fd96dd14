"""The run as data for other programs: result.json."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from cellwright.report.circuit_result import circuit_result
from cellwright.report.kinds import Kind, kind_of
from cellwright.report.plain import as_json, spread
from cellwright.report.record import ArrayReport, Cause, RunReport

ON_CHIP = ("ideal", "whole", "departure_from_software")
"""What the kind of run says of the chip."""


def result_json(record: RunReport) -> str:
    """The results as JSON text; errors as the kind of run has them, the rest in SI units; null for what is no number.

    ``chip.by_cause[name].alone`` and ``.without`` are mean errors, ``.departure_alone`` and ``.departure_without`` mean
    departures from the same network in software; their spreads stand beside them.
    """
    kind = kind_of(record)
    scores = dict(kind.result(record))
    chip = {name: scores.pop(name) for name in ON_CHIP}
    chip["whole"] = {**chip["whole"], "chips": record.chip_whole.count}
    run = {
        "task": record.task,
        "cell": record.cell,
        "recipe": record.recipe,
        "seeds": list(record.seeds),
        "settings": dict(record.settings),
        "baselines": scores.pop("baselines"),
        "software": scores.pop("software"),
        "chip": {
            **chip,
            "left_digital": list(record.left_digital),
            "by_cause": {cause.name: _cause(record, kind, cause) for cause in record.causes},
        },
        **scores,
        "arrays": [_array(array) for array in record.arrays],
        "cost": asdict(record.cost),
        **({"circuit": circuit_result(record.circuit)} if record.circuit else {}),
        "versions": dict(record.versions),
    }
    return as_json(run)


def _cause(record: RunReport, kind: Kind, cause: Cause) -> dict[str, Any]:
    result = dict(kind.cause(record, cause))
    for part in ("alone", "without", "departure_alone", "departure_without"):
        score = getattr(cause, part)
        result[part] = score.mean
        result |= {f"{part}_{key}": value for key, value in spread(score).items()}
    return result


def _array(array: ArrayReport) -> dict[str, Any]:
    programming = array.programming
    return {
        "name": array.name,
        "rows": array.rows,
        "columns": array.columns,
        "tiles": array.tiles,
        "pulses": programming.pulses,
        "yield": programming.yield_fraction,
        "programming_energy_j": programming.energy_j,
        "programming_time_s": programming.time_s,
    }
