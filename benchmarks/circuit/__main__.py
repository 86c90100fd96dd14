"""Measures circuits: every benchmark of this folder, one after the other, each in a process of its own.

    python benchmarks/circuit [--only agreement,mismatch] [--markdown]

Rows that are in a benchmark's CSV file are not measured again, where a row takes long; ``--markdown`` measures nothing
and prints the tables of what is there. Technologies whose models are not on this machine are left out.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from cellwright.circuit import technologies
from cellwright.errors import CellwrightError

FOLDER = Path(__file__).parent
CELLS = ("cifg", "peephole", "gru", "gru-cho", "fgr", "mgu")
IDEALS = ("all", "amplifiers and switches", "switches", "none")
BENCHMARKS = (
    "crossbar",
    "programming",
    "technologies",
    "blocks",
    "agreement",
    "mismatch",
    "trim",
    "trim_airline",
    "cost",
    "hold_area",
    "temperature",
    "training",
    "wafer_software",
    "wafer",
    "table4",
)


def runs(benchmark: str) -> Iterator[list[str]]:
    """The options of each run of a benchmark."""
    if benchmark == "agreement":
        yield from (["--ideal", ideal, "--steps", steps] for ideal in IDEALS for steps in ("3", "12"))
        yield from (["--cell", cell, "--seeds", "3"] for cell in CELLS)
        for technology in _present():
            yield from (["--technology", technology, "--steps", steps] for steps in ("12", "50"))
    elif benchmark in ("mismatch", "temperature"):
        yield from (["--technology", technology] for technology in _present())
    else:
        yield []


def _present() -> Iterator[str]:
    """The technologies whose models are on this machine."""
    for name, technology in technologies.catalogue().items():
        try:
            technology.models()
        except CellwrightError as error:
            print(f"{name} is left out: {error}", flush=True)
        else:
            yield name


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", metavar="NAMES", default=",".join(BENCHMARKS), help="with commas between them")
    parser.add_argument("--markdown", action="store_true", help="print the results that are there")
    options = parser.parse_args()
    names = options.only.split(",")
    if unknown := [name for name in names if name not in BENCHMARKS]:
        parser.error(f"no benchmark {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}")
    failed = []
    for name in names:
        for arguments in [["--markdown"]] if options.markdown else runs(name):
            print(f"\n{name} {' '.join(arguments)}", flush=True)
            if subprocess.run([sys.executable, str(FOLDER / f"{name}.py"), *arguments], check=False).returncode:
                failed.append(" ".join([name, *arguments]))
    for run in failed:
        print(f"failed: {run}", file=sys.stderr)
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
