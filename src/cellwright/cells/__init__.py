"""Cells: the equations, each written once. The notation is everything a cell of your own needs."""

from cellwright.cells.listing import Listed, catalogue, describe, entries, find
from cellwright.cells.lstm import LSTM
from cellwright.cells.notation import *  # noqa: F403
from cellwright.cells.notation import __all__ as _notation

__all__ = ["LSTM", "Listed", "catalogue", "describe", "entries", "find", *_notation]
