"""What the hardware did, in sentences; the numbers in them are the record's."""

from __future__ import annotations

from cellwright.report.record import RunReport
from cellwright.report.wording import error, known, percent, with_std


def headline(record: RunReport) -> str:
    """The result in one sentence: the error on the chip beside the error in software."""
    chips = record.chip_whole.count
    where = "one simulated memristor chip" if chips == 1 else f"{chips:,} simulated memristor chips"
    share = percent(record.percent_of_range(record.chip_whole.rmse))
    return (
        f"Programmed into {where}, the network forecasts with an error of {with_std(record.chip_whole)} {record.unit} "
        f"({share} of the range), {_change(record)} in software ({with_std(record.software)})."
    )


def _change(record: RunReport) -> str:
    chip, software = record.chip_whole.rmse, record.software.rmse
    if not (known(chip) and known(software)) or software <= 0:
        return "to be set beside the error"
    change = 100 * (chip / software - 1)
    if abs(change) < 0.05:
        return "the same as"
    return f"{percent(abs(change))} {'more' if change > 0 else 'less'} than"


def largest_cause(record: RunReport) -> str:
    """The cause that costs most alone; nothing for a chip without causes."""
    cause = record.worst_cause
    if cause is None:
        return ""
    return (
        f"The largest single cause of error is {cause.name}: alone it makes the error {error(cause.alone.rmse)}, "
        f"and without it the chip reaches {error(cause.without.rmse)}."
    )


def beside_baselines(record: RunReport) -> str:
    """Where the chip stands among the forecasts that need no network."""
    best, chip = record.best_baseline, record.chip_whole.rmse
    verdict = "better than" if chip < best.rmse else "worse than" if chip > best.rmse else "equal to"
    return f"That is {verdict} the best baseline, {best.title}, which needs no network and reaches {error(best.rmse)}."


def test_period(record: RunReport) -> str:
    """What was forecast: so many steps, from when to when."""
    labels = record.test_labels
    return f"{len(labels)} {record.period}s from {labels[0]} to {labels[-1]}"
