"""What the hardware did, in sentences; the numbers in them are the record's."""

from __future__ import annotations

from cellwright.report.forecast_record import ForecastReport
from cellwright.report.wording import counted, error, formula, known, median, percent, spread, with_std
from cellwright.units import THIN, quantity, significant


def headline(record: ForecastReport) -> str:
    """The result: the error on the chip beside the error in software; a smaller one is not called an improvement."""
    chips = record.chip_whole.count
    where = "one simulated memristor chip" if chips == 1 else f"{chips:,} simulated memristor chips"
    share = percent(record.percent_of_range(record.chip_whole.mean))
    return (
        f"Programmed into {where}, the network forecasts with an error of {with_std(record.chip_whole)} {record.unit} "
        f"({share} of the range), {_change(record)} in software ({with_std(record.software)}).{_caution(record)}"
    )


def _caution(record: ForecastReport) -> str:
    """Noise moves some forecasts towards the truth and some away from it; which prevails is chance."""
    if round(record.chip_whole.mean, 2) < round(record.software.mean, 2):
        return (
            " That is no improvement to count on: the hardware's deviations happen to point towards what was observed."
        )
    return ""


def _change(record: ForecastReport) -> str:
    chip, software = record.chip_whole.mean, record.software.mean
    if not (known(chip) and known(software)) or software <= 0:
        return "to be set beside the error"
    change = 100 * (chip / software - 1)
    if abs(change) < 0.05:
        return "the same as"
    return f"{abs(change):.{1 if abs(change) < 10 else 0}f}{THIN}% {'more' if change > 0 else 'less'} than"


def departure(record: ForecastReport) -> str:
    """How far the hardware moves the forecasts, and the cause that does most of it."""
    moved = _moved(record)
    cause = record.worst_cause
    if cause is None:
        return moved
    size = f" ({cause.setting})" if cause.setting else ""
    return (
        f"{moved} The largest single cause is {cause.title}{size}: alone it moves them by "
        f"{median(cause.departure_alone)}, and the chip without it by {median(cause.departure_without)}."
    )


def _moved(record: ForecastReport) -> str:
    score = record.departure
    if not score.percentiles:
        return (
            f"The hardware moves the forecasts by {median(score)} {record.unit} (root mean square) from what the same "
            "network forecasts in software."
        )
    return (
        f"The hardware moves the forecasts of the median chip by {median(score)} {record.unit} (root mean square; "
        f"5 to 95{THIN}% of the chips: {spread(score.percentiles)}) from what the same network forecasts in software."
    )


def cost(record: ForecastReport) -> str:
    """The chip beside digital logic, no more than the numbers bear: energy, time, and what is not the crossbar's."""
    return " ".join(filter(None, (_energy(record), _time(record), _outside(record))))


def _energy(record: ForecastReport) -> str:
    chip, digital, factor = record.cost.energy_per_step_j, record.digital.energy_per_step_j, record.digital.factor
    if digital is None or not (known(chip) and known(digital)) or chip <= 0 or digital <= 0:
        return ""
    both = f"A step takes {quantity(chip, 'J')} on the chip and {quantity(digital, 'J')} in digital logic"
    times = f"{_times(chip, digital)} times"
    less = "less" if chip < digital else "more"
    if factor is None:
        return f"{both}: {times} {less}." if times != "1 times" else f"{both}."
    if max(chip, digital) <= factor * min(chip, digital):
        return f"{both}: within the stated uncertainty of a factor of {factor:g}, so neither is shown to take less."
    return f"{both}: {times} {less}, beyond the stated uncertainty of a factor of {factor:g}."


def _time(record: ForecastReport) -> str:
    chip, digital = record.cost.latency_per_step_s, record.digital.latency_per_step_s
    if digital is None or not (known(chip) and known(digital)) or chip <= 0 or digital <= 0:
        return ""
    times = _times(chip, digital)
    both = f"({quantity(chip, 's')} against {quantity(digital, 's')})"
    if times == "1":
        return f"The chip takes as long {both}."
    return f"The chip is {times} times {'faster' if chip < digital else 'slower'} {both}."


def _times(one: float, other: float) -> str:
    return significant(max(one, other) / min(one, other), 2)


def _outside(record: ForecastReport) -> str:
    outside = sum(item.energy_j or 0.0 for item in record.cost.items if item.outside_crossbar)
    if not (known(record.cost.energy_per_step_j) and outside > 0):
        return ""
    share = 100 * outside / record.cost.energy_per_step_j
    return f"{share:.0f}{THIN}% of its energy goes to digital activations and products, outside of the crossbar."


def beside_baselines(record: ForecastReport) -> str:
    """Where the chip and the software stand beside the best of the forecasts that need no network."""
    best = record.best_baseline
    chip, software = (_standing(best.error, score.mean) for score in (record.chip_whole, record.software))
    verdict = f"{chip} the chip and the software" if chip == software else f"{chip} the chip, {software} the software"
    several = len(record.baselines) > 1
    which = f"The best of the {len(record.baselines)} baselines" if several else "The baseline"
    return f"{which}, {formula(best.title)}, needs no network and reaches {error(best.error)}: {verdict}."


def _standing(baseline: float, other: float) -> str:
    if not known(other):
        return "not comparable with"
    return "better than" if baseline < other else "worse than" if baseline > other else "equal to"


def test_period(record: ForecastReport) -> str:
    """What was forecast: so many steps, from when to when."""
    labels = record.test_labels
    return f"{counted(len(labels), record.period)} from {labels[0]} to {labels[-1]}"
