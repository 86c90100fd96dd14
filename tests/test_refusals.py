"""How the command line refuses: one line on stderr, an exit status, and everything as it was."""

from __future__ import annotations

import errno
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from cellwright.cli import app
from cellwright.files import write_atomically
from cellwright.refusals import BAD_INPUT, INTERRUPTED, refusal

COMMAND = [sys.executable, "-m", "cellwright.cli"]


def line(*arguments: str) -> str:
    """The one line that a refused command prints, without its beginning."""
    result = CliRunner().invoke(app, list(arguments))
    assert result.exit_code == BAD_INPUT
    assert result.stdout == ""
    assert result.stderr.startswith("cellwright: ")
    assert result.stderr.count("\n") == 1
    return result.stderr.removeprefix("cellwright: ").rstrip("\n")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("run", "missing argument 'TASK|FILE' (what is learnt: airline"),
        ("run --bogus", "no option is called --bogus; see cellwright run --help"),
        ("run airline --chip 3", "no option is called --chip: did you mean --chips? see cellwright run --help"),
        ("--versoin", "no option is called --versoin: did you mean --version? see cellwright --help"),
        ("run airline --seeds two", "--seeds is 'two': "),
        ("run airline --seeds=two", "--seeds is 'two': "),
        ("run airline --seeds 2.5", "--seeds is '2.5': "),
        ("run airline --seeds 0", "--seeds is '0': "),
        ("run airline --seed -1", "--seed is '-1': "),
        ("run airline --seeds", "option '--seeds' requires an argument"),
        ("run airline --overwrite=3", "option '--overwrite' does not take a value"),
        ("run airline more", "got unexpected extra argument(s) (more); see cellwright run --help"),
        ("rum airline", "no command is called 'rum': did you mean 'run'? known are run, predict, sweep, "),
        ("device fitt", "no command is called 'fitt': did you mean 'fit'? known are list, show, fit"),
        ("device show", "missing argument 'name' (a device of the catalogue, FILE.json or FILE.py:NAME); see cell"),
        ("sweep airline", "missing option '--over' ("),
    ],
)
def test_wrong_words_end_in_one_line(words: str, expected: str) -> None:
    assert line(*words.split()).startswith(expected)


def test_a_command_without_anything_shows_its_help() -> None:
    for words in ([], ["device"]):
        result = CliRunner().invoke(app, words)
        assert result.exit_code == BAD_INPUT
        assert result.stderr.startswith("Usage: cellwright ")
    assert CliRunner().invoke(app, ["run", "--help"]).exit_code == 0


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (errno.ENOSPC, "no space left on device: free some space there; the same command then goes on"),
        (errno.EDQUOT, "disk quota exceeded: free some space there"),
        (errno.EFBIG, "file too large: allow larger files there"),
        (errno.EACCES, "permission denied: change its permissions, or name another place"),
        (errno.EROFS, "read-only file system: change its permissions"),
        (errno.EIO, "input/output error: check the disk"),
        (errno.ENOENT, "no such file or directory: it was there before"),
        (errno.ELOOP, "too many levels of symbolic links: see that it can be read and written"),
    ],
)
def test_what_the_system_refuses_names_the_file_and_what_to_do(number: int, expected: str) -> None:
    found = refusal(OSError(number, os.strerror(number), "out/result.json"))
    assert found is not None
    assert found.status == BAD_INPUT
    assert found.line.startswith(f"out/result.json: {expected}")


def test_no_memory_is_told_in_one_line() -> None:
    with pytest.raises(RuntimeError) as torchs:
        torch.empty(2**60)
    for error in (MemoryError(), torchs.value):
        found = refusal(error)
        assert found is not None
        assert found.line.startswith("there is not enough memory: ask for less at a time (fewer --chips")
        assert "\n" not in found.line


def test_a_fault_of_ours_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    assert refusal(RuntimeError("shapes differ")) is None
    assert refusal(KeyError("x")) is None
    monkeypatch.setattr("cellwright.report.catalogue.entries", lambda: 1 / 0)
    assert isinstance(CliRunner().invoke(app, ["cells"]).exception, ZeroDivisionError)


def test_an_interrupt_has_its_own_status() -> None:
    found = refusal(KeyboardInterrupt())
    assert found is not None
    assert (found.line, found.status) == ("interrupted; the same command resumes", INTERRUPTED)


def test_a_full_disk_names_the_file_that_was_wanted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Not the draft, whose name nobody knows; a descriptor even has none."""

    def full(path: Path, data: bytes) -> None:
        path.open("wb").close()
        raise OSError(errno.ENOSPC, "No space left on device")

    (tmp_path / "result.json").write_text("earlier")
    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space left") as caught:
        write_atomically(tmp_path / "result.json", b"new")
    assert caught.value.filename == str(tmp_path / "result.json")
    assert [path.name for path in tmp_path.iterdir()] == ["result.json"]
    assert (tmp_path / "result.json").read_text() == "earlier"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs the device /dev/full")
@pytest.mark.parametrize("words", ["cells", "--version"])
def test_an_output_that_takes_nothing_more(words: str) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run([*COMMAND, *words.split()], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == BAD_INPUT
    assert done.stderr == "cellwright: no space left on device: free some space there; the same command then goes on\n"


def test_a_reader_that_goes_away_is_no_error() -> None:
    words = [*COMMAND, "show", "lstm"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == ""


def run_with_small_files(command: list[str], size: int) -> subprocess.CompletedProcess[str]:
    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

    return subprocess.run(command, capture_output=True, text=True, check=False, preexec_fn=limit)


def test_a_run_that_cannot_write_goes_on_when_it_can(tmp_path: Path) -> None:
    """A limit on the size of files stands for a full disk: it acts in the same place, first on a checkpoint."""
    folder = tmp_path / "run"
    command = [*COMMAND, "run", "airline", "--seeds", "1", "--chips", "2", "--out", str(folder)]
    for size, name in ((4_000, "checkpoints/0-train.checkpoint"), (60_000, "figures/")):
        done = run_with_small_files(command, size)
        assert done.returncode == BAD_INPUT, done.stderr
        assert done.stderr.startswith(f"cellwright: {folder}/{name}")
        assert ": file too large: allow larger files there" in done.stderr
        assert done.stderr.count("\n") == 1
        assert not [path for path in folder.rglob(".*") if path.is_file()], "a draft was left behind"
    assert (folder / "result.json").is_file()
