"""Devices from measurements: the law that fits measured pulses best, how well it does, and how devices differ."""

from __future__ import annotations

from collections.abc import Sequence

from cellwright.crossbar.fitting.filament import fit_filament
from cellwright.crossbar.fitting.gate_controlled import GATE_VOLTAGES, fit_gate_controlled, set_gates
from cellwright.crossbar.fitting.pulses import Train, read_pulses
from cellwright.crossbar.fitting.result import Fit, Fitted, Parameter
from cellwright.errors import CellwrightError

__all__ = ["Fit", "Fitted", "Parameter", "Train", "fit", "read_pulses"]


def fit(trains: Sequence[Train], source: str) -> Fit:
    """Fit the law that the data call for.

    Pulses at several gate voltages are fitted by ``GateControlled``, pulses of one height up and one down by
    ``Filament``.

    Args:
        trains: the pulses of one or several devices.
        source: where they come from: becomes the citation.

    Raises:
        CellwrightError: the data are of neither kind, too few, or do not follow either law.
    """
    if len(set_gates(trains)) >= GATE_VOLTAGES:
        return fit_gate_controlled(trains, source)
    if all(train.voltage is not None for train in trains):
        return fit_filament(trains, source)
    raise CellwrightError(
        f"these pulses have fewer than {GATE_VOLTAGES} gate voltages and no column voltage: expected SET pulses at "
        "several gate voltages, or pulses up (voltage above 0) and down (below 0)"
    )
