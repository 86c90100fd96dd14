"""Files of more and more rows: the peak of memory, and the time, of reading one and of a whole run on it.

    python benchmarks/long_file.py [--rows 100000,1000000,10000000] [--markdown]

Each is a process of its own, whose largest resident set the system reports. Results go to ``long_file.csv`` beside this
file; ``docs/own-data.md`` shows them. Times are of one machine and are shown for their growth alone.
"""

from __future__ import annotations

import argparse
import csv
import io
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from cellwright.files import write_atomically

RESULTS = Path(__file__).with_suffix(".csv")
COLUMNS = ("rows", "file_mib", "what", "peak_mib", "seconds")
PIECE = 500_000
READ = "from cellwright.data import read_table; import sys; read_table(sys.argv[1], ['load', 'heat'], time='time')"


def write_rows(path: Path, rows: int) -> None:
    """A minute a row: a load that follows a temperature."""
    draw = np.random.default_rng(0)
    with path.open("w", encoding="utf-8") as file:
        file.write("time,load,heat\n")
        for first in range(0, rows, PIECE):
            minute = np.arange(first, min(first + PIECE, rows))
            times = np.datetime64("2000-01-01T00:00") + minute.astype("timedelta64[m]")
            heat = 10 * np.sin(2 * np.pi * minute / 1440) + draw.normal(size=len(minute))
            load = 100 + 0.3 * np.roll(heat, 1) + draw.normal(size=len(minute))
            lines = zip(times.astype(str), load, heat, strict=True)
            file.writelines(f"{when},{one:.3f},{other:.3f}\n" for when, one, other in lines)


def measured(command: list[str]) -> tuple[float, float]:
    """The largest resident set of a process in MiB, and its time in seconds."""
    begun = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{' '.join(command)} failed")
    process.returncode = 0
    return usage.ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10), time.monotonic() - begun


def rows_of(count: int) -> list[dict[str, str]]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "long.csv"
        write_rows(path, count)
        run = [sys.executable, "-m", "cellwright.cli", "run", str(path), "--target", "load", "--inputs", "heat"]
        run += ["--time", "time", "--quiet", "--out", f"{folder}/run"]
        found = []
        for what, command in (("reading", [sys.executable, "-c", READ, str(path)]), ("run", run)):
            peak, seconds = measured(command)
            size = path.stat().st_size / 2**20
            values = (count, f"{size:.0f}", what, f"{peak:.0f}", f"{seconds:.0f}")
            found.append(dict(zip(COLUMNS, map(str, values), strict=True)))
            print(found[-1], flush=True)
        return found


def markdown(rows: list[dict[str, str]]) -> str:
    """The table of the documentation."""
    lines = ["| rows | file | reading it, peak | a whole run, peak |", "|---|---|---|---|"]
    by_key = {(row["rows"], row["what"]): row for row in rows}
    for count in dict.fromkeys(row["rows"] for row in rows):
        read, run = by_key[count, "reading"], by_key[count, "run"]
        lines.append(f"| {int(count):,} | {read['file_mib']} MiB | {read['peak_mib']} MiB | {run['peak_mib']} MiB |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", default="100000,1000000,10000000", help="numbers of rows, separated by commas")
    parser.add_argument("--markdown", action="store_true", help="print the table of what is measured already")
    options = parser.parse_args()
    if options.markdown:
        print(markdown(list(csv.DictReader(RESULTS.open()))))
        return
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for count in options.rows.split(","):
        writer.writerows(rows_of(int(count)))
    write_atomically(RESULTS, text.getvalue())


if __name__ == "__main__":
    main()
