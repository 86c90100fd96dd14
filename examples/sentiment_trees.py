"""Tree LSTMs against bags of words, which see the same words and labels but no tree.

Two tasks. In the first, formulas of "and", "or" and "not" are evaluated: trees with labels at every node, made at
random so that the root is true half of the time. Words and their numbers say little of a formula's value, and a bag
must fail; the child-sum tree LSTM has to solve it, also for formulas larger than those that it was trained on.

In the second, sentences of film reviews are judged (Stanford Sentiment Treebank, five classes from very negative to
very positive, a label at every phrase; Socher et al. 2013). The binary tree LSTM of Tai, Socher & Manning (2015, ACL,
1556) is published with 51.0 % right of five classes and 88.0 % of two, starting from GloVe vectors. Vectors here start
at random. It has to beat the average of learned word vectors, and a logistic regression on the counts of words, since
it can turn a phrase round ("not good") where these add up words.

Weights are those of the epoch that was best on the validation part; the test part is looked at once.

    CELLWRIGHT_DATA=FOLDER python examples/sentiment_trees.py [--trees 3000] [--epochs 12] [--seeds 3]
"""

from __future__ import annotations

import argparse
import copy
import random
import statistics
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from cellwright.cells import Cell
from cellwright.data.bracketed import BracketedTree, read_trees
from cellwright.data.known import data_folder
from cellwright.layers import TreeRecurrent, Trees

NEUTRAL = 2
LITERALS, OPERATORS = ("false", "true"), ("not", "and", "or")


@dataclass(frozen=True)
class Labelled:
    """A tree with a label at every node. Nodes are numbered as their brackets open, so that a phrase is a run of words.

    Attributes:
        words: of the nodes that have one, by number, in their order.
        spans: the words below each node, its own included: the first, and the one after the last.
    """

    trees: Trees
    words: tuple[int, ...]
    labels: tuple[int, ...]
    spans: tuple[tuple[int, int], ...]

    @classmethod
    def of(
        cls, parents: Sequence[int], words: Sequence[int], labels: Sequence[int], has_word: Sequence[bool]
    ) -> Labelled:
        before = [0]
        for has in has_word:
            before.append(before[-1] + has)
        ends = list(range(1, len(parents) + 1))
        for node in reversed(range(1, len(parents))):
            ends[parents[node]] = max(ends[parents[node]], ends[node])
        spans = tuple((before[node], before[end]) for node, end in enumerate(ends))
        return cls(Trees.from_parents([parents]), tuple(words), tuple(labels), spans)


@dataclass(frozen=True)
class Batch:
    """Several trees at once: words (words,), labels (nodes,), spans (nodes, 2)."""

    trees: Trees
    words: Tensor
    labels: Tensor
    spans: Tensor

    @classmethod
    def of(cls, trees: Sequence[Labelled]) -> Batch:
        spans, start = [], 0
        for tree in trees:
            spans.append(torch.tensor(tree.spans) + start)
            start += len(tree.words)
        return cls(
            Trees.join(tree.trees for tree in trees),
            torch.tensor([word for tree in trees for word in tree.words]),
            torch.tensor([label for tree in trees for label in tree.labels]),
            torch.cat(spans),
        )


class TreeClassifier(nn.Module):
    """Scores of every node from a tree LSTM over learned word vectors."""

    def __init__(self, cell: Cell | str, inputs: str, words: int, classes: int, size: int, dropout: float) -> None:
        super().__init__()
        self.vectors = nn.Embedding(words, size)
        self.layer = TreeRecurrent(cell, size, size, inputs=inputs)
        self.scores = nn.Linear(size, classes)
        self.dropout = nn.Dropout(dropout)

    def forward(self, batch: Batch) -> Tensor:
        output, _ = self.layer(self.dropout(self.vectors(batch.words)), batch.trees)
        return self.scores(self.dropout(output))


class BagOfWords(nn.Module):
    """Scores of every node from the average of the learned vectors of its words, or from the counts of its words."""

    def __init__(self, words: int, classes: int, size: int | None, dropout: float = 0.0) -> None:
        super().__init__()
        self.counts = size is None
        self.vectors = nn.Embedding(words, size or classes)
        if self.counts:
            nn.init.zeros_(self.vectors.weight)  # a weight for each word and class
        self.scores = nn.Linear(size or classes, classes)
        self.dropout = nn.Dropout(dropout)

    def forward(self, batch: Batch) -> Tensor:
        vectors = self.dropout(self.vectors(batch.words)).double()  # sums of many words, of which differences are taken
        sums = torch.cat([vectors.new_zeros(1, vectors.shape[1]), vectors.cumsum(0)])
        first, last = batch.spans.T
        total = (sums[last] - sums[first]).float()
        if self.counts:
            return total + self.scores.bias
        return self.scores(total / (last - first).unsqueeze(1))


