"""Where ngspice begins to look for the operating point: near it, as the twin and the blocks' own points tell.

It changes how long ngspice looks, not what it finds.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch

from cellwright.circuit.components import Component, Instance
from cellwright.circuit.netlist import Netlist, node_of
from cellwright.circuit.twin import Twin


def starting_point(netlist: Netlist, twin: Twin) -> list[str]:
    """Lines ``.nodeset`` for the first step's signals and the nodes inside of blocks."""
    guesses = dict(_guesses(netlist, twin))
    pairs = [f"v({name})={volts:.5f}" for name, volts in guesses.items()]
    return [f".nodeset {' '.join(pairs[k : k + 6])}" for k in range(0, len(pairs), 6)]


def _guesses(netlist: Netlist, twin: Twin) -> Iterator[tuple[str, float]]:
    laboratory = netlist.laboratory
    middle = laboratory.conditions.technology.middle
    with torch.no_grad():
        first = {name: torch.from_numpy(values[0]).double() for name, values in netlist.inputs.items()}
        step = twin.step(first, twin.start())
    for signal in (*netlist.wiring.schematic.states.values(), *(node.out for node in netlist.wiring.nodes)):
        volts, turned = step.volts[signal], step.turned.get(signal)
        for unit in range(len(volts)):
            yield node_of(signal, unit), middle + float(volts[unit])
            if turned is not None:
                yield node_of(signal, unit, "negative"), middle + float(turned[unit])
    yield from laboratory.operating_points[""].items()
    for component in netlist.components:
        if isinstance(component, Instance):
            yield from _inside(component, laboratory.operating_points.get(component.block.partition("_")[0], {}))
            yield from ((node, middle) for node in component.nodes if node.endswith(_AT_THE_MIDDLE))


def _inside(instance: Component, point: dict[str, float]) -> Iterator[tuple[str, float]]:
    yield from ((f"x{instance.name}.{node}", volts) for node, volts in point.items())


_AT_THE_MIDDLE = ("_sum", "_turn", "_master", "_slave", "_between", "_inverse")
