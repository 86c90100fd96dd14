"""The analog circuit: devices and blocks as SPICE, run by ngspice."""

from cellwright.circuit.ngspice import ConvergenceError, Ngspice, Remedy, Simulation, find_ngspice, simulate
from cellwright.circuit.raw_file import Analysis, read_raw

__all__ = [
    "Analysis",
    "ConvergenceError",
    "Ngspice",
    "Remedy",
    "Simulation",
    "find_ngspice",
    "read_raw",
    "simulate",
]
