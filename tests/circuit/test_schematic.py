"""Schematics over the whole catalogue: with blocks that are their equations, a circuit is the cell."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import pytest
import torch

from cellwright import Recurrent
from cellwright.cells import catalogue
from cellwright.circuit import technologies
from cellwright.circuit.blocks.pairs import PairConstants, Pairs
from cellwright.circuit.calibration import Conditions, Laboratory
from cellwright.circuit.design import Design
from cellwright.circuit.parameters import stored
from cellwright.circuit.schematic import Gated, Weights, schematic
from cellwright.circuit.twin import Twin
from cellwright.circuit.wiring import wire
from cellwright.errors import CellwrightError
from cellwright.program import Interpreter, from_zero_states

Tensor = torch.Tensor

WITHOUT = {
    "perceptron": "operator where",
    "rnn-relu": "operator relu",
    "lnlstm": "operator divide",
    "slstm": "operator",
    "phased": "no factor sigma",
    "tlstm": "operator",
    "convlstm": "walks a maps",
    "convlstm-peephole": "walks a maps",
    "convgru": "walks a maps",
    "childsum-tree": "walks a tree",
    "nary-tree": "walks a tree",
    "mdlstm": "walks a grid",
    "grid": "walks a grid",
}
"""The cells that no circuit is made of, and what the refusal names. A new cell is expected to have one."""


@dataclass(frozen=True)
class Equations(Laboratory):
    """Blocks as the equations that they stand for."""

    @cached_property
    def constants(self) -> PairConstants:
        return PairConstants(1.02, 0.033, 0.066, 0.001, -0.002, 0.0)

    def pair(self, block: type[Pairs], sign: int, direction: int) -> Callable[..., Tensor]:  # type: ignore[override]
        program, constants = block().equation, self.constants
        bound = Interpreter(program, {}).bind({}, torch.zeros((), dtype=torch.float64))
        scales = {"sigma": sign / constants.sigma_slope, "value": direction / constants.tanh_slope}
        names = [value.name for value in program.inputs]

        def current(*volts: Tensor) -> Tensor:
            given = {name: scales[name] * each for name, each in zip(names, volts, strict=True)}
            return bound(given)["current"] * self.design.pair_current * constants.amplitude

        return current

    @property
    def virtual_ground(self) -> Callable[..., Tensor]:  # type: ignore[override]
        return lambda out, load: torch.zeros_like(out + load)

    follower = virtual_ground

    @property
    def hold(self) -> Callable[..., Tensor]:  # type: ignore[override]
        return lambda volts: volts


# Of tanh(d v) / d, which stands for v, a millionth is left.
LABORATORY = Equations(Design(linear_range=1 / 1024), Conditions(technologies.find("generic180")))


@pytest.mark.parametrize("name", [name for name in catalogue() if name not in WITHOUT])
def test_a_circuit_of_equations_is_the_cell(name: str) -> None:
    torch.manual_seed(2)
    layer = Recurrent(name, 3, 4, proj_size=2 * catalogue()[name].projects, dtype=torch.float64)
    x = torch.randn(5, 2, 3, dtype=torch.float64)
    wiring = wire(schematic(layer.cell), stored(layer), layer.layer_sizes(0), LABORATORY.design, LABORATORY.constants)
    found = Twin(wiring, LABORATORY).run({"x": x})
    output = layer(x)[0]
    hidden = found[next(iter(wiring.schematic.results.values())).name]
    assert (hidden - output).abs().max() < 1e-5 * output.abs().max()


@pytest.mark.parametrize("name", WITHOUT)
def test_a_cell_without_a_circuit_is_refused_in_one_line(name: str) -> None:
    with pytest.raises(CellwrightError, match=WITHOUT[name]) as caught:
        schematic(catalogue()[name])
    assert "\n" not in str(caught.value)


def test_an_lstm_is_four_crossbars_and_three_products() -> None:
    sums = {each.out.name: each.parts for each in schematic(catalogue()["lstm"]).sums}
    assert sums.keys() == {"i_in", "f_in", "g_in", "o_in", "c", "h"}
    assert all(isinstance(part, Weights) for name in ("i_in", "f_in", "g_in", "o_in") for part in sums[name])
    kept, fresh = sums["c"]
    assert isinstance(kept, Gated)
    assert isinstance(fresh, Gated)
    assert (kept.squashed, fresh.squashed) == (False, True)


def test_a_coupled_gate_is_the_other_side_of_the_pair() -> None:
    signs = [part.sign for part in schematic(catalogue()["cifg"]).sums[-1].parts if isinstance(part, Gated)]
    signs += [p.sign for each in schematic(catalogue()["cifg"]).sums for p in each.parts if isinstance(p, Gated)]
    assert -1 in signs


def test_from_zero_states_forget_gate_and_recurrent_weights_are_not_built() -> None:
    cell = catalogue()["lstm"]
    made = schematic(cell, from_zero_states(cell.program()))
    assert {each.out.name for each in made.sums} == {"i_in", "g_in", "o_in", "c", "h"}
    assert not made.states


def test_weights_beside_products_that_do_not_fit_are_told() -> None:
    layer = Recurrent("gru", 1, 2, dtype=torch.float64)
    with torch.no_grad():
        layer.weight_ih_l0.fill_(1e3)
    with pytest.raises(CellwrightError, match="larger conductances"):
        wire(schematic(layer.cell), stored(layer), layer.layer_sizes(0), LABORATORY.design, LABORATORY.constants)


def test_products_in_parts_of_a_block_are_told() -> None:
    layer = Recurrent("lstm", 1, 2, dtype=torch.float64)
    with pytest.raises(CellwrightError, match="linear_range of 1/2, 1/3"):
        wire(schematic(layer.cell), stored(layer), layer.layer_sizes(0), Design(linear_range=0.3), LABORATORY.constants)
