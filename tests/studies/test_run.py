"""The main job, small: what it writes, and that nothing stops it from ending with the same bits."""

import csv
import json
import math
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from typer.testing import CliRunner

from cellwright.cli import app
from cellwright.crossbar import ChipSettings
from cellwright.errors import CellwrightError
from cellwright.report import RunReport
from cellwright.studies import RunSettings, run_study
from cellwright.studies.folder import OURS
from cellwright.studies.hardware import HardwareErrors
from cellwright.tasks import find, train

Run = tuple[RunReport, Path]
# What two runs of the same settings share to the last bit.
SAME = ("result.json", "forecast.csv", "model.safetensors", "report.html", "settings.json")


def test_the_folder_has_everything(small_run: Run) -> None:
    _, folder = small_run
    for name in SAME:
        assert (folder / name).stat().st_size > 0, name
    for ending in ("svg", "png"):
        assert list((folder / "figures").glob(f"*.{ending}"))
    assert not [path for path in folder.rglob(".*") if path.is_file()], "a draft was left behind"


def test_every_file_is_known_to_the_folder(small_run: Run) -> None:
    """Otherwise --overwrite would leave it behind among the results of other settings."""
    folder = small_run[1]
    files = [path.relative_to(folder) for path in folder.rglob("*") if path.is_file()]
    assert [str(file) for file in files if not any(file.match(pattern) for pattern in OURS)] == []


def test_result_json_has_the_promised_keys(small_run: Run) -> None:
    result = json.loads((small_run[1] / "result.json").read_text())
    assert {
        "task",
        "cell",
        "recipe",
        "seeds",
        "baselines",
        "software",
        "chip",
        "arrays",
        "cost",
        "versions",
    } <= result.keys()
    assert len(result["baselines"]) == 4
    for scores in (result["software"], result["chip"]["ideal"], result["chip"]["whole"], *result["baselines"].values()):
        assert scores["rmse_percent_of_range"] == pytest.approx(100 * scores["rmse"] / 518)
    assert result["chip"]["whole"]["chips"] == 8
    assert {"rmse", "std", "percentiles"} <= result["chip"]["whole"].keys()
    assert all({"alone", "without"} <= cause.keys() for cause in result["chip"]["by_cause"].values())
    assert all({"rows", "columns"} <= array.keys() for array in result["arrays"])
    assert {"power_w", "energy_per_step_j", "latency_per_step_s", "area_m2", "items"} <= result["cost"].keys()


def test_an_ideal_chip_is_the_software_network(small_run: Run) -> None:
    report, _ = small_run
    assert report.chip_ideal.mean == pytest.approx(report.software.mean, abs=1e-4)


def test_the_forecast_file_holds_what_the_scores_were_made_of(small_run: Run) -> None:
    report, folder = small_run
    rows = list(csv.DictReader((folder / "forecast.csv").read_text().splitlines()))
    assert [row["label"] for row in rows] == list(report.labels[96:])
    errors = []
    for seed in report.seeds:
        squares = [(float(row[f"software_seed_{seed}"]) - float(row["observed"])) ** 2 for row in rows]
        errors.append(math.sqrt(sum(squares) / len(squares)))
    assert sum(errors) / len(errors) == pytest.approx(report.software.mean, rel=1e-4)


def test_the_model_file_is_the_first_network(small_run: Run) -> None:
    weights = load_file(small_run[1] / "model.safetensors")
    task = find("airline")
    expected = train(task, task.recipe(), 0).model.state_dict()
    assert weights.keys() == expected.keys()
    assert all(torch.equal(weights[name], expected[name]) for name in weights)


def test_running_again_changes_nothing(small_run: Run) -> None:
    _, folder = small_run
    before = {name: (folder / name).read_bytes() for name in SAME}
    run_study(RunSettings(task="airline", seeds=2, chips=4), folder)
    assert {name: (folder / name).read_bytes() for name in SAME} == before


def test_damaged_chip_results_are_made_again(small_run: Run, tmp_path: Path) -> None:
    _, folder = small_run
    kept, before = folder / "chips/0.npz", (folder / "result.json").read_bytes()
    whole, damaged = kept.read_bytes(), tmp_path / "damaged.npz"
    for content in (b"", whole[: len(whole) // 2], b"no archive at all"):
        damaged.write_bytes(content)
        assert HardwareErrors.read(damaged, ChipSettings()) is None
    kept.write_bytes(b"")
    run_study(RunSettings(task="airline", seeds=2, chips=4), folder)
    assert kept.stat().st_size == len(whole)
    assert (folder / "result.json").read_bytes() == before


def test_other_settings_are_refused(small_run: Run) -> None:
    with pytest.raises(CellwrightError, match="chips was 4, now 5"):
        run_study(RunSettings(task="airline", seeds=2, chips=5), small_run[1])


def test_killed_in_every_stage_it_ends_with_the_same_bits(small_run: Run, tmp_path: Path) -> None:
    reference, folder = small_run[1], tmp_path / "run"
    arguments = ["run", "airline", "--seeds", "2", "--chips", "4", "--out", str(folder)]
    command = [sys.executable, "-m", "cellwright.cli", *arguments]
    for sign in ("checkpoints/0-train.checkpoint", "chips/0.npz", "result.json"):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while process.poll() is None and not (folder / sign).exists():
            time.sleep(0.005)
        process.kill()
        assert process.wait() == -signal.SIGKILL, f"the run was over before {sign} was seen"
    done = CliRunner().invoke(app, arguments)  # in this process, which has imported everything
    assert done.exit_code == 0, done.output
    for name in SAME:
        assert (folder / name).read_bytes() == (reference / name).read_bytes(), name


def test_ctrl_c_ends_cleanly_and_the_run_goes_on(small_run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    arguments = ["run", "airline", "--seeds", "2", "--chips", "4", "--out", str(folder)]
    command = [sys.executable, "-m", "cellwright.cli", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    while process.poll() is None and not (folder / "checkpoints/0-train.checkpoint").exists():
        time.sleep(0.005)
    process.send_signal(signal.SIGINT)
    _, complaint = process.communicate()
    assert process.returncode == 130
    assert complaint == "cellwright: interrupted; the same command resumes\n"
    assert CliRunner().invoke(app, arguments).exit_code == 0
    assert (folder / "result.json").read_bytes() == (small_run[1] / "result.json").read_bytes()
