import numpy as np
import pytest
from sklearn.metrics import accuracy_score, confusion_matrix, recall_score

from cellwright.errors import CellwrightError
from cellwright.report import Score


def test_a_score_summarises_all_values():
    score = Score.of([[10.0, 12.0], [14.0, 16.0]])
    assert score.mean == 13
    assert score.count == 4
    assert score.std == pytest.approx(np.std([10, 12, 14, 16], ddof=1), rel=1e-15)
    assert score.percentiles[50] == 13
    assert score.percentiles[5] == pytest.approx(10.3)


def test_a_single_value_has_no_spread():
    assert Score.of([3.5]) == Score(mean=3.5)


def test_a_score_of_nothing_is_refused():
    with pytest.raises(CellwrightError, match="no values"):
        Score.of([])


def test_the_chips_spread_over_time(record):
    forecasts = record.forecasts
    month = 7
    expected = np.percentile(forecasts.chip[:, month], 5)
    assert forecasts.chip_percentile(5)[month] == expected
    assert forecasts.software_mean[month] == pytest.approx(forecasts.software[:, month].mean())


def test_the_worst_cause_is_the_one_that_moves_the_forecasts_most(record):
    worst = record.worst_cause
    assert all(cause.departure_alone.mean <= worst.departure_alone.mean for cause in record.causes)
    assert record.best_baseline.name == "seasonal_sum"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"labels": ("1949-01",)}, "labels is 1, expected 144"),
        ({"value_range": 0.0}, "value_range is 0.0"),
        ({"test": slice(100, 144)}, "forecasts.software is"),
        ({"seeds": (0, 1)}, "rows of forecasts.software is 5, expected one a seed, 2"),
        ({"gates": {"i": np.zeros((3, 2))}}, "gate i is"),
    ],
)
def test_arrays_that_do_not_fit_are_named(make, changes, message):
    with pytest.raises(CellwrightError, match=message):
        make(**changes)


def test_an_array_knows_its_shape(record, replace):
    array = record.arrays[0]
    with pytest.raises(CellwrightError, match=r"array lstm: wire_loss is \(3, 4\), expected \(34, 60\)"):
        replace(array, wire_loss=np.ones((3, 4)))
    with pytest.raises(CellwrightError, match="array lstm: row groups is 3, expected 34"):
        replace(array, row_groups=(("x", 3),))


def test_numbers_are_as_fine_as_their_range(make):
    """Two decimals for hundreds, as the airline series is published; as many digits for any other range."""
    assert [make(value_range=size).decimals for size in (518.0, 3.2, 0.04, 2e4, 7e8)] == [2, 4, 6, 0, 0]


def test_a_rounding_error_of_large_numbers_makes_no_other_forecasts(make):
    """Single precision leaves a ten-millionth: not a digit that tells, at any size of the numbers."""
    for size in (3.2e-6, 518.0, 7e8, 3e12):
        assert make(value_range=size, departure_ideal=Score(mean=2e-7 * size)).ideal_is_software
        assert not make(value_range=size, departure_ideal=Score(mean=2e-4 * size)).ideal_is_software


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"shown_lead": 13}, "shown_lead is 13"),
        ({"baselines": ()}, "baselines of lead 1 is"),
    ],
)
def test_leads_that_do_not_fit_are_named(several, replace, changes, message):
    with pytest.raises(CellwrightError, match=message):
        replace(several, **changes)


def test_bands_that_do_not_fit_are_named(several, replace):
    assert several.horizon == 12
    with pytest.raises(CellwrightError, match=r"interval.low is \(3,\), expected \(48,\)"):
        replace(several, interval=replace(several.interval, low=np.zeros(3)))
    with pytest.raises(CellwrightError, match=r"future.chip_low is \(2,\), expected \(12,\)"):
        replace(several.future, chip_low=np.zeros(2))


def test_recall_and_confusion_are_scikit_learns(classified):
    for decisions in (classified.decisions.software, classified.baselines[1].decisions[None]):
        matrices = [confusion_matrix(classified.truth, row, labels=range(2)) for row in decisions]
        np.testing.assert_allclose(classified.confusion(decisions), np.mean(matrices, axis=0), rtol=1e-15)
        recalls = np.array([recall_score(classified.truth, row, average=None) for row in decisions])
        found = [score.mean for score in classified.recall(decisions)]
        np.testing.assert_allclose(found, 100 * recalls.mean(axis=0), rtol=1e-12)
        accuracy = 100 * np.mean([accuracy_score(classified.truth, row) for row in decisions])
        assert classified.accuracy(decisions).mean == pytest.approx(accuracy, rel=1e-12)


def test_a_class_that_no_test_sequence_has_has_no_recall(classified, replace):
    three = replace(classified, classes=(*classified.classes, "rare"), training_counts=(40, 41, 1))
    assert three.recall(three.decisions.chip)[2] is None
    assert three.confusion(three.decisions.chip).shape == (3, 3)
    assert three.test_counts == [*classified.test_counts, 0]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"classes": ("one",)}, "number of classes is 1, expected at least 2"),
        ({"truth": np.full(100, 2)}, "truth is from 2 to 2, expected 0 to 1"),
        ({"sequences": ("1",)}, "sequences is 1, expected 100"),
        ({"training_counts": (1,)}, "training_counts is 1, expected 2"),
        ({"seeds": (0, 1)}, "rows of decisions.software is 5, expected one a seed, 2"),
    ],
)
def test_decisions_that_do_not_fit_are_named(classified, replace, changes, message):
    with pytest.raises(CellwrightError, match=message):
        replace(classified, **changes)
