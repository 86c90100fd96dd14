"""The main job on a person's own file, and its networks on new rows."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cellwright.cli import main
from cellwright.errors import CellwrightError
from cellwright.report import ForecastReport
from cellwright.studies import RunSettings, run_study
from cellwright.studies.predict import predict
from cellwright.tasks import ForecastFile


def rows_of(first: int, count: int, ahead: int = 0) -> str:
    """Days with a weekly season, a column that is known ahead, and some days of which only that is known."""
    day = np.arange(first, first + count + ahead)
    holiday = (day % 11 == 0).astype(int)
    y = 20 + 0.01 * day + 5 * np.sin(2 * np.pi * day / 7) + 4 * holiday + 0.3 * np.sin(day * 1.7)
    dates = np.datetime64("2023-01-01") + day.astype("timedelta64[D]")
    return "".join(
        f"{date},{f'{value:.3f}' if index < count else ''},{known}\n"
        for index, (date, value, known) in enumerate(zip(dates, y, holiday, strict=True))
    )


HEADER = "day,<b>demand</b>,holiday\n"


@pytest.fixture(scope="module", autouse=True)
def _short_trainings() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("cellwright.tasks.table.UPDATES", 200)
        yield


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("own") / "shop.csv"
    path.write_text(HEADER + rows_of(0, 150, ahead=3))
    return path


@pytest.fixture(scope="module")
def run(file: Path) -> Path:
    """The folder of a run with two networks and three chips."""
    folder = file.parent / "run"
    run_study(settings(file), folder)
    return folder


def settings(file: Path, **changed: object) -> RunSettings:
    options = {"target": "<b>demand</b>", "known": ("holiday",), "time": "day", "season": 7, "horizon": 3} | changed
    return RunSettings(task=str(file), seeds=2, chips=3, file=ForecastFile(path=str(file), **options))


def table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as lines:
        return list(csv.DictReader(lines))


def test_the_forecast_goes_on_beyond_the_end(run: Path) -> None:
    rows = table(run / "forecast.csv")
    assert [row["time"] for row in rows] == ["2023-05-31", "2023-06-01", "2023-06-02"]
    for row in rows:
        assert float(row["low"]) < float(row["forecast"]) < float(row["high"])
        assert float(row["chip_p5"]) <= float(row["chip_p50"]) <= float(row["chip_p95"])


def test_results_have_baselines_leads_and_the_interval(run: Path) -> None:
    result = json.loads((run / "result.json").read_text())
    assert list(result["baselines"]) == ["persistence", "seasonal_naive", "seasonal_difference"]
    best = min(baseline["rmse"] for baseline in result["baselines"].values())
    assert result["software"]["rmse"] < best
    assert 0.6 < result["interval"]["coverage"] <= 1
    assert [lead["lead"] for lead in result["leads"]] == [1, 2, 3]


def test_names_of_columns_stay_text_in_the_page(run: Path) -> None:
    page = (run / "report.html").read_text()
    assert "<b>demand</b>" not in page
    assert "&lt;b&gt;demand&lt;/b&gt;" in page


def test_a_saved_run_forecasts_the_same(run: Path, file: Path, tmp_path: Path) -> None:
    found = predict(run, file, tmp_path / "out.csv")
    written = table(tmp_path / "out.csv")
    for row, again, value in zip(table(run / "forecast.csv"), written, found.forecast, strict=True):
        assert row["time"] == again["time"]
        assert float(row["forecast"]) == pytest.approx(value, rel=1e-5)
        assert float(again["low"]) == pytest.approx(float(row["low"]), rel=1e-5)


def test_a_saved_run_forecasts_new_rows_better_than_the_naive_forecasts(run: Path, tmp_path: Path) -> None:
    later = tmp_path / "later.2023.csv"
    later.write_text(HEADER + rows_of(150, 60))
    found = predict(run, later)
    assert (run / "predictions" / "later.2023.csv").exists()
    assert found.labels == ["2023-07-30", "2023-07-31", "2023-08-01"]
    networks = found.errors.pop("networks")
    assert networks < min(found.errors.values())


def test_what_is_not_known_of_the_future_is_said(run: Path, tmp_path: Path) -> None:
    later = tmp_path / "later.csv"
    later.write_text(HEADER + rows_of(150, 60, ahead=3))
    assert predict(run, later, tmp_path / "out.csv").note == ""
    later.write_text(HEADER + rows_of(150, 60, ahead=1))
    note = predict(run, later, tmp_path / "out.csv").note
    assert note.startswith("The file has holiday for 1 of the 3 rows beyond its end;")
    assert "evenly" not in note
    gap = "".join(row + "\n" for row in rows_of(150, 60, ahead=1).splitlines() if "2023-07-16" not in row)
    later.write_text(HEADER + gap)
    assert "The rows are not evenly spaced in time" in predict(run, later, tmp_path / "out.csv").note


def test_one_chip_of_one_network_is_enough(tmp_path: Path, file: Path) -> None:
    report = run_study(replace(settings(file), seeds=1, chips=1), tmp_path / "run")
    assert report.chip_whole.count == 1
    assert table(tmp_path / "run/forecast.csv")[0]["chip_p5"] == table(tmp_path / "run/forecast.csv")[0]["chip_p95"]


@pytest.mark.parametrize(("content", "said"), [
    ("day,demand,holiday\n", "has no column '<b>demand</b>': did you mean 'demand'?"),
    (HEADER + rows_of(0, 5), "has 5 rows, expected 23 or more"),
])  # fmt: skip
def test_rows_that_do_not_fit_the_run(run: Path, tmp_path: Path, content: str, said: str) -> None:
    other = tmp_path / "other.csv"
    other.write_text(content)
    with pytest.raises(CellwrightError) as caught:
        predict(run, other)
    assert said in str(caught.value)
    assert not (run / "predictions" / "other.csv").exists()


def test_a_folder_without_a_run(tmp_path: Path, file: Path) -> None:
    with pytest.raises(CellwrightError, match=r"has no networks.json: expected the folder of a finished"):
        predict(tmp_path, file)


def test_another_file_of_the_same_name_is_other_data(run: Path, file: Path) -> None:
    before = (run / "result.json").read_bytes()
    text = file.read_text()
    try:
        file.write_text(text.replace(",20.", ",21.", 1))
        with pytest.raises(CellwrightError, match="holds results made with other settings"):
            run_study(settings(file), run)
    finally:
        file.write_text(text)
    assert (run / "result.json").read_bytes() == before


def test_a_run_again_gives_the_same_bits_and_trains_nothing(run: Path, file: Path, tmp_path: Path) -> None:
    run_study(settings(file), tmp_path / "again")
    for name in ("result.json", "forecast.csv", "networks.json", "model.safetensors", "networks/1.safetensors"):
        assert (tmp_path / "again" / name).read_bytes() == (run / name).read_bytes(), name


def test_the_command_is_written_so_that_it_repeats_the_run(file: Path) -> None:
    from cellwright.studies.job import Job

    job = Job(settings(file))
    assert job.command == (
        f"cellwright run {file} --target '<b>demand</b>' --known holiday --time day --horizon 3 --season 7 "
        "--seeds 2 --chips 3"
    )
    assert str(job.default_folder) == "runs/shop-b_demand_b"


def test_networks_that_found_nothing_are_counted(tmp_path: Path) -> None:
    """Of a random walk the last value is the best forecast that there is."""
    walk = np.random.default_rng(1).normal(size=120).cumsum()
    path = tmp_path / "walk.csv"
    path.write_text("y\n" + "".join(f"{value:.4f}\n" for value in walk))
    report = run_study(
        RunSettings(task=str(path), seeds=1, chips=2, file=ForecastFile(path=str(path), target="y")), tmp_path / "run"
    )
    assert isinstance(report, ForecastReport)
    assert (report.base, report.uncorrected) == ("y[t-1]", 1)
    assert report.software.mean == report.baselines[0].error
    assert json.loads((tmp_path / "run/result.json").read_text())["base"] == {
        "formula": "y[t-1]",
        "networks_that_leave_it": 1,
    }


def test_a_sweep_says_that_it_takes_no_file(capsys: pytest.CaptureFixture[str], file: Path) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["sweep", str(file), "--over", "bits=4,6"])
    assert ended.value.code == 2
    assert f"{file} is a file, and a sweep takes a task of the catalogue: name one" in capsys.readouterr().err


def test_options_of_a_file_need_one(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["run", "airline", "--horizon", "3"])
    assert ended.value.code == 2
    assert capsys.readouterr().err == (
        "cellwright: --horizon is for a file of your own, and 'airline' is none: give the path of a file, or leave "
        "--horizon out\n"
    )


def test_a_name_with_a_comma_stands_in_quotes(file: Path) -> None:
    from cellwright.studies.files import own_file
    from cellwright.studies.job import _option

    asked = own_file(str(file), target="y", inputs='"load, MW", wind', known="holiday")
    assert isinstance(asked, ForecastFile)
    assert (asked.inputs, asked.known) == (("load, MW", "wind"), ("holiday",))
    assert _option("inputs", asked.inputs) == """--inputs '"load, MW",wind'"""
