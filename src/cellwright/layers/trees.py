"""Batches of trees as tensors, and the levels in which a layer runs through them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from numbers import Integral
from typing import Any, Literal, Self, TypeAlias, TypeVar

import torch

from cellwright.errors import CellwrightError

Tensor: TypeAlias = torch.Tensor
Direction: TypeAlias = Literal["up", "down"]
Found = TypeVar("Found")


def _found_once(find: Callable[[Any], Found]) -> cached_property[Found]:
    """A property that is kept, for training too where it is first asked for in inference mode."""
    return cached_property(torch.inference_mode(mode=False)(find))


@dataclass(frozen=True, eq=False)
class Trees:
    """A batch of trees. Their nodes are numbered through, tree after tree.

    Build it with ``from_parents``, ``from_heads`` or ``from_nested``; ``join`` makes one batch of several.

    Attributes:
        parents: (nodes,), the number of each node's parent; -1 for a root.
        places: (nodes,), the place of each node among the children of its parent, from 0; 0 for a root.
        counts: nodes of each tree.
    """

    parents: Tensor
    places: Tensor
    counts: tuple[int, ...]

    @classmethod
    def from_parents(cls, parents: Sequence[Sequence[int]]) -> Self:
        """From one list a tree: the parent of each node, numbered from 0 within the tree, -1 for the root.

        The children of a node are ordered by their numbers.

        Raises:
            CellwrightError: no tree, or an empty one; a parent that is no node; no root, or several; a cycle.
        """
        return cls._of([(each, None) for each in _listed(parents, "from_parents")])

    @classmethod
    def from_heads(cls, heads: Sequence[Sequence[int]]) -> Self:
        """From one list a sentence, as dependency treebanks write it: the head of each word, counted from 1; 0 is none.

        Raises:
            CellwrightError: as ``from_parents``.
        """
        sentences = _listed(heads, "from_heads")
        for number, each in enumerate(sentences):
            for word, head in enumerate(each, start=1):
                if not _is_whole(head) or not 0 <= head <= len(each):
                    raise CellwrightError(
                        f"the head of word {word} of sentence {number} is {head!r}: expected a word from 1 to "
                        f"{len(each)}, or 0 for the root"
                    )
        return cls._of([([head - 1 for head in each], None) for each in sentences])

    @classmethod
    def from_nested(cls, trees: Sequence[Any]) -> Self:
        """From one nested list or tuple a tree: ``[["not", "good"], "film"]``. What is neither is a leaf.

        Nodes are numbered in the order in which their brackets open, leaves among them: the root first, leaves from
        left to right. ``None`` stands for a child that is missing, in the order of the others.

        Raises:
            CellwrightError: no tree, or a node without children.
        """
        if isinstance(trees, str) or not isinstance(trees, Sequence):
            raise CellwrightError(f"from_nested takes a list of trees, got {type(trees).__name__}")
        return cls._of([_unnested(tree, number) for number, tree in enumerate(trees)])

    @classmethod
    def join(cls, batches: Iterable[Trees]) -> Self:
        """One batch of several, in their order.

        Raises:
            CellwrightError: there is none.
        """
        batches = list(batches)
        if wrong := [type(batch).__name__ for batch in batches if not isinstance(batch, Trees)]:
            raise CellwrightError(f"join takes Trees, got {wrong[0]}: build them with from_parents, say")
        if not batches:
            raise CellwrightError("there are no trees: expected at least one")
        parents, start = [], 0
        for batch in batches:
            parents.append(torch.where(batch.parents < 0, -1, batch.parents + start))
            start += len(batch)
        places = torch.cat([batch.places for batch in batches])
        return cls(torch.cat(parents), places, tuple(count for batch in batches for count in batch.counts))

    @classmethod
    def _of(cls, trees: Sequence[tuple[Sequence[int], Sequence[int] | None]]) -> Self:
        """From the parents of each tree's nodes and, where they are known, their places; checked."""
        if not trees:
            raise CellwrightError("there are no trees: expected at least one")
        return cls.join([_one_tree(parents, places, number) for number, (parents, places) in enumerate(trees)])

    def __len__(self) -> int:
        """The number of nodes."""
        return len(self.parents)

    @_found_once
    def roots(self) -> Tensor:
        """(trees,), the number of each tree's root."""
        return (self.parents < 0).nonzero().squeeze(1)

    @_found_once
    def leaves(self) -> Tensor:
        """(leaves,), the numbers of the nodes without children, in the order of these numbers."""
        return (self.children == 0).nonzero().squeeze(1)

    @_found_once
    def children(self) -> Tensor:
        """(nodes,), how many children each node has."""
        inner = self.parents[self.parents >= 0]
        return torch.bincount(inner, minlength=len(self))

    @_found_once
    def depths(self) -> Tensor:
        """(nodes,), how many edges lie between each node and the root of its tree."""
        depths = torch.zeros_like(self.parents)
        for depth, level in enumerate(_levels(self.parents)):
            depths[level] = depth
        return depths

    @_found_once
    def tree_of(self) -> Tensor:
        """(nodes,), the number of the tree that each node belongs to."""
        return torch.repeat_interleave(torch.arange(len(self.counts)), torch.tensor(self.counts))

    def levels(self, direction: Direction) -> Levels:
        """The order in which a layer runs through the nodes, the same object at every call."""
        return self._up if direction == "up" else self._down

    @_found_once
    def _up(self) -> Levels:
        """From the leaves: children come right before their parents' level, as they are one deeper."""
        edges = (self.parents >= 0).nonzero().squeeze(1)
        return _in_levels(int(self.depths.max()) - self.depths, self.parents[edges], edges, self.places[edges])

    @_found_once
    def _down(self) -> Levels:
        """From the roots: the one predecessor of a node is its parent."""
        edges = (self.parents >= 0).nonzero().squeeze(1)
        return _in_levels(self.depths, edges, self.parents[edges], torch.zeros_like(edges))


