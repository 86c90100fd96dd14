"""Layers: torch modules that run a cell over sequences."""

from cellwright.layers.lstm import LSTM, replace
from cellwright.layers.recurrent import Recurrent
from cellwright.layers.scan import scan

__all__ = ["LSTM", "Recurrent", "replace", "scan"]
