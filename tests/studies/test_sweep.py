"""A sweep, small: what it writes, that it is extended, and that nothing stops it from ending with the same bits."""

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pyarrow.parquet
import pytest
from typer.testing import CliRunner

from cellwright.cli import BAD_INPUT, INTERRUPTED, app
from cellwright.errors import CellwrightError
from cellwright.report import RunReport
from cellwright.report.sweep_record import SweepReport
from cellwright.studies import RunSettings
from cellwright.studies.folder import OURS
from cellwright.studies.plan import Plan
from cellwright.studies.sweep import SweepSettings, run_sweep

# Long enough for a worker to be killed in its midst.
RUN = RunSettings(task="airline", seeds=2, chips=40)
OVER = ("bits=4,8", "segment_ohm=0,1,5")
COMMAND = [sys.executable, "-m", "cellwright.cli", "sweep", "airline", "--seeds", "2", "--chips", "40"]
COMMAND += [word for axis in OVER for word in ("--over", axis)]
FILES = ("sweep.csv", "sweep-chips.csv", "sweep.parquet", "sweep-chips.parquet", "sweep.html")

Swept = tuple[SweepReport, Path]


@pytest.fixture(scope="session")
def swept(tmp_path_factory: pytest.TempPathFactory) -> Swept:
    """Six points of two networks, made one after another in this process."""
    folder = tmp_path_factory.mktemp("swept") / "sweep"
    return run_sweep(SweepSettings(run=RUN, over=OVER), folder), folder


SMALL = SweepSettings(run=RunSettings(task="airline", seeds=1, chips=3), over=("bits=4,6",))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made") / "sweep"
    run_sweep(SMALL, folder)
    return folder


@pytest.fixture
def small(made: Path, tmp_path: Path) -> tuple[SweepSettings, Path]:
    """Two points of one network on three chips, made already; a copy to change."""
    return SMALL, shutil.copytree(made, tmp_path / "small")


def points(folder: Path) -> dict[str, bytes]:
    """The finished points: a draft has a name that begins with a dot."""
    return {path.name: path.read_bytes() for path in folder.glob("points/[!.]*")}


def table(folder: Path, name: str = "sweep") -> list[dict[str, str]]:
    return list(csv.DictReader((folder / f"{name}.csv").read_text().splitlines()))


def test_the_folder_has_everything(swept: Swept) -> None:
    folder = swept[1]
    assert len(points(folder)) == 12
    assert all((folder / name).stat().st_size for name in FILES)
    files = [path.relative_to(folder) for path in folder.rglob("*") if path.is_file()]
    assert [str(file) for file in files if not any(file.match(pattern) for pattern in OURS)] == [], "no file of ours"


def test_the_base_point_is_the_main_job(small_run: tuple[RunReport, Path], tmp_path: Path) -> None:
    """Chip k is the same in a run and in a sweep, whatever their number: four of one are four of the other."""
    report = run_sweep(SweepSettings(run=replace(RUN, chips=4), over=("bits=8",)), tmp_path / "base")
    (point,) = report.points
    run = small_run[0]
    assert point.error == run.chip_whole
    assert point.departure == run.departure
    assert report.software == run.software
    assert point.area_m2 == run.cost.area_m2
    assert point.latency_per_step_s == run.cost.latency_per_step_s


def test_rows_hold_the_spread_of_their_chips(swept: Swept) -> None:
    rows, chips = table(swept[1]), table(swept[1], "sweep-chips")
    assert [(row["bits"], row["segment_ohm"]) for row in rows] == [(b, s) for b in "48" for s in "015"]
    assert len(chips) == 6 * 2 * 40
    for row in rows:
        mine = [one for one in chips if (one["bits"], one["segment_ohm"]) == (row["bits"], row["segment_ohm"])]
        for name in ("error", "departure"):
            values = [float(one[name]) for one in mine]
            assert float(row[f"{name}_mean"]) == pytest.approx(np.mean(values), rel=1e-12)
            for p in (5, 50, 95):
                assert float(row[f"{name}_p{p}"]) == pytest.approx(np.percentile(values, p), rel=1e-12)
        software = {one["network_seed"]: float(one["software_error"]) for one in mine}
        assert float(row["software_error"]) == pytest.approx(np.mean(list(software.values())), rel=1e-12)


def test_parquet_and_csv_say_the_same(swept: Swept) -> None:
    for name in ("sweep", "sweep-chips"):
        columns = pyarrow.parquet.read_table(swept[1] / f"{name}.parquet").to_pydict()
        rows = table(swept[1], name)
        assert list(columns) == list(rows[0])
        for key, values in columns.items():
            assert values == [row[key] if key == "not_costed" else float(row[key]) for row in rows], key


def test_fewer_bits_take_less_and_move_forecasts_more(swept: Swept) -> None:
    """Input converters take energy in proportion to their bits, output converters to 2^bits; the area likewise."""
    rows = {(row["bits"], row["segment_ohm"]): row for row in table(swept[1])}
    for ohm in "015":
        few, many = rows["4", ohm], rows["8", ohm]
        assert float(few["energy_per_step_j"]) < float(many["energy_per_step_j"])
        assert float(few["area_m2"]) < float(many["area_m2"])
        assert float(few["departure_p50"]) > 2 * float(many["departure_p50"])


