"""The example of tree LSTMs: formulas, of which a bag of words knows little, and sentences of the treebank."""

from __future__ import annotations

import torch


def test_a_tree_lstm_evaluates_formulas_and_bags_of_words_do_not(example):
    """The value hangs on what stands below which "not"; counts of words say little more than a coin does."""
    found = example.formula_accuracies(count=300, epochs=8)
    tree, bags = found.pop("child-sum tree LSTM"), found.values()
    assert tree[0] > 0.95
    assert tree[1] > 0.8, "formulas larger than those of the training"
    assert all(small < 0.7 and large < 0.7 for small, large in bags)
    assert len(bags) == 2


def test_formulas_have_the_values_of_their_parts(example):
    for tree in example.formulas(50, 5, 40, seed=3):
        parents = tree.trees.parents.tolist()
        for node, label in enumerate(tree.labels):
            below = [tree.labels[k] for k in range(len(parents)) if parents[k] == node]
            values = {0: 0, 1: 1, 2: 1 - sum(below), 3: min(below, default=0), 4: max(below, default=0)}
            assert label == values[tree.words[node]]
            assert (not below) == (tree.words[node] < 2)


def test_sentences_of_the_treebank_are_learnt(example, needs):
    """A few of them by heart, so that words, trees and labels belong together; to learn more takes minutes."""
    parts, words = example.read(needs.data("sst_trees"), 20, 10)
    training = parts[0]
    assert [sum(len(batch.trees.counts) for batch in part) for part in parts] == [20, 10, 10]
    torch.manual_seed(0)
    model = example.TreeClassifier("nary-tree", "leaves", words, 5, 20, 0.0)
    chance = example.accuracy(model, training)
    example.fit(model, training, training, 40, 2e-2, roots_alone=True)
    assert chance < 0.5
    assert example.accuracy(model, training) > 0.9
    assert example.accuracy(model, training, two_classes=True) > 0.9


def test_a_bag_averages_the_words_of_each_phrase(example):
    tree = example.formulas(2, 10, 10, seed=0)[1]
    torch.manual_seed(0)
    bag, counted = example.BagOfWords(5, 2, 3), example.BagOfWords(5, 2, None)
    torch.nn.init.normal_(counted.vectors.weight)
    batch = example.Batch.of([tree, tree])
    scores, counts = bag(batch), counted(batch)
    parents = tree.trees.parents.tolist()
    for node in range(len(parents)):
        below = [k for k in range(len(parents)) if node in _path(parents, k)]
        vectors = bag.vectors.weight[[tree.words[k] for k in below]]
        torch.testing.assert_close(scores[len(parents) + node], bag.scores(vectors.mean(0)), rtol=1e-5, atol=1e-6)
        weights = counted.vectors.weight[[tree.words[k] for k in below]].sum(0) + counted.scores.bias
        torch.testing.assert_close(counts[node], weights, rtol=1e-5, atol=1e-6)


def _path(parents, node):
    """A node and those above it."""
    return [] if node < 0 else [node, *_path(parents, parents[node])]
