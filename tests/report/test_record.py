import numpy as np
import pytest

from cellwright.errors import CellwrightError
from cellwright.report import Score


def test_a_score_summarises_all_values():
    score = Score.of([[10.0, 12.0], [14.0, 16.0]])
    assert score.rmse == 13
    assert score.count == 4
    assert score.std == pytest.approx(np.std([10, 12, 14, 16], ddof=1), rel=1e-15)
    assert score.percentiles[50] == 13
    assert score.percentiles[5] == pytest.approx(10.3)


def test_a_single_value_has_no_spread():
    assert Score.of([3.5]) == Score(rmse=3.5)


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
    assert all(cause.departure_alone.rmse <= worst.departure_alone.rmse for cause in record.causes)
    assert record.best_baseline.name == "seasonal_sum"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"labels": ("1949-01",)}, "labels is 1, expected 144"),
        ({"value_range": 0.0}, "value_range is 0.0"),
        ({"test": slice(100, 144)}, "forecasts.software is"),
        ({"seeds": (0, 1)}, "number of software forecasts is 5, expected one a seed, 2"),
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
