"""Two runs never write to one folder, and a run that is gone holds nothing."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cellwright.cli import app
from cellwright.errors import CellwrightError
from cellwright.refusals import BAD_INPUT
from cellwright.studies import lock
from cellwright.studies.folder import ResultsFolder
from cellwright.studies.lock import LOCK, FolderLock

HOLD = "import sys, time; from pathlib import Path; from cellwright.studies.lock import FolderLock\n"
HOLD += "held = FolderLock(Path(sys.argv[1])); print('held', flush=True); time.sleep(60)"


def snapshot(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_only_one_at_a_time_and_nothing_is_left(tmp_path: Path) -> None:
    first = FolderLock(tmp_path)
    with pytest.raises(CellwrightError, match="is in use by another run of this process: wait for it, or name"):
        FolderLock(tmp_path)
    first.release()
    assert list(tmp_path.iterdir()) == []
    FolderLock(tmp_path)
    FolderLock(tmp_path)  # the one before was dropped


def test_a_killed_process_holds_nothing(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        with pytest.raises(CellwrightError, match=f"in use by process {process.pid}, since 20"):
            FolderLock(tmp_path)
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert (tmp_path / LOCK).exists()
    FolderLock(tmp_path)


@pytest.mark.parametrize("command", [["run"], ["sweep", "--over", "bits=4"]])
@pytest.mark.parametrize("options", [[], ["--chips", "3"], ["--chips", "3", "--overwrite"]])
def test_the_second_of_two_runs_touches_nothing(command: list[str], options: list[str], tmp_path: Path) -> None:
    first = ResultsFolder(tmp_path, {"task": "airline", "chips": 50})
    first.write("result.json", "kept")
    before = snapshot(tmp_path)
    result = CliRunner().invoke(app, [command[0], "airline", *command[1:], "--out", str(tmp_path), *options])
    assert result.exit_code == BAD_INPUT
    assert result.stderr.startswith(f"cellwright: {tmp_path} is in use by another run of this process")
    assert result.stderr.count("\n") == 1
    assert snapshot(tmp_path) == before
    first.close()


def test_a_refused_run_gives_the_folder_back(tmp_path: Path) -> None:
    ResultsFolder(tmp_path, {"chips": 50}).close()
    with pytest.raises(CellwrightError, match="other settings") as kept:
        ResultsFolder(tmp_path, {"chips": 60})
    assert kept.value is not None  # its traceback keeps the refused one alive
    ResultsFolder(tmp_path, {"chips": 50})


def test_without_locks_the_named_process_counts_while_it_lives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "fcntl", None)
    held = FolderLock(tmp_path)
    with pytest.raises(CellwrightError, match="in use by another run of this process"):
        FolderLock(tmp_path)
    held.release()
    gone = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
    for pid, host, taken in (
        (int(gone.stdout), socket.gethostname(), True),
        (1, socket.gethostname(), False),
        (os.getpid(), "elsewhere", True),
    ):
        (tmp_path / LOCK).write_text(json.dumps({"pid": pid, "host": host}))
        if taken:
            FolderLock(tmp_path).release()
        else:
            with pytest.raises(CellwrightError, match=f"in use by process {pid}"):
                FolderLock(tmp_path)


def test_a_file_that_went_away_in_between_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The run before may end, and remove its file, after the next has opened it."""
    flock, calls = lock.fcntl.flock, []

    def late(descriptor: int, operation: int) -> None:
        if not calls:
            (tmp_path / LOCK).unlink()
        calls.append(descriptor)
        flock(descriptor, operation)

    monkeypatch.setattr(lock.fcntl, "flock", late)
    held = FolderLock(tmp_path)
    assert len(calls) == 2
    assert (tmp_path / LOCK).exists()
    held.release()