@dataclass(frozen=True, eq=False)
class Level:
    """Nodes that are run at once.

    Attributes:
        numbers: of its nodes, those with predecessors first.
        nodes: how many have predecessors.
        starting: how many have none.
        predecessors: (nodes, most), where each predecessor stands among the numbers of the level before; a place
            beyond them where there is none.
        is_full: whether no predecessor is missing.
        before: the nodes of the level before.
    """

    numbers: Tensor
    nodes: int
    starting: int
    predecessors: Tensor
    is_full: bool
    before: int


@dataclass(frozen=True, eq=False)
class Levels:
    """The nodes of a batch of trees in the order in which they are run: those without predecessors first.

    Attributes:
        order: (nodes,), the number of each node that is run.
        starting: how many have no predecessors.
        each: level after level.
    """

    order: Tensor
    starting: int
    each: tuple[Level, ...]

    @_found_once
    def back(self) -> Tensor:
        """(nodes,), where in the order each node is."""
        return torch.argsort(self.order)

    @_found_once
    def start_ranks(self) -> Tensor:
        """(starting,), the rank of each node without predecessors among these by its number."""
        return torch.argsort(torch.argsort(self.order[: self.starting]))

    @cached_property
    def most(self) -> int:
        """The largest number of predecessors, those that are missing before others included."""
        return max(level.predecessors.shape[1] for level in self.each)


def _in_levels(level_of: Tensor, readers: Tensor, read: Tensor, places: Tensor) -> Levels:
    """Levels of nodes, from the level of each and from edges: which node reads which, as its predecessor at a place."""
    counts = torch.bincount(readers, minlength=len(level_of))
    order = torch.argsort(2 * level_of + (counts == 0), stable=True)  # by level, in each those with predecessors first
    sizes = torch.bincount(level_of)
    position = torch.empty_like(order)
    position[order] = torch.arange(len(order)) - torch.repeat_interleave(torch.cumsum(sizes, 0) - sizes, sizes)
    by_level = torch.argsort(level_of[readers], stable=True)
    edge_counts = torch.bincount(level_of[readers], minlength=len(sizes)).tolist()
    rows, columns, sources = (
        tensor[by_level].split(edge_counts) for tensor in (position[readers], places, position[read])
    )
    levels: list[Level] = []
    for number, numbers in enumerate(order.split(sizes.tolist())):
        nodes = int((counts[numbers] > 0).sum())
        most = int(columns[number].max()) + 1 if nodes else 0
        before = len(levels[-1].numbers) if levels else 0
        table = torch.full((nodes, most), before)
        table[rows[number], columns[number]] = sources[number]
        is_full = edge_counts[number] == table.numel()
        levels.append(Level(numbers, nodes, len(numbers) - nodes, table, is_full, before))
    starts = counts[order] == 0
    return Levels(torch.cat([order[starts], order[~starts]]), int(starts.sum()), tuple(levels))


