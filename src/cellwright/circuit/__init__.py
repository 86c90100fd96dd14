"""The analog circuit: a trained cell as a netlist that ngspice runs, and as its twin in torch."""

from cellwright.circuit.calibration import Laboratory
from cellwright.circuit.circuit import Circuit, Waveforms
from cellwright.circuit.conditions import Conditions
from cellwright.circuit.design import Design
from cellwright.circuit.layer import TwinLayer
from cellwright.circuit.mismatch import Mismatch
from cellwright.circuit.netlist import Netlist
from cellwright.circuit.ngspice import ConvergenceError, Ngspice, Remedy, Simulation, find_ngspice, simulate
from cellwright.circuit.power import circuit_cost
from cellwright.circuit.raw_file import Analysis, read_raw
from cellwright.circuit.technologies import Technology
from cellwright.circuit.technologies import find as find_technology
from cellwright.circuit.trim import Trim, TrimSettings, calibrate
from cellwright.circuit.twin import Twin

__all__ = [
    "Analysis",
    "Circuit",
    "Conditions",
    "ConvergenceError",
    "Design",
    "Laboratory",
    "Mismatch",
    "Netlist",
    "Ngspice",
    "Remedy",
    "Simulation",
    "Technology",
    "Trim",
    "TrimSettings",
    "Twin",
    "TwinLayer",
    "Waveforms",
    "calibrate",
    "circuit_cost",
    "find_ngspice",
    "find_technology",
    "read_raw",
    "simulate",
]
