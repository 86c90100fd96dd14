"""Trees in brackets: read as they were written, and refused in one line where they are none."""

from __future__ import annotations

import re

import pytest

from cellwright.data.bracketed import BracketedTree, parse_tree, read_trees
from cellwright.errors import CellwrightError


def test_a_tree_with_its_labels_and_words():
    assert parse_tree("(3 (2 not) (1 (0 bad) (2 film)))") == BracketedTree(
        (-1, 0, 0, 2, 2), ("3", "2", "1", "0", "2"), ("not", "bad", "film")
    )
    assert parse_tree("(S  (NP(D the)(N a\u00a0b)) )").words == ("the", "a\u00a0b")
    assert parse_tree(" (2 (2 2)) ") == BracketedTree((-1, 0), ("2", "2"), ("2",))


def test_a_file_of_trees(tmp_path):
    file = tmp_path / "trees.txt"
    file.write_text("(1 a)\n\n(0 (1 b\u0085) (2 c))\n", encoding="utf-8")
    assert [tree.words for tree in read_trees(file)] == [("a",), ("b\u0085", "c")]
    assert [tree.words for tree in read_trees(file, 1)] == [("a",)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "its brackets do not close"),
        ("(1 a", "its brackets do not close"),
        ("(1 a))", "')' stands outside of all brackets"),
        ("a", "'a' stands outside of all brackets"),
        ("(1 a) (2 b)", "more follows the root's last bracket"),
        ("(1 a b)", "a node has two words, the second of them 'b'"),
        ("(1)", "a node has neither a word nor children"),
        ("()", "a node has neither a word nor children"),
        ("(1 a (2 b))", "a node has both a word and children"),
        ("((1 a) (2 b))", "a node has no label"),
    ],
)
def test_what_is_no_tree(text, message):
    with pytest.raises(CellwrightError, match=f"^{re.escape(message)}"):
        parse_tree(text)


def test_files_that_hold_no_trees(tmp_path):
    with pytest.raises(CellwrightError, match=r"trees cannot be read: .*no such file"):
        read_trees(tmp_path / "none.txt")
    (tmp_path / "trees.txt").write_text("(1 a)\n(1 a", encoding="utf-8")
    with pytest.raises(CellwrightError, match=r"trees.txt, line 2: its brackets do not close"):
        read_trees(tmp_path / "trees.txt")
    (tmp_path / "trees.txt").write_bytes(b"\xff\xfe")
    with pytest.raises(CellwrightError, match=r"trees.txt is no text in UTF-8: expected trees in brackets"):
        read_trees(tmp_path / "trees.txt")


def test_the_sentiment_treebank(needs):
    trees = read_trees(needs.data("sst_trees/dev.txt"))
    assert len(trees) == 1101
    assert sum(len(tree.words) for tree in trees) == 21274
    assert all(tree.parents.count(node) in (0, 2) for tree in trees for node in range(len(tree.labels)))
