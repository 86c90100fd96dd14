"""The record: summaries, and runs that do not fit together."""

import numpy as np
import pytest

from cellwright.errors import CellwrightError
from cellwright.report import Baseline, Score


def test_a_score_summarises_networks_and_chips_in_any_shape():
    errors = np.arange(12.0).reshape(3, 4)
    score = Score.of(errors)
    assert (score.rmse, score.count) == (5.5, 12)
    assert score.std == pytest.approx(np.sqrt(13))
    assert score.percentiles == pytest.approx({5: 0.55, 50: 5.5, 95: 10.45})


def test_one_value_has_no_spread():
    assert Score.of(15.0) == Score(rmse=15.0, std=None, percentiles={}, count=1)


def test_a_score_of_nothing_is_refused():
    with pytest.raises(CellwrightError, match="at least one"):
        Score.of([])


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"labels": ("1949-01",)}, "labels"),
        ({"value_range": 0.0}, "value_range"),
        ({"seeds": (0, 1)}, "software forecasts"),
        ({"test": slice(0, 10)}, r"forecasts\.software"),
        ({"gates": {"i": np.zeros((3, 4))}}, "gate i"),
    ],
)
def test_parts_of_different_runs_are_refused(make, changes, names):
    with pytest.raises(CellwrightError, match=f"report: .*{names}.*expected"):
        make(**changes)


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"target": np.zeros((2, 2))}, "target"),
        ({"wire_loss": np.ones((60, 34))}, "wire_loss"),
        ({"row_groups": (("x", 3),)}, "row groups"),
        ({"column_groups": (("i", 61),)}, "column groups"),
    ],
)
def test_arrays_whose_parts_do_not_fit_are_refused(record, replace, changes, names):
    with pytest.raises(CellwrightError, match=f"array lstm: {names}.*expected"):
        replace(record.arrays[0], **changes)


def test_the_best_baseline_and_the_worst_cause(record, make, replace):
    assert record.best_baseline.name == "seasonal_sum"
    # The cause that moves the forecasts most counts, not the one whose error is largest by chance.
    quiet = replace(record.causes[0], departure_alone=Score.of([0.1]), alone=Score.of([99.0]))
    loud = replace(record.causes[1], departure_alone=Score.of([0.5]), alone=Score.of([1.0]))
    assert make(causes=(quiet, loud)).worst_cause is loud
    assert make(causes=()).worst_cause is None


def test_errors_are_also_given_in_per_cent_of_the_range(record):
    assert record.percent_of_range(record.value_range) == 100
    assert record.percent_of_range(15.36) == pytest.approx(2.965, abs=1e-3)


def test_causes_are_named_for_people(record):
    assert [cause.title for cause in record.causes if "_" in cause.name] == ["stuck devices", "read noise"]


def test_the_spread_of_the_chips_is_taken_at_each_time(record):
    chips = record.forecasts.chip
    np.testing.assert_allclose(record.forecasts.chip_percentile(50), np.median(chips, axis=0))
    np.testing.assert_allclose(record.forecasts.software_mean, record.forecasts.software.sum(axis=0) / 5)


def test_baselines_may_tie(make):
    equal = [Baseline(name=name, title=name, rmse=1.0) for name in ("a", "b")]
    assert make(baselines=equal).best_baseline.name == "a"
