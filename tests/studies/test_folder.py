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


def test_overwrite_leaves_what_is_not_ours(tmp_path: Path) -> None:
    folder = ResultsFolder(tmp_path, MINE)
    ours = ("result.json", "figures/a.svg", "chips/0.npz", "checkpoints/0-train.checkpoint", "networks/x/0.checkpoint")
    theirs = ("notes.txt", "figures/mine.pdf", "chips/deep/0.npz", "data/result.json")
    for name in (*ours, *theirs):
        folder.write(name, "kept")
    folder.close()
    ResultsFolder(tmp_path, MINE | {"chips": 60}, overwrite=True).close()
    left = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert left == {"settings.json", *theirs}
    assert not (tmp_path / "networks").exists()


def test_overwriting_that_was_killed_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Until all old results are gone, the folder says what they were made with."""
    with ResultsFolder(tmp_path, MINE) as folder:
        folder.write("result.json", "old")
        folder.write("forecast.csv", "old")
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(ResultsFolder, "write", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt()))
        ResultsFolder(tmp_path, MINE | {"chips": 60}, overwrite=True)
    with pytest.raises(CellwrightError, match="chips was 50, now 60"):
        ResultsFolder(tmp_path, MINE | {"chips": 60})
    ResultsFolder(tmp_path, MINE | {"chips": 60}, overwrite=True)
    assert json.loads((tmp_path / "settings.json").read_text())["chips"] == 60


def test_what_a_killed_run_left_is_removed_and_no_stranger(tmp_path: Path) -> None:
    draft, stranger = ".0123456789abcdef.settings.json", ".0123456789abcdef.thesis.tex"
    (tmp_path / draft).write_text("half")
    (tmp_path / ".cellwright.lock").write_text("")
    with ResultsFolder(tmp_path, MINE) as folder:
        folder.write("chips/.0123456789abcdef.0.npz", b"half")
        (tmp_path / stranger).write_text("mine")
    ResultsFolder(tmp_path, MINE)
    assert not (tmp_path / draft).exists()
    assert list((tmp_path / "chips").iterdir()) == []
    assert (tmp_path / stranger).exists()


def test_a_log_may_lie_there_already(tmp_path: Path) -> None:
    (tmp_path / "run.log").write_text("begun")
    ResultsFolder(tmp_path, MINE)
    assert (tmp_path / "run.log").read_text() == "begun"


def test_a_place_where_no_folder_can_be_is_refused() -> None:
    with pytest.raises(CellwrightError, match="cannot write to /proc/out"):
        ResultsFolder(Path("/proc/out"), MINE)


def test_a_changed_cell_file_is_named_without_its_digest(tmp_path: Path) -> None:
    ResultsFolder(tmp_path, MINE | {"cell_source": "0" * 64})
    with pytest.raises(CellwrightError, match=r"\(the file of the cell has changed\)"):
        ResultsFolder(tmp_path, MINE | {"cell_source": "1" * 64})


def test_another_choice_is_not_said_to_be_another_file(tmp_path: Path) -> None:
    """The digest of the data is that of the columns which are asked for."""
    ResultsFolder(tmp_path, MINE | {"target": "a", "data_source": "0" * 64})
    with pytest.raises(CellwrightError, match=r"\(target was 'a', now 'b'\)"):
        ResultsFolder(tmp_path, MINE | {"target": "b", "data_source": "1" * 64})
