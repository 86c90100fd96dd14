"""What a sweep found, in sentences; the numbers in them are the record's."""

from __future__ import annotations

from cellwright.report.record import Baseline
from cellwright.report.sweep_record import SweepReport, SweptAxis
from cellwright.report.wording import Numbers, counted, formula, known
from cellwright.units import quantity

FRONT_CAPTION = "points that no other beats in both error and energy; median over the chips"

HINDSIGHT = (
    "Errors are those of the test period, so to pick a point by them is a choice made with hindsight, and points that "
    "are closer than the spread of their chips may change places with other chips."
)


def headline(record: SweepReport) -> str:
    """What the settings do to the error, from the best point to the worst."""
    numbers = Numbers(record.decimals)
    points = sorted((p for p in record.points if known(p.error.median)), key=lambda point: point.error.median)
    software = f"in software the networks err by {numbers.with_std(record.software)} {record.unit}"
    if not points:
        return f"No point has an error that is a number; {software}."
    best, worst = points[0], points[-1]
    if best is worst:
        return f"At {record.place(best)} the median chip errs by {numbers.error(best.error.median)}; {software}."
    ends = [f"{numbers.error(point.error.median)} ({record.place(point)})" for point in (best, worst)]
    points_in_words = counted(len(record.points), "point")
    return f"Over {points_in_words} the error of the median chip goes from {' to '.join(ends)}; {software}."


def strongest(record: SweepReport) -> str:
    """The axis along which the median departure changes most."""
    numbers = Numbers(record.decimals)
    spans = {
        axis.name: ends
        for index, axis in enumerate(record.axes)
        if len(axis.values) > 1 and (ends := _span(record, index)) is not None
    }
    if not spans:
        return ""
    name, (low, high) = max(spans.items(), key=lambda item: item[1][1] - item[1][0])
    return (
        f"Of the settings, {name} moves the forecasts most: over its values the median departure from the same network "
        f"in software lies between {numbers.error(low)} and {numbers.error(high)} {record.unit}."
    )


def _span(record: SweepReport, index: int) -> tuple[float, float] | None:
    pooled = (record.pooled(index, text, "departure") for text in record.axes[index].texts)
    medians = [score.median for score in pooled if score is not None and known(score.median)]
    return (min(medians), max(medians)) if medians else None


def front(record: SweepReport) -> str:
    """What the front costs from end to end."""
    numbers = Numbers(record.decimals)
    found = record.front("energy_per_step_j")
    total = len(record.points) - len(record.not_costed)
    if not found:
        return "No point has both an error that is a number and a cost that is whole."
    if len(found) == 1:
        return f"Of {counted(total, 'point')}, one is beaten by no other: {record.place(found[0])}."
    energies = [quantity(point.energy_per_step_j, "J") for point in (found[0], found[-1])]
    errors = [numbers.error(point.error.median) for point in (found[0], found[-1])]
    return (
        f"{len(found)} of {counted(total, 'point')} are beaten by no other: from {energies[0]} a step with an error of "
        f"{errors[0]} to {energies[1]} with {errors[1]}."
    )


def left_out(record: SweepReport) -> str:
    """Which points are no match for the others, as part of them costs nothing."""
    points = record.not_costed
    if not points:
        return ""
    parts = " and ".join(dict.fromkeys(name for point in points for name in point.not_costed))
    stay = "stays" if len(points) == 1 else "stay"
    return f"{counted(len(points), 'point')} with ideal {parts}, to which the model gives no cost, {stay} out of it."


def axis_words(record: SweepReport, index: int, measure: str) -> str:
    """A panel of an axis in words, for those who cannot see it."""
    axis, numbers = record.axes[index], Numbers(record.decimals)
    parts = []
    for text in axis.texts:
        score = record.pooled(index, text, "error" if measure == "error" else "departure")
        if score is not None:
            parts.append(f"{text}: {numbers.error(score.median)} ({numbers.spread(score.percentiles)})")
    return f"Chart of the {measure} against {axis.name}: {'; '.join(parts)}."


def base_words(axis: SweptAxis) -> str:
    """Where the base chip lies on an axis."""
    where = "" if axis.base in axis.texts else ", which was not swept"
    return f"{axis.base}{where}"


def out_of_sight(record: SweepReport, baselines: list[Baseline]) -> str:
    """Baselines that lie beyond a figure."""
    numbers = Numbers(record.decimals)
    return ", ".join(f"{formula(baseline.title)} {numbers.error(baseline.error)}" for baseline in baselines)
