"""Trees of words in brackets, a label at every node: ``(3 (2 not) (1 (0 bad) (2 film)))``, one tree a line."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from cellwright.errors import CellwrightError, in_words

_TOKEN = re.compile(r"\(|\)|[^() ]+")


@dataclass(frozen=True)
class BracketedTree:
    """A tree as it was read. Nodes are numbered in the order in which their brackets open, from 0 for the root.

    Attributes:
        parents: the number of each node's parent, -1 for the root.
        labels: of each node.
        words: of the leaves, from left to right.
    """

    parents: tuple[int, ...]
    labels: tuple[str, ...]
    words: tuple[str, ...]


def read_trees(file: str | Path, most: int | None = None) -> list[BracketedTree]:
    """The trees in a file, UTF-8, one a line, or the first of them; empty lines are passed over.

    Raises:
        CellwrightError: there is no such file, or it cannot be read; a line is no tree (see ``parse_tree``).
    """
    path = Path(file)
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise CellwrightError(f"{path.name} is no text in UTF-8: expected trees in brackets") from None
    except OSError as error:
        raise CellwrightError(f"trees cannot be read: {in_words(error)}") from error
    trees: list[BracketedTree] = []
    for number, line in enumerate(text.split("\n"), start=1):  # a word may hold what splitlines takes for an end
        if len(trees) == most:
            break
        if line.strip():
            try:
                trees.append(parse_tree(line))
            except CellwrightError as error:
                raise CellwrightError(f"{path.name}, line {number}: {error}") from None
    return trees


def parse_tree(text: str) -> BracketedTree:
    """One tree: ``(label word)`` or ``(label (child) (child) ...)``. Blanks alone part words; others belong to them.

    Raises:
        CellwrightError: brackets that do not close, a node without a label, without children and word, or with both.
    """
    parents: list[int] = []
    labels: list[str] = []
    words: list[str] = []
    open_nodes: list[int] = []
    has_child: list[bool] = []
    has_word: list[bool] = []
    tokens = _TOKEN.findall(text.strip())
    for place, token in enumerate(tokens):
        if token == "(":
            if not open_nodes and parents:
                raise CellwrightError("more follows the root's last bracket: expected one tree a line")
            if open_nodes:
                has_child[open_nodes[-1]] = True
            parents.append(open_nodes[-1] if open_nodes else -1)
            open_nodes.append(len(labels))
            labels.append("")
            has_child.append(False)
            has_word.append(False)
        elif not open_nodes:
            raise CellwrightError(f"{token!r} stands outside of all brackets: expected a tree, (label word)")
        elif token == ")":
            node = open_nodes.pop()
            if has_child[node] == has_word[node]:
                held = "both a word and children" if has_word[node] else "neither a word nor children"
                raise CellwrightError(f"a node has {held}: expected (label word) or (label (child) ...)")
        elif tokens[place - 1] == "(":
            labels[open_nodes[-1]] = token
        else:
            if has_word[open_nodes[-1]]:
                raise CellwrightError(f"a node has two words, the second of them {token!r}: expected (label word)")
            has_word[open_nodes[-1]] = True
            words.append(token)
    if open_nodes or not parents:
        raise CellwrightError("its brackets do not close: expected a tree, (label word) or (label (child) ...)")
    if "" in labels:
        raise CellwrightError("a node has no label: expected (label word) or (label (child) ...)")
    return BracketedTree(tuple(parents), tuple(labels), tuple(words))
