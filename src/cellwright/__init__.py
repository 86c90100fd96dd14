"""Cellwright: write a recurrent cell once; get its layer, its gradients, its equations and its memristor crossbar.

The names below are loaded when they are first used, so that ``import cellwright`` (and with it the command line)
does not wait for torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cellwright.errors import CellwrightError
    from cellwright.estimators import RecurrentClassifier, RecurrentRegressor
    from cellwright.export import to_onnx
    from cellwright.layers import GRU, LSTM, RNN, Recurrent, from_keras, layers_from_keras, load_weights, replace
    from cellwright.learning import FitSettings, fit

__version__ = "0.1.0"

__all__ = [
    "GRU",
    "LSTM",
    "RNN",
    "CellwrightError",
    "FitSettings",
    "Recurrent",
    "RecurrentClassifier",
    "RecurrentRegressor",
    "__version__",
    "fit",
    "from_keras",
    "layers_from_keras",
    "load_weights",
    "replace",
    "to_onnx",
]

_HOME = {
    "CellwrightError": "cellwright.errors",
    "FitSettings": "cellwright.learning",
    "GRU": "cellwright.layers",
    "LSTM": "cellwright.layers",
    "RNN": "cellwright.layers",
    "Recurrent": "cellwright.layers",
    "RecurrentClassifier": "cellwright.estimators",
    "RecurrentRegressor": "cellwright.estimators",
    "replace": "cellwright.layers",
    "fit": "cellwright.learning",
    "from_keras": "cellwright.layers",
    "layers_from_keras": "cellwright.layers",
    "load_weights": "cellwright.layers",
    "to_onnx": "cellwright.export",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
