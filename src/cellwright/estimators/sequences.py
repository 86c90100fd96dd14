"""Sequences as people have them, as one array (samples, time, features) whose padding is NaN."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_array, validate_data

from cellwright.errors import CellwrightError

Values = NDArray[np.floating[Any]]
_CHECKS = {"dtype": [np.float64, np.float32], "ensure_all_finite": "allow-nan"}


def validated(estimator: BaseEstimator, X: Any, *, reset: bool) -> Values:
    """``X`` as an array (samples, time, features) of its own, float64, or float32 where ``X`` has that dtype.

    ``X`` is (samples, time), (samples, time, features), or a list of arrays (time, features) or (time,). Sequences
    of different lengths are padded at their end with steps of NaN; an array may be padded so already.

    Sets ``n_features_in_`` (the columns of a table, else the features of a step), ``step_features_`` and, from a data
    frame, ``feature_names_in_``, if ``reset``; else compares with them.

    Raises:
        ValueError: as scikit-learn words it, or a CellwrightError: what cannot be read as sequences of finite numbers,
            or does not fit the data of ``fit``.
    """
    separate = _separate_sequences(X)
    if separate is not None:
        values = _stacked(separate)
    elif _has_features(X):
        values = check_array(X, allow_nd=True, input_name="X", estimator=estimator, **_CHECKS)
    else:
        return _table(estimator, X, reset=reset)
    if not all(values.shape):
        raise CellwrightError(f"X has the shape {values.shape}: expected at least one sample, step and feature")
    _fit_features(estimator, values.shape[2], reset=reset)
    return _with_padding_checked(np.array(values))


def _table(estimator: BaseEstimator, X: Any, *, reset: bool) -> Values:
    """A sequence of one feature a row. Columns and their names count only where the data of ``fit`` were a table."""
    if reset or estimator._fitted_to_table:
        table = validate_data(estimator, X, reset=reset, **_CHECKS)
    else:
        table = check_array(X, input_name="X", estimator=estimator, **_CHECKS)
    if reset:
        estimator._fitted_to_table, estimator.step_features_ = True, 1
    elif estimator.step_features_ != 1:
        raise CellwrightError(_other_features(estimator, 1))
    return _with_padding_checked(np.array(table)[:, :, np.newaxis])


def _fit_features(estimator: BaseEstimator, features: int, *, reset: bool) -> None:
    if reset:
        # An earlier fit to a data frame left them.
        vars(estimator).pop("feature_names_in_", None)
        estimator._fitted_to_table = False
        estimator.n_features_in_ = estimator.step_features_ = features
    elif features != estimator.step_features_:
        raise CellwrightError(_other_features(estimator, features))


def _other_features(estimator: BaseEstimator, features: int) -> str:
    name = type(estimator).__name__
    return f"X has {features} features a step, but {name} is expecting {estimator.step_features_} as in fit"


def _has_features(X: Any) -> bool:
    """Whether ``X`` has the axes (samples, time, features), as an array or as lists in lists."""
    if isinstance(X, (list, tuple)):
        return len(X) > 0 and isinstance(X[0], (list, tuple)) and any(isinstance(step, (list, tuple)) for step in X[0])
    return getattr(X, "ndim", 2) == 3


def _separate_sequences(X: Any) -> list[Any] | None:
    """The sequences of a list of arrays that are not the rows of a table; None for anything else."""
    if isinstance(X, np.ndarray) and X.dtype == object and X.ndim == 1:
        X = list(X)
    if not isinstance(X, (list, tuple)) or not X:
        return None
    dimensions = {getattr(one, "ndim", 0) for one in X}
    if dimensions == {2} or (dimensions == {1} and len({len(one) for one in X}) > 1):
        return list(X)
    return None


def _stacked(sequences: Sequence[Any]) -> Values:
    """Sequences (time, features) or (time,) of any lengths as one array, padded with NaN."""
    checked = []
    for k, one in enumerate(sequences):
        try:
            checked.append(check_array(one if one.ndim == 2 else one[:, np.newaxis], **_CHECKS))
        except ValueError as error:
            raise CellwrightError(f"sequence {k} of X: {str(error).splitlines()[0]}") from error
    features = checked[0].shape[1]
    for k, one in enumerate(checked):
        if one.shape[1] != features:
            raise CellwrightError(
                f"sequence {k} of X has {one.shape[1]} features a step, but sequence 0 has {features}"
            )
    shape = (len(checked), max(map(len, checked)), features)
    values = np.full(shape, np.nan, np.result_type(*checked))
    for row, one in zip(values, checked, strict=True):
        row[: len(one)] = one
    return values


def _with_padding_checked(values: Values) -> Values:
    """The same; NaN is padding only at the end, in all features at once, after at least one step."""
    missing = np.isnan(values)
    if not missing.any():
        return values
    present = ~missing.all(axis=2)
    lengths = np.where(present, np.arange(1, values.shape[1] + 1), 0).max(axis=1)
    gaps = missing.any(axis=2) & (np.arange(values.shape[1]) < lengths[:, np.newaxis])
    if gaps.any():
        sample, step = np.argwhere(gaps)[0]
        raise CellwrightError(
            f"Input X contains NaN: sample {sample} at step {step}. NaN stands for padding, at the end of a sequence "
            "and in all of its features; fill gaps before, for instance with sklearn.impute.SimpleImputer"
        )
    if not lengths.all():
        raise CellwrightError(f"Input X contains NaN: sample {lengths.argmin()} has no other value; leave it out")
    return values
