"""A twin in the place of a layer: what it computes, and that gradients are those of what it computes."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest
import torch
from torch.func import functional_call

from cellwright import Recurrent
from cellwright.circuit import twin as twins
from cellwright.circuit.calibration import Laboratory
from cellwright.circuit.design import Design
from cellwright.circuit.layer import TwinLayer
from cellwright.circuit.twin import Twin
from cellwright.errors import CellwrightError
from cellwright.program import from_zero_states

Laboratories = Callable[..., Laboratory]


def _layer(cell: str = "lstm", units: int = 2, **options: bool) -> Recurrent:
    torch.manual_seed(3)
    layer = Recurrent(cell, 2, units, dtype=torch.float64, **options)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.copy_(0.7 * torch.randn_like(parameter))
    return layer


@pytest.mark.parametrize("cell", ["lstm", "gru", "cifg", "peephole"])
def test_a_twin_of_ideal_blocks_is_the_layer(cell: str, formulas: Laboratories) -> None:
    layer = _layer(cell)
    # What departs from the equations is tanh(d v) / d alone.
    ideal = formulas(gain=1e9, pedestal=0.0, design=Design(linear_range=1 / 64))
    x = 2 * torch.rand(4, 3, 2, dtype=torch.float64) - 1
    output, state = layer(x)
    found, final = TwinLayer(layer, ideal)(x)
    assert (found - output).abs().max() < 2e-3
    states, finals = (value if isinstance(value, tuple) else (value,) for value in (state, final))
    for one, other in zip(states, finals, strict=True):
        assert one.shape == other.shape
        assert (one - other).abs().max() < 2e-3


def test_batch_first_is_the_same_with_other_axes(formulas: Laboratories) -> None:
    x = torch.rand(3, 4, 2, dtype=torch.float64)
    time_first = TwinLayer(_layer(), formulas())(x.transpose(0, 1))[0]
    assert torch.equal(TwinLayer(_layer(batch_first=True), formulas())(x)[0], time_first.transpose(0, 1))


class _TwoChips(Twin):
    """A chip as it should be, and one of which everything is twice as large."""

    def run(self, inputs: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        return {name: torch.stack([each, 2 * each], dim=-2) for name, each in super().run(inputs).items()}


def test_several_chips_are_one_batch(formulas: Laboratories) -> None:
    layer = _layer(batch_first=True)
    x = torch.rand(3, 4, 2, dtype=torch.float64)
    one, (h, _) = TwinLayer(layer, formulas())(x)
    both, (both_h, _) = TwinLayer(layer, formulas(), twin=_TwoChips)(x)
    assert torch.equal(both, torch.cat([one, 2 * one]))
    assert torch.equal(both_h, torch.cat([h, 2 * h], dim=1))


def test_gradients_are_those_of_the_forward_pass(formulas: Laboratories) -> None:
    twin = TwinLayer(_layer(units=1), formulas())
    names = [name for name, _ in twin.named_parameters()]
    x = torch.rand(2, 2, 2, dtype=torch.float64)

    def output(*parameters: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = functional_call(twin, dict(zip(names, parameters, strict=True)), (x,))[0]
        return found

    given = [parameter.detach().clone().requires_grad_() for parameter in twin.parameters()]
    assert torch.autograd.gradcheck(output, given)


def test_the_circuit_stays_as_it_is_built_while_weights_change(formulas: Laboratories) -> None:
    twin = TwinLayer(_layer(), formulas(), room=1.5)
    feedback = [node.feedback for node in twin.wiring.nodes]
    least, most = twin.laboratory.design.conductances
    with torch.no_grad():
        for parameter in twin.parameters():
            parameter.mul_(10)
    assert [node.feedback for node in twin.wiring.nodes] == feedback
    largest = max(float(row.conductance.detach().abs().max()) for node in twin.wiring.nodes for row in node.rows)
    assert largest == pytest.approx(most - least, rel=1e-12)


def test_one_step_from_zero_states_is_the_same_without_what_is_dead(formulas: Laboratories) -> None:
    layer = _layer()
    x = torch.rand(1, 3, 2, dtype=torch.float64)
    whole, step = (
        TwinLayer(layer, formulas(pedestal=0.0), program=program)
        for program in (None, from_zero_states(layer.cell.program()))
    )
    assert len(step.wiring.nodes) < len(whole.wiring.nodes)
    assert (whole(x)[0] - step(x)[0]).abs().max() < 1e-3


def test_amplifiers_errors_are_found(formulas: Laboratories, monkeypatch: pytest.MonkeyPatch) -> None:
    twin = TwinLayer(_layer(), formulas())
    x = torch.rand(2, 3, 2, dtype=torch.float64)
    found = twin(x)[0]
    monkeypatch.setattr(twins, "_ROUNDS", 12)
    assert (twin(x)[0] - found).abs().max() < 1e-8


@pytest.mark.parametrize(
    ("options", "expected"), [({"num_layers": 2}, "one layer in one direction"), ({"bidirectional": True}, "direction")]
)
def test_stacks_are_refused(options: dict[str, int], expected: str, formulas: Laboratories) -> None:
    with pytest.raises(CellwrightError, match=expected):
        TwinLayer(Recurrent("lstm", 1, 1, **options), formulas())  # type: ignore[arg-type]
