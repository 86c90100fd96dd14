"""Batches of trees: what they are built from, their levels, and what is no tree."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch

from cellwright.errors import CellwrightError
from cellwright.layers import Trees


def test_all_builders_agree():
    """The sentence (the cat) (sat down), with inner nodes numbered as their brackets open."""
    parents = [-1, 0, 1, 1, 0, 4, 4]
    trees = Trees.from_nested([[["the", "cat"], ("sat", "down")]])
    assert trees.parents.tolist() == parents
    assert trees.places.tolist() == [0, 0, 0, 1, 1, 0, 1]
    for given in ([parents], np.array([parents]), torch.tensor([parents]), (tuple(parents),)):
        again = Trees.from_parents(given)
        assert torch.equal(again.parents, trees.parents)
        assert torch.equal(again.places, trees.places)
    heads = Trees.from_heads([[2, 3, 0, 3]])  # the cat sat down
    assert heads.parents.tolist() == [1, 2, -1, 2]
    assert heads.places.tolist() == [0, 0, 0, 1]


def test_what_a_batch_knows_of_its_nodes():
    trees = Trees.from_nested([[["a", "b", "c"], "d"], "e", [None, "f"]])
    assert trees.counts == (6, 1, 2)
    assert len(trees) == 9
    assert trees.roots.tolist() == [0, 6, 7]
    assert trees.leaves.tolist() == [2, 3, 4, 5, 6, 8]
    assert trees.children.tolist() == [2, 3, 0, 0, 0, 0, 0, 1, 0]
    assert trees.depths.tolist() == [0, 1, 2, 2, 2, 1, 0, 0, 1]
    assert trees.tree_of.tolist() == [0, 0, 0, 0, 0, 0, 1, 2, 2]
    assert trees.places[8] == 1


def test_trees_are_joined_in_their_order():
    shapes = [[-1, 0, 0], [1, -1], [-1]]
    together = Trees.from_parents(shapes)
    joined = Trees.join(Trees.from_parents([shape]) for shape in shapes)
    for name in ("parents", "places", "counts"):
        assert np.array_equal(getattr(joined, name), getattr(together, name))
    assert together.parents.tolist() == [-1, 0, 0, 4, -1, -1]


@pytest.mark.parametrize("direction", ["up", "down"])
def test_every_node_is_run_once_and_after_what_it_reads(direction):
    generator = torch.Generator().manual_seed(0)
    shapes = [[-1, *(int(torch.randint(k, (), generator=generator)) for k in range(1, n))] for n in (40, 1, 7)]
    trees = Trees.from_parents(shapes)
    levels = trees.levels(direction)
    assert levels is trees.levels(direction)
    assert sorted(levels.order.tolist()) == list(range(len(trees)))
    assert levels.order[levels.back].tolist() == list(range(len(trees)))
    read, before = {}, []
    for level in levels.each:
        assert level.nodes + level.starting == len(level.numbers)
        assert level.is_full == bool((level.predecessors < len(before)).all())
        for node, row in zip(level.numbers.tolist(), level.predecessors.tolist(), strict=False):
            read[node] = [before[place] for place in row if place < len(before)]
        before = level.numbers.tolist()
    parents = trees.parents.tolist()
    if direction == "up":
        nodes = range(len(parents))
        expected = {node: [k for k in nodes if parents[k] == node] for node in nodes if node in parents}
    else:
        expected = {node: [parent] for node, parent in enumerate(parents) if parent >= 0}
    assert read == expected


def test_deep_trees_are_built_without_recursion():
    depth = 1500  # more than Python lets functions call themselves
    tree = "leaf"
    for _ in range(depth):
        tree = [tree]
    assert int(Trees.from_nested([tree]).depths.max()) == depth


WRONG = [
    ("from_parents", [], "there are no trees: expected at least one"),
    ("from_parents", [[]], "tree 0 is empty: a tree has a root at least"),
    ("from_parents", [[-1], [1, 0]], "tree 1 has a cycle: 2 of its 2 nodes hang on no root"),
    ("from_parents", [[-1, 2, 1]], "tree 0 has a cycle: 2 of its 3 nodes hang on no root"),
    ("from_parents", [[-1, 1]], "tree 0 has a cycle: 1 of its 2 nodes hang on no root"),
    ("from_parents", [[-1, -1, 0]], "tree 0 has 2 roots, expected one: build a tree of each"),
    ("from_parents", [[-1, 2]], "the parent of node 1 of tree 0 is 2: expected a node from 0 to 1, or -1 for the root"),
    ("from_parents", [[-2]], "the parent of node 0 of tree 0 is -2: expected a node from 0 to 0, or -1 for the root"),
    ("from_parents", [[-1, 0.5]], "the parent of node 1 of tree 0 is 0.5: expected a node"),
    ("from_parents", [[-1, True]], "the parent of node 1 of tree 0 is True: expected a node"),
    ("from_parents", [-1, 0], "from_parents takes a list of whole numbers for each tree, got [-1, 0]"),
    (
        "from_parents",
        np.array([-1, 0]),
        "from_parents takes a list of whole numbers for each tree, got array([-1,  0])",
    ),
    ("from_parents", 5, "from_parents takes a list of whole numbers for each tree, got 5"),
    ("from_heads", [[0, 3]], "the head of word 2 of sentence 0 is 3: expected a word from 1 to 2, or 0 for the root"),
    ("from_heads", [["a"]], "the head of word 1 of sentence 0 is 'a': expected a word"),
    ("from_heads", [[2, 1]], "tree 0 has a cycle"),
    ("from_nested", [], "there are no trees: expected at least one"),
    ("from_nested", [[["a"], []]], "node 3 of tree 0 is []: expected children, or a leaf"),
    ("from_nested", [[None]], "node 0 of tree 0 is [None]: expected children, or a leaf"),
    ("from_nested", "abc", "from_nested takes a list of trees, got str"),
    ("join", [[-1]], "join takes Trees, got list: build them with from_parents, say"),
    ("join", [], "there are no trees: expected at least one"),
]


@pytest.mark.parametrize(("maker", "given", "message"), WRONG, ids=[f"{maker} {given}" for maker, given, _ in WRONG])
def test_what_makes_no_trees(maker, given, message):
    with pytest.raises(CellwrightError, match=f"^{re.escape(message)}"):
        getattr(Trees, maker)(given)
