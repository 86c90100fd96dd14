"""Measures chips: exact wires, calls of an LSTM on one chip and on fifty, programming; beside other simulators.

    python benchmarks/chip [--only wires,lstm] [--repeats 5] [--badcrossbar PYTHON] [--aihwkit PYTHON]
    python benchmarks/chip --markdown [--only wires]

One thread. What is compared within this process takes turns, but for solvers that take seconds, which run once. The
two peers run in Pythons of their own, right after ours: name one that has badcrossbar (``pip install badcrossbar``) or
aihwkit (1.2.0 is built from its source archive, with OpenBLAS). Without, that section is not measured. A row gives the
median and the quartiles of a call; it is marked where the cores were not quiet, as in ``benchmarks/kernels``.

Rows are written to ``benchmarks/results/chip-1.json``, where those of sections that were not run stay. ``--markdown``
measures nothing and prints the summary of what is there, and with ``--only`` the rows of those sections.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "common"))

from command import measure_section, positive, sections_among
from lines import LINES, PEERS, SECTIONS
from rows import Results, Row, results_file
from table import details, summary

BENCHMARK, THREADS, REPEATS = "chip", 1, 5


def main() -> int:
    options = _parser().parse_args()
    found = Results.read(results_file(BENCHMARK, THREADS)) if options.markdown else measure(options)
    print(f"\n{summary(LINES, {THREADS: found})}")
    if options.markdown and options.only and found:
        print(f"\n{details(found, options.only)}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python benchmarks/chip", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", type=sections_among(SECTIONS), default=(), metavar="NAMES", help=", ".join(SECTIONS))
    parser.add_argument("--repeats", type=positive, default=REPEATS, metavar="N", help="turns of each row")
    for peer in PEERS:
        parser.add_argument(f"--{peer}", metavar="PYTHON", help=f"a Python that has {peer}")
    parser.add_argument("--markdown", action="store_true", help="print the results that are there")
    return parser


def measure(options: argparse.Namespace) -> Results:
    """Measure the sections and write their rows beside those of earlier ones."""
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[variable] = str(THREADS)
    os.environ["KINETO_LOG_LEVEL"] = "99"  # torch's profiler tells whoever uses it that it starts
    import torch

    torch.set_num_threads(THREADS)
    # Everything below creates threads or caches, and must come after.
    import machine
    from bench import Bench
    from measuring import Cores
    from sections import SECTION_FUNCTIONS

    start = time.perf_counter()
    results = Results(THREADS, machine.describe())
    print(*(f"{name}: {value}" for name, value in results.machine.items()), sep="\n", flush=True)

    def report(row: Row) -> None:
        results.rows.append(row)
        print(row, flush=True)

    peers = {peer: python for peer in PEERS if (python := getattr(options, peer))}
    bench = Bench(THREADS, options.repeats, Cores(), peers, report)
    for name in options.only or SECTIONS:
        if name in PEERS and name not in peers:
            print(f"\n{name}: not measured; name a Python that has it, --{name} PYTHON", flush=True)
            continue
        measure_section(name, SECTION_FUNCTIONS[name], bench, results)
    file = results_file(BENCHMARK, THREADS)
    results = results.updated(Results.read(file))
    results.write(file)
    print(f"\n{time.perf_counter() - start:.0f} s in all")
    return results


if __name__ == "__main__":
    sys.exit(main())
