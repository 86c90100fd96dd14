from dataclasses import replace

import pytest

from cellwright.report import Baseline, Score, forecast_story, story
from cellwright.report.wording import THIN


def said(text):
    return text.replace(THIN, " ")


@pytest.mark.parametrize(
    ("chip", "words"),
    [(17.25, "15 % more than in software"), (14.4, "4.0 % less than in software"), (15.0, "the same as in software")],
)
def test_the_headline_says_what_the_hardware_did(record, chip, words):
    changed = replace(
        record, software=Score(mean=15.0), chip_whole=Score(mean=chip, std=0.5, percentiles={}, count=250)
    )
    sentence = said(forecast_story.headline(changed))
    assert f"error of {chip:.2f} ± 0.50 thousand passengers" in sentence
    assert f"({100 * chip / 518:.2f} % of the range)" in sentence
    assert f"{words} (15.00)." in sentence
    assert "250 simulated memristor chips" in sentence


def test_a_smaller_error_on_the_chip_is_not_called_an_improvement(record):
    def sentence(chip):
        return forecast_story.headline(replace(record, software=Score(mean=15.0), chip_whole=Score(mean=chip)))

    assert "no improvement to count on" in sentence(14.9)
    assert "improvement" not in sentence(15.0)
    assert "improvement" not in sentence(15.1)
    assert "improvement" not in sentence(float("nan"))


def test_one_chip_is_one_chip(record):
    sentence = forecast_story.headline(replace(record, chip_whole=Score(mean=16.0)))
    assert "one simulated memristor chip," in sentence


def test_an_error_that_is_not_a_number_is_not_compared(record):
    sentence = said(forecast_story.headline(replace(record, chip_whole=Score(mean=float("nan")))))
    assert "error of – thousand passengers" in sentence
    assert "more than" not in sentence
    assert "not comparable with the chip" in forecast_story.beside_baselines(
        replace(record, chip_whole=Score(mean=float("nan")))
    )


def test_the_largest_cause_is_named_with_its_numbers(record):
    worst = record.worst_cause
    sentence = said(forecast_story.departure(record))
    assert f"The largest single cause is {worst.title} ({worst.setting}): alone" in sentence
    alone, without = (score.percentiles[50] for score in (worst.departure_alone, worst.departure_without))
    assert f"moves them by {alone:.2f}, and the chip without it by {without:.2f}." in sentence
    low, middle, high = (record.departure.percentiles[p] for p in (5, 50, 95))
    assert f"of the median chip by {middle:.2f} thousand" in sentence
    assert f"5 to 95 % of the chips: {low:.2f}–{high:.2f})" in sentence
    assert "cause" not in forecast_story.departure(replace(record, causes=()))


def test_one_stuck_chip_does_not_make_a_cause_the_largest(record):
    rare = replace(record.causes[0], name="rare", departure_alone=Score.of([0.0] * 49 + [500.0]))
    usual = replace(record.causes[1], name="usual", departure_alone=Score.of([1.0] * 50))
    assert replace(record, causes=(rare, usual)).worst_cause is usual


@pytest.mark.parametrize(
    ("chip", "digital", "factor", "words"),
    [
        (2e-9, 3e-9, 3.0, "within the stated uncertainty of a factor of 3, so neither is shown to take less."),
        (3e-9, 1e-9, 3.0, "within the stated uncertainty"),
        (1e-9, 4e-9, 3.0, "4 times less, beyond the stated uncertainty of a factor of 3."),
        (4e-9, 1e-9, 3.0, "4 times more, beyond the stated uncertainty of a factor of 3."),
        (2e-9, 3e-9, None, "1.5 times less."),
        (3e-9, 2e-9, None, "1.5 times more."),
    ],
)
def test_the_energy_is_compared_within_its_uncertainty(record, chip, digital, factor, words):
    sentence = said(
        story.cost(
            replace(
                record,
                cost=replace(record.cost, energy_per_step_j=chip),
                digital=replace(record.digital, energy_per_step_j=digital, factor=factor),
            )
        )
    )
    assert f"{1e9 * chip:.0f} nJ on the chip and {1e9 * digital:.0f} nJ in digital logic: {words}" in sentence


def test_the_time_and_the_share_outside_of_the_crossbar_are_told(record):
    def sentence(chip, digital):
        return said(
            story.cost(
                replace(
                    record,
                    cost=replace(record.cost, latency_per_step_s=chip),
                    digital=replace(record.digital, latency_per_step_s=digital),
                )
            )
        )

    assert "The chip is 12 times slower (120 ns against 10 ns)." in sentence(120e-9, 10e-9)
    assert "The chip is 2.5 times faster (2 ns against 5 ns)." in sentence(2e-9, 5e-9)
    assert "The chip takes as long (2 ns against 2 ns)." in sentence(2e-9, 2e-9)
    assert "times" not in sentence(2e-9, None).partition("factor")[2]
    # 0.12 nJ of the 2.468 nJ
    assert " 5 % of its energy goes to digital activations and products, outside of" in sentence(2e-9, 5e-9)


def test_a_cost_without_numbers_says_nothing(record):
    cost = replace(record.cost, energy_per_step_j=float("nan"), latency_per_step_s=float("nan"))
    assert story.cost(replace(record, cost=cost)) == ""


def test_one_is_not_written_as_several(record):
    one = replace(record, test=slice(143, 144), baselines=record.baselines[:1], forecasts=_last(record.forecasts))
    assert forecast_story.test_period(one) == "1 month from 1960-12 to 1960-12"
    assert forecast_story.beside_baselines(one).startswith("The baseline, last month, needs no network")


def _last(forecasts):
    return replace(forecasts, software=forecasts.software[:, -1:], chip=forecasts.chip[:, -1:])


@pytest.mark.parametrize(
    ("baseline", "verdict"),
    [
        (10.0, "better than the chip and the software"),
        (16.0, "better than the chip, worse than the software"),
        (20.0, "worse than the chip and the software"),
    ],
)
def test_the_best_baseline_is_placed(record, baseline, verdict):
    changed = replace(
        record,
        software=Score(mean=15.0),
        chip_whole=Score(mean=17.0),
        baselines=(Baseline(name="naive", title="y[t-1]", error=baseline), Baseline(name="bad", title="0", error=99.0)),
    )
    sentence = forecast_story.beside_baselines(changed)
    assert sentence == f"The best of the 2 baselines, y[t−1], needs no network and reaches {baseline:.2f}: {verdict}."


@pytest.mark.parametrize(
    ("networks", "uncorrected", "sentence"),
    [
        (1, 1, "The network did not improve on y[t−1] on the validation rows and forecasts just that."),
        (3, 1, "Of the 3 networks 1 did not improve on y[t−1] on the validation rows and forecasts just that."),
        (3, 3, "Of the 3 networks 3 did not improve on y[t−1] on the validation rows and forecast just that."),
    ],
)
def test_networks_that_found_nothing_are_said_to_forecast_their_base(record, networks, uncorrected, sentence):
    assert "improve on" not in said(forecast_story.headline(record))
    forecasts = replace(record.forecasts, software=record.forecasts.software[:networks])
    few = replace(record, seeds=range(networks), forecasts=forecasts, base="y[t-1]", uncorrected=uncorrected)
    assert said(forecast_story.headline(few)).endswith(" " + sentence)


def test_no_cause_is_the_largest_where_the_hardware_moves_nothing(record):
    assert "largest single cause" in said(forecast_story.departure(record))
    still = replace(record, departure=Score(mean=0.0))
    assert "largest single cause" not in said(forecast_story.departure(still))
