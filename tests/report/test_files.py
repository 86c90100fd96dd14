import json
from xml.etree import ElementTree

from cellwright.report import write_report


def test_a_run_is_written_as_files(record, tmp_path):
    write_report(record, tmp_path / "run")
    names = {path.relative_to(tmp_path / "run").as_posix() for path in (tmp_path / "run").rglob("*") if path.is_file()}
    assert {"report.html", "result.json", "forecast.csv", "figures/forecast.svg", "figures/forecast.png"} <= names
    drawings = [name for name in names if name.endswith(".svg")]
    assert {name.replace(".svg", ".png") for name in drawings} <= names
    assert json.loads((tmp_path / "run/result.json").read_text(encoding="utf-8"))["task"] == "airline"
    for name in drawings:
        ElementTree.fromstring((tmp_path / "run" / name).read_bytes())
        assert (tmp_path / "run" / name.replace(".svg", ".png")).read_bytes().startswith(b"\x89PNG\r\n")


def test_the_same_run_gives_the_same_files(record, tmp_path):
    for folder in ("one", "two"):
        write_report(record, tmp_path / folder)
    for path in (tmp_path / "one").rglob("*.*"):
        assert path.read_bytes() == (tmp_path / "two" / path.relative_to(tmp_path / "one")).read_bytes(), path.name
