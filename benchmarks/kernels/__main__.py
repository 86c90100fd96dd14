"""Measures layers with compiled loops: beside torch's, beside one another, and what calls, first calls and memory cost.

    python benchmarks/kernels [--only vanilla,gru] [--threads 1] [--repeats 9] [--sizes 3,16,1,4 100,8,64,64]
    python benchmarks/kernels --markdown [--only vanilla]

Each thread count has a fresh process. Within one, a layer and its peer take turns; a row gives the median and the
quartiles of a call. A training step is zero_grad, forward, mean of squares, backward; weights are packed in each, since
they change. In inference layers are in evaluation mode and no gradients are recorded. Denormals are flushed nowhere.

Whether the cores are quiet is told by a fixed piece of work between the turns and by the time that a hypervisor takes;
turns beside a slow one are repeated, and a row that stays disturbed says so. A run with more threads in which
torch.nn.LSTM is slower than in the run with one, at a size with enough work to share, is thrown away: such a machine
did not have the cores it promised.

Rows are written to ``benchmarks/results/kernels-THREADS.json``, where those of sections that were not run stay; with
``--sizes`` nothing is written. ``--markdown`` measures nothing and prints the summary of what is there, and with
``--only`` the rows of those sections.
"""

from __future__ import annotations

import argparse
import logging
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "common"))

from command import measure_section, numbers, positive, sections_among
from lines import GRID, LINES, SECTIONS
from rows import Results, Row, Size, results_file
from table import details, summary

BENCHMARK = "kernels"

THREADS = (1, 2)
REPEATS = 9
MOST_RUNS = 2
THROWN_AWAY = 3
"""The exit status of a process whose results are thrown away."""

WORTH_SHARING = 10_000_000
"""Multiplications a time step from which a second core has to help torch.nn.LSTM: the two largest sizes of the grid.
Below, waking the other thread costs about what it brings."""


def main() -> int:
    options = _parser().parse_args()
    if options.process:
        return measure(options)
    if options.markdown:
        found = {threads: Results.read(results_file(BENCHMARK, threads)) for threads in options.threads}
        print_summary(found)
        for threads, results in found.items():
            if options.only and results:
                print(f"\nthreads: {threads}\n\n{details(results, options.only)}")
        return 0
    return run(options)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python benchmarks/kernels", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", type=sections_among(SECTIONS), default=(), metavar="NAMES", help=", ".join(SECTIONS))
    parser.add_argument("--threads", type=numbers, default=THREADS, metavar="N,N", help="thread counts, 1,2 by default")
    parser.add_argument("--repeats", type=positive, default=REPEATS, metavar="N", help="turns of each row")
    parser.add_argument("--sizes", type=_size, nargs="+", metavar="T,B,I,H", help="instead of the grid")
    parser.add_argument("--markdown", action="store_true", help="print the results that are there")
    parser.add_argument("--process", type=Path, help=argparse.SUPPRESS)  # where a fresh process writes its results
    parser.add_argument("--one-thread", type=Path, help=argparse.SUPPRESS)  # results to compare torch's times with
    return parser


def _size(text: str) -> Size:
    return Size(*map(positive, text.split(",")))


# The program that starts the others


def run(options: argparse.Namespace) -> int:
    """Run a fresh process for each thread count, write its results, and print the summary."""
    start = time.perf_counter()
    found: dict[int, Results | None] = {}
    with tempfile.TemporaryDirectory() as folder:
        one_thread = results_file(BENCHMARK, 1)
        for threads in options.threads:
            draft = Path(folder) / f"{threads}.json"
            found[threads] = results = _fresh_process(options, threads, draft, one_thread)
            if results is None:
                continue
            if threads == 1:
                one_thread = draft
            if not options.sizes:
                found[threads] = results = results.updated(Results.read(results_file(BENCHMARK, threads)))
                results.write(results_file(BENCHMARK, threads))
    print_summary(found)
    for threads in (threads for threads, results in found.items() if results is None):
        print(
            f"The runs with {threads} threads were thrown away: torch.nn.LSTM was slower in them than with one thread."
        )
    print(f"{time.perf_counter() - start:.0f} s in all")
    return 0 if all(found.values()) else 1


def print_summary(found: Mapping[int, Results | None]) -> None:
    """Print the table, and what was interpreted in it."""
    print(f"\n{summary(LINES, found)}\n")
    said = dict.fromkeys(message for results in found.values() if results for message in results.interpreted)
    for message in said:
        print(f"Said by cellwright: {message}.")


