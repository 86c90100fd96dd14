"""Timing side by side, and watching whether the cores are quiet."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from rows import Spread

TURN_SECONDS = 0.01
"""A turn calls quick work as often as fills this time."""

ROW_SECONDS = 2.0
"""From here on a row of slow work is content with ``LEAST_TURNS``."""

LEAST_TURNS = 5

PROBE_LIMIT = 1.25
"""A turn is quiet if the probes around it took at most this many times the fastest one of the process, if"""

LOST_LIMIT = 0.02
"""the thread that calls was kept waiting for its core at most for this share of the turn, and if a hypervisor took at
most this share of all processors' time."""

MOST_ATTEMPTS = 3
"""A row has at most this many times the turns it needs, while it waits for quiet ones."""


@dataclass(frozen=True)
class Timings:
    """Seconds a call of each work, turn by turn.

    Attributes:
        disturbed: why they are not to be trusted, if so.
    """

    seconds: Mapping[str, list[float]]
    disturbed: str

    def microseconds(self, name: str) -> Spread:
        """The spread over turns."""
        return Spread.of([1e6 * turn for turn in self.seconds[name]])

    def ratio(self, name: str, over: str, scale: float = 1.0) -> Spread:
        """The spread of one time over ``scale`` times another, turn by turn, so that slow drift cancels."""
        pairs = zip(self.seconds[name], self.seconds[over], strict=True)
        return Spread.of([one / (scale * other) for one, other in pairs])

    def excess(self, name: str, over: str) -> Spread:
        """The spread of the difference of two times, turn by turn, in microseconds."""
        pairs = zip(self.seconds[name], self.seconds[over], strict=True)
        return Spread.of([1e6 * (one - other) for one, other in pairs])


@dataclass(frozen=True)
class Moment:
    """What is known of the cores at a moment.

    Attributes:
        clock: seconds.
        slowness: the time of a probe over that of the fastest one of the process.
        waited: seconds that this thread could have run but had to wait, because something else was on its core.
        ticks, stolen: of all processors' time, and of what a hypervisor took of it.
    """

    clock: float
    slowness: float
    waited: float
    ticks: int
    stolen: int

    def is_quiet_since(self, earlier: Moment) -> bool:
        """Whether nothing else was seen to use the cores between two moments."""
        return (
            max(earlier.slowness, self.slowness) <= PROBE_LIMIT
            and self.waited - earlier.waited <= LOST_LIMIT * (self.clock - earlier.clock)
            and self.stolen - earlier.stolen <= LOST_LIMIT * (self.ticks - earlier.ticks)
        )


class Cores:
    """Tells whether the cores are quiet: times a fixed piece of work, again and again.

    The work is arithmetic on a few numbers that stay in each core's cache, shared among torch's threads as torch shares
    its own work, so that another process on any of these cores makes it slower.
    """

    _NUMBERS_A_THREAD = 32768  # torch gives no thread less of an elementwise operation
    _PASSES = 9  # together 1 to 2 milliseconds

    def __init__(self) -> None:
        self._numbers = torch.linspace(1, 2, self._NUMBERS_A_THREAD * torch.get_num_threads())
        self._results = torch.empty_like(self._numbers)
        self.fastest = min(self._probe() for _ in range(100))

    def moment(self) -> Moment:
        """Probe the cores now."""
        seconds = self._probe()
        self.fastest = min(self.fastest, seconds)
        return Moment(time.perf_counter(), seconds / self.fastest, _seconds_waited(), *_processor_time())

    def _probe(self) -> float:
        """The median of a few passes: the first ones may have to wake torch's other threads."""
        passes = []
        for _ in range(self._PASSES):
            start = time.perf_counter()
            torch.lgamma(self._numbers, out=self._results)
            passes.append(time.perf_counter() - start)
        return statistics.median(passes)


def _seconds_waited() -> float:
    """How long this thread has been kept from running, as Linux counts it; 0 elsewhere."""
    return int(words[1]) / 1e9 if (words := _words("/proc/thread-self/schedstat")) else 0.0


def _processor_time() -> tuple[int, int]:
    """All processors' time and what was stolen of it, in Linux's ticks of 10 ms; zeros elsewhere."""
    ticks = [int(word) for word in _words("/proc/stat")[1:9]]
    return (sum(ticks), ticks[7]) if ticks else (0, 0)


def _words(file: str) -> list[str]:
    """The words of a file's first line; none if there is no such file."""
    try:
        with Path(file).open(encoding="utf-8") as lines:
            return lines.readline().split()
    except OSError:
        return []


def side_by_side(works: Mapping[str, Callable[[], object]], repeats: int, cores: Cores) -> Timings:
    """Time works in turns, so that a slow moment meets all of them.

    Every other turn runs backwards, so that none is always the one that follows another. Only quiet turns count. Where
    too few are quiet the row takes all of them and is marked.
    """
    calls = {name: _calls_in_a_turn(work) for name, work in works.items()}
    turns: list[dict[str, float]] = []
    quiet: list[bool] = []
    start, before = time.perf_counter(), cores.moment()
    enough = repeats
    while sum(quiet) < enough and len(turns) < MOST_ATTEMPTS * enough:
        order = list(works) if len(turns) % 2 == 0 else list(works)[::-1]
        turns.append({name: _seconds(works[name], calls[name]) for name in order})
        after = cores.moment()
        quiet.append(after.is_quiet_since(before))
        before = after
        if time.perf_counter() - start > ROW_SECONDS:
            enough = min(repeats, LEAST_TURNS)
    disturbed = ""
    if sum(quiet) < enough:
        disturbed = f"only {sum(quiet)} of {len(quiet)} turns were quiet"
        quiet = [True] * len(turns)
    counted = [turn for turn, is_quiet in zip(turns, quiet, strict=True) if is_quiet]
    return Timings({name: [turn[name] for turn in counted] for name in works}, disturbed)


def _seconds(work: Callable[[], object], calls: int) -> float:
    """Of one call, on average."""
    start = time.perf_counter()
    for _ in range(calls):
        work()
    return (time.perf_counter() - start) / calls


def _calls_in_a_turn(work: Callable[[], object]) -> int:
    """How many calls fill a turn. The first call, which may compile and allocate, is left out."""
    work()
    calls, start = 0, time.perf_counter()
    while (passed := time.perf_counter() - start) < TURN_SECONDS:
        work()
        calls += 1
    return max(1, round(calls * TURN_SECONDS / passed))
