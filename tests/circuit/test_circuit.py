"""Whole cells: the schematic computes what the cell does, and netlist and twin agree."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from cellwright import Recurrent
from cellwright.circuit import circuit as circuits
from cellwright.circuit import technologies
from cellwright.circuit.calibration import Conditions
from cellwright.circuit.circuit import Circuit
from cellwright.circuit.design import Design
from cellwright.circuit.ngspice import ConvergenceError


@pytest.mark.parametrize("name", ["lstm"])
def test_ngspice_and_the_twin_agree(name: str, needs) -> None:  # type: ignore[no-untyped-def]
    needs.program("ngspice", remedy="apt install ngspice")
    torch.manual_seed(1)
    layer = Recurrent(name, 1, 4, dtype=torch.float64)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.copy_((0.8 * torch.randn_like(parameter)).clip(-2, 2))
    x = 2 * torch.rand(3, 1, dtype=torch.float64) - 1
    conditions = Conditions(technologies.find("generic180"))
    circuit = Circuit.of(layer, conditions)
    spice = circuit.simulate({"x": x.numpy()}).values
    twin = circuit.twin.run({"x": x})
    for state, most in (("h", 0.005), ("c", 0.02)):
        assert np.abs(spice[state] - twin[state].numpy()).max() < most


def test_a_run_without_a_solution_tells_the_step(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(text: str, **_: object) -> None:
        raise ConvergenceError("ngspice found no solution at 3.1e-05 s at h0", "h0", 3.1e-5)

    monkeypatch.setattr(circuits, "simulate", fails)
    netlist = SimpleNamespace(steps=3, laboratory=SimpleNamespace(design=Design()))
    with pytest.raises(ConvergenceError, match=r"^step 2 of 3: ngspice found no solution .* at h0"):
        circuits.run(netlist, "", 1.0)  # type: ignore[arg-type]
