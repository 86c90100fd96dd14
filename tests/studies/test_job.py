"""What a run is called, and what makes it another run."""

from pathlib import Path

import pytest

from cellwright.crossbar.devices import find
from cellwright.crossbar.devices.stored import device_json
from cellwright.studies.job import Job, RunSettings


@pytest.mark.parametrize(
    ("device", "ending"), [("li2019", "best"), ("pcm", "best-pcm"), ("rram-sinh", "best-rram-sinh")]
)
def test_the_folder_has_the_name_of_the_device(device: str, ending: str) -> None:
    folder = Job(RunSettings(task="airline", device=device)).default_folder
    assert folder == Path("runs") / f"airline-{ending}"


def test_a_run_without_tiling_is_another_run_and_its_command_says_so() -> None:
    job = Job(RunSettings(task="airline", no_tiling=True))
    assert not job.chip.tiling
    assert job.command == "cellwright run airline --no-tiling"
    assert job.described()["no_tiling"] is True
    assert "no_tiling" not in Job(RunSettings(task="airline")).described()


def test_a_device_from_a_file_is_called_after_it_and_known_by_its_content(tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    path.write_text(device_json(find("rram")), encoding="utf-8")
    job = Job(RunSettings(task="airline", device=str(path)))
    assert job.default_folder == Path("runs/airline-best-mine")
    before = job.described()
    path.write_text(device_json(find("pcm")), encoding="utf-8")
    after = Job(job.settings).described()
    assert before["device_source"] != after["device_source"]
    assert {k: v for k, v in before.items() if k != "device_source"} == {
        k: v for k, v in after.items() if k != "device_source"
    }


def test_a_device_in_python_is_called_after_the_file_and_itself(tmp_path: Path) -> None:
    path = tmp_path / "own.py"
    path.write_text("from cellwright.crossbar import find_device\nmine = find_device('li2019')\n", encoding="utf-8")
    job = Job(RunSettings(task="airline", device=f"{path}:mine"))
    assert job.default_folder == Path("runs/airline-best-own-mine")
    assert "device_source" in job.described()
