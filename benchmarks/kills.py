"""Runs that are killed: what is left is whole, nothing is lost, and they end with the bits of one that nobody touched.

    python benchmarks/kills.py [--kills 50] [--seeds 2] [--chips 4] [--seed 0] [--csv FILE] [--markdown]

A small run of the main job is killed with SIGKILL at random moments and begun again until it is done; then the next
one, until there were so many kills. Every third kill waits until a file is being written. After each kill every file in
the folder is read: results, checkpoints and chips must be whole, what was finished before must still be there with the
same bits, and no checkpoint may be behind the one of the kill before. Every finished run must equal the undisturbed
one, file by file, to the bit; only checkpoints differ, which hold how long the training took. Checkpoints are written
every 0.05 s instead of every 5 s, so that short runs have some too.
Results go to ``kills.csv`` beside this file, a row a kill; ``docs/reliability.md`` shows them. Needs fork: one process
imports everything, so that the kills fall into the work and not into the imports.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch

from cellwright.files import drafted, write_atomically
from cellwright.layers import read_weights
from cellwright.learning.checkpoint import read_checkpoint
from cellwright.studies import RunSettings, run_study
from cellwright.studies.narration import Narration, RunLog
from cellwright.tasks import training

HERE = Path(__file__).parent
PHASES = ("beginning", "training", "programming chips", "writing the report")
KILLS_OF_A_RUN = 5
"""Then it may end, and another one begins."""


@dataclass(frozen=True)
class Kill:
    """One kill. ``moment_s``: since the run was begun again; ``drafts``: files that were being written."""

    kill: int
    run: int
    moment_s: float
    phase: str
    checkpoints: int
    chips: int
    other_files: int
    drafts: int


class Killed:
    """A run that is killed and begun again in one folder, and what is known of it."""

    def __init__(self, settings: RunSettings, folder: Path, reference: dict[str, bytes]) -> None:
        self.settings, self.folder, self.reference = settings, folder, reference
        self.log = folder.with_suffix(".log")
        self._log_before = 0
        self.progress: dict[str, tuple[int, int]] = {}
        self.finished: set[str] = set()

    def attempt(self, moment: float, in_write: bool) -> float | None:
        """Begin the run or go on with it, and kill it; seconds until then, None where it was done before."""
        self._log_before = len(self._logged())
        started = time.monotonic()
        child = begin(self.settings, self.folder, self.log)
        while os.waitpid(child, os.WNOHANG) == (0, 0):
            passed = time.monotonic() - started
            if passed >= moment and (not in_write or self.drafts()):
                os.kill(child, signal.SIGKILL)
                status = os.waitpid(child, 0)[1]
                return passed if os.WIFSIGNALED(status) else None
            time.sleep(0 if in_write else 0.001)
        return None

    def drafts(self) -> int:
        """How many files are being written."""
        return sum(1 for file in list_files(self.folder) if drafted(file.name))

    def phase(self) -> str:
        """What the log of the last attempt came to."""
        last = self._logged()[self._log_before :]
        if "writing the report" in last:
            return PHASES[3]
        if last.count(": trained ") >= self.settings.seeds:
            return PHASES[2]
        return PHASES[1] if " settings: " in last else PHASES[0]

    def _logged(self) -> str:
        return self.log.read_text(encoding="utf-8") if self.log.exists() else ""

    def check(self) -> None:
        """Every file is whole, and what was there before is there still."""
        for file in list_files(self.folder):
            name = str(file.relative_to(self.folder))
            if name.startswith("checkpoints/") and not drafted(file.name):
                self._check_checkpoint(name, file)
            elif name in self.reference:
                assert file.read_bytes() == self.reference[name], f"{name} differs from that of the undisturbed run"
                read_whole(file)
                self.finished.add(name)
            else:
                assert drafted(file.name) or file.name == ".cellwright.lock", f"nobody knows {name}"
        lost = {name for name in (*self.finished, *self.progress) if not (self.folder / name).exists()}
        assert not lost, f"lost: {lost}"

    def _check_checkpoint(self, name: str, file: Path) -> None:
        counters = read_checkpoint(file)[1]["counters"]
        now = counters["epoch"], counters["batch"]
        assert now >= self.progress.get(name, (0, 0)), f"{name} went back from {self.progress[name]} to {now}"
        self.progress[name] = now

    def check_end(self) -> None:
        """The finished run is that which nobody touched."""
        self.check()
        assert self.finished == self.reference.keys(), self.finished ^ self.reference.keys()
        assert not [file for file in list_files(self.folder) if file.name.startswith(".")], "a draft or a lock is left"


def begin(settings: RunSettings, folder: Path, log: Path) -> int:
    """The run in a process of its own."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            run_study(settings, folder, narration=Narration(log=RunLog(log), seconds_between_log_lines=1e9))
            status = 0
        finally:
            sys.stderr.flush()
            os._exit(status)
    return child