def batches(trees: Sequence[Labelled], size: int = 25) -> list[Batch]:
    return [Batch.of(trees[start : start + size]) for start in range(0, len(trees), size)]


def accuracy(model: nn.Module, given: Iterable[Batch], two_classes: bool = False) -> float:
    """How many roots are judged right. With two classes neutral ones are left out, of the tree and of the scores."""
    right = total = 0
    model.eval()
    with torch.no_grad():
        for batch in given:
            roots = batch.trees.roots
            chances, labels = model(batch)[roots].softmax(-1), batch.labels[roots]
            if two_classes:
                chances = torch.stack([chances[:, :NEUTRAL].sum(1), chances[:, NEUTRAL + 1 :].sum(1)], 1)[
                    labels != NEUTRAL
                ]
                labels = (labels[labels != NEUTRAL] > NEUTRAL).long()
            right += int((chances.argmax(1) == labels).sum())
            total += len(labels)
    return right / total


def fit(
    model: nn.Module,
    training: Sequence[Batch],
    validation: Sequence[Batch],
    epochs: int,
    rate: float,
    decay: float = 0.0,
    roots_alone: bool = False,
) -> float:
    """Train on every node, or on roots alone, and keep the epoch that was best on the validation part; its accuracy."""
    optimiser = torch.optim.Adam(model.parameters(), lr=rate, weight_decay=decay)
    best, kept = -1.0, copy.deepcopy(model.state_dict())
    for _ in range(epochs):
        model.train()
        for index in torch.randperm(len(training)).tolist():
            batch = training[index]
            nodes = batch.trees.roots if roots_alone else slice(None)
            loss = nn.functional.cross_entropy(model(batch)[nodes], batch.labels[nodes])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        if (now := accuracy(model, validation)) > best:
            best, kept = now, copy.deepcopy(model.state_dict())
    model.load_state_dict(kept)
    return best


