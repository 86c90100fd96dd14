"""Forecasts of a column of a file: what windows hold, what is fitted where, and what comes back."""

from __future__ import annotations

import json
import math
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from cellwright.errors import CellwrightError
from cellwright.tasks import ForecastFile, TableTask, train
from cellwright.tasks.encoding import Encoding, WindowShape
from cellwright.tasks.forecaster import Forecaster
from cellwright.tasks.intervals import Interval
from cellwright.tasks.training import shrink, worth


def series_file(folder: Path, rows: int = 240, *, positive: bool = False) -> Path:
    """A series with a season of 6, another column that leads it by a row, and one that is known ahead."""
    rng = np.random.default_rng(7)
    lead, known = rng.normal(size=rows + 1), rng.integers(0, 2, rows)
    y = 3 * np.sin(2 * np.pi * np.arange(rows) / 6) + lead[:-1] + 2 * known + 0.1 * rng.normal(size=rows)
    y = np.exp(y / 2) if positive else y
    path = folder / f"series-{rows}-{positive}.csv"
    columns = (y, lead[1:], known)
    lines = (",".join(repr(float(value)) for value in row) for row in zip(*columns, strict=True))
    path.write_text("y,leads,known\n" + "\n".join(lines) + "\n")
    return path


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> TableTask:
    path = series_file(tmp_path_factory.mktemp("task"))
    return TableTask(
        ForecastFile(path=str(path), target="y", inputs=("leads",), known=("known",), season=6, horizon=2, lookback=4)
    )


def column(task: TableTask, name: str) -> NDArray[np.float64]:
    return task.table.block(0, task.table.rows)[:, task.table.names.index(name)]


def test_features_are_what_they_are_called(task: TableTask) -> None:
    """Every feature, written out from the rows of the file, for one origin."""
    data, origin = task.training_data(task.recipe()).everything, 20
    first = task.shape.reach - 1
    seen = data.inputs[origin - first].numpy()
    y, leads, known = (column(task, name) for name in ("y", "leads", "known"))
    encoding, rows = task.encoding, np.arange(origin - 3, origin + 1)
    assert encoding.floor is None
    expected = {
        "value of the target": y[rows],
        "change of the target": y[rows] - y[rows - 1],
        "distance of the target": y[rows] - y[origin],
        "1 ahead, a season ago, of the target": y[rows - 5] - y[rows - 6],
        "2 ahead, a season ago, of the target": y[rows - 4] - y[rows - 6],
        "leads": leads[rows],
        "known": known[rows],
        "known, 1 ahead": known[rows + 1],
        "known, 2 ahead": known[rows + 2],
    }
    missed = {
        "persistence": {"change in a season of the target": y[rows] - y[rows - 6]},
        "seasonal_naive": {"missed by the base of the target": y[rows] - y[rows - 6]},
        "seasonal_difference": {
            "change in a season of the target": y[rows] - y[rows - 6],
            "missed by the base of the target": y[rows] - (y[rows - 6] + y[rows - 1] - y[rows - 7]),
        },
    }[encoding.base]
    expected |= missed
    assert set(encoding.scale) == set(expected)
    for index, name in enumerate(encoding.scale):
        scaled = (expected[name] - encoding.centre[name]) / encoding.scale[name]
        assert np.allclose(seen[:, index], np.clip(scaled, -4, 4), atol=1e-6), name


def test_columns_may_be_called_as_features_are(tmp_path: Path) -> None:
    """An input called "value" is one more feature, not another value of the target."""
    rng = np.random.default_rng(3)
    table = np.column_stack([np.cumsum(rng.normal(size=(200, 1)), 0), rng.normal(size=(200, 3))])

    def made(*names: str) -> TableTask:
        path = tmp_path / "named.csv"
        np.savetxt(path, table, delimiter=",", header=",".join(f'"{name}"' for name in names), comments="")
        return TableTask(ForecastFile(path=str(path), target=names[0], inputs=names[1:3], known=names[3:]))

    plain, odd = made("y", "a", "b", "c"), made("y", "value", "change", "distance")
    assert plain.encoding.features_per_step == odd.encoding.features_per_step
    assert torch.equal(plain._training.everything.inputs, odd._training.everything.inputs)
    with pytest.raises(
        CellwrightError, match="column 'change of the target' is called as a feature of the target is: give it another"
    ):
        made("y", "change of the target", "b", "c")
    with pytest.raises(CellwrightError, match="called as another one some rows ahead"):
        made("y", "c, 1 ahead", "b", "c")


