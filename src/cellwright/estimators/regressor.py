"""A regressor on sequences in scikit-learn's manner."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import RegressorMixin
from sklearn.utils import Tags
from sklearn.utils.validation import check_array, check_consistent_length
from torch import Tensor

from cellwright.cells import Cell
from cellwright.errors import CellwrightError
from cellwright.estimators.recurrent import RecurrentEstimator, plain, sample_weights
from cellwright.estimators.scaling import Array, Scaling
from cellwright.tasks import Forecaster


class RecurrentRegressor(RegressorMixin, RecurrentEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """A recurrent network that gives numbers for a sequence: ``cellwright.tasks.Forecaster``, trained by ``fit``.

    Sequences are (samples, time), (samples, time, features), or a list of arrays (time, features) of any lengths.
    Steps at the end that are NaN in all features are padding. Each feature and each target is scaled to mean 0 and
    standard deviation 1 over the training samples. The network has the dtype of the data, float32 or float64.

    Args:
        cell: a cell, its name, or ``FILE.py:CLASS``.
        hidden_size: its units.
        epochs: passes over the training samples; with ``patience`` the most there can be.
        learning_rate, batch_size, clip_norm: of Adam; see ``cellwright.FitSettings``.
        patience: hold out ``validation_fraction`` of the samples, stop after this many epochs without a lower squared
            error on them and keep the weights of the best epoch. None trains on all samples.
        random_state: of the first weights, the order of batches and the split. An integer gives the same bits again.
        checkpoint: a file to keep the training in; it goes on from there if it is called again with the same data
            and an integer as ``random_state``. A search over parameters must leave it None.

    Attributes after ``fit``: ``target_scaling_``, and those of ``RecurrentEstimator``: ``network_``, ``result_``,
    ``input_scaling_``, ``n_features_in_``, ``step_features_``, ``feature_names_in_``.
    """

    target_scaling_: Scaling

    def __init__(
        self,
        cell: Cell | str = "lstm",
        hidden_size: int = 32,
        *,
        epochs: int = 100,
        learning_rate: float = 0.01,
        batch_size: int | None = 32,
        clip_norm: float | None = 1.0,
        patience: int | None = None,
        validation_fraction: float = 0.1,
        random_state: Any = None,
        checkpoint: str | Path | None = None,
    ) -> None:
        super().__init__(
            cell, hidden_size, epochs, learning_rate, batch_size, clip_norm, patience, validation_fraction,
            random_state, checkpoint,
        )  # fmt: skip

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> RecurrentRegressor:
        """Train on sequences ``X`` with targets ``y``, (samples,) or (samples, outputs), by their squared error.

        A sample counts by its weight in the loss and in the scaling: to the last bit as so many repetitions of it.
        Samples of weight 0 are left out. The order of samples has no effect.

        Raises:
            ValueError: data, weights or parameters that do not fit; see ``cellwright.fit`` for the training.
            KeyboardInterrupt: Ctrl-C, after the checkpoint was written; the estimator is not fitted then.
        """
        values = self._sequences_to_fit(X)
        if y is None:
            raise CellwrightError("RecurrentRegressor requires y to be passed, but the target y is None")
        y = check_array(y, ensure_2d=False, dtype=np.float64, input_name="y", estimator=self)
        check_consistent_length(values, y)
        weights = sample_weights(sample_weight, len(values))
        kept = weights > 0
        values, columns, weights = values[kept], y[kept].reshape(kept.sum(), -1), weights[kept]

        self._one_output = y.ndim == 1
        self._train(values, columns, weights)
        return self

    def _fit_targets(self, y: NDArray[Any], weights: Array) -> None:
        self.target_scaling_ = Scaling.of(y, weights)

    def _targets(self, y: NDArray[Any], weights: Array) -> Tensor:
        """The scaled targets, and the weights in a last column."""
        return torch.from_numpy(np.column_stack([self.target_scaling_.forward(y), weights]))

    def _loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return ((outputs - targets[:, :-1]) ** 2 * targets[:, -1:]).mean()

    def _build(self) -> Forecaster:
        outputs = len(self.target_scaling_.mean)
        return Forecaster(self.cell, self.step_features_, plain(self.hidden_size), outputs)

    def predict(self, X: Any) -> Array:
        """The outputs of each sequence, (samples,) or (samples, outputs) as ``y`` was."""
        scaled = self._outputs(X)
        outputs = self.target_scaling_.inverse(scaled)
        return outputs[:, 0] if self._one_output else outputs

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
