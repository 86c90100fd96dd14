"""scikit-learn's own checks of an estimator, all of them."""

from __future__ import annotations

from sklearn.utils.estimator_checks import parametrize_with_checks

from cellwright import RecurrentClassifier, RecurrentRegressor

# Few epochs of a small network, so that two hundred fits take seconds.
FAST = {"hidden_size": 16, "epochs": 40, "batch_size": 50, "learning_rate": 0.03}


@parametrize_with_checks([RecurrentClassifier(**FAST), RecurrentRegressor(**FAST)])
def test_scikit_learns_checks(estimator, check):
    check(estimator)
