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
    reader = _Reader()
    for token in _TOKEN.findall(text.strip()):
        reader.read(token)
    if reader.path or not reader.parents:
        raise CellwrightError("its brackets do not close: expected a tree, (label word) or (label (child) ...)")
    return BracketedTree(tuple(reader.parents), tuple(reader.labels), tuple(reader.words.values()))


class _Reader:
    """What is known of a tree, token by token.

    Attributes:
        path: the nodes whose brackets are open.
        words: by node.
    """

    def __init__(self) -> None:
        self.parents: list[int] = []
        self.labels: list[str] = []
        self.words: dict[int, str] = {}
        self.path: list[int] = []

    def read(self, token: str) -> None:
        if token == "(":
            self._open()
        elif not self.path:
            raise CellwrightError(f"{token!r} stands outside of all brackets: expected a tree, (label word)")
        elif token == ")":
            self._close(self.path.pop())
        else:
            self._write(self.path[-1], token)

    def _open(self) -> None:
        if not self.path and self.parents:
            raise CellwrightError("more follows the root's last bracket: expected one tree a line")
        self.parents.append(self.path[-1] if self.path else -1)
        self.path.append(len(self.labels))
        self.labels.append("")

    def _close(self, node: int) -> None:
        has_child, has_word = self.parents[node + 1 : node + 2] == [node], node in self.words
        if not self.labels[node] and (has_child or has_word):
            raise CellwrightError("a node has no label: expected (label word) or (label (child) ...)")
        if has_child == has_word:
            held = "both a word and children" if has_word else "neither a word nor children"
            raise CellwrightError(f"a node has {held}: expected (label word) or (label (child) ...)")

    def _write(self, node: int, token: str) -> None:
        """A label, which comes first, or a word."""
        if not self.labels[node] and len(self.labels) == node + 1:
            self.labels[node] = token
        elif node in self.words:
            raise CellwrightError(f"a node has two words, the second of them {token!r}: expected (label word)")
        else:
            self.words[node] = token
