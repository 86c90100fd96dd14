"""A results folder belongs to one set of settings."""

import json
from pathlib import Path

import pytest

from cellwright.errors import CellwrightError
from cellwright.studies.folder import ResultsFolder

MINE = {"task": "airline", "chips": 50}


def test_a_new_folder_is_made_and_says_what_made_it(tmp_path: Path) -> None:
    folder = ResultsFolder(tmp_path / "a" / "b", MINE)
    assert json.loads((folder.path / "settings.json").read_text()) == MINE


def test_the_same_settings_go_on(tmp_path: Path) -> None:
    ResultsFolder(tmp_path, MINE).write("chips/0.npz", b"kept")
    ResultsFolder(tmp_path, MINE)
    assert (tmp_path / "chips/0.npz").read_bytes() == b"kept"


def test_other_settings_are_refused_and_nothing_is_touched(tmp_path: Path) -> None:
    ResultsFolder(tmp_path, MINE).write("result.json", "kept")
    with pytest.raises(CellwrightError, match=r"chips was 50, now 60.*--overwrite"):
        ResultsFolder(tmp_path, MINE | {"chips": 60})
    assert (tmp_path / "result.json").read_text() == "kept"


def test_overwrite_replaces_what_other_settings_made(tmp_path: Path) -> None:
    ResultsFolder(tmp_path, MINE).write("result.json", "old")
    ResultsFolder(tmp_path, MINE | {"chips": 60}, overwrite=True)
    assert not (tmp_path / "result.json").exists()


@pytest.mark.parametrize("content", ["", "{", "[]", "\udcff"])
def test_damaged_settings_are_no_licence_to_delete(tmp_path: Path, content: str) -> None:
    (tmp_path / "settings.json").write_bytes(content.encode("utf-8", "surrogateescape"))
    (tmp_path / "thesis.tex").write_text("mine")
    with pytest.raises(CellwrightError, match="no results of cellwright"):
        ResultsFolder(tmp_path, MINE, overwrite=True)
    assert (tmp_path / "thesis.tex").read_text() == "mine"


def test_a_place_where_no_folder_can_be_is_refused() -> None:
    with pytest.raises(CellwrightError, match="cannot write to /proc/out"):
        ResultsFolder(Path("/proc/out"), MINE)


def test_a_changed_cell_file_is_named_without_its_digest(tmp_path: Path) -> None:
    ResultsFolder(tmp_path, MINE | {"cell_source": "0" * 64})
    with pytest.raises(CellwrightError, match=r"\(the file of the cell has changed\)"):
        ResultsFolder(tmp_path, MINE | {"cell_source": "1" * 64})
