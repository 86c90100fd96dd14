"""One request to stop is enough, whatever the process is doing, and whatever a library does with it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest

from cellwright import stopping
from cellwright.learning.interrupt import DeferredInterrupt
from cellwright.refusals import refusal
from cellwright.stopping import INTERRUPTED, TERMINATED, Terminated, check, farewell, stoppable


@pytest.mark.parametrize(
    ("number", "error", "said", "status"),
    [
        (signal.SIGINT, KeyboardInterrupt, "interrupted; the same command resumes", INTERRUPTED),
        (signal.SIGTERM, Terminated, "terminated; the same command resumes", TERMINATED),
    ],
)
def test_signals_are_exceptions_with_a_status(
    number: signal.Signals, error: type[BaseException], said: str, status: int
) -> None:
    before = [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)]
    with stoppable():
        with pytest.raises(error) as caught:
            signal.raise_signal(number)
        assert type(caught.value) is error
        assert farewell(caught.value) == (said, status)
    assert [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)] == before
    check()


def test_a_request_that_a_library_swallowed_is_not_lost() -> None:
    with stoppable():
        with suppress(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        told = refusal(ImportError("numpy failed to import"))
        assert told is not None
        assert told.status == INTERRUPTED
        with pytest.raises(KeyboardInterrupt):
            check()


def test_what_is_ignored_stays_ignored() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with stoppable():
            signal.raise_signal(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)


def test_other_threads_change_nothing() -> None:
    seen = []

    def work() -> None:
        with stoppable():
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [signal.getsignal(signal.SIGTERM)]


def test_training_waits_for_the_batch_and_then_obeys_either_signal() -> None:
    with stoppable(), pytest.raises(Terminated), DeferredInterrupt() as interrupt:
        signal.raise_signal(signal.SIGTERM)
        assert interrupt.pending
    before = signal.getsignal(signal.SIGTERM)
    with DeferredInterrupt():
        assert signal.getsignal(signal.SIGTERM) == before


IMPATIENT = """
import os, signal, time
from cellwright.stopping import stoppable
with stoppable():
    try:
        os.kill(os.getpid(), signal.SIGINT)
    except KeyboardInterrupt:
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(60)
"""


def test_the_second_is_at_once() -> None:
    done = subprocess.run([sys.executable, "-c", IMPATIENT], capture_output=True, text=True, check=False, timeout=50)
    assert done.returncode == INTERRUPTED
    assert done.stderr == "cellwright: interrupted; the same command resumes\n"


def test_leaving_does_what_is_to_be_done_at_exit() -> None:
    code = "import atexit; from cellwright import stopping; atexit.register(print, 'bye'); stopping.leave(130)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (stopping.INTERRUPTED, "bye\n")


@pytest.mark.parametrize(
    ("phase", "number"), [("imports", signal.SIGINT), ("training", signal.SIGTERM), ("programming", signal.SIGINT)]
)
def test_a_run_is_stopped_in_any_phase(phase: str, number: signal.Signals, tmp_path: Path) -> None:
    log, checkpoint = tmp_path / "log", tmp_path / "out/checkpoints/0-train.checkpoint"
    command = [sys.executable, "-m", "cellwright", "run", "airline", "--seeds", "1", "--chips", "200", "--quiet"]
    command += ["--out", str(checkpoint.parents[1]), "--log", str(log)]
    begun = {
        "imports": lambda: time.monotonic() - started > 0.5,
        "training": checkpoint.exists,
        "programming": lambda: log.exists() and "seed 0: trained" in log.read_text(encoding="utf-8"),
    }[phase]
    started = time.monotonic()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        while process.poll() is None and not begun():
            time.sleep(0.005)
        os.kill(process.pid, number)
        output, complaint = process.communicate(timeout=60)
    word = "interrupted" if number == signal.SIGINT else "terminated"
    assert (process.returncode, output) == (128 + number, "")
    assert complaint == f"cellwright: {word}; the same command resumes\n"
    assert not [path for path in tmp_path.rglob(".*") if path.is_file()], "a lock or a draft was left behind"
    if phase != "imports":
        assert checkpoint.exists()
        assert log.read_text(encoding="utf-8").endswith(f"ended: {word}; the same command resumes\n")
