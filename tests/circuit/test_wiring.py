"""Wirings: weights become conductances, and what cannot become any is told in one line."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from cellwright import Recurrent
from cellwright.cells import Cell, affine, sigmoid, tanh, weight
from cellwright.circuit import Conditions, find_technology
from cellwright.circuit.calibration import Laboratory
from cellwright.circuit.netlist import Netlist
from cellwright.circuit.parameters import stored
from cellwright.circuit.schematic import schematic
from cellwright.circuit.twin import Twin
from cellwright.circuit.wiring import Wiring, wire
from cellwright.errors import CellwrightError
from cellwright.program.values import Value

Tensor = torch.Tensor
Formulas = Callable[..., Laboratory]


def wired(layer: Recurrent, laboratory: Laboratory, **changed: Tensor | None) -> Wiring:
    """The wiring of a layer, some of whose parameters are others, or missing."""
    weights = {name: tensor.detach() for name, tensor in (stored(layer) | changed).items() if tensor is not None}
    return wire(schematic(layer.cell), weights, layer.layer_sizes(0), laboratory.design, laboratory.constants)


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"bias_ih": None}, "parameters without bias_ih: expected weight_ih"),
        ({"weight_ih": torch.zeros(8, 3)}, r"weight_ih has the shape \(8, 3\): expected \(8, 1\)"),
        ({"weight_hh": torch.full((8, 2), torch.nan)}, "weights of o_in are NaN or infinite"),
    ],
)
def test_parameters_that_are_none_of_the_cell_are_told(
    changed: dict[str, Tensor | None], expected: str, formulas: Formulas
) -> None:
    with pytest.raises(CellwrightError, match=expected):
        wired(Recurrent("lstm", 1, 2), formulas(), **changed)


def test_single_precision_weights_make_the_circuit_of_the_same_numbers(formulas: Formulas) -> None:
    torch.manual_seed(1)
    layer, x = Recurrent("lstm", 1, 2), {"x": torch.rand(2, 1)}
    single, double = (Twin(wired(each, formulas()), formulas()).run(x)["h"] for each in (layer, layer.double()))
    assert single.dtype == torch.float64
    assert torch.equal(single, double)


def test_weights_that_are_all_zero_make_a_circuit(formulas: Formulas) -> None:
    layer = Recurrent("lstm", 1, 2)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.zero_()
    exact = formulas(gain=1e9, pedestal=0.0)
    assert Twin(wired(layer, exact), exact).run({"x": torch.ones(2, 1)})["h"].abs().max() < 1e-6


class _Twice(Cell):
    """One gate reads h by a matrix and unit by unit."""

    states = ("h",)

    def step(self, x: Value, h: Value) -> Value:
        z = sigmoid(affine("z", x, h) + weight("weight_peephole", "z") * h)
        return z * tanh(affine("g", x))


def test_weights_of_one_signal_are_one_pair_of_devices(formulas: Formulas) -> None:
    torch.manual_seed(1)
    layer = Recurrent(_Twice(), 1, 2, dtype=torch.float64)
    exact = formulas(gain=1e9, pedestal=0.0)
    wiring, x = wired(layer, exact), torch.rand(3, 1, dtype=torch.float64)
    assert (Twin(wiring, exact).run({"x": x})["h"] - layer(x[:, None])[0][:, 0]).abs().max() < 1e-4  # of tables
    names = [part.name for part in Netlist(wiring, exact, {"x": x.numpy()}).components]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("inputs", "expected"),
    [
        ({}, "the circuit reads x, got no input"),
        ({"x": np.zeros((2, 1)), "y": np.zeros((2, 1))}, "the circuit reads x, got x, y"),
        ({"x": np.zeros(2)}, r"the input x has the shape \(2,\): expected \(steps, ..., 1\)"),
        ({"x": np.zeros((0, 1))}, "with one step or more"),
        ({"x": np.zeros((2, 3, 1))}, "has 3 axes: expected one sequence"),
        ({"x": np.array([[np.inf]])}, "x is NaN or infinite"),
    ],
)
def test_inputs_that_a_netlist_does_not_read_are_told(
    inputs: dict[str, np.ndarray], expected: str, formulas: Formulas
) -> None:
    with pytest.raises(CellwrightError, match=expected):
        Netlist(wired(Recurrent("lstm", 1, 2), formulas()), formulas(), inputs)


def test_a_twin_tells_the_same(formulas: Formulas) -> None:
    with pytest.raises(CellwrightError, match=r"expected \(steps, ..., 1\)"):
        Twin(wired(Recurrent("lstm", 1, 2), formulas()), formulas()).run({"x": torch.zeros(2, 3)})


def test_kinds_of_blocks_that_are_to_be_ideal_are_known_ones(formulas: Formulas) -> None:
    wiring = wired(Recurrent("lstm", 1, 2), formulas())
    with pytest.raises(CellwrightError, match="did you mean 'opamp'"):
        Netlist(wiring, formulas(), {"x": np.zeros((1, 1))}, frozenset({"opamps"}))


@pytest.mark.parametrize(
    ("given", "expected"),
    [({"corner": "fst"}, "did you mean 'fast'"), ({"temperature": -300.0}, "above -273.15, got -300.0")],
)
def test_conditions_are_possible_ones(given: dict[str, object], expected: str) -> None:
    with pytest.raises(CellwrightError, match=expected):
        Conditions(find_technology("generic180"), **given)  # type: ignore[arg-type]
