"""The operating point of crossbars with exact wires by ngspice, beside the effective matrix: time and agreement.

    python benchmarks/circuit/crossbar.py [--shapes 16x16,32x32,64x64,128x64] [--repeats 3] [--markdown]

Each segment, driver and sense is 1 ohm, devices are drawn from 1 to 100 uS, each word line has its own voltage. ngspice
solves for one vector of voltages, ours for all of them. KLU solves where this ngspice has it. Times are processor time
of one thread, the least of some runs, the process of ngspice and its files included: what else runs on the machine
disturbs them less than a clock on the wall. Results go to ``crossbar.csv`` beside this file; ``docs/circuit.md`` shows
them.
"""

from __future__ import annotations

import argparse
import csv
import io
import re
import resource
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch

from cellwright.circuit import find_ngspice, simulate
from cellwright.circuit.crossbar import read_netlist
from cellwright.crossbar.wires import Wires, effective_matrix
from cellwright.files import write_atomically

RESULTS = Path(__file__).with_suffix(".csv")
COLUMNS = ("array", "ngspice", "solver", "seconds", "mib", "ours_ms", "difference")
OHM = 1.0
WIRES = Wires(row_segment=OHM, column_segment=OHM, driver=OHM, sense=OHM)
T = TypeVar("T")


def timed(work: Callable[[], T], repeats: int) -> tuple[float, T]:
    """Seconds of the quickest call, and what it gave."""
    seconds = []
    for _ in range(repeats):
        start = processor_time()
        given = work()
        seconds.append(processor_time() - start)
    return min(seconds), given


def processor_time() -> float:
    """Seconds that this process and those that it has waited for have had."""
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def row(array: str, repeats: int) -> dict[str, str]:
    rows, columns = map(int, array.split("x"))
    random = np.random.default_rng(0)
    conductances = random.uniform(1e-6, 1e-4, (rows, columns))
    voltages = random.uniform(0.05, 0.2, rows) * random.choice((-1.0, 1.0), rows)
    program, tensor = find_ngspice(), torch.from_numpy(conductances)
    theirs, done = timed(lambda: simulate(read_netlist(conductances, WIRES, voltages, program.klu)), repeats)
    ours, effective = timed(lambda: effective_matrix(tensor, WIRES), repeats)
    found, wanted = np.array([done[f"i(vcolumn{k})"][0] for k in range(columns)]), voltages @ effective.numpy()
    size = re.search(r"Maximum ngspice program size =\s*([\d.]+) MB", done.log)
    values = (
        array,
        program.version,
        "KLU" if program.klu else "Sparse 1.3",
        f"{theirs:.2f}",
        f"{float(size[1]):.0f}" if size else "",
        f"{1e3 * ours:.1f}",
        f"{np.abs(found / wanted - 1).max():.1e}",
    )
    return dict(zip(COLUMNS, map(str, values), strict=True))


def markdown(rows: list[dict[str, str]]) -> str:
    """The table of the documentation."""
    lines = ["| array | ngspice, one vector | its memory | effective matrix, all vectors | largest difference |"]
    lines.append("|---|---|---|---|---|")
    lines += [
        f"| {each['array'].replace('x', ' x ')} | {each['seconds']} s | {each['mib']} MB | {each['ours_ms']} ms "
        f"| {each['difference']} |"
        for each in rows
    ]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shapes", default="16x16,32x32,64x64,128x64", help="word lines x bit lines, with commas")
    parser.add_argument("--repeats", type=int, default=3, help="runs of each")
    parser.add_argument("--markdown", action="store_true", help="print the table of what is measured already")
    options = parser.parse_args()
    if options.markdown:
        print(markdown(list(csv.DictReader(RESULTS.open(encoding="utf-8")))))
        return
    torch.set_num_threads(1)
    found = []
    for array in options.shapes.split(","):
        found.append(row(array, options.repeats))
        print(found[-1], flush=True)
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(found)
    write_atomically(RESULTS, text.getvalue())


if __name__ == "__main__":
    main()
