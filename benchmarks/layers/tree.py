"""Batches of sentiment trees: a layer level by level, the same cell node by node, and a plain torch module by levels.

    CELLWRIGHT_DATA=... python benchmarks/layers/tree.py [--turns 9] [--threads 1,2]

A batch is 25 trees of the training part, as they come; sizes are those of Tai, Socher & Manning (2015): words of 300
features, 150 units, x at the leaves. Works take turns, and ratios are of one turn each: the median and the quartiles.
Results go to ``tree.csv`` beside this file; a row that says ``disturbed`` was measured while others used the machine.
"""

from __future__ import annotations

import argparse
import csv
import io
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).parents[1] / "common"))

from command import numbers
from measuring import Cores, side_by_side

from cellwright.data.bracketed import read_trees
from cellwright.data.known import data_folder
from cellwright.files import write_atomically
from cellwright.layers import TreeRecurrent, Trees
from cellwright.program import Interpreter, merge_sums

HERE = Path(__file__).parent
BATCH, INPUT, HIDDEN = 25, 300, 150
CELLS = ("childsum-tree", "nary-tree")


def node_by_node(layer: TreeRecurrent, x: Tensor, trees: Trees) -> Tensor:
    """The h of every node, one evaluation of the cell a node, children first."""
    program = Interpreter(merge_sums(layer.cell.program()), layer.cell.sizes(INPUT, HIDDEN)).bind(layer.stored(), x)
    parents, leaves = trees.parents.tolist(), dict(zip(trees.leaves.tolist(), x, strict=True))
    below: list[list[dict[str, Tensor]]] = [[] for _ in parents]
    zeros, none = x.new_zeros(INPUT), {name: x.new_zeros(2, HIDDEN) for name in "hc"}
    found: list[Tensor] = [zeros] * len(parents)
    for node in reversed(range(len(parents))):  # a node comes before its children
        read = below[node]
        states = {name: torch.stack([child[name] for child in read]) for name in "hc"} if read else none
        own = program({"x": leaves.get(node, zeros), **states})
        found[node] = own["h"]
        if parents[node] >= 0:
            below[parents[node]].insert(0, own)
    return torch.stack(found)


class ByHeight(nn.Module):
    """A binary tree LSTM by hand: the nodes of each height at once, written into tensors of all nodes."""

    def __init__(self) -> None:
        super().__init__()
        self.leaf = nn.Linear(INPUT, 3 * HIDDEN)
        self.inner = nn.Linear(2 * HIDDEN, 5 * HIDDEN)

    def forward(self, x: Tensor, leaves: Tensor, heights: Sequence[tuple[Tensor, Tensor]], nodes: int) -> Tensor:
        h, c = x.new_zeros(nodes, HIDDEN), x.new_zeros(nodes, HIDDEN)
        i, g, o = self.leaf(x).chunk(3, -1)
        c[leaves] = i.sigmoid() * g.tanh()
        h[leaves] = o.sigmoid() * c[leaves].tanh()
        for own, below in heights:
            i, f, f2, g, o = self.inner(h[below].flatten(1)).chunk(5, -1)
            kept = f.sigmoid() * c[below[:, 0]] + f2.sigmoid() * c[below[:, 1]]
            new = i.sigmoid() * g.tanh() + kept
            c[own] = new
            h[own] = o.sigmoid() * new.tanh()
        return h


def by_height(trees: Trees) -> list[tuple[Tensor, Tensor]]:
    """The inner nodes of each height from 1, and their two children."""
    parents = trees.parents.tolist()
    below: list[list[int]] = [[] for _ in parents]
    heights = [0] * len(parents)
    for node in reversed(range(len(parents))):
        if parents[node] >= 0:
            below[parents[node]].insert(0, node)
            heights[parents[node]] = max(heights[parents[node]], heights[node] + 1)
    found = []
    for height in range(1, max(heights) + 1):
        own = [node for node, its in enumerate(heights) if its == height]
        found.append((torch.tensor(own), torch.tensor([below[node] for node in own])))
    return found


def inference(work: Callable[[], Tensor]) -> Callable[[], object]:
    def run() -> Tensor:
        with torch.no_grad():
            return work()

    return run


def training(work: Callable[[], Tensor]) -> Callable[[], object]:
    return lambda: work().square().mean().backward()


def measured(cell: str, threads: int, trees: Trees, turns: int) -> list[dict[str, str]]:
    """A row for the forward pass and one for a training step."""
    torch.manual_seed(0)
    layer, x = TreeRecurrent(cell, INPUT, HIDDEN, inputs="leaves"), torch.randn(len(trees.leaves), INPUT)
    works: dict[str, Callable[[], Tensor]] = {
        "levels": lambda: layer(x, trees)[0],
        "nodes": lambda: node_by_node(layer, x, trees),
    }
    torch.testing.assert_close(works["levels"](), works["nodes"](), rtol=1e-4, atol=1e-5)
    if cell == "nary-tree":
        module, heights = ByHeight(), by_height(trees)
        works["by hand"] = lambda: module(x, trees.leaves, heights, len(trees))
    rows = []
    for mode, wrapped in {"forward": inference, "training step": training}.items():
        timings = side_by_side({name: wrapped(work) for name, work in works.items()}, turns, Cores())
        row = {"cell": cell, "mode": mode, "threads": str(threads), "nodes": str(len(trees))}
        row |= {"levels": str(len(trees.levels("up").each))}
        row |= {"levels_us": f"{timings.microseconds('levels').median:.0f}"}
        for name, short in {"nodes": "nodes", "by hand": "by_hand"}.items():
            told = dict.fromkeys((f"{short}_us", f"{short}_ratio", f"{short}_low", f"{short}_high"), "")
            if name in works:
                ratio = timings.ratio(name, over="levels")
                values = (
                    f"{timings.microseconds(name).median:.0f}",
                    *(f"{r:.2f}" for r in (ratio.median, ratio.low, ratio.high)),
                )
                told = dict(zip(told, values, strict=True))
            row |= told
        rows.append(row | {"disturbed": timings.disturbed})
        print(*rows[-1].values(), flush=True)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=9, help="turns of each row")
    parser.add_argument("--threads", type=numbers, default=(1, 2), help="of torch, with commas between them")
    options = parser.parse_args()
    read = read_trees(data_folder() / "sst_trees" / "train.txt", BATCH)
    trees = Trees.from_parents([tree.parents for tree in read])
    rows = []
    for threads in options.threads:
        torch.set_num_threads(threads)
        for cell in CELLS:
            rows += measured(cell, threads, trees, options.turns)
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_atomically(HERE / "tree.csv", text.getvalue())


if __name__ == "__main__":
    main()
