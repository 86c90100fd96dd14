"""Every cell of the catalogue that walks sequences: its compiled loop beside the same step by torch's operations.

    python benchmarks/catalogue.py [--cells lstm,gru]

What is told is processor time of one thread, which waiting for a core does not lengthen, of turns that follow one
another: the ratio turn by turn, median, least and most. Results go to ``catalogue.csv`` beside this file, a row a cell;
``docs/catalogue.md`` shows them. With ``--cells`` the other rows stay as they are.
"""

from __future__ import annotations

import argparse
import csv
import io
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from cellwright import Recurrent, kernels
from cellwright.cells import Cell, catalogue
from cellwright.files import write_atomically

HERE = Path(__file__).parent
RESULTS = HERE / "catalogue.csv"
STEPS, ROWS, FEATURES, UNITS = 64, 16, 16, 64
SETTING = f"{UNITS} units on {FEATURES} inputs, {ROWS} sequences of {STEPS} steps, one thread"
TURNS, TURN_SECONDS = 9, 0.05


def seconds(work: Callable[[], object], calls: int) -> float:
    """Processor time of one call, on average."""
    start = time.process_time()
    for _ in range(calls):
        work()
    return (time.process_time() - start) / calls


def ratios(work: Callable[[], object]) -> list[float]:
    """Turn by turn, the time of the interpreted work over that of the compiled one."""

    def interpreted() -> None:
        with kernels.switched(False):
            work()

    works = (interpreted, work)
    for each in works:
        each()  # compiles, and warms up
    calls = [max(1, round(TURN_SECONDS / seconds(each, 2))) for each in works]
    turns = [[seconds(each, number) for each, number in zip(works, calls, strict=True)] for _ in range(TURNS)]
    return [slow / fast for slow, fast in turns]


def layer_of(cell: Cell) -> tuple[Recurrent, Callable[[], torch.Tensor]]:
    """A layer of the cell, and a call of it."""
    torch.manual_seed(0)
    layer = Recurrent(cell, FEATURES, UNITS, proj_size=UNITS // 2 if cell.projects else 0)
    lead = (STEPS, ROWS)
    x = torch.randn(*lead, FEATURES)
    others = {
        name: torch.rand(*lead, *(FEATURES for _ in axes)) for name, axes in cell.sequences.items() if name != "x"
    }
    return layer, lambda: layer(x, **others)[0]


def measured(name: str, cell: Cell) -> dict[str, str]:
    """The row of a cell."""
    layer, call = layer_of(cell)

    def inference() -> None:
        with torch.no_grad():
            call()

    def training_step() -> None:
        layer.zero_grad()
        call().square().mean().backward()

    row = {"cell": name, "setting": SETTING}
    for what, work in (("inference", inference), ("training step", training_step)):
        found = ratios(work)
        for word, number in (("median", statistics.median(found)), ("least", min(found)), ("most", max(found))):
            row[f"{what} {word}"] = f"{number:.1f}"
    return row


def kept() -> dict[str, dict[str, str]]:
    """The rows that were measured before, by cell."""
    if not RESULTS.is_file():
        return {}
    with RESULTS.open(encoding="utf-8", newline="") as file:
        return {row["cell"]: row for row in csv.DictReader(file)}


def written(rows: Sequence[dict[str, str]]) -> str:
    """The rows as a file's text."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def main() -> None:
    """Measure the cells that are asked for, and write their rows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", default="", help="names with commas between them; all by default")
    names = [name for name in parser.parse_args().cells.split(",") if name]
    torch.set_num_threads(1)
    cells = catalogue("sequence")
    rows = kept()
    for name in names or cells:
        rows[name] = measured(name, cells[name])
        print(", ".join(rows[name].values()), flush=True)
    write_atomically(RESULTS, written([rows[name] for name in cells if name in rows]))


if __name__ == "__main__":
    main()
