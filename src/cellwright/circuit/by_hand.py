"""A netlist for people: the file that ``ngspice cell.cir`` runs and plots, and that batch mode runs as any other."""

from __future__ import annotations

from collections.abc import Sequence

from cellwright.circuit.netlist import Netlist, node_of
from cellwright.circuit.schematic import Signal
from cellwright.circuit.wiring import Node

CLOCKS = ("sample", "transfer")
"""The nodes of the clocks that are saved beside the signals."""


def by_hand(netlist: Netlist, title: str, start: Sequence[str] = ()) -> str:
    """The text of a netlist that plots its states where ngspice is run by hand.

    Batch mode knows nothing of windows: there the plots are left out, and what is simulated is the same.

    Args:
        title: one line.
        start: see ``Netlist.text``.
    """
    body, end, rest = netlist.text(title, start).rpartition("\n.end")
    saved = f".save {' '.join(f'v({clock})' for clock in CLOCKS)}"
    return "\n".join([body, saved, *_control(netlist)]) + end + rest


def _control(netlist: Netlist) -> list[str]:
    """Commands that run the netlist and plot every state and the clocks; ``$?batchmode`` is set in batch mode."""
    nodes = {node.out: node for node in netlist.wiring.nodes}
    results = netlist.wiring.schematic.results
    plots = [_plot(netlist, name, nodes[signal]) for name, signal in results.items() if signal in nodes]
    return [
        "",
        ".control",
        "if $?batchmode",
        "else",
        "  run",
        *(f"  {plot}" for plot in plots),
        f"  plot {' '.join(f'v({clock})' for clock in CLOCKS)} title 'clocks' ylabel 'V'",
        "end",
        ".endc",
    ]


def _plot(netlist: Netlist, state: str, node: Node) -> str:
    """A state's units as numbers: volts against half the supply, beside the volts of a one."""
    middle = netlist.laboratory.conditions.technology.middle
    units = " ".join(_number(node.out, unit, middle, node.volts) for unit in range(node.size))
    return f"plot {units} title 'the state {state}, a unit a line' ylabel '{state}'"


def _number(signal: Signal, unit: int, middle: float, volts: float) -> str:
    return f"(v({node_of(signal, unit)})-{middle:g})/{volts:.6g}"
