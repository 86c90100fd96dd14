"""Connectionist temporal classification: labels for sequences of which nobody says where each label is."""

from __future__ import annotations

from collections.abc import Mapping

from cellwright.layers.ctc.beam import Hypothesis, prefix_beam_search
from cellwright.layers.ctc.best_path import best_path, collapse
from cellwright.layers.ctc.checks import Labelling
from cellwright.layers.ctc.error_rates import edit_distance, label_error_rate, word_error_rate
from cellwright.layers.ctc.language_models import LabelNGram, WordNGram
from cellwright.layers.ctc.loss import ctc_loss
from cellwright.layers.ctc.prefix_search import prefix_search
from cellwright.layers.ctc.string_models import StringModel
from cellwright.layers.ctc.word_list import WordList
from cellwright.layers.listing import Topology

__all__ = [
    "Hypothesis",
    "LabelNGram",
    "Labelling",
    "StringModel",
    "WordList",
    "WordNGram",
    "best_path",
    "collapse",
    "ctc_loss",
    "edit_distance",
    "label_error_rate",
    "prefix_beam_search",
    "prefix_search",
    "word_error_rate",
]

TOPOLOGIES: Mapping[str, Topology] = {
    "ctc": Topology(
        "labels and a blank at each step; a string of labels counts the probabilities of all its alignments",
        "Graves, Fernández, Gomez & Schmidhuber 2006, Proc. ICML, 369",
        (
            r"p(\pi \mid x) = \prod_t y_{t, \pi_t}",
            r"p(z \mid x) = \sum_{\pi \in \mathcal{B}^{-1}(z)} p(\pi \mid x)",
            r"L = -\ln p(z \mid x)",
        ),
        (("", "z", ""), ("y_1", "y_2", "y_3"), ("h_1", "h_2", "h_3"), ("x_1", "x_2", "x_3")),
        (
            *((f"x_{t}", f"h_{t}") for t in (1, 2, 3)),
            *((f"h_{t}", f"y_{t}") for t in (1, 2, 3)),
            *((f"h_{t}", f"h_{t + 1}") for t in (1, 2)),
            *((f"y_{t}", "z") for t in (1, 2, 3)),
        ),
        ("spoken_digits.py",),
    ),
}  # fmt: skip
