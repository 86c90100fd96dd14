"""Blocks against theory: a pair in weak inversion, an amplifier with Miller compensation, the charge of a switch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from cellwright.circuit import simulate, technologies
from cellwright.circuit.blocks.pairs import SigmaPair, TanhPair, Translinear
from cellwright.circuit.calibration import Conditions, Laboratory
from cellwright.circuit.components import Instance, Mosfet
from cellwright.circuit.design import Design

VOLT_A_KELVIN = 8.617333262e-5
"""Boltzmann's constant over the charge of an electron."""


@pytest.fixture(scope="module")
def laboratory() -> Laboratory:
    return Laboratory(Design(), Conditions(technologies.find("generic180")))


def test_a_pairs_slopes_are_those_of_its_transistors(laboratory: Laboratory, needs: Any) -> None:
    needs.program("ngspice", remedy="apt install ngspice")
    slope = _exponential_slope(laboratory)
    constants = laboratory.constants
    assert 1.0 < slope / (VOLT_A_KELVIN * laboratory.conditions.kelvin) < 1.6  # the slope factor n
    assert constants.sigma_slope == pytest.approx(slope, rel=0.06)
    assert constants.tanh_slope == pytest.approx(2 * constants.sigma_slope, rel=0.01)


def _exponential_slope(laboratory: Laboratory) -> float:
    """dV / d ln I of a transistor of the pairs at half of their tail current, V."""
    pair, half = laboratory.design.pair, laboratory.design.pair_current / 2
    netlist = [
        *laboratory.conditions.header("a transistor in weak inversion"),
        f"X1 d d 0 0 nmos w={pair.pair_width:g} l={pair.pair_length:g}",
        "I1 0 d 1n",
        f".dc I1 {0.9 * half:g} {1.1 * half:g} {0.1 * half:g}",
        ".end",
    ]
    volts = simulate("\n".join(netlist))["d"]
    return float(volts[2] - volts[0]) / float(np.log(1.1 / 0.9))


def test_an_amplifiers_bandwidth_is_its_pairs_over_the_compensation(laboratory: Laboratory, needs: Any) -> None:
    needs.program("ngspice", remedy="apt install ngspice")
    opamp, current = laboratory.design.opamp, laboratory.design.amplifier_current
    head = [
        *laboratory.conditions.header("an amplifier"),
        opamp.subcircuit(),
        f"Ibias vdd bias {current:g}",
        f"Xbias bias bias 0 0 nmos w={opamp.sink_width:g} l={opamp.length:g}",
        f"X2 vdd g s 0 nmos w={opamp.pair_width:g} l={opamp.length:g}",
        f"Itail s 0 {current / 2:g}",
        "Vg g 0 0.9 ac 0",
        "X1 vcm minus out bias vdd opamp",
        "Lloop out minus 1meg",
        "Csignal minus signal 1",
        "Vsignal signal 0 0 ac 1",
    ]
    found = simulate("\n".join([*head, ".ac dec 20 100k 100meg", ".end"]))
    unity = float(np.interp(0, -np.log(np.abs(found["out"])), found["frequency"].real))
    # As a follower, the transistor has an output conductance gm + gmb and a gain gm / (gm + gmb).
    sweeps = f".dc Itail {0.4 * current:g} {0.6 * current:g} {0.05 * current:g}", ".dc Vg 0.88 0.92 0.01"
    by_current, by_gate = (np.gradient(simulate("\n".join([*head, sweep, ".end"]))["s"])[2] for sweep in sweeps)
    transconductance = -0.05 * current / by_current * by_gate / 0.01
    assert unity == pytest.approx(transconductance / (2 * np.pi * opamp.compensation), rel=0.15)


def test_a_switch_leaves_a_part_of_its_channels_charge(laboratory: Laboratory, needs: Any) -> None:
    needs.program("ngspice", remedy="apt install ngspice")
    switch, held = laboratory.design.switch, 1e-12
    netlist = [
        *laboratory.conditions.header("a switch opens"),
        switch.subcircuit(),
        "Von on 0 pulse(1.8 0 1u 40n 40n 1 2)",
        "Voff off 0 pulse(0 1.8 1u 40n 40n 1 2)",
        "Vin in 0 0.9",
        "X1 on off in held vdd switch",
        f"Cheld held 0 {held:g}",
        ".options reltol=1e-6 method=gear gmin=1e-16",
        ".tran 1n 2u 0 5n",
        ".end",
    ]
    left = abs(float(simulate("\n".join(netlist))["held"][-1]) - 0.9) * held
    # Half of what the channel of the n transistor holds, with 8.4 fF/um2 of oxide and 0.4 V above the threshold.
    channel = switch.n_width * switch.length * 8.4e-3 * 0.4 / 2
    assert 0 < left < channel / 10


@pytest.mark.parametrize("block", [SigmaPair(), TanhPair(), Translinear(), Design().opamp, Design().switch])
def test_a_block_is_connected_and_has_its_equation(block: Any, laboratory: Laboratory) -> None:
    ends: dict[str, int] = dict.fromkeys(block.ports, 1)
    for component in block.components():
        nodes = [component.drain, component.gate, component.source] if isinstance(component, Mosfet) else []
        for node in nodes or [component.a, component.b]:
            ends[node] = ends.get(node, 0) + 1
    assert {node for node, count in ends.items() if count < 2} <= {"0", "vdd"}
    assert not any(isinstance(component, Instance) for component in block.components())
    for text in (block.subcircuit(), block.subcircuit(departures=True)):
        assert text.splitlines()[0].split()[:2] == [".subckt", block.name]
        assert text.count("mos ") == len(block.transistors)
