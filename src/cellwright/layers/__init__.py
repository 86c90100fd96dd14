"""Layers: torch modules that run a cell over sequences."""

from cellwright.layers.gru import GRU
from cellwright.layers.lstm import LSTM
from cellwright.layers.recurrent import Recurrent
from cellwright.layers.scan import scan
from cellwright.layers.swap import replace

__all__ = ["GRU", "LSTM", "Recurrent", "replace", "scan"]