def test_running_again_computes_nothing(swept: Swept, monkeypatch: pytest.MonkeyPatch) -> None:
    def computed(*arguments: object, **options: object) -> None:
        raise AssertionError("computed again")

    monkeypatch.setattr("cellwright.studies.sweep.measure", computed)
    monkeypatch.setattr("cellwright.studies.sweep.train_networks", computed)
    before = {name: (swept[1] / name).read_bytes() for name in FILES}
    run_sweep(SweepSettings(run=RUN, over=OVER), swept[1])
    assert {name: (swept[1] / name).read_bytes() for name in FILES} == before


def test_a_folder_is_extended(small: tuple[SweepSettings, Path]) -> None:
    """By values, by networks and by axes; what is there stays, and the table has all of it."""
    settings, folder = small
    before = points(folder)
    run_sweep(replace(settings, over=("bits=6,none",)), folder)
    run_sweep(SweepSettings(run=replace(settings.run, seeds=2), over=("bits=6",)), folder)
    report = run_sweep(replace(settings, over=("tile=16x16",)), folder)
    after = points(folder)
    assert before.items() <= after.items()
    assert len(after) == 2 + 1 + 1 + 1
    rows = [(row["bits"], row["tile"], row["networks"]) for row in table(folder)]
    assert [row["not_costed"] for row in table(folder)] == ["", "", "input converters; output converters", ""]
    assert rows == [("4", "128x64", "1"), ("6", "128x64", "2"), ("none", "128x64", "1"), ("8", "16x16", "1")]
    assert pyarrow.parquet.read_table(folder / "sweep.parquet").to_pydict()["bits"] == [4, 6, None, 8]
    assert [command.partition("--over ")[2] for command in report.commands] == [
        "bits=4,6", "bits=6,none", "bits=6", "tile=16x16",
    ]  # fmt: skip
    assert [axis.texts for axis in report.axes] == [["4", "6", "8", "none"], ["16x16", "128x64"]]


def test_other_base_settings_are_refused(small: tuple[SweepSettings, Path]) -> None:
    settings, folder = small
    with pytest.raises(CellwrightError, match="chips was 3, now 4"):
        run_sweep(replace(settings, run=replace(settings.run, chips=4)), folder)


def test_an_axis_that_sets_what_an_earlier_one_set_is_refused(small: tuple[SweepSettings, Path]) -> None:
    settings, folder = small
    before = (folder / "sweeps.json").read_bytes()
    with pytest.raises(CellwrightError, match="bits and input_bits both set input_bits in"):
        run_sweep(replace(settings, over=("input_bits=4",)), folder)
    assert (folder / "sweeps.json").read_bytes() == before


@pytest.mark.parametrize("damage", ["", "{", "[1]", '[{"run": {}}]', '[{"run": {"tasks": "airline"}, "over": []}]'])
def test_a_damaged_list_of_sweeps_is_not_written_over(small: tuple[SweepSettings, Path], damage: str) -> None:
    settings, folder = small
    (folder / "sweeps.json").write_text(damage)
    with pytest.raises(CellwrightError, match=r"sweeps.json is no list of sweeps \(.*\): delete it") as caught:
        run_sweep(settings, folder)
    assert "\n" not in str(caught.value)
    assert (folder / "sweeps.json").read_text() == damage


def test_a_sweep_whose_device_is_gone_is_not_forgotten(small: tuple[SweepSettings, Path], tmp_path: Path) -> None:
    settings, folder = small
    device = tmp_path / "mine.json"
    earlier = json.loads((folder / "sweeps.json").read_text())
    kept = json.dumps([earlier[0] | {"over": [f"device={device}"]}, *earlier])
    (folder / "sweeps.json").write_text(kept)
    with pytest.raises(CellwrightError, match="has an earlier sweep that cannot be planned any more") as caught:
        run_sweep(replace(settings, over=("bits=5",)), folder)
    assert f"no file '{device}'" in str(caught.value)
    assert (folder / "sweeps.json").read_text() == kept


LAW = """
from cellwright.crossbar.devices.ideal import Ideal
class Mine(Ideal):
    def reset(self, state, noise):
        return state * {left}
"""


def test_another_law_of_the_same_numbers_is_another_job(tmp_path: Path) -> None:
    file = tmp_path / "own.py"

    def keys(left: float) -> list[str]:
        file.write_text(LAW.format(left=left))
        return [job.key for job in Plan(replace(SMALL, over=(f"device=li2019,{file}:Mine",))).jobs]

    (same, before), (again, after) = keys(0.5), keys(0.25)
    assert same == again
    assert before != after
    assert keys(0.5) == [same, before]


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"settings": {}, "result": {}}'])
def test_damaged_results_are_made_again(small: tuple[SweepSettings, Path], damage: str) -> None:
    settings, folder = small
    before = points(folder)
    (folder / "points" / min(before)).write_text(damage)
    run_sweep(settings, folder)
    assert points(folder) == before


