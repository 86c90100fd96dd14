"""Every bad input of the corpus gets its one line, and leaves everything as it was."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
import tempfile
from collections import Counter
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from cellwright.cli import BAD_INPUT, main

LEAST = 200
LONGEST = 800
"""The most characters of a line: every name in it is shortened, but not the lists of what is known."""


@pytest.fixture
def place(bad: Any, house: Path, makers: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder with the bad input in it, which is the working folder."""
    if not bad.as_root and _nothing_is_forbidden(tmp_path):
        pytest.skip("nothing is forbidden to root")
    folder, temporary = tmp_path / "here", tmp_path / "temporary"
    shutil.copytree(house, folder)
    temporary.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    monkeypatch.delenv("CELLWRIGHT_DATA", raising=False)
    for name, value in bad.environment.items():
        monkeypatch.setenv(name, value)
    bad.make(folder, makers.MAKERS)
    return folder


def _nothing_is_forbidden(folder: Path) -> bool:
    """Whether permissions do not count, as for root."""
    file = folder / "forbidden"
    file.touch(mode=0)
    return os.access(file, os.R_OK)


@pytest.fixture
def _nothing_is_trained(monkeypatch: pytest.MonkeyPatch) -> None:
    def trained(_: object) -> None:
        raise AssertionError("the bad input went through: a training began")

    monkeypatch.setattr("cellwright.learning.loop.Loop.run", trained)


def filled(line: str) -> str:
    """An expected line with what is known in the place of ``{cells}`` and the like: a new cell is no change of ours."""
    for name, known in _known().items():
        line = line.replace(f"{{{name}}}", known)
    return line


@cache
def _known() -> dict[str, str]:
    from cellwright.cells import entries as cells
    from cellwright.circuit.technologies import catalogue as technologies
    from cellwright.crossbar.devices import catalogue as devices
    from cellwright.data.known import catalogue as data_sets
    from cellwright.layers import topologies
    from cellwright.studies.axes import available

    catalogues = {"cells": cells(), "devices": devices(), "data sets": data_sets(), "settings": available()}
    catalogues |= {"topologies": topologies(), "technologies": technologies()}
    return {name: ", ".join(entries) for name, entries in catalogues.items()}


def content(folder: Path) -> dict[str, object]:
    """Everything in a folder, to the byte, with its kind and permissions."""
    return {str(path.relative_to(folder)): _whole(path) for path in sorted(folder.rglob("*"))}


def _whole(path: Path) -> object:
    status = path.lstat()
    mode = stat.S_IMODE(status.st_mode)
    if path.is_symlink():
        return "link", str(path.readlink())
    if not path.is_file():
        return "other", stat.S_IFMT(status.st_mode), mode
    return "file", mode, path.read_bytes() if os.access(path, os.R_OK) else status.st_size


@pytest.mark.usefixtures("_nothing_is_trained")
def test_a_bad_input_gets_its_line(bad: Any, place: Path, capfd: pytest.CaptureFixture[str]) -> None:
    before = content(place)
    with pytest.raises(SystemExit) as end:
        main(bad.arguments)
    told = capfd.readouterr()
    assert told.err == f"cellwright: {filled(bad.says)}\n"
    assert end.value.code == BAD_INPUT
    assert bool(told.out) == bad.prints
    assert content(place) == before
    assert content(place.parent / "temporary") == {}, "a temporary file was left behind"


def test_the_corpus_is_as_large_as_promised(corpus: list[Any]) -> None:
    assert len(corpus) >= LEAST
    twice = [key for key, count in Counter((entry.topic, entry.name) for entry in corpus).items() if count > 1]
    assert not twice
    made = [(entry.command, entry.files, entry.hex, entry.made, entry.edit, entry.environment) for entry in corpus]
    assert not [same for same, count in Counter(map(repr, made)).items() if count > 1]


def test_lines_are_lines_and_no_longer_than_a_person_reads(corpus: list[Any]) -> None:
    for entry in corpus:
        assert entry.says.isprintable()
        assert len(entry.says) <= LONGEST, entry.name
        assert "Traceback" not in entry.says


def test_every_maker_is_used(corpus: list[Any], makers: ModuleType) -> None:
    assert {maker for entry in corpus for maker in entry.made.values()} == set(makers.MAKERS)


def test_code_that_the_corpus_must_not_run_would_be_noticed(
    makers: ModuleType, house: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The canary is alive: read without care, the same files do run their code."""
    import pickle

    shutil.copytree(house, tmp_path / "here")
    monkeypatch.chdir(tmp_path / "here")
    makers.MAKERS["weights old pickled code"](tmp_path / "x.pt")
    pickle.loads((tmp_path / "x.pt").read_bytes())
    assert Path(makers.CANARY).exists()


GOOD = (
    "predict runs/good-sales good.csv",
    "show cell.py:Mine",
    "device show device.json",
    "device fit pulses.csv",
)
GOOD_TO_TRAIN_ON = (
    "run good.csv --target sales --inputs price --known holiday --time day --device device.json --cell cell.py:Mine",
    "run beats.tsv --task classify --out runs/tsv",
    "run beats.ts --task classify --out runs/ts",
    "run airline --out runs/other",
    "sweep airline --over bits=4",
)


@pytest.mark.usefixtures("_nothing_is_trained")
def test_the_good_files_are_good(
    house: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """What is refused is refused for what is wrong with it: without that, the same commands work."""
    shutil.copytree(house, tmp_path / "here")
    monkeypatch.chdir(tmp_path / "here")
    for command in GOOD:
        with pytest.raises(SystemExit) as end:
            main(command.split())
        assert (end.value.code, capfd.readouterr().err) == (0, ""), command
    for command in GOOD_TO_TRAIN_ON:
        with pytest.raises(AssertionError, match="a training began"):
            main(command.split())
        assert capfd.readouterr().err == "", command


PROCESSES = {
    "files": "an empty file",
    "names": "no command of that name",
}


def test_a_real_process_says_the_same(
    corpus: list[Any], house: Path, makers: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for topic, name in PROCESSES.items():
        entry = next(entry for entry in corpus if (entry.topic, entry.name) == (topic, name))
        folder = tmp_path / topic
        shutil.copytree(house, folder)
        monkeypatch.chdir(folder)
        entry.make(folder, makers.MAKERS)
        before = content(folder)
        command = [sys.executable, "-m", "cellwright.cli", *entry.arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout, done.stderr) == (BAD_INPUT, "", f"cellwright: {entry.says}\n")
        assert content(folder) == before
