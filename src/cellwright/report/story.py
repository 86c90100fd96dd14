"""What the hardware did, in sentences; the numbers in them are the record's."""

from __future__ import annotations

from cellwright.report.record import RunReport
from cellwright.report.wording import error, formula, known, percent, with_std
from cellwright.units import THIN


def headline(record: RunReport) -> str:
    """The result: the error on the chip beside the error in software; a smaller one is not called an improvement."""
    chips = record.chip_whole.count
    where = "one simulated memristor chip" if chips == 1 else f"{chips:,} simulated memristor chips"
    share = percent(record.percent_of_range(record.chip_whole.rmse))
    return (
        f"Programmed into {where}, the network forecasts with an error of {with_std(record.chip_whole)} {record.unit} "
        f"({share} of the range), {_change(record)} in software ({with_std(record.software)}).{_caution(record)}"
    )


def _caution(record: RunReport) -> str:
    """Noise moves some forecasts towards the truth and some away from it; which prevails is chance."""
    if round(record.chip_whole.rmse, 2) < round(record.software.rmse, 2):
        return (
            " That is no improvement to count on: the hardware's deviations happen to point towards what was observed."
        )
    return ""


def _change(record: RunReport) -> str:
    chip, software = record.chip_whole.rmse, record.software.rmse
    if not (known(chip) and known(software)) or software <= 0:
        return "to be set beside the error"
    change = 100 * (chip / software - 1)
    if abs(change) < 0.05:
        return "the same as"
    return f"{abs(change):.{1 if abs(change) < 10 else 0}f}{THIN}% {'more' if change > 0 else 'less'} than"


def departure(record: RunReport) -> str:
    """How far the hardware moves the forecasts, and the cause that does most of it."""
    moved = (
        f"The hardware moves the forecasts by {with_std(record.departure)} {record.unit} (root mean square) from what "
        "the same networks forecast in software."
    )
    cause = record.worst_cause
    if cause is None:
        return moved
    return (
        f"{moved} The largest single cause is {cause.title}: alone it moves them by "
        f"{error(cause.departure_alone.rmse)}, and without it {error(cause.departure_without.rmse)} remain."
    )


def beside_baselines(record: RunReport) -> str:
    """Where the chip and the software stand beside the best of the forecasts that need no network."""
    best = record.best_baseline
    chip, software = (_standing(best.rmse, score.rmse) for score in (record.chip_whole, record.software))
    verdict = f"{chip} the chip and the software" if chip == software else f"{chip} the chip, {software} the software"
    return (
        f"The best of the {len(record.baselines)} baselines, {formula(best.title)}, needs no network and reaches "
        f"{error(best.rmse)}: {verdict}."
    )


def _standing(baseline: float, other: float) -> str:
    if not known(other):
        return "not comparable with"
    return "better than" if baseline < other else "worse than" if baseline > other else "equal to"


def test_period(record: RunReport) -> str:
    """What was forecast: so many steps, from when to when."""
    labels = record.test_labels
    return f"{len(labels)} {record.period}s from {labels[0]} to {labels[-1]}"
