"""Running ngspice: a netlist goes in, what it computed comes out, or one line that says why it did not.

ngspice 39 is the base; what newer ones can do besides (KLU's solver, models in Verilog-A through OSDI) is found out by
asking the program. Each run has a folder of its own, so that no earlier result can be read as that of this run.
"""

from __future__ import annotations

import logging
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from cellwright.circuit.raw_file import Analysis, read_raw
from cellwright.errors import CellwrightError, in_words

log = logging.getLogger(__name__)

PROGRAM = "CELLWRIGHT_NGSPICE"
"""The environment variable that names an ngspice other than the first one of the search path."""

OLDEST = 39
TIMEOUT = 600.0
"""Seconds after which a run is given up, unless a caller says otherwise."""

_BEAT = 0.5
"""Seconds after which those who wait are told that a run still goes on."""


def nobody(seconds: float) -> None:
    """Who is told by default."""


class ConvergenceError(CellwrightError):
    """ngspice found no solution.

    Attributes:
        node: where, as far as ngspice says; empty if not.
        time: when, in seconds; None for an operating point.
    """

    def __init__(self, message: str, node: str, time: float | None) -> None:
        super().__init__(message)
        self.node = node
        self.time = time


@dataclass(frozen=True)
class Remedy:
    """What is tried where ngspice finds no solution: options, and why they may help."""

    name: str
    options: str


REMEDIES: Sequence[Remedy] = (
    Remedy("more iterations", "itl1=500 itl2=200 itl4=100"),
    Remedy("Gear's method, which damps what trapezoids let ring", "method=gear itl1=500 itl2=200 itl4=100"),
    Remedy(
        "a conductance of 1 pS from each node to ground",
        "method=gear rshunt=1e12 itl1=500 itl2=200 itl4=100",
    ),
)
"""The standard remedies in the order in which they are tried. None of them changes the circuit by more than it says."""


@dataclass(frozen=True)
class Ngspice:
    """An ngspice and what it can do.

    Attributes:
        path: of the program.
        version: 39 for ngspice-39.
        klu: whether it has the solver KLU, which is faster on large crossbars.
        osdi: whether it takes models in Verilog-A, compiled to OSDI.
    """

    path: str
    version: int
    klu: bool
    osdi: bool


@dataclass(frozen=True)
class Simulation:
    """A run that came to its end.

    Attributes:
        analyses: what was computed.
        log: what ngspice printed.
        remedy: what it took to converge; None where the netlist did as it stands.
    """

    analyses: Sequence[Analysis]
    log: str
    remedy: Remedy | None

    def __getitem__(self, name: str) -> np.ndarray:
        """A vector of the last analysis."""
        return self.analyses[-1][name]


def find_ngspice() -> Ngspice:
    """The ngspice that runs netlists: the one that ``CELLWRIGHT_NGSPICE`` names, or the first of the search path.

    Raises:
        CellwrightError: there is none, it does not run, or it is older than 39.
    """
    named = os.environ.get(PROGRAM, "")
    path = shutil.which(named or "ngspice")
    if path is None:
        wanted = f"{PROGRAM}={named} names no program" if named else "ngspice is not installed"
        raise CellwrightError(
            f"{wanted}: install ngspice {OLDEST} or newer (on Debian and Ubuntu: apt install ngspice), or name the "
            f"program by {PROGRAM}; everything but circuits does without it"
        )
    return _asked(path)


