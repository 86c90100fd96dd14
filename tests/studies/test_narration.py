"""What a study says: to a terminal, a pipe and a log, and to nobody where that is wanted."""

from __future__ import annotations

import io
import itertools
import json
import re
import shlex
from pathlib import Path

import pytest
from rich.console import Console
from rich.table import Table
from typer.testing import CliRunner

from cellwright.cli import app
from cellwright.errors import CellwrightError
from cellwright.learning import Progress
from cellwright.refusals import BAD_INPUT
from cellwright.studies.narration import SILENT, Narration, RunLog
from cellwright.units import clock

STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d ")


def logged(path: Path) -> list[str]:
    """The lines of a log without their times, which each has."""
    lines = path.read_text(encoding="utf-8").splitlines()
    assert all(STAMP.match(line) for line in lines)
    return [line.partition(" ")[2] for line in lines]


@pytest.fixture
def seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock that goes on by a second whenever it is read."""
    ticks = itertools.count()
    monkeypatch.setattr("time.monotonic", lambda: float(next(ticks)))


def test_the_log_has_what_people_are_told_and_more(tmp_path: Path) -> None:
    page, log = io.StringIO(), tmp_path / "logs" / "run.log"
    narration = Narration(Console(file=page, width=80), RunLog(log))
    table = Table("a", "b")
    table.add_row("1", "[red]2")
    narration.say("seed 0: [bold] is no markup " + "x" * 100)
    narration.say(table)
    narration.note("only here")
    lines = logged(log)
    assert lines[0] == page.getvalue().splitlines()[0] == "seed 0: [bold] is no markup " + "x" * 100
    assert lines[-1] == "only here"
    assert "only here" not in page.getvalue()
    assert any("│ 1 │" in line for line in lines)


def test_a_log_is_appended_to(tmp_path: Path) -> None:
    for text in ("first", "second"):
        log = RunLog(tmp_path / "log")
        log.write(text)
        log.close()
    assert logged(tmp_path / "log") == ["first", "second"]


@pytest.mark.usefixtures("seconds")
def test_steps_are_told_now_and_then_with_the_time_left(tmp_path: Path) -> None:
    page = io.StringIO()
    narration = Narration(Console(file=page), RunLog(tmp_path / "log"), seconds_between_lines=20)
    with narration.steps("programming chips", 12, done=2) as advance:
        for _ in range(10):
            advance()
    told, noted = page.getvalue().splitlines(), logged(tmp_path / "log")
    assert 0 < len(told) < len(noted) < 10
    for line in told + noted:
        found = re.fullmatch(r"programming chips: (\d+)/12  (\d):(\d\d) left", line)
        assert found is not None, line
        assert (int(found[3]) > 0) == (int(found[1]) < 12)


@pytest.mark.usefixtures("seconds")
def test_training_is_told_by_epochs(tmp_path: Path) -> None:
    narration = Narration(log=RunLog(tmp_path / "log"), seconds_between_log_lines=0)
    with narration.training("training network 1 of 2") as callback:
        callback(Progress(3, 10, 0.3, 0.5, None, 3.0, 7.0))
    assert logged(tmp_path / "log") == ["training network 1 of 2: epoch 3/10  loss 0.5  0:07 left"]


def test_a_terminal_gets_a_bar_that_is_gone_afterwards() -> None:
    page = io.StringIO()
    narration = Narration(Console(file=page, force_terminal=True, width=100), seconds_between_lines=0)
    with narration.steps("programming chips", 2) as advance:
        advance()
    assert "1/2  0:00 left" in page.getvalue()
    assert "\n" not in page.getvalue().rpartition("\x1b[2K")[2]


def test_nobody_is_told_anything(capfd: pytest.CaptureFixture[str]) -> None:
    SILENT.say("a line")
    with SILENT.steps("steps", 1) as advance:
        advance()
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(("seconds", "text"), [(7.4, "0:07"), (754, "12:34"), (3723, "1:02:03"), (float("inf"), "–")])
def test_durations(seconds: float, text: str) -> None:
    assert clock(seconds) == text


def test_a_log_that_cannot_be_written_is_refused_before_anything_is_done(tmp_path: Path) -> None:
    with pytest.raises(CellwrightError, match=r"the log cannot be written: .*is a directory"):
        RunLog(tmp_path)
    out = tmp_path / "out"
    result = CliRunner().invoke(app, ["run", "airline", "--out", str(out), "--log", str(tmp_path)])
    assert result.exit_code == BAD_INPUT
    assert result.stderr.startswith(f"cellwright: the log cannot be written: {tmp_path}: is a directory")
    assert result.stderr.count("\n") == 1
    assert not out.exists()


def test_json_is_all_that_a_run_writes_to_stdout(small_run: tuple[object, Path], tmp_path: Path) -> None:
    """The folder has the results already: what is told of them is the same."""
    folder, log = small_run[1], tmp_path / "log"
    words = ["run", "airline", "--seeds", "2", "--chips", "4", "--out", str(folder), "--json", "--log", str(log)]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.stderr
    assert result.stdout == (folder / "result.json").read_text(encoding="utf-8")
    assert "seed 1: trained before" in result.stderr
    lines = logged(log)
    assert lines[0] == f"begun: {shlex.join(['cellwright', *words])}"
    assert any(line.startswith("settings: {") and '"torch": ' in line and '"seeds": 2' in line for line in lines)
    assert any(line.startswith("seed 1: trained before") for line in lines)
    assert lines[-1] == "ended: done"


def test_a_quiet_sweep_says_nothing_and_its_json_has_every_point(tmp_path: Path) -> None:
    words = ["sweep", "airline", "--over", "bits=4,6", "--seeds", "1", "--chips", "2", "--quiet"]
    words += ["--out", str(tmp_path / "out")]
    quiet = CliRunner().invoke(app, words)
    assert (quiet.exit_code, quiet.stdout, quiet.stderr) == (0, "", "")
    told = CliRunner().invoke(app, [*words, "--json"])
    assert (told.exit_code, told.stderr) == (0, "")
    swept = json.loads(told.stdout)
    assert [point["at"] for point in swept["points"]] == [{"bits": "4"}, {"bits": "6"}]
    assert all(point["error"]["count"] == 2 for point in swept["points"])


def test_the_log_says_what_stopped_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*arguments: object, **options: object) -> None:
        raise KeyboardInterrupt

    log = tmp_path / "log"
    words = ["run", "airline", "--out", str(tmp_path / "out"), "--log", str(log), "--json"]
    refused = CliRunner().invoke(app, [*words, "--recipe", "servey"])
    assert (refused.exit_code, refused.stdout) == (BAD_INPUT, "")
    assert logged(log)[-1] == "ended: " + refused.stderr.removeprefix("cellwright: ").strip()
    monkeypatch.setattr("cellwright.studies.run.run_study", interrupted)
    CliRunner().invoke(app, words)
    assert logged(log)[-1] == "ended: interrupted; the same command resumes"
