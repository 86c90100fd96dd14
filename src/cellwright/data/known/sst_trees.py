"""Stanford Sentiment Treebank: parsed sentences of reviews, each phrase judged."""

from __future__ import annotations

from cellwright.data.layouts import Form, KnownFile, KnownSet, Trees

_HALVES = {  # trees by the label of the root, very negative (0) to very positive (4); sha256
    "train.txt": ((1092, 2218, 1624, 2322, 1288), "e2f3f41b0b1e6d4dddc0effe3bfc2d27ed8928079aa9a03d652311614fc5feb7"),
    "dev.txt": ((139, 289, 229, 279, 165), "0e9336aed6e4730e19f58d00a77b3f0297efdb755f7b5e598c98a05e3f97ea40"),
    "test.txt": ((279, 633, 389, 510, 399), "6e54806dee95cf80cd918e7dfb3f6770f6df24bf826f289a4d1f709e1c8f6761"),
}

SET = KnownSet(
    name="sst_trees",
    title="Stanford Sentiment Treebank: sentences of film reviews as binary trees, a sentiment of five at every node",
    shape="8544 + 1101 + 2210 trees, 5 classes",
    licence="none stated; sentences from Rotten Tomatoes",
    source="https://nlp.stanford.edu/sentiment/trainDevTestTrees_PTB.zip",
    citation="Socher et al., Recursive Deep Models for Semantic Compositionality Over a Sentiment Treebank, EMNLP 2013",
    forms=(
        Form(
            title="as in trainDevTestTrees_PTB.zip: a tree a line",
            folders=("trees", "sst_trees"),
            files=tuple(
                KnownFile(
                    path=path,
                    content=Trees(trees=sum(roots), labels={str(label): trees for label, trees in enumerate(roots)}),
                    sha256=sha256,
                )
                for path, (roots, sha256) in _HALVES.items()
            ),
            note="UTF-8; a few words hold a no-break space, so split at ' ' alone",
        ),
    ),
)
