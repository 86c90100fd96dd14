"""The result of a sweep as data for other programs."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from cellwright.report.plain import as_json
from cellwright.report.record import Score
from cellwright.report.sweep_record import SweepReport, SweptPoint


def result_json(record: SweepReport) -> str:
    """The points with the spread of their chips as JSON text; errors in the series' unit, the rest in SI units."""
    names = [axis.name for axis in record.axes]
    return as_json(
        {
            "task": record.task,
            "cell": record.cell,
            "recipe": record.recipe,
            "device": record.device,
            "axes": [{"name": axis.name, "values": axis.texts, "base": axis.base} for axis in record.axes],
            "points": [_point(point, names) for point in record.points],
            "baselines": [asdict(baseline) for baseline in record.baselines],
            "software": asdict(record.software),
            "chips": record.chips,
            "networks": record.networks,
            "missing": record.missing,
            "commands": record.commands,
            "settings": record.chip_settings,
            "versions": record.versions,
        }
    )


def _point(point: SweptPoint, names: list[str]) -> dict[str, Any]:
    costs = ("energy_per_step_j", "latency_per_step_s", "area_m2", "pulses", "yield_fraction", "not_costed")
    return {
        "at": dict(zip(names, point.texts, strict=True)),
        "error": asdict(point.error),
        "departure": asdict(point.departure),
        "software": asdict(Score.of(point.software)),
        **{name: getattr(point, name) for name in costs},
    }
