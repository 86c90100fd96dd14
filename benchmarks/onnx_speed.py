"""Exported layers in onnxruntime beside the layers themselves: one call in inference, one thread each.

    python benchmarks/onnx_speed.py [--markdown]

What is told is processor time, which waiting for a core does not lengthen, of turns that follow one another: the median
of each, and the quartiles of the ratio turn by turn. Results go to ``onnx_speed.csv`` beside this file, a row a cell
and size; ``docs/export.md`` shows them.
"""

from __future__ import annotations

import argparse
import csv
import io
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "common"))

from rows import Size, Spread

from cellwright.files import write_atomically

HERE = Path(__file__).parent
CELLS = ("lstm", "peephole", "cifg", "gru", "gru-cho", "nig", "fgr", "lnlstm")
SIZES = (Size(100, 1, 8, 32), Size(100, 1, 64, 64), Size(100, 32, 64, 128))
TURNS, TURN_SECONDS = 25, 0.02


def seconds(work: Callable[[], object], calls: int) -> float:
    """Processor time of one call, on average."""
    start = time.process_time()
    for _ in range(calls):
        work()
    return (time.process_time() - start) / calls


def calls_in_a_turn(work: Callable[[], object]) -> int:
    """How many calls fill a turn. The first one, which may compile, is left out."""
    work()
    return max(1, round(TURN_SECONDS / seconds(work, 3)))


def measured(cell: str, size: Size, folder: Path) -> dict[str, str]:
    """Microseconds a call, and the runtime's time over the layer's."""
    import onnxruntime  # here, so that printing the table takes no time
    import torch

    from cellwright import Recurrent, to_onnx

    torch.set_num_threads(1)
    torch.manual_seed(0)
    layer = Recurrent(cell, size.features, size.units).eval()
    exported = to_onnx(layer, folder / "layer.onnx")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 3
    session = onnxruntime.InferenceSession(folder / "layer.onnx", options)
    x = torch.randn(size.steps, size.rows, size.features)
    feed = {"x": x.numpy()}
    works = {"module": lambda: layer(x), "runtime": lambda: session.run(None, feed)}
    with torch.no_grad():
        calls = {name: calls_in_a_turn(work) for name, work in works.items()}
        turns = [{name: seconds(works[name], calls[name]) for name in works} for _ in range(TURNS)]
    module, runtime = (Spread.of([1e6 * turn[name] for turn in turns]).median for name in works)
    ratio = Spread.of([turn["runtime"] / turn["module"] for turn in turns])
    return {
        "cell": cell,
        "operator": exported.operators["layer"],
        "size": str(size),
        "module_us": f"{module:.0f}",
        "runtime_us": f"{runtime:.0f}",
        "ratio": f"{ratio.median:.2f}",
        "ratio_low": f"{ratio.low:.2f}",
        "ratio_high": f"{ratio.high:.2f}",
    }


def markdown() -> str:
    """The rows as a table."""
    with (HERE / "onnx_speed.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    lines = [
        "| cell | operator | steps, batch, features, units | layer, µs | onnxruntime, µs | ratio | quartiles |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        span = f"{row['ratio_low']}-{row['ratio_high']}"
        cells = (f"`{row['cell']}`", *(row[name] for name in ("operator", "size", "module_us", "runtime_us")))
        lines.append(f"| {' | '.join((*cells, row['ratio'], span))} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--markdown", action="store_true", help="print the table of what was measured, and stop")
    if parser.parse_args().markdown:
        print(markdown())
        return
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for cell in CELLS:
            for size in SIZES:
                rows.append(measured(cell, size, Path(folder)))
                print(*rows[-1].values())
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_atomically(HERE / "onnx_speed.csv", text.getvalue())


if __name__ == "__main__":
    main()
