"""Circuits that are designed in one condition and operated in another."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from cellwright import Recurrent
from cellwright.circuit import technologies
from cellwright.circuit.blocks.pairs import Pairs, SigmaPair, TanhPair
from cellwright.circuit.calibration import Conditions, Laboratory
from cellwright.circuit.circuit import Circuit
from cellwright.circuit.components import Memristor, Resistor
from cellwright.circuit.design import Design
from cellwright.errors import CellwrightError

TYPICAL = Conditions(technologies.find("generic180"))
HOT = Conditions(technologies.find("generic180"), temperature=85.0)
RATIO = (85 + 273.15) / (27 + 273.15)


@pytest.fixture(autouse=True)
def ngspice(needs) -> None:  # type: ignore[no-untyped-def]
    needs.program("ngspice", remedy="apt install ngspice")


@pytest.fixture(scope="module")
def layer() -> Recurrent:
    torch.manual_seed(1)
    return Recurrent("lstm", 1, 1, dtype=torch.float64)


def circuit_of(layer: Recurrent, design: Design, operated: Conditions | None) -> Circuit:
    return Circuit.of(layer, TYPICAL, design, operated=operated)


def test_the_components_stay_and_the_references_follow_temperature(layer: Recurrent) -> None:
    x = {"x": torch.tensor([[0.5]]).numpy()}
    cold, hot = (circuit_of(layer, Design(proportional=True), operated) for operated in (None, HOT))

    def sizes(circuit: Circuit) -> list[tuple[str, float]]:
        parts = circuit.netlist(x).components
        resistors = [(part.name, part.resistance) for part in parts if isinstance(part, Resistor)]
        return resistors + [(part.name, part.conductance) for part in parts if isinstance(part, Memristor)]

    for (name, designed), (same, operated) in zip(sizes(cold), sizes(hot), strict=True):
        assert (name, designed) == (same, pytest.approx(operated, rel=1e-12))
    given = {source.name: float(source.value) for source in hot.netlist(x).sources if "(" not in source.value}
    assert given["one"] == pytest.approx(0.9 + 0.1 * RATIO, abs=1e-6)
    assert hot.laboratory.references == cold.laboratory.references
    assert hot.laboratory.design.pair_current == pytest.approx(100e-9 * RATIO)
    assert circuit_of(layer, Design(), HOT).laboratory.design == Design()


@pytest.mark.parametrize("block", [SigmaPair, TanhPair])
def test_references_proportional_to_temperature_keep_the_activations(block: type[Pairs]) -> None:
    """A pair is a function of voltage over thermal voltage: constant voltages are too small for it when it is hot."""
    value = torch.linspace(-0.15, 0.15, 31, dtype=torch.float64)

    def activation(design: Design, operated: Conditions) -> torch.Tensor:
        laboratory = Laboratory(design, TYPICAL).operated(operated)
        volts = value * laboratory.design.scale / design.scale
        return laboratory.pair(block, 1, 1)(volts) / laboratory.design.pair_current

    expected = activation(Design(), TYPICAL)
    constant, proportional = (activation(Design(proportional=each), HOT) for each in (False, True))
    assert (constant - expected).abs().max() > 0.03
    assert (proportional - expected).abs().max() < 0.3 * (constant - expected).abs().max()


def test_a_circuit_is_operated_in_its_own_technology(layer: Recurrent) -> None:
    with pytest.raises(CellwrightError, match="works in no other technology"):
        circuit_of(layer, Design(), replace(TYPICAL, technology=technologies.find("sky130")))
