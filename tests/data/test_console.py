"""Known data sets on the command line: listed, and checked in a folder."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cellwright.cli import BAD_INPUT, app
from cellwright.data.known import catalogue
from cellwright.tasks.airline import PASSENGERS

runner = CliRunner()
MONTHS = [f'"{1949 + at // 12}-{1 + at % 12:02}",{value}\n' for at, value in enumerate(PASSENGERS)]
AIRLINE = '"Month","Passengers"\n' + "".join(MONTHS)


def printed(*arguments: str, **environment: str) -> str:
    result = runner.invoke(app, ["data", *arguments], env={"COLUMNS": "200", **environment})
    assert result.exit_code == 0, result.stderr
    return result.stdout


def refused(*arguments: str) -> tuple[str, str]:
    result = runner.invoke(app, ["data", *arguments], env={"COLUMNS": "200"})
    assert result.exit_code == BAD_INPUT
    assert result.stderr.count("\n") == 1
    return result.stdout, result.stderr


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "airline").mkdir()
    (tmp_path / "airline/airline-passengers.csv").write_text(AIRLINE, encoding="utf-8")
    return tmp_path


def test_the_list_is_the_catalogue() -> None:
    shown = printed("list")
    assert [line for line in shown.splitlines() if line[0] != " "] == list(catalogue())
    assert "github.com/numenta/NAB" in shown
    assert "CC BY-SA 4.0" in shown


def test_a_narrow_terminal_shows_lines_that_fit_and_addresses_that_are_whole() -> None:
    lines = [line.rstrip() for line in printed("list", COLUMNS="60").splitlines()]
    addresses = [f"  {known.source}" for known in catalogue().values()]
    assert [line for line in lines if line in addresses] == addresses
    assert all(len(line) <= 60 for line in lines if line not in addresses)


def test_the_list_as_json_has_citations_layouts_and_checksums() -> None:
    entries = {entry["name"]: entry for entry in json.loads(printed("list", "--json"))}
    assert set(entries) == set(catalogue())
    wafer = entries["Wafer"]
    assert wafer["halves"] == ["Wafer_TRAIN.tsv", "Wafer_TEST.tsv"]
    assert [form["title"] for form in wafer["forms"]][1] == "the training half alone"
    assert wafer["forms"][0]["files"][1] == {
        "path": "Wafer_TEST.tsv",
        "expected": "6164 rows of 153, 2 classes",
        "sha256": "",
    }
    assert "Olszewski" in wafer["citation"]


def test_a_whole_copy_with_other_bytes_is_a_warning(folder: Path) -> None:
    edited = folder / "airline/airline-passengers.csv"
    edited.write_text(AIRLINE.replace("\n", "\r\n"), encoding="utf-8", newline="")
    *table, last = printed("check", "airline", "--path", str(folder)).splitlines()
    assert [line.split() for line in table[1:]] == [
        ["file", "expected", "found", "ok"],
        ["airline-passengers.csv", *("144 rows of 2".split() * 2), *"layout ok, other bytes".split()],
    ]
    assert last == (
        "warning: airline is whole by its layout: 1 of 1 file with other bytes than the known copy, as mirrors "
        "differ in line ends."
    )


def test_the_folder_comes_from_the_environment(folder: Path) -> None:
    found = json.loads(printed("check", "airline", "--json", CELLWRIGHT_DATA=str(folder)))
    assert [(entry["name"], entry["whole"], entry["folder"]) for entry in found] == [
        ("airline", True, str(folder / "airline"))
    ]
    assert found[0]["files"][0]["found"] == "144 rows of 2"


def test_a_copy_cut_short_is_status_2_with_table_and_line(folder: Path) -> None:
    (folder / "airline/airline-passengers.csv").write_text(AIRLINE[:1000], encoding="utf-8")
    shown, line = refused("check", "airline", "--path", str(folder))
    assert shown.splitlines()[-2].split()[-1] == "wrong"
    assert shown.splitlines()[-1] == "airline is not whole: 1 of 1 file missing or wrong."
    assert line.startswith(
        f"cellwright: airline: {folder}/airline/airline-passengers.csv is not as expected: too short: "
    )
    assert line.endswith("expected 144 rows; get it anew from https://github.com/jbrownlee/Datasets\n")


def test_a_set_without_known_checksum_says_so(tmp_path: Path) -> None:
    years = "".join(f"{1700 + year}.5;  {year % 11}.0; -1.0;    -1;1\n" for year in range(325))
    (tmp_path / "SN_y_tot_V2.0.csv").write_text(years, encoding="utf-8")
    shown = printed("check", "sunspots", "--path", str(tmp_path)).splitlines()
    assert shown[-1] == "sunspots is whole by its layout: no checksum is known for 1 of 1 file."
    assert shown[-2].startswith("Note: grows by a line a year")


def test_a_set_that_is_not_there_and_one_that_is_unknown(tmp_path: Path) -> None:
    _, line = refused("check", "co2", "--path", str(tmp_path))
    assert "co2 is not in" in line
    assert "get it from https://scrippsco2.ucsd.edu" in line
    assert "there is no folder" in refused("check", "co2", "--path", str(tmp_path / "no"))[1]
    assert "no data set is called 'airlin': did you mean 'airline'?" in refused("check", "airlin")[1]


def test_a_folder_with_several_sets(needs) -> None:
    shown = printed("check", "ucr_small", "--path", str(needs.data("ucr_small").parent))
    assert shown.count("is whole: 2 files as known, to the byte.") == 4


def test_several_sets_of_which_some_are_missing(tmp_path: Path) -> None:
    assert "ECG200 is not in" in refused("check", "ucr_small", "--path", str(tmp_path))[1]
    assert "; 3 more of ucr_small wrong" in refused("check", "ucr_small", "--path", str(tmp_path))[1]


def test_the_list_needs_no_torch() -> None:
    code = "import sys, cellwright.data.console; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