def formula(draw: random.Random, nodes: int) -> Labelled:
    """A random formula of about so many nodes, every node with a word: an operator, or a literal at the leaves."""
    parents: list[int] = []
    words: list[int] = []

    def grow(parent: int, size: int) -> int:
        """Append a formula; its value."""
        node = len(parents)
        parents.append(parent)
        words.append(0)
        labels.append(0)
        if size < 2:
            words[node] = labels[node] = draw.randrange(2)
            return labels[node]
        operator = draw.choice(OPERATORS)
        count = 1 if operator == "not" else min(draw.choice((2, 2, 3)), size - 1)
        values = [grow(node, (size - 1) // count) for _ in range(count)]
        words[node] = len(LITERALS) + OPERATORS.index(operator)
        labels[node] = {"not": 1 - values[0], "and": min(values), "or": max(values)}[operator]
        return labels[node]

    labels: list[int] = []
    grow(-1, nodes)
    return Labelled.of(parents, words, labels, [True] * len(parents))


def formulas(count: int, least: int, most: int, seed: int) -> list[Labelled]:
    """Half of them true and half of them false."""
    draw = random.Random(seed)
    found: list[list[Labelled]] = [[], []]
    while min(map(len, found)) < count // 2:
        tree = formula(draw, draw.randint(least, most))
        found[tree.labels[0]].append(tree)
    together = [tree for pair in zip(*found, strict=False) for tree in pair]
    return together[:count]


def formula_accuracies(count: int = 1000, epochs: int = 12, seed: int = 0) -> dict[str, tuple[float, float]]:
    """Accuracy on formulas of the sizes that were trained on (5 to 25 nodes), and on larger ones (40 to 80)."""
    small, large = formulas(2 * count, 5, 25, seed), formulas(count // 2, 40, 80, seed + 1)
    training, validation = batches(small[:count], 50), batches(small[count : count + count // 4], 50)
    tests = [batches(small[count + count // 4 :], 50), batches(large, 50)]
    words = len(LITERALS) + len(OPERATORS)
    made: dict[str, tuple[Callable[[], nn.Module], float, bool]] = {
        "child-sum tree LSTM": (lambda: TreeClassifier("childsum-tree", "nodes", words, 2, 16, 0.0), 0.02, False),
        "average of word vectors": (lambda: BagOfWords(words, 2, 16), 0.02, True),
        "logistic regression on counts": (lambda: BagOfWords(words, 2, None), 0.02, True),
    }
    found = {}
    for name, (make, rate, roots_alone) in made.items():
        torch.manual_seed(seed)
        model = make()
        fit(model, training, validation, epochs, rate, roots_alone=roots_alone)
        found[name] = (accuracy(model, tests[0]), accuracy(model, tests[1]))
    return found


def sentences(trees: Sequence[BracketedTree], numbers: dict[str, int]) -> list[Labelled]:
    """Trees whose words have numbers; 0 stands for those that are not known."""
    found = []
    for tree in trees:
        inner = set(tree.parents)
        has_word = [node not in inner for node in range(len(tree.parents))]
        words = [numbers.get(word.lower(), 0) for word in tree.words]
        found.append(Labelled.of(tree.parents, words, [int(label) for label in tree.labels], has_word))
    return found


def vocabulary(trees: Iterable[BracketedTree]) -> dict[str, int]:
    """Numbers from 1 of words that occur twice or more."""
    counts = Counter(word.lower() for tree in trees for word in tree.words)
    return {word: number for number, word in enumerate((w for w, n in counts.items() if n > 1), start=1)}


def read(folder: Path, count: int | None, others: int | None = None) -> tuple[list[list[Batch]], int]:
    """Training, validation and test part in batches, or a few trees of each; the number of words.

    The files begin with what is praised and end with what is not, so that all are shuffled, always in the same way.
    """
    parts = []
    for part, most in {"train": count, "dev": others, "test": others}.items():
        trees = read_trees(folder / f"{part}.txt")
        random.Random(0).shuffle(trees)
        parts.append(trees[:most])
    numbers = vocabulary(parts[0])
    return [batches(sentences(part, numbers)) for part in parts], len(numbers) + 1


def sentiment_accuracies(
    parts: Sequence[Sequence[Batch]], words: int, epochs: int = 12, size: int = 100, seed: int = 0
) -> dict[str, tuple[float, float, float]]:
    """Accuracy on the validation part, and on the test part of five classes and of two.

    The settings of all three were chosen on the validation part, for all trees. The average of word vectors is better
    when it is trained on whole sentences alone: most phrases are neutral, and a bag cannot tell short from long.
    """
    training, validation, test = parts
    made: dict[str, tuple[Callable[[], nn.Module], dict[str, float | bool | int]]] = {
        "binary tree LSTM": (
            lambda: TreeClassifier("nary-tree", "leaves", words, 5, size, 0.5),
            {"epochs": epochs, "rate": 2e-3, "decay": 1e-5},
        ),
        "average of word vectors": (
            lambda: BagOfWords(words, 5, size, 0.5),
            {"epochs": epochs, "rate": 2e-3, "decay": 1e-5, "roots_alone": True},
        ),
        "logistic regression on counts": (
            lambda: BagOfWords(words, 5, None),
            {"epochs": epochs, "rate": 5e-3, "decay": 1e-5},
        ),
    }
    found = {}
    for name, (make, settings) in made.items():
        torch.manual_seed(seed)
        model = make()
        best = fit(model, training, validation, **settings)  # type: ignore[arg-type]
        found[name] = (best, accuracy(model, test), accuracy(model, test, two_classes=True))
    return found


def told(runs: Sequence[dict[str, tuple[float, ...]]], columns: Sequence[str]) -> None:
    """Print the mean of several runs, and the least and the most."""
    print(f"{'':32}" + "".join(f"{column:>24}" for column in columns))
    for name in runs[0]:
        cells = []
        for values in zip(*(run[name] for run in runs), strict=True):
            low, mean, high = (100 * f(values) for f in (min, statistics.mean, max))
            cells.append(f"{mean:.1f} ({low:.1f} to {high:.1f})")
        print(f"{name:32}" + "".join(f"{cell:>24}" for cell in cells))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trees", type=int, default=3000, help="trees of the training part")
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    torch.set_num_threads(1)
    print(f"Formulas, % right, mean of {options.seeds} seeds:")
    told([formula_accuracies(seed=seed) for seed in range(options.seeds)], ("5 to 25 nodes", "40 to 80 nodes"))
    parts, words = read(data_folder() / "sst_trees", options.trees)
    print(f"\nSentiment, {options.trees} trees, {words} words, % of roots right, mean of {options.seeds} seeds:")
    runs = [sentiment_accuracies(parts, words, options.epochs, seed=seed) for seed in range(options.seeds)]
    told(runs, ("validation, five", "test, five", "test, two"))
    print(f"{'published, from GloVe':32}{'':24}{51.0:>24}{88.0:>24}")


if __name__ == "__main__":
    main()