@cache
def _asked(path: str) -> Ngspice:
    """What an ngspice says of itself."""
    try:
        printed = subprocess.run(
            [path, "--version"], stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", timeout=60,
            check=False,
        ).stdout  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CellwrightError(f"{path} does not run: {error}") from None
    found = re.search(r"ngspice-(\d+)", printed)
    if found is None:
        raise CellwrightError(f"{path} is no ngspice: it does not print its version; name another by {PROGRAM}")
    version = int(found.group(1))
    if version < OLDEST:
        raise CellwrightError(f"{path} is ngspice {version}: {OLDEST} or newer is needed; name another by {PROGRAM}")
    bare = Ngspice(path, version, klu=False, osdi=False)
    probe = "* probe\nV1 a 0 1\nR1 a 0 1\n.options klu\n.op\n.control\npre_osdi none.osdi\nrun\n.endc\n.end\n"
    with tempfile.TemporaryDirectory(prefix="cellwright-") as folder:
        _, said = _run(bare, probe, Path(folder), 60)
    return Ngspice(path, version, klu="KLU as Direct" in said, osdi="osdi: no such command" not in said)


def simulate(
    netlist: str,
    *,
    timeout: float = TIMEOUT,
    remedies: Sequence[Remedy] = REMEDIES,
    program: Ngspice | None = None,
    waiting: Callable[[float], None] = nobody,
) -> Simulation:
    """Run a netlist in batch mode, without the settings that a person's own ``.spiceinit`` makes.

    What ngspice ignores of a model that it does not know, it says in passing; it is logged as a warning.

    Args:
        netlist: its first line is the title, its last one ``.end``. Files that it includes are named by whole paths.
        timeout: seconds that each attempt has.
        remedies: what is tried, one after the other, where ngspice finds no solution; each attempt is logged.
        program: the ngspice to run; by default ``find_ngspice()``.
        waiting: called now and then while it runs, with the seconds of this attempt; what it raises ends the run.

    Raises:
        ConvergenceError: no solution was found, with no remedy either.
        CellwrightError: no ngspice; it refused the netlist, with its own words; it crashed; it took too long; it
            computed nothing, or what is no number.
    """
    program = program or find_ngspice()
    attempts: list[Remedy | None] = [None, *remedies]
    for attempt, remedy in enumerate(attempts):
        try:
            return _attempt(program, netlist, remedy, timeout, waiting)
        except ConvergenceError as error:
            if attempt == len(attempts) - 1:
                tried = "; ".join(each.name for each in remedies)
                raise ConvergenceError(f"{error}" + f"; tried: {tried}" * bool(tried), error.node, error.time) from None
            log.warning("%s; trying %s", error, remedies[attempt].name)
    raise AssertionError("unreachable")


def _attempt(
    program: Ngspice, netlist: str, remedy: Remedy | None, timeout: float, waiting: Callable[[float], None]
) -> Simulation:
    with tempfile.TemporaryDirectory(prefix="cellwright-") as name:
        folder = Path(name)
        code, said = _run(program, _remedied(netlist, remedy), folder, timeout, waiting)
        _check(code, said)
        raw = folder / "result.raw"
        analyses = read_raw(raw) if raw.is_file() else []
        if not any(len(analysis) for analysis in analyses):
            raise CellwrightError(f"ngspice computed nothing: {_own_error(said) or 'no point of the analysis'}")
        for analysis in analyses:
            analysis.check_numbers()
        for ignored in dict.fromkeys(re.findall(r"unrecognized parameter \([^)]*\)", said, re.IGNORECASE)):
            log.warning("ngspice ignores what a model says: %s", ignored)
        return Simulation(analyses, said, remedy)


def _remedied(netlist: str, remedy: Remedy | None) -> str:
    """The netlist with the options of a remedy before its end."""
    if remedy is None:
        return netlist
    ends = list(re.finditer(r"^\.end[ \t]*$", netlist, re.IGNORECASE | re.MULTILINE))
    if not ends:
        raise CellwrightError("the netlist has no line .end: it is cut off")
    at = ends[-1].start()
    return f"{netlist[:at]}.options {remedy.options}\n{netlist[at:]}"


