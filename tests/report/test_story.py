from dataclasses import replace

import pytest

from cellwright.report import Baseline, Score, story
from cellwright.report.wording import THIN


def said(text):
    return text.replace(THIN, " ")


@pytest.mark.parametrize(
    ("chip", "words"),
    [(17.25, "15 % more than in software"), (14.4, "4.0 % less than in software"), (15.0, "the same as in software")],
)
def test_the_headline_says_what_the_hardware_did(record, chip, words):
    changed = replace(
        record, software=Score(rmse=15.0), chip_whole=Score(rmse=chip, std=0.5, percentiles={}, count=250)
    )
    sentence = said(story.headline(changed))
    assert f"error of {chip:.2f} ± 0.50 thousand passengers" in sentence
    assert f"({100 * chip / 518:.2f} % of the range)" in sentence
    assert f"{words} (15.00)." in sentence
    assert "250 simulated memristor chips" in sentence


def test_a_smaller_error_on_the_chip_is_not_called_an_improvement(record):
    def sentence(chip):
        return story.headline(replace(record, software=Score(rmse=15.0), chip_whole=Score(rmse=chip)))

    assert "no improvement to count on" in sentence(14.9)
    assert "improvement" not in sentence(15.0)
    assert "improvement" not in sentence(15.1)
    assert "improvement" not in sentence(float("nan"))


def test_one_chip_is_one_chip(record):
    sentence = story.headline(replace(record, chip_whole=Score(rmse=16.0)))
    assert "one simulated memristor chip," in sentence


def test_an_error_that_is_not_a_number_is_not_compared(record):
    sentence = said(story.headline(replace(record, chip_whole=Score(rmse=float("nan")))))
    assert "error of – thousand passengers" in sentence
    assert "more than" not in sentence
    assert "not comparable with the chip" in story.beside_baselines(
        replace(record, chip_whole=Score(rmse=float("nan")))
    )


def test_the_largest_cause_is_named_with_its_numbers(record):
    worst = record.worst_cause
    sentence = said(story.departure(record))
    assert f"The largest single cause is {worst.title}:" in sentence
    assert f"{worst.departure_alone.rmse:.2f}, and without it {worst.departure_without.rmse:.2f} remain" in sentence
    assert "cause" not in story.departure(replace(record, causes=()))


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
        software=Score(rmse=15.0),
        chip_whole=Score(rmse=17.0),
        baselines=(Baseline(name="naive", title="y[t-1]", rmse=baseline), Baseline(name="bad", title="0", rmse=99.0)),
    )
    sentence = story.beside_baselines(changed)
    assert sentence == f"The best of the 2 baselines, y[t−1], needs no network and reaches {baseline:.2f}: {verdict}."
