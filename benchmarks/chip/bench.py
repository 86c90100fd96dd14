"""What every section works with: a run of the benchmark, its peers, and times in milliseconds."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from measuring import Cores, Timings, side_by_side
from rows import Row, Size, Spread

SIZE = Size(32, 16, 64, 64)
"""Of the LSTM that is put on chips."""


@dataclass(frozen=True)
class Bench:
    """A run of the benchmark.

    Attributes:
        repeats: turns of each row.
        peers: the Python of each peer that has one of its own, by its name; absent if nobody named it.
        report: takes each row when it is there.
    """

    threads: int
    repeats: int
    cores: Cores
    peers: Mapping[str, str]
    report: Callable[[Row], None]

    def timed(self, works: Mapping[str, Callable[[], object]], repeats: int | None = None) -> Timings:
        """Time works side by side."""
        return side_by_side(works, repeats or self.repeats, self.cores)

    def peer(self, name: str, *arguments: str) -> dict[str, Any]:
        """What the script of a peer says, run by the peer's Python."""
        script = Path(__file__).with_name(f"peer_{name}.py")
        threads = {variable: str(self.threads) for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")}
        command = [self.peers[name], str(script), *arguments]
        done = subprocess.run(command, env={**os.environ, **threads}, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"{script.name} failed with {self.peers[name]}:\n{done.stderr}")
        found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return found


def milliseconds(seconds: list[float]) -> Spread:
    """The spread of repeated times."""
    return Spread.of([1e3 * one for one in seconds])


def apart(ours: Spread, theirs: Spread) -> Spread:
    """How many times as fast, where the two did not take turns: from the worst quartiles to the best."""
    return Spread(theirs.low / ours.high, theirs.median / ours.median, theirs.high / ours.low)
