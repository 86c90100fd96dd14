"""The memory of a state: two sample-and-holds in a row, so that a step reads the old value while it makes the new."""

from __future__ import annotations

from cellwright.circuit.components import GROUND, SUPPLY, Capacitor, Component, Instance, Node, Source
from cellwright.circuit.design import Design


def clocks(design: Design, supply: float) -> list[Source]:
    """The clocks of all holds, each with its complement: ``sample`` for the masters, ``transfer`` for the slaves."""
    period, edge = design.period, design.edge
    found = []
    for name, (start, end) in design.clocks.items():
        start = start + 1 if name == "transfer" else start  # nothing was sampled before the first step
        for node, low, high in ((name, 0.0, supply), (f"{name}_off", supply, 0.0)):
            width = (end % 1 - start % 1) * period
            pulse = f"pulse({low:g} {high:g} {start * period:g} {edge:g} {edge:g} {width:g} {period:g})"
            found.append(Source(node, "V", node, GROUND, pulse, "clock"))
    return found


def followers(name: str) -> tuple[str, str]:
    """The names of a hold's amplifiers, that between its switches and that of its output."""
    return f"{name}_between", f"{name}_out"


def hold(name: str, source: Node, out: Node, design: Design, start: float) -> list[Component]:
    """Master and slave, each a switch, a capacitor and a follower.

    Args:
        name: what begins the names of the components and the inner nodes.
        source: an amplifier's output; ``out`` follows what it was at the end of the step before.
        start: V on both capacitors at the beginning.
    """
    master, between, slave = f"{name}_master", f"{name}_between", f"{name}_slave"
    return [
        Instance(f"{name}_sample", "switch", ("sample", "sample_off", source, master, SUPPLY), {}),
        Capacitor(f"{name}_master", master, GROUND, design.hold_capacitance, start),
        follower(f"{name}_between", master, between),
        Instance(f"{name}_transfer", "switch", ("transfer", "transfer_off", between, slave, SUPPLY), {}),
        Capacitor(f"{name}_slave", slave, GROUND, design.hold_capacitance, start),
        follower(f"{name}_out", slave, out),
    ]


def follower(name: str, source: Node, out: Node) -> Instance:
    """An amplifier whose output is its input."""
    return Instance(name, "opamp", (source, out, out, "opamp_bias", SUPPLY), {})
