"""Files that hold what was cut out of a foundry's: written once, found again, told apart by their text."""

from __future__ import annotations

from pathlib import Path

import pytest

from cellwright.circuit.technologies.kept import included
from cellwright.errors import CellwrightError


def test_a_text_is_written_once_and_told_from_others(monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("CELLWRIGHT_CACHE", str(tmp_path / "Caches of mine"))
    first = Path(included("process", lambda: "* one\n").split('"')[1])
    assert first.read_text() == "* one\n"
    first.chmod(0o400)
    assert Path(included("process", lambda: "* one\n").split('"')[1]) == first
    other = Path(included("process", lambda: "* two\n").split('"')[1])
    assert other != first
    first.unlink()
    included("process", lambda: "* one\n")
    assert first.read_text() == "* one\n"


def test_a_folder_that_cannot_be_written_gives_one_line(monkeypatch, tmp_path) -> None:
    (tmp_path / "file").write_text("no folder\n")
    monkeypatch.setenv("CELLWRIGHT_CACHE", str(tmp_path / "file"))
    with pytest.raises(CellwrightError, match=r"the models process: .*file") as said:
        included("process", lambda: "* one\n")
    assert "\n" not in str(said.value)
