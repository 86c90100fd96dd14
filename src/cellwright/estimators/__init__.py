"""Estimators in scikit-learn's manner, for sequences as arrays: ``fit``, ``predict``, ``score``, grid search.

Raises on import:
    CellwrightError: scikit-learn is not installed.
"""

from importlib.util import find_spec

from cellwright.errors import CellwrightError

if find_spec("sklearn") is None:
    raise CellwrightError("estimators need the package scikit-learn: pip install 'cellwright[sklearn]'")

from cellwright.estimators.classifier import RecurrentClassifier
from cellwright.estimators.regressor import RecurrentRegressor

__all__ = ["RecurrentClassifier", "RecurrentRegressor"]
