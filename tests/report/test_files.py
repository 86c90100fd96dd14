import json
import os
import subprocess
import sys
from pathlib import Path
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


def test_another_process_writes_the_same_bytes(folder, tmp_path):
    """Hashes of strings differ from process to process, and so does the time; nothing in the files must."""
    script = f"""
import importlib.util
from pathlib import Path
from cellwright.report import write_report
spec = importlib.util.spec_from_file_location("conftest", {str(Path(__file__).with_name("conftest.py"))!r})
made_up = importlib.util.module_from_spec(spec)
spec.loader.exec_module(made_up)
write_report(made_up.synthetic_record(), Path({str(tmp_path)!r}))
"""
    environment = os.environ | {"PYTHONHASHSEED": "1", "TZ": "Asia/Tokyo"}
    subprocess.run([sys.executable, "-c", script], check=True, env=environment)
    written = {path.relative_to(folder) for path in folder.rglob("*.*")}
    assert written == {path.relative_to(tmp_path) for path in tmp_path.rglob("*.*")}
    for path in written:
        assert (folder / path).read_bytes() == (tmp_path / path).read_bytes(), path


@pytest.mark.parametrize("last", ["result.json", "report.html"])
def test_a_write_that_fails_leaves_what_was_there(bare, tmp_path, monkeypatch, last):
    for name in ("result.json", "report.html"):
        (tmp_path / name).write_text("older")
    replace = os.replace

    def full(source, target):
        if Path(target).name == last:
            raise OSError("no space left on device")
        replace(source, target)

    monkeypatch.setattr("cellwright.files.os.replace", full)
    with pytest.raises(OSError, match="no space"):
        write_report(bare, tmp_path)
    assert (tmp_path / "report.html").read_text() == "older"
    assert ((tmp_path / "result.json").read_text() == "older") == (last == "result.json")
    assert not [path for path in tmp_path.rglob(".*") if path.is_file()], "a draft was left behind"


def test_a_page_that_cannot_be_made_leaves_the_older_one(bare, tmp_path, monkeypatch):
    def broken(*_):
        raise RuntimeError("broken template")

    (tmp_path / "report.html").write_text("older")
    monkeypatch.setattr("cellwright.report.files.html", broken)
    with pytest.raises(RuntimeError, match="broken template"):
        write_report(bare, tmp_path)
    assert (tmp_path / "report.html").read_text() == "older"