def test_known_columns_are_seen_ahead_wherever_their_zero_is(tmp_path: Path) -> None:
    """In kelvin as in degrees Celsius: features have mean 0 and are not cut."""
    celsius = np.round(np.random.default_rng(5).normal(10, 4, size=300), 3)
    inputs = []
    for zero in (0.0, 273.0):
        path = tmp_path / f"{zero}.csv"
        np.savetxt(path, np.column_stack([celsius**2, celsius + zero]), delimiter=",", header="y,t", comments="")
        task = TableTask(ForecastFile(path=str(path), target="y", known=("t",), horizon=2))
        inputs.append(task._training.everything.inputs)
    assert torch.allclose(*inputs, atol=1e-4)
    ahead = inputs[1][:, :, -2:]
    assert ahead.mean().abs() < 0.05
    assert ahead.std() == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize("step", [0.1, 1e6, 1e-9])
def test_what_rounding_leaves_of_a_constant_is_no_scale(step: float, tmp_path: Path) -> None:
    """The steps of a straight line are equal but for their last bits: they are learnt in their own size."""
    path = tmp_path / "line.csv"
    np.savetxt(path, step * np.arange(200), fmt="%.17g", header="y", comments="")
    task = TableTask(ForecastFile(path=str(path), target="y"))
    assert task.encoding.spread == pytest.approx((step,))
    assert torch.allclose(task._training.everything.targets, torch.ones(1))
    period = np.array([0.1, 0.7, 0.3, 0.2])
    repeated = np.tile(period, 60) + 3e-17 * np.random.default_rng(0).integers(0, 2, 240)
    windows = np.lib.stride_tricks.sliding_window_view(repeated, 10)[:, :, None]
    encoding = Encoding.fit(WindowShape(target="y", lookback=4, season=4), windows)
    assert encoding.spread == (1.0,)


def test_a_network_without_error_gives_what_came(task: TableTask) -> None:
    recipe = task.recipe()
    windows = task._windows(task.test_origins)
    outputs = torch.from_numpy(task.encoding.targets(windows)).double()
    forecasts = task.forecast(outputs, recipe)
    y, origins = column(task, "y"), task.test_origins
    came = np.stack([y[origins + 1], y[origins + 2]], axis=1)
    assert np.allclose(forecasts[0].reshape(-1, 2), came, atol=1e-5)
    assert np.array_equal(task.observed, came)
    assert float(task.metrics(forecasts)["rmse"]) < 1e-5


def test_nothing_of_the_test_is_seen_in_training(tmp_path: Path) -> None:
    """Other values in the test rows: the same scales, the same training data, another test."""
    path = series_file(tmp_path)
    lines = path.read_text().splitlines(keepends=True)
    first_test = 1 + 240 - 48
    changed = tmp_path / "changed.csv"
    changed.write_text("".join(lines[:first_test]) + "".join("9.5,-7,1\n" for _ in lines[first_test:]))
    one, other = (
        TableTask(ForecastFile(path=str(file), target="y", inputs=("leads",), season=6, horizon=3))
        for file in (path, changed)
    )
    assert one.encoding == other.encoding
    recipe = one.recipe()
    for part in ("train", "validation", "everything"):
        mine, theirs = (getattr(task.training_data(recipe), part) for task in (one, other))
        assert torch.equal(mine.inputs, theirs.inputs)
        assert torch.equal(mine.targets, theirs.targets)
    assert not np.array_equal(one.observed, other.observed)


def test_validation_lies_after_all_that_is_learnt(task: TableTask) -> None:
    parts, horizon = task._parts, task.shape.horizon
    assert parts.learnt[-1] + horizon <= parts.validation[0]
    assert parts.validation[-1] + horizon < 240 - 48 == parts.test[0] + 1


def test_leads_are_scored_apart_and_together(task: TableTask) -> None:
    forecasts = torch.from_numpy(np.add(task.observed, [3.0, 4.0])).reshape(-1)
    assert torch.allclose(task.lead_errors(forecasts), torch.tensor([3.0, 4.0], dtype=torch.float64))
    assert float(task.metrics(forecasts)["rmse"]) == pytest.approx(12.5**0.5)
    with pytest.raises(CellwrightError, match="expected"):
        task.lead_errors(forecasts[:-1])


def test_the_logarithm_is_forecast_where_it_is_straighter(tmp_path: Path) -> None:
    task = TableTask(ForecastFile(path=str(series_file(tmp_path, positive=True)), target="y", season=6))
    assert task.encoding.floor == pytest.approx(column(task, "y")[:192].min() / 10)
    windows = task._windows(task.test_origins)
    outputs = torch.from_numpy(task.encoding.targets(windows)).double()
    assert np.allclose(task.forecast(outputs, task.recipe())[0], task.observed[:, 0], rtol=1e-5)
    below = windows.copy()
    below[:, -2, 0] = -1.0
    assert np.isfinite(task.encoding.features(below)).all()


def test_what_an_encoding_is_survives_json(task: TableTask) -> None:
    assert Encoding.of(json.loads(json.dumps(task.encoding.plain()))) == task.encoding
    with pytest.raises(CellwrightError, match=r"encoding\.shape is 3: expected values by name"):
        Encoding.of({"shape": 3})