def _fresh_process(options: argparse.Namespace, threads: int, draft: Path, one_thread: Path) -> Results | None:
    """The results of a process with a thread count; None if they were thrown away each time."""
    command = [sys.executable, str(Path(__file__).parent), "--process", str(draft), "--threads", str(threads)]
    command += ["--repeats", str(options.repeats), "--only", ",".join(options.only or SECTIONS)]
    if options.sizes:
        command += ["--sizes", *(",".join(map(str, size)) for size in options.sizes)]
    if threads > 1 and one_thread.is_file():
        command += ["--one-thread", str(one_thread)]
    # KINETO_LOG_LEVEL silences torch's profiler, which tells whoever uses it that it starts.
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads), "KINETO_LOG_LEVEL": "99"}
    for _ in range(MOST_RUNS):
        status = subprocess.run(command, env=environment, check=False).returncode
        if status == 0:
            return Results.read(draft)
        if status != THROWN_AWAY:
            raise SystemExit(f"the process with {threads} threads ended with status {status}")
    return None


# The process of one thread count


class Said(logging.Handler):
    """Keeps what cellwright says of cells that it cannot compile: their rows measure the interpreter."""

    def __init__(self, messages: list[str]) -> None:
        super().__init__()
        self.messages = messages

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(record.getMessage())
        print(record.getMessage(), flush=True)


def measure(options: argparse.Namespace) -> int:
    """Measure the sections with one thread count and write their rows to a file."""
    import torch

    (threads,) = options.threads
    torch.set_num_threads(threads)
    torch.set_flush_denormal(False)
    # Everything below creates threads or caches, and must come after.
    import machine
    from bench import Bench
    from measuring import Cores
    from sections import SECTION_FUNCTIONS

    description = machine.describe()
    print(f"\nthreads: {threads}", *(f"{name}: {value}" for name, value in description.items()), sep="\n", flush=True)
    results = Results(threads, description)
    logging.getLogger("cellwright.kernels").addHandler(Said(results.interpreted))

    def report(row: Row) -> None:
        results.rows.append(row)
        print(row, flush=True)

    peak = float(str(description["peak, GFLOP/s"]))
    bench = Bench(threads, options.sizes or GRID, options.repeats, Cores(), peak, report)
    for name in options.only or SECTIONS:
        measure_section(name, SECTION_FUNCTIONS[name], bench, results)
        results.write(options.process)
        if name == "vanilla" and threads > 1 and _is_thrown_away(results, options.one_thread):
            return THROWN_AWAY
    if threads > 1 and "vanilla" not in results.measured:
        print("not compared with one thread, which takes the section vanilla", flush=True)
    return 0


def _is_thrown_away(results: Results, one_thread_file: Path | None) -> bool:
    """Say whether the second core helped torch.nn.LSTM, and whether the run is to be thrown away because it did not."""
    one_thread = Results.read(one_thread_file) if one_thread_file else None
    if one_thread is None or one_thread.machine["processor"] != results.machine["processor"]:
        print("not compared with one thread: there is no run with one thread on this machine", flush=True)
        return False
    slower, compared = slower_than_one_thread(results.rows, one_thread.rows)
    if slower:
        slower_at = "; ".join(slower)
        print(
            f"THROWN AWAY: torch.nn.LSTM is slower with {results.threads} threads than with one: {slower_at}",
            flush=True,
        )
    else:
        print(f"torch.nn.LSTM is nowhere slower than with one thread, in {compared} comparisons", flush=True)
    return bool(slower)


def slower_than_one_thread(rows: Sequence[Row], one_thread: Sequence[Row]) -> tuple[list[str], int]:
    """Where torch.nn.LSTM with several threads takes longer than with one, at sizes worth sharing; and of how many."""
    several, alone = _torch_times(rows), _torch_times(one_thread)
    both = several.keys() & alone.keys()
    slower = [
        f"{size}, {mode}, {several[size, mode]:.0f} instead of {alone[size, mode]:.0f} µs"
        for size, mode in sorted(both)
        if several[size, mode] > alone[size, mode]
    ]
    return slower, len(both)


def _torch_times(rows: Sequence[Row]) -> dict[tuple[str, str], float]:
    """The medians of torch.nn.LSTM by size and mode, at sizes worth sharing."""
    large = {str(size) for size in GRID if 4 * size.rows * size.units * (size.features + size.units) > WORTH_SHARING}
    return {
        (row.size, row.mode): row.theirs.median
        for row in rows
        if row.section == "vanilla" and row.size in large and row.theirs
    }


if __name__ == "__main__":
    sys.exit(main())
