"""The time loop by itself: what is computed ahead of it, and linear groups that something else evaluates."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
import torch

from cellwright import Recurrent
from cellwright.cells import LSTM, Cell, affine, linear, sigmoid, tanh
from cellwright.errors import CellwrightError
from cellwright.layers.stages import merged, staged
from cellwright.program import GroupFunction, families, linear_groups, linear_terms, merge_sums


class ByHand(Recurrent):
    """Evaluates every linear group node by node from views of the weights, as a programmed layer evaluates arrays."""

    def group_functions(self, layer: int, suffix: str) -> Mapping[str, GroupFunction]:
        program = merge_sums(self.cell.program())
        stored, sizes = self.stored(layer, suffix), self.layer_sizes(layer)
        views = {}
        for family in families(program, sizes).values():
            views |= family.views(stored[family.name])

        def node_by_node(group):
            def evaluate(inputs):
                outputs = []
                for node in group.nodes:
                    _, weights, biases = linear_terms(node)
                    columns = [tensor.shape[-1] for tensor in inputs]
                    products = [
                        tensor @ views[weight.name].reshape(-1, size).T
                        for tensor, weight, size in zip(inputs, weights, columns, strict=True)
                    ]
                    outputs.append(sum(products) + sum(views[bias.name].flatten() for bias in biases))
                return outputs

            return evaluate

        return {group.name: node_by_node(group) for group in linear_groups(program)}


def test_linear_groups_can_be_evaluated_by_something_else(laws, workbench, cell) -> None:
    software = workbench.layer(cell, num_layers=2, bidirectional=True)
    hardware = ByHand(cell, 3, 4, 2, bidirectional=True, proj_size=software.proj_size, dtype=torch.float64)
    hardware.load_state_dict(software.state_dict())
    inputs, lengths = workbench.inputs(cell, 4, 2), [4, 3]
    names = tuple(merge_sums(cell.program()).named)
    expected = software(**inputs, lengths=lengths, record=names)
    laws.same(list(hardware(**inputs, lengths=lengths, record=names)), list(expected))


class Parts(Cell):
    """Names the addends of a preactivation: on a chip, where currents add up on a wire, they do not exist."""

    def step(self, x, h):
        seen = linear("f", x, bias=True)
        fed = linear("f", h)
        f = sigmoid(seen + fed)
        g = tanh(affine("g", x, h))
        return f * h + (1 - f) * g


def test_a_signal_that_a_chip_does_not_have_is_refused_there() -> None:
    x = torch.randn(3, 2, 3)
    assert Recurrent(Parts(), 3, 4)(x, record=("seen", "fed"))[2].keys() == {"seen_l0", "fed_l0"}
    with pytest.raises(CellwrightError, match="computes no 'seen' by itself; it has: f, g, h"):
        ByHand(Parts(), 3, 4)(x, record="seen")


@pytest.mark.parametrize(
    "cell", [LSTM(), LSTM(peepholes=True, recurrent_bias=True), LSTM(gate_recurrence="gates")], ids=str
)
def test_products_with_the_input_leave_the_loop(cell: Cell) -> None:
    """One product over all steps; in the loop the states alone are multiplied."""
    sizes = tuple(sorted(cell.sizes(3, 4).items()))
    stages = staged(cell, sizes)
    assert stages.cuts.keys() == {group.name for group in stages.recurrent.groups}
    assert not stages.hoisted.groups
    assert "weight_ih" not in stages.read[0] | stages.read[1]
    assert [g.name for g in merged(cell, sizes).groups] == [g.name for g in linear_groups(merge_sums(cell.program()))]


def test_biases_start_where_the_cell_says() -> None:
    torch.manual_seed(0)
    layer = Recurrent(LSTM(forget_bias=1.5, output_bias=-1.0, recurrent_bias=True), 3, 4, 2, bidirectional=True)
    for name, parameter in layer.named_parameters():
        if name.startswith("bias"):
            first = 1.5 if name.startswith("bias_ih") else 0.0
            last = -1.0 if name.startswith("bias_ih") else 0.0
            assert parameter[4:8].tolist() == [first] * 4
            assert parameter[12:].tolist() == [last] * 4
            assert 0 < parameter[:4].abs().max() <= 0.5
            assert 0 < parameter[8:12].abs().max() <= 0.5