def test_training_beats_the_naive_forecasts_of_a_series_with_a_cause(task: TableTask) -> None:
    recipe = task.recipe()
    trained = train(task, recipe, 0)
    with torch.no_grad():
        outputs, _ = trained.model.eval()(task.test_inputs(recipe))
    found = float(task.metrics(task.forecast(outputs, recipe))["rmse"])
    naive = {name: float(task.metrics(b.forecasts)["rmse"]) for name, b in task.baselines().items()}
    assert found < 0.8 * min(naive.values())
    interval = task.interval([trained.unseen])
    covered = interval.coverage(task.observed, task.forecast(outputs, recipe).reshape(-1, 2).numpy())
    assert 0.75 < covered < 1


def test_a_correction_that_is_worth_nothing_is_taken_away() -> None:
    """The least-squares factor, against numpy's."""
    torch.manual_seed(0)
    model = Forecaster("lstm", 1, 3, 2)
    inputs, targets = torch.randn(50, 4, 1), torch.randn(50, 2)
    from cellwright.learning import SequenceData

    with torch.no_grad():
        outputs = model(inputs)[0]
        hopeful = SequenceData(inputs, 0.4 * outputs + 0.01 * targets)
        expected = np.linalg.lstsq(outputs.reshape(-1, 1).numpy(), hopeful.targets.reshape(-1).numpy())[0][0]
        assert worth(model, hopeful) == pytest.approx(float(expected), rel=1e-4)
        assert worth(model, SequenceData(inputs, -outputs)) == 0
        assert worth(model, SequenceData(inputs, 3 * outputs)) == 1
        shrink(0.25, model)
        assert torch.allclose(model(inputs)[0], 0.25 * outputs, atol=1e-7)


def test_intervals_hold_what_they_promise() -> None:
    """Over many draws the part of new errors within is at least the level, and not much more."""
    rng = np.random.default_rng(1)
    covered = []
    for _ in range(400):
        errors = rng.standard_t(4, size=(200, 1))
        interval = Interval.fit(errors[:100], np.zeros((100, 1)), level=0.9)
        covered.append(interval.coverage(errors[100:], np.zeros((100, 1))))
    # Between 1 - level = 0.1 and two more places of 101: 5 of 100 beyond each end, as order statistics.
    assert np.mean(covered) == pytest.approx(1 - 2 * 5 / 101, abs=4 * np.std(covered) / 20)
    # The order statistics that Fractions give, for any number of errors.
    for count in range(1, 200):
        errors = np.arange(count, dtype=np.float64)[:, None]
        beyond = max(math.floor(Fraction(1, 20) * (count + 1)), 1)
        assert Interval.fit(errors, np.zeros((count, 1))).low == (beyond - 1,)
    observed, forecasts = np.array([[-1.0], [2.0], [0.5]]), np.array([[1.0], [1.0], [1.0]])
    few = Interval.fit(observed, forecasts)
    assert (few.low, few.high) == ((-2.0,), (1.0,))
    assert few.around([10.0]) == (8.0, 11.0)
    assert Interval.fit(2 * observed, 2 * forecasts, relative=True).around([10.0]) == (-10.0, 20.0)


@pytest.mark.parametrize(("options", "said"), [
    ({"target": ""}, "which column of FILE is to be forecast"),
    ({"horizon": 0}, "--horizon 0: expected 1 or more"),
    ({"lookback": -1}, "--lookback -1: expected 0 or more"),
    ({"season": 1}, "--season 1 is none"),
    ({"test": 1.5}, "--test 1.5: expected a fraction between 0 and 1"),
    ({"inputs": ("y",)}, "column 'y' is named twice"),
    ({"horizon": 200}, "has 240 rows, expected 1,003 or more"),
    ({"lookback": 190}, "expected 254 or more for a look-back of 190"),
    ({"season": 180}, "and a season of 180"),
])  # fmt: skip
def test_what_is_refused(tmp_path: Path, options: dict[str, object], said: str) -> None:
    path = series_file(tmp_path)
    with pytest.raises(CellwrightError) as caught:
        TableTask(ForecastFile(**{"path": str(path), "target": "y", **options}))
    assert said in str(caught.value).replace(str(path), "FILE")


def test_columns_that_do_not_vary_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "flat.csv"
    path.write_text("y,flat\n" + "".join(f"{k * k % 17},5\n" for k in range(100)))
    with pytest.raises(CellwrightError, match=r"'flat' is constant in the training part \(5 in every row\): leave it"):
        TableTask(ForecastFile(path=str(path), target="y", inputs=("flat",)))
    with pytest.raises(CellwrightError, match="nothing to forecast; choose another --target"):
        TableTask(ForecastFile(path=str(path), target="flat"))


def test_a_season_shorter_than_the_horizon_takes_whole_seasons() -> None:
    shape = WindowShape(target="y", lookback=5, horizon=7, season=3)
    assert (shape.seasons, shape.reach, shape.length) == (9, 15, 22)
