import json
from xml.etree import ElementTree

import pytest

from cellwright.report import write_report


@pytest.fixture(scope="module")
def folder(record, tmp_path_factory):
    path = tmp_path_factory.mktemp("run") / "made on the way"
    write_report(record, path)
    return path


def test_a_run_is_written_as_files(folder):
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert {"report.html", "result.json", "forecast.csv", "figures/forecast.svg", "figures/forecast.png"} <= names
    drawings = [name for name in names if name.endswith(".svg")]
    assert {name.replace(".svg", ".png") for name in drawings} <= names
    assert json.loads((folder / "result.json").read_text(encoding="utf-8"))["task"] == "airline"
    for name in drawings:
        ElementTree.fromstring((folder / name).read_bytes())
        assert (folder / name.replace(".svg", ".png")).read_bytes().startswith(b"\x89PNG\r\n")


def test_the_same_run_gives_the_same_files(record, folder, tmp_path):
    write_report(record, tmp_path)
    for path in folder.rglob("*.*"):
        assert path.read_bytes() == (tmp_path / path.relative_to(folder)).read_bytes(), path.name
