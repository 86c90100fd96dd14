"""Crossbars: from weights to devices, and a network on many chips at once."""

from cellwright.crossbar.array import AnalogArray, AnalogTile, Matrix
from cellwright.crossbar.chip import Chip, program
from cellwright.crossbar.settings import CAUSES, ChipSettings
from cellwright.crossbar.wires import Wires

__all__ = ["CAUSES", "AnalogArray", "AnalogTile", "Chip", "ChipSettings", "Matrix", "Wires", "program"]
