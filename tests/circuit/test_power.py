"""What a step costs: the arithmetic of the design against what ngspice integrates, and area counted by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from cellwright import Recurrent
from cellwright.circuit import technologies
from cellwright.circuit.area import pieces
from cellwright.circuit.calibration import Conditions
from cellwright.circuit.circuit import Circuit
from cellwright.circuit.power import LINES, circuit_cost, measured_energies, step_energies
from cellwright.circuit.supplies import REFERENCES
from cellwright.errors import CellwrightError

UNITS, STEPS = 1, 3


@pytest.fixture(scope="module")
def circuit() -> Circuit:
    torch.manual_seed(1)
    layer = Recurrent("lstm", 1, UNITS, dtype=torch.float64)
    conditions = Conditions(technologies.find("generic180"))
    return Circuit.of(layer, conditions)


@pytest.fixture(scope="module")
def inputs() -> dict[str, np.ndarray]:
    return {"x": np.array([[0.8], [-0.5], [0.9]])[:STEPS]}


@pytest.fixture(autouse=True)
def ngspice(needs) -> None:  # type: ignore[no-untyped-def]
    needs.program("ngspice", remedy="apt install ngspice")


def test_energy_of_each_kind_of_block_is_what_ngspice_integrates(
    circuit: Circuit, inputs: dict[str, np.ndarray]
) -> None:
    """Each within 1.3, and nothing beside them: together they are what all sources give."""
    waveforms = circuit.simulate(inputs, measured_supplies=True)
    expected, found = step_energies(waveforms.netlist), measured_energies(waveforms)
    assert {"opamp", "translinear", REFERENCES, LINES} < set(expected)
    for kind in ("opamp", "translinear", REFERENCES, LINES):
        assert 1 / 1.3 < found[kind] / expected[kind] < 1.3, kind
    assert expected["switch"] == 0
    assert abs(found["switch"]) < 1e-4 * found["all"]
    beside = found["clocks"] + found["half the supply"]
    assert sum(found[kind] for kind in expected) + beside == pytest.approx(found["all"], rel=1e-6)
    with pytest.raises(CellwrightError, match="measured_supplies"):
        measured_energies(type(waveforms)(circuit.netlist(inputs), waveforms.simulation))


def test_area_is_what_a_hand_counts(circuit: Circuit, inputs: dict[str, np.ndarray]) -> None:
    found: dict[tuple[str, str], float] = {}
    counts: dict[tuple[str, str], int] = {}
    for piece in pieces(circuit.netlist(inputs)):
        key = piece.block, piece.kind
        found[key] = found.get(key, 0.0) + piece.area * 1e12
        counts[key] = counts.get(key, 0) + piece.count
    amplifiers = UNITS * (2 * 2 + 6 + 1)  # two followers a state; six sums; the inverted line of h
    holds = UNITS * 2 * 2
    assert found["", "capacitors"] == pytest.approx(holds * 20000)  # 20 pF at 1 fF/um2
    assert found["opamp", "capacitors"] == pytest.approx(amplifiers * 1000)  # 1 pF
    assert found["opamp", "resistors"] == pytest.approx(amplifiers * 2 * 2)  # 2 squares of 1 um2, as much beside
    assert found["opamp", "transistor gates"] == pytest.approx(amplifiers * 0.5 * (2 + 20 + 10 + 80 + 16))
    assert found["switch", "transistor gates"] == pytest.approx(holds * 0.3 * (2 + 4 + 1 + 2))
    assert counts["", "memristors"] == UNITS * 4 * 2 * (1 + UNITS + 1)
    assert found["", "memristors"] == pytest.approx(counts["", "memristors"])  # of 1 um x 1 um


def test_the_bill_is_the_sum_of_its_items(circuit: Circuit, inputs: dict[str, np.ndarray]) -> None:
    cost = circuit_cost(circuit, inputs)
    assert cost.energy_per_step_j == pytest.approx(sum(step_energies(circuit.netlist(inputs)).values()))
    assert cost.area_m2 == pytest.approx(sum(piece.area for piece in pieces(circuit.netlist(inputs))))
    assert cost.latency_per_step_s == circuit.laboratory.design.period
    assert cost.power_w == pytest.approx(UNITS * 11 * 9 * 5e-6 * 1.8, rel=0.02)  # amplifiers are nearly all of it
    assert "no foundry's process" in cost.uncertainty
    with pytest.raises(CellwrightError, match="no device"):
        circuit_cost(circuit, inputs, device="none")
