"""Digital accelerators: networks in fixed point, and what a step costs on a systolic array or an FPGA."""

from cellwright.digital.activations import Activation, Plan, Rounded, Table
from cellwright.digital.arithmetic import FixedPoint, Formats
from cellwright.digital.fixed_point import FixedPointNetwork, fixed_point
from cellwright.digital.formats import Format

__all__ = [
    "Activation",
    "FixedPoint",
    "FixedPointNetwork",
    "Format",
    "Formats",
    "Plan",
    "Rounded",
    "Table",
    "fixed_point",
]
