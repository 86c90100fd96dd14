"""What the estimators share: their parameters, the split for early stopping, the training, the network's outputs."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, is_classifier
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted
from torch import Tensor, nn
from torch.optim.lr_scheduler import CosineAnnealingLR

from cellwright.cells import Cell
from cellwright.errors import CellwrightError
from cellwright.estimators.scaling import Array, Scaling
from cellwright.estimators.sequences import Values, validated
from cellwright.learning import FitResult, FitSettings, SequenceData, fit, own_random_numbers
from cellwright.learning.evaluate import outputs_of
from cellwright.learning.state import derived_seed
from cellwright.tasks.network import lengths_by_padding

# Sequences that the network sees at once in predictions; it bounds the memory, not the result.
_SEQUENCES_AT_ONCE = 1024

# torch's random numbers belong to the process: two fits in two threads would draw from one another's.
_RANDOM_NUMBERS = threading.RLock()


class Padded(nn.Module):
    """A network that takes ``lengths``, called with sequences whose padding is NaN."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, inputs: Tensor) -> Any:
        """What the network returns for ``inputs`` (batch, time, features)."""
        return self.network(inputs, lengths=lengths_by_padding(inputs))


class RecurrentEstimator(ABC, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """The parameters and the training of both estimators.

    Attributes after ``fit``:
        network_: the torch module; ``network_inputs`` gives what it takes.
        n_features_in_: the columns of a table, else the features of a step. ``step_features_``: features of a step.
        feature_names_in_: the columns of a data frame.
        input_scaling_: mean and standard deviation of each feature of a step, over the steps of the training part.
        result_: a ``cellwright.learning.FitResult``: the loss of each epoch, the best epoch, the time it took.
    """

    network_: nn.Module
    result_: FitResult
    input_scaling_: Scaling
    n_features_in_: int
    step_features_: int

    def __init__(
        self, cell: Cell | str, hidden_size: int, epochs: int, learning_rate: float, batch_size: int | None,
        clip_norm: float | None, patience: int | None, validation_fraction: float, random_state: Any,
        checkpoint: str | Path | None,
    ) -> None:  # fmt: skip
        self.cell = cell
        self.hidden_size = hidden_size
        self.epochs = epochs
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.clip_norm = clip_norm
        self.patience = patience
        self.validation_fraction = validation_fraction
        self.random_state = random_state
        self.checkpoint = checkpoint

    def network_inputs(self, X: Any) -> Tensor:
        """``X`` as ``network_`` takes it: (samples, time, features), scaled as in ``fit``, NaN in the padding.

        Raises:
            ValueError: not fitted, or ``X`` does not fit.
        """
        check_is_fitted(self, "network_")
        return self._scaled(validated(self, X, reset=False))

    def _scaled(self, values: Values) -> Tensor:
        """In the dtype of the network: float32 for data in float32, float64 for any other."""
        return torch.from_numpy(self.input_scaling_.forward(values)).to(self._dtype)

    def _outputs(self, X: Any) -> Array:
        """The outputs of the network (samples, outputs)."""
        inputs = self.network_inputs(X)
        network = Padded(self.network_).eval()
        with torch.no_grad():
            parts = [outputs_of(network(part)) for part in inputs.split(_SEQUENCES_AT_ONCE)]
        return torch.cat(parts).double().numpy()

    def _sequences_to_fit(self, X: Any) -> Values:
        """``X`` for ``fit``. What an earlier ``fit`` trained is gone: if this one fails, nothing fits half."""
        self.__dict__.pop("network_", None)
        return validated(self, X, reset=True)

    def _train(self, values: Values, y: NDArray[Any], weights: Array) -> None:
        """Train on ``values`` (samples, time, features) with ``y`` and ``weights``, a row or number a sample.

        Everything is fitted to the training part alone; classes are shared out evenly between it and the part held out.
        """
        values, y, weights = merged(values, y, weights)
        seed = int(check_random_state(self.random_state).randint(np.iinfo(np.int32).max))
        settings = self._settings(seed)
        part, held_out = self._split(len(values), y if is_classifier(self) else None, seed)
        self._dtype = torch.float32 if values.dtype == np.float32 else torch.float64
        self.input_scaling_ = Scaling.of(values[part], weights[part])
        self._fit_targets(y[part], weights[part])

        def data(some: NDArray[np.intp]) -> SequenceData:
            relative = weights[some] / weights[some].mean()
            return SequenceData(self._scaled(values[some]), self._targets(y[some], relative).to(self._dtype))

        with _RANDOM_NUMBERS:
            with own_random_numbers(torch.device("cpu"), derived_seed(seed, "weights")):
                network = self._build().to(self._dtype)
            self.result_ = fit(
                Padded(network),
                data(part),
                settings,
                validation=None if held_out is None else data(held_out),
                loss=self._loss,
                checkpoint=self.checkpoint,
            )
        self.network_ = network.eval()

    @abstractmethod
    def _build(self) -> nn.Module:
        """A new network."""

    @abstractmethod
    def _loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """The mean loss of outputs and ``_targets``."""

    def _fit_targets(self, y: NDArray[Any], weights: Array) -> None:
        """Fit what ``_targets`` needs to the training part."""

    @abstractmethod
    def _targets(self, y: NDArray[Any], weights: Array) -> Tensor:
        """``y`` with the weights of its samples, of mean 1, as ``_loss`` takes it."""

    def _settings(self, seed: int) -> FitSettings:
        """Adam, whose rate falls to 0 along half a wave of the cosine (Loshchilov & Hutter 2017, eq. 5, no restart)."""
        epochs = plain(self.epochs)
        return FitSettings(
            epochs=epochs,
            learning_rate=plain(self.learning_rate),
            schedule=partial(CosineAnnealingLR, T_max=epochs),
            batch_size=plain(self.batch_size),
            clip_norm=plain(self.clip_norm),
            patience=plain(self.patience),
            seed=seed,
        )

    def _split(
        self, samples: int, classes: NDArray[np.intp] | None, seed: int
    ) -> tuple[NDArray[np.intp], NDArray[np.intp] | None]:
        """Indices of the training part, and with ``patience`` of the part held out."""
        everything = np.arange(samples)
        if self.patience is None:
            return everything, None
        fraction = plain(self.validation_fraction)
        if isinstance(fraction, bool) or not isinstance(fraction, float) or not 0 < fraction < 1:
            raise CellwrightError(f"validation_fraction={fraction!r}: expected a number between 0 and 1")
        # scikit-learn's seeds have 32 bits.
        state = derived_seed(seed, "validation") % 2**32
        try:
            part, held_out = train_test_split(everything, test_size=fraction, stratify=classes, random_state=state)
        except ValueError as error:
            raise CellwrightError(
                f"patience={self.patience} holds out validation_fraction={fraction} of {samples} samples: {error}"
            ) from error
        return np.sort(part), np.sort(held_out)


def plain(value: Any) -> Any:
    """A number of numpy, as searches over parameters draw them, as Python's; anything else as it is."""
    return value.item() if isinstance(value, np.generic) else value


def merged(values: Values, y: NDArray[Any], weights: Array) -> tuple[Values, NDArray[Any], Array]:
    """Equal samples as one with the sum of their weights, in an order that depends on the samples alone.

    So a weight of 2 is a repetition to the last bit, the order of samples has no effect, and no sample is trained on
    and held out at once.
    """
    # Rows are compared byte by byte: NaN is equal to itself then, and adding 0 makes -0 equal to 0.
    rows = np.ascontiguousarray(np.column_stack([values.reshape(len(values), -1), y])) + 0.0
    keys = rows.view(np.dtype((np.void, rows.dtype.itemsize * rows.shape[1])))[:, 0]
    _, first, places = np.unique(keys, return_index=True, return_inverse=True)
    summed: Array = np.bincount(places, weights).astype(np.float64)
    return values[first], y[first], summed


def sample_weights(given: Any, samples: int) -> Array:
    """The weights of samples (samples,): ones by default.

    Raises:
        CellwrightError: another shape, negative or not finite, or none above 0.
    """
    if given is None:
        return np.ones(samples)
    try:
        weights = np.array(given, np.float64)
    except (TypeError, ValueError) as error:
        raise CellwrightError(f"sample_weight: expected a number for each of the {samples} samples: {error}") from error
    if weights.ndim == 0:
        weights = np.full(samples, float(weights))
    if weights.shape != (samples,):
        raise CellwrightError(f"sample_weight has the shape {weights.shape}: expected a number a sample, ({samples},)")
    if not np.isfinite(weights).all() or (weights < 0).any() or not weights.any():
        raise CellwrightError("sample_weight: expected finite weights of at least zero, not all of them zero")
    return weights
