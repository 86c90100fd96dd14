"""Known data sets as files for the command line: series as CSV, ECG5000's NumPy file as the archive's two .tsv.

    python benchmarks/known_series.py NAME [PART] [--path FOLDER] [--out FOLDER]

Gaps of a series are filled on a straight line between their neighbours; how many there were is printed.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import numpy as np

from cellwright.data.known import data_folder, find, read_series
from cellwright.data.layouts import located
from cellwright.data.series import Series
from cellwright.files import replacing


def write_csv(series: Series, path: Path) -> None:
    """Write the columns with a header, the times first where there are any, as ``time``."""
    with replacing(path) as draft, draft.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        times = [] if series.times is None else [np.datetime_as_string(series.times)]
        writer.writerow([*["time"] * len(times), *series.columns])
        columns = [map(repr, values.tolist()) for values in series.columns.values()]
        writer.writerows(zip(*times, *columns, strict=True))


def write_tsv(npz: Path, folder: Path) -> None:
    """Write both halves of ``ecg5000.npz`` as the archive does: the class first, tabs between."""
    with np.load(npz, allow_pickle=False) as arrays:
        for half in ("train", "test"):
            labels, values = arrays[f"y_{half}"].astype(int), arrays[f"X_{half}"]
            with replacing(folder / f"ECG5000_{half.upper()}.tsv") as draft, draft.open("w", encoding="utf-8") as file:
                for label, row in zip(labels.tolist(), values, strict=True):
                    file.write("\t".join([str(label), *(np.format_float_positional(value) for value in row)]) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name")
    parser.add_argument("part", nargs="?", default="")
    parser.add_argument("--path", type=Path, default=data_folder())
    parser.add_argument("--out", type=Path, default=Path("series"))
    given = parser.parse_args()
    if given.name == "ECG5000":
        _, place = located(find(given.name), given.path)
        write_tsv(place / "ecg5000.npz", given.out)
        return
    series = read_series(given.name, given.path, given.part)
    target = given.out / f"{'-'.join(filter(None, (given.name, given.part)))}.csv"
    write_csv(series.filled(), target)
    print(f"{target}: {len(series)} rows, columns {', '.join(series.columns)}; filled: {series.gaps or 'nothing'}")


if __name__ == "__main__":
    main()
