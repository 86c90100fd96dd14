"""Derivatives of every kind and order, in eval mode as in training."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.func import functional_call, grad, hessian, jvp, stack_module_state, vmap

from cellwright import LSTM, Recurrent
from cellwright.cells import catalogue

# torch's own forward mode asks its compiler for decompositions when it is first used.
pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated")


def function_of(layer: Recurrent, names: tuple[str, ...], **options: object) -> Callable[..., torch.Tensor]:
    """A layer as one function of its sequences and parameters, its output and final states in one vector."""
    parameters = [name for name, _ in layer.named_parameters()]

    def evaluate(*tensors: torch.Tensor) -> torch.Tensor:
        inputs = dict(zip(names, tensors, strict=False))
        weights = dict(zip(parameters, tensors[len(names) :], strict=True))
        output, state = functional_call(layer, weights, kwargs={**inputs, **options})
        states = (state,) if isinstance(state, torch.Tensor) else state
        return torch.cat([tensor.flatten() for tensor in (output, *states)])

    return evaluate


def arguments(workbench, layer: Recurrent, steps: int, batch: int) -> tuple[tuple[str, ...], list[torch.Tensor]]:
    inputs = workbench.inputs(layer.cell, steps, batch)
    leaves = [tensor.detach().requires_grad_() for tensor in (*inputs.values(), *layer.parameters())]
    return tuple(inputs), leaves


def test_gradients_in_eval_mode_are_right_to_the_second_order(workbench, cell) -> None:
    layer = workbench.layer(cell).eval()
    names, leaves = arguments(workbench, layer, 2, 1)
    function = function_of(layer, names)
    assert torch.autograd.gradcheck(function, leaves, check_forward_ad=True, fast_mode=True)
    assert torch.autograd.gradgradcheck(function, leaves, fast_mode=True)


def test_gradients_through_lengths_resets_and_both_directions_are_right(workbench, cell) -> None:
    layer = workbench.layer(cell, num_layers=2, bidirectional=True)
    names, leaves = arguments(workbench, layer, 4, 2)
    resets = torch.tensor([[0, 0], [0, 1], [1, 0], [0, 0]]).bool()
    function = function_of(layer, names, lengths=torch.tensor([4, 3]), resets=resets)
    assert torch.autograd.gradcheck(function, leaves, fast_mode=True, check_forward_ad=True)


def test_forward_mode_is_the_transpose_of_reverse_mode(laws, workbench, cell) -> None:
    layer = workbench.layer(cell, num_layers=2, bidirectional=True)
    names, leaves = arguments(workbench, layer, 4, 2)
    function = function_of(layer, names)
    tangents = [torch.randn_like(leaf) for leaf in leaves]
    value, forward = jvp(function, tuple(leaf.detach() for leaf in leaves), tuple(tangents))
    cotangent = torch.randn_like(value)
    reverse = torch.autograd.grad(function(*leaves), leaves, cotangent)
    backward = sum((gradient * tangent).sum() for gradient, tangent in zip(reverse, tangents, strict=True))
    laws.same((forward * cotangent).sum(), backward)


def test_functional_gradients_are_those_of_the_tape(laws, workbench, cell) -> None:
    layer = workbench.layer(cell, num_layers=2)
    names, leaves = arguments(workbench, layer, 3, 2)
    function = function_of(layer, names)
    expected = torch.autograd.grad(function(*leaves).square().sum(), leaves)
    positions = tuple(range(len(leaves)))
    laws.same(grad(lambda *tensors: function(*tensors).square().sum(), argnums=positions)(*leaves), expected)


def test_vmap_over_inputs_and_over_layers(laws, workbench, cell) -> None:
    layers = [workbench.layer(cell, seed=seed, num_layers=2, bidirectional=True) for seed in range(3)]
    inputs = workbench.inputs(cell, 3, 4, 2)  # vmap takes the first axis away

    def run(layer: Recurrent, **tensors: torch.Tensor) -> torch.Tensor:
        return layer(**tensors, lengths=[4, 2])[0]

    together = vmap(lambda tensors: run(layers[0], **tensors))(inputs)
    each = [run(layers[0], **{name: tensor[k] for name, tensor in inputs.items()}) for k in range(3)]
    laws.same(together, torch.stack(each))

    stacked, buffers = stack_module_state(layers)
    one = {name: tensor[0] for name, tensor in inputs.items()}
    ensemble = vmap(lambda weights: functional_call(layers[0], (weights, buffers), kwargs=one)[0])(stacked)
    laws.same(ensemble, torch.stack([layer(**one)[0] for layer in layers]))


def test_gradients_of_each_sample_at_once(laws, workbench, cell) -> None:
    layer = workbench.layer(cell)
    inputs = workbench.inputs(cell, 3, 4)  # (batch, time, ...)
    weights = {name: parameter.detach() for name, parameter in layer.named_parameters()}

    def loss(weights: dict, inputs: dict) -> torch.Tensor:
        return functional_call(layer, weights, kwargs=inputs)[0].square().sum()

    per_sample = vmap(grad(loss), in_dims=(None, 0))(weights, inputs)
    for k in range(3):
        alone = grad(loss)(weights, {name: tensor[k] for name, tensor in inputs.items()})
        laws.same({name: tensor[k] for name, tensor in per_sample.items()}, alone)


@pytest.mark.parametrize(
    "options", [{}, {"num_layers": 2, "bidirectional": True, "proj_size": 1}], ids=["plain", "deep"]
)
def test_the_hessian_is_torchs(laws, options: dict) -> None:
    torch.manual_seed(0)
    ours = LSTM(2, 3, dtype=torch.float64, **options)
    theirs = nn.LSTM(2, 3, dtype=torch.float64, **options)
    theirs.load_state_dict(ours.state_dict())
    x = torch.randn(3, 2, 2, dtype=torch.float64)
    expected = torch.autograd.functional.hessian(lambda x: theirs(x)[0].square().sum(), x)
    laws.same(hessian(lambda x: ours(x)[0].square().sum())(x), expected)
    laws.same(torch.autograd.functional.hessian(lambda x: ours(x)[0].square().sum(), x), expected)


def test_a_penalty_on_the_gradient_trains(laws) -> None:
    """Double backward with respect to parameters, which torch's fused layers refuse."""
    torch.manual_seed(0)
    ours = LSTM(2, 3, dtype=torch.float64).eval()
    theirs = nn.LSTM(2, 3, dtype=torch.float64)
    theirs.load_state_dict(ours.state_dict())
    x = torch.randn(4, 2, 2, dtype=torch.float64, requires_grad=True)
    both = []
    for layer in (ours, theirs):
        (gradient,) = torch.autograd.grad(layer(x)[0].sum(), x, create_graph=True)
        both.append(torch.autograd.grad(gradient.square().sum(), [x, *layer.parameters()], allow_unused=True))
    laws.same([g for g in both[0] if g is not None], [g for g in both[1] if g is not None])
    assert [g is None for g in both[0]] == [g is None for g in both[1]]


def test_gradients_that_can_be_differentiated_reach_the_initial_gates_that_are_fed_back(laws, workbench) -> None:
    layer = workbench.layer(catalogue("sequence")["fgr"])
    x = workbench.inputs(layer.cell, 2, 1)["input"]
    state = tuple(tensor.requires_grad_() for tensor in workbench.state(layer, 1))
    found = [
        torch.autograd.grad(layer(x, state)[0].square().sum(), state, create_graph=again) for again in (False, True)
    ]
    laws.same(*found)
    assert all(gradient.any() for gradient in found[0])
