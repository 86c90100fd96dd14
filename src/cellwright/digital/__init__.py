"""Digital accelerators: networks in fixed point, and what a step costs on a systolic array or an FPGA."""

from cellwright.digital.accelerator import Accelerator, AcceleratorCost, Constant, Work, work_of
from cellwright.digital.activations import Activation, Plan, Rounded, Table
from cellwright.digital.arithmetic import FixedPoint, Formats
from cellwright.digital.fixed_point import FixedPointNetwork, fixed_point
from cellwright.digital.formats import Format
from cellwright.digital.fpga import SUN_2018, Fpga, multipliers_for
from cellwright.digital.published import Comparison, comparisons
from cellwright.digital.systolic import CHIPMUNK, CHIPMUNK_FAST, Systolic

__all__ = [
    "CHIPMUNK",
    "CHIPMUNK_FAST",
    "SUN_2018",
    "Accelerator",
    "AcceleratorCost",
    "Activation",
    "Comparison",
    "Constant",
    "FixedPoint",
    "FixedPointNetwork",
    "Format",
    "Formats",
    "Fpga",
    "Plan",
    "Rounded",
    "Systolic",
    "Table",
    "Work",
    "comparisons",
    "fixed_point",
    "multipliers_for",
    "work_of",
]