def test_recipes_and_cells_have_networks_of_their_own(tmp_path: Path) -> None:
    settings = SweepSettings(run=RunSettings(task="airline", seeds=1, chips=2), over=("recipe=best,survey", "cell=gru"))
    report = run_sweep(settings, tmp_path / "out")
    assert {path.name for path in (tmp_path / "out/networks").iterdir()} == {"best-gru", "survey-gru"}
    best, survey = (float(point.software[0]) for point in report.points)
    assert best < 20 < survey
    assert report.software.count == 2


def test_csv_alone_if_wanted(tmp_path: Path) -> None:
    settings = SweepSettings(run=RunSettings(task="airline", seeds=1, chips=2), over=("bits=6",))
    run_sweep(settings, tmp_path / "out", table_format="csv")
    assert {path.suffix for path in (tmp_path / "out").glob("sweep*.*")} == {".csv", ".html", ".json"}


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--over", "bitz=4"], "did you mean 'bits'?"),
        (["--over", "bits=4", "--over", "output_bits=4"], "both set output_bits"),
        (["--over", "bits=4", "--over", "headroom=0.5,1"], "at bits=4, headroom=0.5: headroom is 1 or more"),
        (["--over", "recipe=servey"], "at recipe=servey: no recipe of airline is called 'servey'"),
        (["--over", "tile=1x1", "--chips", "2", "--seeds", "1"], "at tile=1x1: a tile of 1 x 1 devices has no room"),
        (["--over", "tile=0x0"], "at tile=0x0: tile is a pair (word lines, bit lines) of whole numbers"),
        (["--over", "encoding=reference"], "encoding=reference: expected 'balanced' or 'one-sided'"),
        (["--over", "bits=4", "--format", "xls"], "csv or parquet"),
        (["--over", "bits=4", "--backend", "slurm"], "no backend is called 'slurm'"),
    ],
)
def test_bad_input_ends_in_one_line(arguments: list[str], complaint: str, tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["sweep", "airline", "--out", str(tmp_path / "out"), *arguments])
    assert result.exit_code == BAD_INPUT
    assert complaint in result.stderr
    assert result.stderr.count("\n") == 1


WORKERS = {"loky": "joblib.externals.loky.backend.popen", "dask": "spawn_main", "ray": "ray::_call"}
"""What the command line of a worker has in it."""


class Running:
    """The sweep as a process of its own, from when its first point is there."""

    def __init__(self, folder: Path, backend: str, jobs: int) -> None:
        command = [*COMMAND, "--out", str(folder), "--jobs", str(jobs), "--backend", backend]
        self.folder, self.backend = folder, backend
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
        )
        self.wait_for(1)

    def wait_for(self, number: int) -> None:
        while self.process.poll() is None and len(points(self.folder)) < number:
            time.sleep(0.01)

    def kill_a_worker(self) -> dict[str, bytes]:
        """Kill the one that has worked most; the points that there were before."""
        kept = points(self.folder)
        children = psutil.Process(self.process.pid).children(recursive=True)
        workers = [child for child in children if WORKERS[self.backend] in " ".join(child.cmdline())]
        max(workers, key=lambda worker: worker.cpu_times().user).kill()
        assert len(points(self.folder)) < 12, "the sweep was over before a worker was killed"
        return kept


def test_a_killed_process_loses_nothing_and_ctrl_c_neither(swept: Swept, tmp_path: Path) -> None:
    """Ctrl-C reaches all processes of a terminal, and so it does here. In the end, the bits of one job at a time."""
    folder = tmp_path / "sweep"
    running = Running(folder, "loky", 2)
    kept = running.kill_a_worker()
    running.wait_for(len(kept) + 3)
    os.killpg(running.process.pid, signal.SIGINT)
    output, complaint = running.process.communicate(timeout=120)
    assert complaint == "cellwright: interrupted; the same command resumes\n"
    assert running.process.returncode == INTERRUPTED
    assert "a worker was lost" in output
    after = points(folder)
    assert kept.items() < after.items() < points(swept[1]).items()
    run_sweep(SweepSettings(run=RUN, over=OVER), folder)
    for name in FILES:
        assert (folder / name).read_bytes() == (swept[1] / name).read_bytes(), name
    assert points(folder) == points(swept[1])


@pytest.mark.parametrize("backend", ["dask", "ray"])
def test_a_killed_worker_of_a_cluster_loses_nothing(backend: str, swept: Swept, tmp_path: Path) -> None:
    """Dask and Ray start a worker again and give it the lost job. The bits are those of one job in one process."""
    pytest.importorskip({"dask": "distributed"}.get(backend, backend))
    running = Running(tmp_path / "sweep", backend, 1)
    kept = running.kill_a_worker()
    _, complaint = running.process.communicate(timeout=240)
    assert running.process.returncode == 0, complaint
    assert kept.items() < points(swept[1]).items()
    assert points(running.folder) == points(swept[1])
    for name in FILES:
        assert (running.folder / name).read_bytes() == (swept[1] / name).read_bytes(), name
