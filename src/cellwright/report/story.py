"""Sentences on every kind of run, and parts of sentences that the kinds share."""

from __future__ import annotations

from collections.abc import Callable

from cellwright.report.record import Cause, RunReport
from cellwright.report.wording import known
from cellwright.units import THIN, quantity, significant


def chips_in_words(record: RunReport) -> str:
    """What the network was programmed into."""
    chips = record.chip_whole.count
    return "one simulated memristor chip" if chips == 1 else f"{chips:,} simulated memristor chips"


def caution(record: RunReport) -> str:
    """Noise moves some results towards the truth and some away from it; which prevails is chance."""
    if round(record.chip_whole.mean, record.decimals) < round(record.software.mean, record.decimals):
        return (
            " That is no improvement to count on: the hardware's deviations happen to point towards what was observed."
        )
    return ""


def change(record: RunReport) -> str:
    """How much more the chip errs than software, as the beginning of a comparison."""
    chip, software = record.chip_whole.mean, record.software.mean
    if not (known(chip) and known(software)) or software <= 0:
        return "to be set beside the error"
    change = 100 * (chip / software - 1)
    if abs(change) < 0.05:
        return "the same as"
    return f"{abs(change):.{1 if abs(change) < 10 else 0}f}{THIN}% {'more' if change > 0 else 'less'} than"


def largest_cause(record: RunReport, does: Callable[[Cause], str]) -> str:
    """A sentence on the cause that alone departs most, to be put behind another; ``does`` says what it does."""
    cause = record.worst_cause
    if cause is None:
        return ""
    size = f" ({cause.setting})" if cause.setting else ""
    return f" The largest single cause is {cause.title}{size}: {does(cause)}."


def standing(baseline: float, other: float) -> str:
    """Where a baseline's error stands beside another error."""
    if not known(other):
        return "not comparable with"
    return "better than" if baseline < other else "worse than" if baseline > other else "equal to"


def cost(record: RunReport) -> str:
    """The chip beside digital logic, no more than the numbers bear: energy, time, and what is not the crossbar's."""
    return " ".join(filter(None, (_energy(record), _time(record), _outside(record))))


def _energy(record: RunReport) -> str:
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


def _time(record: RunReport) -> str:
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


def _outside(record: RunReport) -> str:
    outside = sum(item.energy_j or 0.0 for item in record.cost.items if item.outside_crossbar)
    if not (known(record.cost.energy_per_step_j) and outside > 0):
        return ""
    share = 100 * outside / record.cost.energy_per_step_j
    return f"{share:.0f}{THIN}% of its energy goes to digital activations and products, outside of the crossbar."