def _run(
    program: Ngspice, netlist: str, folder: Path, timeout: float, waiting: Callable[[float], None] = nobody
) -> tuple[int, str]:
    """Exit code, and all that was printed."""
    (folder / "circuit.cir").write_text(netlist, encoding="utf-8")
    # Without -n, a .spiceinit of the user's changes tolerances or models, and results with them.
    command = [program.path, "-n", "-b", "-r", "result.raw", "circuit.cir"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "LC_ALL": "C"}
    try:
        started = subprocess.Popen(
            command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, errors="replace", start_new_session=True,
        )  # fmt: skip
    except OSError as error:
        raise CellwrightError(f"{program.path} does not run: {in_words(error)}") from None
    with started as process:
        try:
            said = _said(process, timeout, waiting)
        except subprocess.TimeoutExpired:
            _kill(process)
            raise CellwrightError(
                f"ngspice was stopped after {timeout:g} s without a result: simulate fewer steps, or allow more time"
            ) from None
        except BaseException:
            _kill(process)
            raise
    return process.returncode, said


def _said(process: subprocess.Popen[str], timeout: float, waiting: Callable[[float], None]) -> str:
    """All that is printed until the end; those who wait are told that it goes on.

    Raises:
        TimeoutExpired: there is no end in time.
    """
    started = time.monotonic()
    while True:
        left = started + timeout - time.monotonic()
        try:
            return process.communicate(timeout=min(left, _BEAT))[0]
        except subprocess.TimeoutExpired:
            if left <= _BEAT:
                raise
        waiting(time.monotonic() - started)


def _kill(process: subprocess.Popen[str]) -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (ProcessLookupError, AttributeError):
        process.kill()
    process.communicate()


_NO_SOLUTION = (
    "timestep too small",
    "singular matrix",
    "no convergence",
    "iteration limit reached",
    "source stepping failed",
    "transient op failed",
    "transient op did not converge",
)


def _check(code: int, said: str) -> None:
    """Raise what a run's exit code and words amount to."""
    if code < 0:
        raise CellwrightError(f"ngspice was ended by {_signal(-code)}: it crashed, or the memory ran out")
    low = re.sub(r"^circuit: .*$", "", said.lower(), flags=re.MULTILINE)  # the netlist's title may say anything
    ended = re.search(r"no\. of data rows\s*:\s*\d+", low)
    if code == 0 and ended and "aborted" not in low and "interrupted due to error" not in low:
        return
    if any(words in low for words in _NO_SOLUTION):
        raise ConvergenceError(*_no_solution(said))
    reason = _own_error(said) or ("it asks for no analysis" if code == 0 else f"exit code {code}")
    raise CellwrightError(f"ngspice refuses the netlist: {reason}")


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _no_solution(said: str) -> tuple[str, str, float | None]:
    """A line about a run without a solution, the node, and the time."""
    step = re.search(r"timestep too small; time = ([-+.\de]+)", said, re.IGNORECASE)
    nodes = re.findall(r'(?:trouble with (?:node|.*?instance) "?|check nodes? )([^\s"]+)', said, re.IGNORECASE)
    node, time = (nodes[-1] if nodes else ""), (float(step.group(1)) if step else None)
    where = f" at {node}" * bool(node)
    when = "for the operating point" if time is None else f"at {time:.4g} s"
    why = re.search(r"^error: (.* out of range for .*)\s+in line (\S+)", said, re.IGNORECASE | re.MULTILINE)
    cause = f": {why[1].strip()} in line {why[2]}" if why else ""
    return f"ngspice found no solution {when}{where}{cause}", node, time


def _own_error(said: str) -> str:
    """The first complaint in ngspice's own words, with what it says of it on the lines that follow; empty if none."""
    lines = [line.strip() for line in said.splitlines()]
    for index, line in enumerate(lines):
        if re.match(r"(fatal )?error|netlist line no\.", line, re.IGNORECASE):
            more = [other for other in lines[index + 1 : index + 3] if other and not _is_no_reason(other)]
            return " ".join([line, *more])[:300]
    return ""


def _is_no_reason(line: str) -> bool:
    return line.startswith(("Note", "Netlist line no.", "Simulation interrupted"))
