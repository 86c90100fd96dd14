"""What a run that forecasts found, in sentences; the numbers in them are the record's."""

from __future__ import annotations

from collections.abc import Sequence

from cellwright.report.forecast_record import ForecastReport, Lead
from cellwright.report.story import caution, change, chips_in_words, largest_cause, standing
from cellwright.report.wording import Numbers, counted, formula, fraction, percent, short, with_unit
from cellwright.units import THIN


def headline(record: ForecastReport) -> str:
    """The result: the error on the chip beside the error in software; a smaller one is not called an improvement."""
    numbers = Numbers(record.decimals)
    share = percent(record.percent_of_range(record.chip_whole.mean))
    ahead = f" {leads(record)}" if record.horizon > 1 else ""
    return (
        f"Programmed into {chips_in_words(record)}, the network forecasts{ahead} with an error of "
        f"{with_unit(numbers.with_std(record.chip_whole), record.unit)} ({share} of the range), {change(record)} in "
        f"software ({numbers.with_std(record.software)}).{caution(record)}{_uncorrected(record)}"
    )


def _uncorrected(record: ForecastReport) -> str:
    """That networks found nothing in what their base misses: then the result is that of the base."""
    if not record.uncorrected:
        return ""
    networks, verb = len(record.seeds), "forecast" if record.uncorrected > 1 else "forecasts"
    who = "The network" if networks == 1 else f"Of the {networks} networks {record.uncorrected}"
    return f" {who} did not improve on {formula(record.base)} on the validation rows and {verb} just that."


def leads(record: ForecastReport) -> str:
    """How far ahead the forecasts reach."""
    period = short(record.period)
    return f"one {period} ahead" if record.horizon == 1 else f"1 to {counted(record.horizon, period)} ahead"


def departure(record: ForecastReport) -> str:
    """How far the hardware moves the forecasts, and the cause that does most of it."""
    numbers = Numbers(record.decimals)
    if record.departure.median < 0.5 * record.last_digit:
        return _moved(record, numbers)
    return _moved(record, numbers) + largest_cause(
        record,
        lambda cause: (
            f"alone it moves them by {numbers.median(cause.departure_alone)}, and the chip without it by "
            f"{numbers.median(cause.departure_without)}"
        ),
    )


def _moved(record: ForecastReport, numbers: Numbers) -> str:
    score = record.departure
    moved = with_unit(numbers.median(score), record.unit)
    if not score.percentiles:
        return (
            f"The hardware moves the forecasts by {moved} (root mean square) from what the same network forecasts in "
            "software."
        )
    return (
        f"The hardware moves the forecasts of the median chip by {moved} (root mean square; 5 to 95{THIN}% of the "
        f"chips: {numbers.spread(score.percentiles)}) from what the same network forecasts in software."
    )


def departure_unit(record: ForecastReport) -> str:
    """What a departure is measured in."""
    return f"{short(record.unit)}, root mean square" if record.unit else "root mean square"


def beside_baselines(record: ForecastReport) -> str:
    """Where the chip and the software stand beside the best of the forecasts that need no network."""
    if not record.baselines:
        return ""
    best = record.best_baseline
    chip, software = (standing(best.error, score.mean) for score in (record.chip_whole, record.software))
    verdict = f"{chip} the chip and the software" if chip == software else f"{chip} the chip, {software} the software"
    several = len(record.baselines) > 1
    which = f"The best of the {len(record.baselines)} baselines" if several else "The baseline"
    reached = Numbers(record.decimals).error(best.error)
    return f"{which}, {formula(best.title)}, needs no network and reaches {reached}: {verdict}."


def test_period(record: ForecastReport) -> str:
    """What was forecast: so many steps, from when to when."""
    labels = record.test_labels
    size = len(labels) if record.test_size is None else record.test_size
    return f"{counted(size, short(record.period))} from {short(labels[0], 40)} to {short(labels[-1], 40)}"


def interval(record: ForecastReport) -> str:
    """How many of the test values the prediction intervals hold, beside what they are to hold."""
    found = record.interval
    if found is None:
        return ""
    on_chips = "" if found.chip_coverage is None else f", around the chips' forecasts {fraction(found.chip_coverage)}"
    return (
        f"Prediction intervals that are to hold {100 * found.level:.3g}{THIN}% of the values hold "
        f"{fraction(found.coverage)} of the test values{on_chips}. They are made from {found.method}."
    )


def some_leads(record: ForecastReport, most: int) -> Sequence[Lead]:
    """The leads, or so many of them from the first to the last where there are more."""
    number = len(record.leads)
    if number <= most:
        return record.leads
    return [record.leads[round(place * (number - 1) / (most - 1))] for place in range(most)]


def describe(record: ForecastReport, name: str) -> str:
    """A figure of this kind of run in words, for those who cannot see it."""
    numbers = Numbers(record.decimals)
    if name == "leads":
        first, last = record.leads[0], record.leads[-1]
        parts = [
            f"{lead.lead} ahead {numbers.mean(lead.software)} in software and {numbers.mean(lead.chip)} on the chips"
            for lead in (first, last)
        ]
        return f"Line chart: error by lead, {', '.join(parts)}, and of every baseline."
    if name == "future" and record.future is not None:
        ahead = record.future
        ends = f"{short(ahead.labels[0], 40)} to {short(ahead.labels[-1], 40)}"
        return f"Line chart: the last observed values, and forecasts from {ends}; the table beside it has the numbers."
    whole, software = numbers.mean(record.chip_whole), numbers.mean(record.software)
    return (
        f"Line chart: the series, and forecasts of the {test_period(record)} by the software network "
        f"(error {software}) and by the simulated chips (error {whole}), with the errors of both over time."
    )
