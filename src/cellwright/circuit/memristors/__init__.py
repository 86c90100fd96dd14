"""Memristors, each equation written once: a model for SciPy and a subcircuit for ngspice; found by name."""

from cellwright.circuit.memristors.linear_drift import LinearDrift
from cellwright.circuit.memristors.listing import Listed, catalogue, entries, find
from cellwright.circuit.memristors.model import Memristor, Response
from cellwright.circuit.memristors.vteam import VTEAM
from cellwright.circuit.memristors.windows import Biolek, Joglekar, Prodromakis, Window
from cellwright.circuit.memristors.yakopcic import Yakopcic

__all__ = [
    "VTEAM",
    "Biolek",
    "Joglekar",
    "LinearDrift",
    "Listed",
    "Memristor",
    "Prodromakis",
    "Response",
    "Window",
    "Yakopcic",
    "catalogue",
    "entries",
    "find",
]
