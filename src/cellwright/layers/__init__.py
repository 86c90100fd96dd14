"""Layers: torch modules that run a cell over sequences."""

from cellwright.layers.gru import GRU
from cellwright.layers.keras_models import from_keras, layers_from_keras
from cellwright.layers.listing import Topology, topologies
from cellwright.layers.lstm import LSTM
from cellwright.layers.multidimensional import MultidimensionalRecurrent
from cellwright.layers.recurrent import Recurrent
from cellwright.layers.scan import scan
from cellwright.layers.swap import replace
from cellwright.layers.tree import TreeRecurrent
from cellwright.layers.trees import Trees
from cellwright.layers.weights import StoredWeights, load_weights, read_weights

__all__ = [
    "GRU",
    "LSTM",
    "MultidimensionalRecurrent",
    "Recurrent",
    "StoredWeights",
    "Topology",
    "TreeRecurrent",
    "Trees",
    "from_keras",
    "layers_from_keras",
    "load_weights",
    "read_weights",
    "replace",
    "scan",
    "topologies",
]
