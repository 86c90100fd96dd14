"""Crossbars: from weights to devices, and a network on many chips at once."""

from cellwright.crossbar.array import AnalogArray, Matrix
from cellwright.crossbar.chip import Chip, check_room, program
from cellwright.crossbar.converters import ConverterErrors
from cellwright.crossbar.cost import (
    CONSTANTS,
    Constant,
    Item,
    ProgrammingCost,
    StepCost,
    digital_cost,
    programming_cost,
    step_cost,
)
from cellwright.crossbar.devices import Device, Pulse
from cellwright.crossbar.devices import find as find_device
from cellwright.crossbar.hardware_aware import HardwareAware
from cellwright.crossbar.layout import LAYOUTS, PairLayout
from cellwright.crossbar.maps import load_conductances, load_stuck, save_maps
from cellwright.crossbar.readout import ReadOut
from cellwright.crossbar.settings import CAUSES, ChipSettings
from cellwright.crossbar.sites import needs_digital
from cellwright.crossbar.tile import AnalogTile
from cellwright.crossbar.wires import Wires, effective_matrix

__all__ = [
    "CAUSES",
    "CONSTANTS",
    "LAYOUTS",
    "AnalogArray",
    "AnalogTile",
    "Chip",
    "ChipSettings",
    "Constant",
    "ConverterErrors",
    "Device",
    "HardwareAware",
    "Item",
    "Matrix",
    "PairLayout",
    "ProgrammingCost",
    "Pulse",
    "ReadOut",
    "StepCost",
    "Wires",
    "check_room",
    "digital_cost",
    "effective_matrix",
    "find_device",
    "load_conductances",
    "load_stuck",
    "needs_digital",
    "program",
    "programming_cost",
    "save_maps",
    "step_cost",
]