def _levels(parents: Tensor) -> list[Tensor]:
    """The nodes of each depth, roots first. Those on a cycle are in none."""
    inner = (parents >= 0).nonzero().squeeze(1)
    by_parent = inner[torch.argsort(parents[inner], stable=True)]
    counts = torch.bincount(parents[inner], minlength=len(parents))
    first = torch.cumsum(counts, 0) - counts
    level = (parents < 0).nonzero().squeeze(1)
    found = []
    while len(level):
        found.append(level)
        own = counts[level]
        within = torch.arange(int(own.sum())) - torch.repeat_interleave(torch.cumsum(own, 0) - own, own)
        level = by_parent[torch.repeat_interleave(first[level], own) + within]
    return found


def _one_tree(parents: Sequence[int], places: Sequence[int] | None, number: int) -> Trees:
    """One tree of checked parents; children whose places are not known have them by their numbers."""
    count = len(parents)
    if not count:
        raise CellwrightError(f"tree {number} is empty: a tree has a root at least")
    for node, parent in enumerate(parents):
        if not _is_whole(parent) or not -1 <= parent < count:
            raise CellwrightError(
                f"the parent of node {node} of tree {number} is {parent!r}: expected a node from 0 to {count - 1}, or "
                "-1 for the root"
            )
    roots = sum(parent == -1 for parent in parents)
    if roots > 1:
        raise CellwrightError(f"tree {number} has {roots} roots, expected one: build a tree of each")
    if lost := count - _reached(parents):
        raise CellwrightError(f"tree {number} has a cycle: {lost} of its {count} nodes hang on no root")
    by_number = _by_number(parents) if places is None else places
    return Trees(torch.tensor([int(parent) for parent in parents]), torch.tensor(by_number), (count,))


def _reached(parents: Sequence[int]) -> int:
    """How many nodes hang on a root."""
    known = {-1: True}
    for node in range(len(parents)):
        path = []
        while node not in known:
            known[node] = False  # for now: whoever comes back to it has gone round in a circle
            path.append(node)
            node = parents[node]
        known.update(dict.fromkeys(path, known[node]))
    return sum(known.values()) - 1


def _by_number(parents: Sequence[int]) -> list[int]:
    """The place of each node among its siblings, in the order of their numbers."""
    siblings: dict[int, int] = {}
    places = []
    for parent in parents:
        places.append(siblings.get(parent, 0))
        siblings[parent] = places[-1] + 1
    return places


def _unnested(tree: Any, number: int) -> tuple[list[int], list[int]]:
    """Parents and places of a nested list, without recursion, as trees may be deep."""
    parents: list[int] = []
    places: list[int] = []
    pending: list[tuple[Any, int, int]] = [(tree, -1, 0)]
    while pending:
        item, parent, place = pending.pop()
        node = len(parents)
        parents.append(parent)
        places.append(place)
        if isinstance(item, (list, tuple)):
            children = [(child, node, place) for place, child in enumerate(item) if child is not None]
            if not children:
                raise CellwrightError(f"node {node} of tree {number} is {item!r}: expected children, or a leaf")
            pending += reversed(children)
    return parents, places


def _listed(trees: Any, maker: str) -> list[Sequence[int]]:
    """One list a tree, as it was given, from lists, tuples, arrays or tensors."""
    try:
        lists: list[Sequence[int]] = [list(each.tolist() if hasattr(each, "tolist") else each) for each in trees]
    except TypeError:
        raise CellwrightError(f"{maker} takes a list of whole numbers for each tree, got {trees!r}") from None
    return lists


def _is_whole(value: Any) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool)
