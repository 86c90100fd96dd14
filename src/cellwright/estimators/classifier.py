"""A classifier of sequences in scikit-learn's manner."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import softmax
from sklearn.base import ClassifierMixin
from sklearn.utils import assert_all_finite
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_consistent_length, column_or_1d
from torch import Tensor
from torch.nn import functional

from cellwright.cells import Cell
from cellwright.errors import CellwrightError
from cellwright.estimators.recurrent import RecurrentEstimator, plain, sample_weights
from cellwright.estimators.scaling import Array
from cellwright.estimators.sequences import Values
from cellwright.tasks import Classifier, Pooling


class RecurrentClassifier(ClassifierMixin, RecurrentEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """A recurrent network that tells classes of sequences apart: ``cellwright.tasks.Classifier``, trained by ``fit``.

    Sequences are (samples, time), (samples, time, features), or a list of arrays (time, features) of any lengths.
    Steps at the end that are NaN in all features are padding. Each feature is scaled to mean 0 and standard
    deviation 1 over the steps of the training samples. The network has the dtype of the data, float32 or float64.

    Args:
        cell: a cell, its name, or ``FILE.py:CLASS``.
        hidden_size: units of each direction.
        bidirectional: a second layer runs from the end. docs/scikit-learn.md: how this and ``pooling`` were chosen.
        pooling: what the classes are read from: the "last" output, or the "mean" or the largest ("max") over time.
        dropout: probability of dropping a pooled output, in training.
        epochs: passes over the training samples; with ``patience`` the most there can be.
        learning_rate, batch_size, clip_norm: of Adam; see ``cellwright.FitSettings``.
        patience: hold out ``validation_fraction`` of the samples, evenly over the classes, stop after this many epochs
            without a lower loss on them and keep the weights of the best epoch. None trains on all samples.
        class_weight: None, "balanced" or a mapping from class to weight, as scikit-learn has it.
        random_state: of the first weights, the order of batches and the split. An integer gives the same bits again.
        checkpoint: a file to keep the training in; it goes on from there if it is called again with the same data
            and an integer as ``random_state``. A search over parameters must leave it None.

    Attributes after ``fit``: ``classes_``, and those of ``RecurrentEstimator``: ``network_``, ``result_``,
    ``input_scaling_``, ``n_features_in_``, ``step_features_``, ``feature_names_in_``.
    """

    def __init__(
        self,
        cell: Cell | str = "lstm",
        hidden_size: int = 32,
        *,
        bidirectional: bool = True,
        pooling: Pooling = "max",
        dropout: float = 0.0,
        epochs: int = 100,
        learning_rate: float = 0.01,
        batch_size: int | None = 32,
        clip_norm: float | None = 1.0,
        patience: int | None = None,
        validation_fraction: float = 0.1,
        class_weight: Mapping[Any, float] | Literal["balanced"] | None = None,
        random_state: Any = None,
        checkpoint: str | Path | None = None,
    ) -> None:
        super().__init__(
            cell, hidden_size, epochs, learning_rate, batch_size, clip_norm, patience, validation_fraction,
            random_state, checkpoint,
        )  # fmt: skip
        self.bidirectional = bidirectional
        self.pooling = pooling
        self.dropout = dropout
        self.class_weight = class_weight

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> RecurrentClassifier:
        """Train on sequences ``X`` with labels ``y`` (samples,), which may be of any type that can be sorted.

        A sample counts by its weight in the loss and in the scaling: to the last bit as so many repetitions of it.
        Samples of weight 0 are left out. The order of samples has no effect.

        Raises:
            ValueError: data, weights or parameters that do not fit; see ``cellwright.fit`` for the training.
            KeyboardInterrupt: Ctrl-C, after the checkpoint was written; the estimator is not fitted then.
        """
        values = self._sequences_to_fit(X)
        labels = _labels(y, values)
        weights = sample_weights(sample_weight, len(values)) * compute_sample_weight(self.class_weight, labels)
        kept = weights > 0
        values, labels, weights = values[kept], labels[kept], weights[kept]
        self.classes_, codes = np.unique(labels, return_inverse=True)
        if len(self.classes_) < 2:
            raise CellwrightError(
                f"y has one class, {self.classes_.tolist()[0]!r}: a classifier needs at least two classes"
            )

        self._train(values, codes, weights)
        return self

    def _targets(self, y: NDArray[Any], weights: Array) -> Tensor:
        """The probabilities of the classes, times the weight of the sample: what cross entropy averages."""
        one_hot = functional.one_hot(torch.from_numpy(y), len(self.classes_))
        return one_hot * torch.from_numpy(weights)[:, None]

    def _loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return functional.cross_entropy(outputs, targets)

    def _build(self) -> Classifier:
        return Classifier(
            self.cell,
            self.step_features_,
            plain(self.hidden_size),
            len(self.classes_),
            bidirectional=plain(self.bidirectional),
            pooling=self.pooling,
            dropout=plain(self.dropout),
        )

    def decision_function(self, X: Any) -> Array:
        """The logits (samples, classes); for two classes (samples,), how far the second lies above the first."""
        logits = self._outputs(X)
        return logits[:, 1] - logits[:, 0] if len(self.classes_) == 2 else logits

    def predict_proba(self, X: Any) -> Array:
        """The probabilities (samples, classes), in the order of ``classes_``."""
        return softmax(self._outputs(X), axis=1)

    def predict(self, X: Any) -> NDArray[Any]:
        """The most probable class of each sequence (samples,)."""
        most_probable = self._outputs(X).argmax(axis=1)
        return self.classes_[most_probable]


def _labels(y: Any, values: Values) -> NDArray[Any]:
    labels = column_or_1d(y, warn=True)
    assert_all_finite(labels, input_name="y")
    check_consistent_length(values, labels)
    check_classification_targets(labels)
    return labels
