"""A cell that nobody has seen, called for the first time: prints as JSON what that takes.

CELLWRIGHT_CACHE=FOLDER python benchmarks/kernels/made_up.py THREADS
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

start = time.perf_counter()

import torch  # noqa: E402  (importing is what is timed)

from cellwright import Recurrent  # noqa: E402
from cellwright.cells import Cell, affine, sigmoid, tanh, weight  # noqa: E402

imported = time.perf_counter() - start

FIRST = (7, 5)
OTHERS = ((9, 5), (7, 6), (50, 64), (1, 5), (7, 1), (1, 1), (30, 3))
"""Steps and rows: longer, wider, and the small ones that a kernel may be tempted to treat on their own."""


class MadeUp(Cell):
    """An LSTM that sees its cell through a peephole and mixes its candidate with what it last said."""

    states = ("h", "c")

    def step(self, x: Any, h: Any, c: Any) -> Any:
        i = sigmoid(affine("i", x, h) + weight("weight_peephole", "i", ("unit",), symbol="p") * c)
        f = sigmoid(affine("f", x, h) + 1)
        g = tanh(affine("g", x, h)) - 0.25 * h
        c = f * c + i * g
        o = sigmoid(affine("o", x, h))
        h = o * tanh(c) / (1 + i * o)
        return h, c


def call(layer: torch.nn.Module, size: tuple[int, int]) -> float:
    """Seconds of a call without gradients and a training step."""
    x = torch.randn(*size, 3)
    start = time.perf_counter()
    with torch.no_grad():
        layer(x)
    layer(x)[0].square().mean().backward()
    return time.perf_counter() - start


def compiled() -> int:
    """How many functions the cache folder holds."""
    return sum(1 for path in Path(os.environ["CELLWRIGHT_CACHE"]).rglob("*") if path.is_file())


def main() -> None:
    torch.set_num_threads(int(sys.argv[1]))
    start = time.perf_counter()
    layer = Recurrent(MadeUp(), 3, 20)
    building = time.perf_counter() - start
    first_call = building + call(layer, FIRST)
    after_first = compiled()
    later = [call(layer, size) for size in OTHERS]
    measured = {
        "import": imported,
        "first call": first_call,
        "compiled first": after_first,
        "compiled later": compiled() - after_first,
        "slowest later": max(later),
    }
    print(json.dumps(measured))


if __name__ == "__main__":
    main()