def list_files(folder: Path) -> list[Path]:
    """All files; the run goes on meanwhile."""
    return [Path(place) / name for place, _, names in os.walk(folder) for name in names]


def read_whole(file: Path) -> None:
    """Read a file as those who use it do."""
    if file.suffix == ".json":
        json.loads(file.read_text(encoding="utf-8"))
    elif file.suffix == ".npz":
        with np.load(file, allow_pickle=False) as stored:
            assert all(np.isfinite(stored[name]).all() for name in stored.files)
    elif file.suffix == ".safetensors":
        read_weights(file)


def undisturbed(settings: RunSettings, folder: Path) -> tuple[dict[str, bytes], float]:
    """The files of a run that nobody kills, without its checkpoints, and how long it took."""
    started = time.monotonic()
    status = os.waitpid(begin(settings, folder, folder.with_suffix(".log")), 0)[1]
    seconds = time.monotonic() - started
    assert status == 0, "the undisturbed run failed"
    files = {str(file.relative_to(folder)): file.read_bytes() for file in list_files(folder)}
    return {name: content for name, content in files.items() if not name.startswith("checkpoints/")}, seconds


def kills(settings: RunSettings, wanted: int, draw: random.Random, folder: Path) -> Iterator[Kill]:
    """Kill runs until there were as many kills as wanted, and let each run end after all."""
    reference, seconds = undisturbed(settings, folder / "undisturbed")
    print(f"undisturbed: {seconds:.1f} s, {len(reference)} files", flush=True)
    count, run = 0, 0
    while count < wanted:
        run, begun = run + 1, count
        killed = Killed(settings, folder / f"killed-{run}", reference)
        while True:
            in_write = count % 3 == 2
            # Often early, and never later than half the time of a whole run: one run takes several kills.
            last = count in (wanted, begun + KILLS_OF_A_RUN)
            moment = 1e9 if last else draw.random() ** 2 * seconds / 2
            passed = killed.attempt(moment, in_write)
            if passed is None:
                break
            killed.check()
            count += 1
            names = [str(file.relative_to(killed.folder)) for file in list_files(killed.folder)]
            whole = [name for name in names if not Path(name).name.startswith(".")]
            parts = {part: sum(name.startswith(part) for name in whole) for part in ("checkpoints/", "chips/")}
            yield Kill(
                kill=count,
                run=run,
                moment_s=round(passed, 3),
                phase=killed.phase(),
                checkpoints=parts["checkpoints/"],
                chips=parts["chips/"],
                other_files=len(whole) - sum(parts.values()),
                drafts=killed.drafts(),
            )
        killed.check_end()
        print(f"run {run} ended with the bits of the undisturbed one, after {count} kills in all", flush=True)


def markdown(path: Path) -> str:
    """The kills by phase as a table."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    lines = ["| killed while | kills | with a file half written |", "|---|---|---|"]
    for phase in (*PHASES, "all"):
        found = [row for row in rows if phase in (row["phase"], "all")]
        drafts = sum(int(row["drafts"]) > 0 for row in found)
        lines.append(f"| {phase} | {len(found)} | {drafts} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seeds", type=int, default=2, help="networks of the run")
    parser.add_argument("--chips", type=int, default=4, help="chips a network")
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("--csv", type=Path, default=HERE / "kills.csv")
    parser.add_argument("--markdown", action="store_true", help="print the table of what was measured, and stop")
    options = parser.parse_args()
    if options.markdown:
        print(markdown(options.csv))
        return
    torch.set_num_threads(1)
    training.fit = partial(training.fit, seconds_between_checkpoints=0.05)
    settings = RunSettings(task="airline", seeds=options.seeds, chips=options.chips)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for kill in kills(settings, options.kills, random.Random(options.seed), Path(folder)):
            print(*asdict(kill).values(), flush=True)
            rows.append(asdict(kill))
    text = io.StringIO()
    writer = csv.DictWriter(text, rows[0], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_atomically(options.csv, text.getvalue())
    print(f"{len(rows)} kills: nothing lost, every file whole, every run ended with the same bits")


if __name__ == "__main__":
    main()
