import csv
import io
import json
import math
from dataclasses import replace

import numpy as np
import pytest

from cellwright.report import Cost, CostItem, Score
from cellwright.report.forecast_result import files
from cellwright.report.result import result_json

TOP = ["task", "cell", "recipe", "seeds", "settings", "baselines", "software", "chip", "arrays", "cost", "versions"]


def test_the_schema(record):
    result = json.loads(result_json(record))
    assert list(result) == TOP
    assert (result["task"], result["cell"], result["recipe"]) == ("airline", "lstm", "best")
    assert result["seeds"] == [0, 1, 2, 3, 4]
    assert result["versions"] == dict(record.versions)
    assert result["settings"] == {**record.settings, "chip": {"tile": [128, 64], "wires": None}}
    assert {"rmse", "rmse_percent_of_range", "std"} <= result["software"].keys()
    assert {"ideal", "whole", "by_cause"} <= result["chip"].keys()
    assert {"rmse", "std", "percentiles", "chips"} <= result["chip"]["whole"].keys()
    assert result["chip"]["by_cause"].keys() == {cause.name for cause in record.causes}
    assert [(array["rows"], array["columns"]) for array in result["arrays"]] == [(34, 60), (32, 1)]
    assert list(result["cost"]) == ["power_w", "energy_per_step_j", "latency_per_step_s", "area_m2", "items"]


def test_the_numbers_are_the_records_to_the_last_bit(record):
    result = json.loads(result_json(record))
    for baseline in record.baselines:
        assert result["baselines"][baseline.name]["rmse"] == baseline.error
        assert result["baselines"][baseline.name]["rmse_percent_of_range"] == 100 * baseline.error / 518
    for score, entry in (
        (record.software, result["software"]),
        (record.chip_ideal, result["chip"]["ideal"]),
        (record.chip_whole, result["chip"]["whole"]),
    ):
        assert (entry["rmse"], entry["std"]) == (score.mean, score.std)
        assert entry["percentiles"] == {str(p): value for p, value in score.percentiles.items()}
    assert result["chip"]["whole"]["chips"] == 250
    assert result["chip"]["departure_from_software"]["rmse"] == record.departure.mean
    for cause in record.causes:
        entry = result["chip"]["by_cause"][cause.name]
        assert (entry["alone"], entry["without"]) == (cause.alone.mean, cause.without.mean)
        assert entry["departure_alone"] == cause.departure_alone.mean
        assert entry["without_percent_of_range"] == 100 * cause.without.mean / 518
    assert result["cost"]["power_w"] == record.cost.power_w
    assert [item["item"] for item in result["cost"]["items"]] == [item.item for item in record.cost.items]


def test_what_is_not_a_number_is_null(record):
    lost = Score(mean=math.nan, std=math.inf, percentiles={5: -math.inf})
    cost = Cost(
        power_w=math.nan, energy_per_step_j=1.0, latency_per_step_s=1.0, area_m2=1.0, items=(CostItem(item="none"),)
    )
    text = result_json(replace(record, chip_whole=lost, cost=cost))

    def refuse(constant):
        pytest.fail(f"{constant} is not JSON")

    result = json.loads(text, parse_constant=refuse)
    whole = result["chip"]["whole"]
    assert (whole["rmse"], whole["std"], whole["percentiles"]) == (None, None, {"5": None})
    assert result["cost"]["power_w"] is None
    assert result["cost"]["items"][0]["energy_j"] is None


def test_numpy_scalars_become_numbers(record):
    text = result_json(replace(record, software=Score(mean=np.float64(2.5), count=np.int64(3))))
    assert json.loads(text)["software"]["rmse"] == 2.5


def test_the_same_run_gives_the_same_bytes(make):
    assert result_json(make(seed=3)) == result_json(make(seed=3))
    assert files(make(seed=3))["forecast.csv"] == files(make(seed=3))["forecast.csv"]
    assert files(make(seed=3))["forecast.csv"] != files(make(seed=4))["forecast.csv"]


def test_forecasts_as_a_table(record):
    rows = list(csv.DictReader(io.StringIO(files(record)["forecast.csv"])))
    assert [row["label"] for row in rows] == list(record.test_labels)
    assert len(rows) == 48
    last = rows[-1]
    assert float(last["observed"]) == pytest.approx(record.series[-1], rel=1e-5)
    assert float(last["software_mean"]) == pytest.approx(record.forecasts.software[:, -1].mean(), rel=1e-5)
    assert float(last["software_seed_4"]) == pytest.approx(record.forecasts.software[4, -1], rel=1e-5)
    assert float(last["chip_p95"]) == pytest.approx(np.percentile(record.forecasts.chip[:, -1], 95), rel=1e-5)


def test_a_forecast_that_is_not_a_number_is_an_empty_field(record):
    software = record.forecasts.software.copy()
    software[0, 0] = np.nan
    text = files(replace(record, forecasts=replace(record.forecasts, software=software)))["forecast.csv"]
    first = next(csv.DictReader(io.StringIO(text)))
    assert first["software_seed_0"] == first["software_mean"] == ""
    assert first["software_seed_1"] != ""


SCORE = {"rmse", "rmse_percent_of_range", "std", "percentiles"}
CAUSE = {
    f"{part}{ending}"
    for part in ("alone", "without", "departure_alone", "departure_without")
    for ending in ("", "_std", "_percentiles", *(() if part.startswith("departure") else ("_percent_of_range",)))
}
ARRAY = {"name", "rows", "columns", "tiles", "pulses", "yield", "programming_energy_j", "programming_time_s"}
ITEM = {"item", "energy_j", "latency_s", "area_m2", "value", "source", "uncertainty", "outside_crossbar"}


@pytest.mark.parametrize("run", ["record", "bare"])
def test_the_keys_are_the_same_for_every_run(run, request):
    """What a program reads is there for one chip as for many, for an ideal device as for a real one."""
    result = json.loads(result_json(request.getfixturevalue(run)))
    chip = result["chip"]
    assert list(chip) == ["ideal", "whole", "departure_from_software", "left_digital", "by_cause"]
    assert result["software"].keys() == chip["ideal"].keys() == SCORE
    assert chip["whole"].keys() == SCORE | {"chips"}
    assert chip["departure_from_software"].keys() == {"rmse", "std", "percentiles"}
    assert all(baseline.keys() == {"rmse", "rmse_percent_of_range"} for baseline in result["baselines"].values())
    assert all(cause.keys() == CAUSE for cause in chip["by_cause"].values())
    assert all(array.keys() == ARRAY for array in result["arrays"])
    assert all(item.keys() == ITEM for item in result["cost"]["items"])


def test_one_network_on_one_chip_has_no_spread(bare):
    result = json.loads(result_json(bare))
    for score in (result["software"], result["chip"]["whole"], result["chip"]["departure_from_software"]):
        assert (score["std"], score["percentiles"]) == (None, {})
    assert result["chip"]["by_cause"] == {}
    assert result["chip"]["left_digital"] == ["recurrent.weight_peephole_l0"]


def test_a_network_that_diverged_leaves_no_warning_and_a_null(record):
    score = Score.of([math.inf, 1.0, 2.0])
    assert json.loads(result_json(replace(record, chip_whole=score)))["chip"]["whole"]["rmse"] is None
