"""Multipliers alone against theory, and whole cells that are built with them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from cellwright import Recurrent
from cellwright.cells import Cell, affine, catalogue
from cellwright.circuit import multipliers, technologies
from cellwright.circuit.calibration import Conditions
from cellwright.circuit.circuit import Circuit
from cellwright.circuit.design import Design
from cellwright.circuit.products import measured, sweep
from cellwright.circuit.schematic import Gated, Multiplied, schematic
from cellwright.errors import CellwrightError
from cellwright.program.values import Value

DESIGNS = {"gilbert": Design(multiplier="gilbert"), "ohmic": Design(multiplier="ohmic", scale=0.07)}


@pytest.fixture(scope="module")
def generic(needs) -> Conditions:  # type: ignore[no-untyped-def]
    needs.program("ngspice", remedy="apt install ngspice")
    return Conditions(technologies.find("generic180"))


def test_gilberts_cell_is_a_product_in_four_quadrants(generic: Conditions) -> None:
    multiplier = multipliers.catalogue()["gilbert"]
    found = measured(multiplier, DESIGNS["gilbert"], generic)
    x, y = np.meshgrid(np.linspace(-1, 1, 9), np.linspace(-1, 1, 9))
    for direction, table in found.tables.items():
        volts = (torch.from_numpy(factor * multiplier.unit) for factor in (x, y))
        ones = (table(*volts).numpy() - found.offsets[direction]) / found.current
        assert np.abs(ones - direction * x * y).max() < 0.01
    assert found.error < 0.01


def test_an_ohmic_transistor_obeys_its_equation(generic: Conditions) -> None:
    multiplier = multipliers.catalogue()["ohmic"]
    assert multiplier is not None
    x, y, current = sweep(multiplier, DESIGNS["ohmic"], generic, 1)
    middle = len(y) // 2
    odd = (current - current[:, ::-1]) / 2
    # The switches make the two signs alike.
    assert np.abs(current - odd)[x > 0.5].max() < 0.01 * np.abs(current).max()
    # K((x - shift) y + n y^2 / 2): the second derivative in y is n times that in x and y, n being 1 to 1.5.
    step, other = x[1] - x[0], y[1] - y[0]
    mixed = (odd[-1, middle + 2] - odd[-2, middle + 2] - odd[-1, middle + 1] + odd[-2, middle + 1]) / (step * other)
    second = (odd[-1, middle + 3] - 2 * odd[-1, middle + 2] + odd[-1, middle + 1]) / other**2
    assert 1 < second / mixed < 1.5
    # Half of n times the second factor over the first, at ones, is what keeps it from being a product.
    found = measured(multiplier, DESIGNS["ohmic"], generic)
    assert 0.05 < found.error < 1.5 / 2 * DESIGNS["ohmic"].scale / multiplier.unit


def test_a_multiplier_takes_gates_as_signals() -> None:
    made = schematic(catalogue()["lstm"], multiplier=multipliers.find("gilbert"))
    parts = {total.out.name: total.parts for total in made.sums}
    assert [type(part) for part in parts["c"]] == [Multiplied, Multiplied]
    assert [type(part) for part in parts["i"]] == [Gated]
    assert {total.out.reader for total in made.sums if total.out.name in "ifo"} == {"factor"}


class _Square(Cell):
    states = ("h",)

    def step(self, x: Value, h: Value) -> Value:
        return h * h + affine("a", x)


def test_products_without_a_gate_take_four_quadrants() -> None:
    made = schematic(_Square(), multiplier=multipliers.find("gilbert"))
    assert any(isinstance(part, Multiplied) for part in made.sums[-1].parts)
    for name in ("ohmic", "translinear"):
        with pytest.raises(CellwrightError, match="by which this design multiplies"):
            schematic(_Square(), multiplier=multipliers.find(name))


def test_an_unknown_multiplier_is_named() -> None:
    with pytest.raises(CellwrightError, match="no multiplier is called 'gilbret': did you mean 'gilbert'"):
        Design(multiplier="gilbret")


@pytest.mark.parametrize("name", ["gilbert"])  # transients with the ohmic one take ngspice more than minutes
def test_ngspice_and_the_twin_agree(name: str, generic: Conditions) -> None:
    torch.manual_seed(1)
    layer = Recurrent("lstm", 1, 2, dtype=torch.float64)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.copy_((0.8 * torch.randn_like(parameter)).clip(-2, 2))
    x = 2 * torch.rand(2, 1, dtype=torch.float64) - 1
    circuit = Circuit.of(layer, generic, DESIGNS[name])
    spice, twin = circuit.simulate({"x": x.numpy()}).values, circuit.twin.run({"x": x})
    for state, most in (("h", 0.005), ("c", 0.02)):
        assert np.abs(spice[state] - twin[state].detach().numpy()).max() < most
