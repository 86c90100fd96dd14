"""Layers of Grid LSTM: stacks of LSTMs, a loop over blocks by hand, depth tied and apart, one to three dimensions."""

from __future__ import annotations

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cellwright.cells import LSTM, GridLSTM
from cellwright.errors import CellwrightError
from cellwright.layers import GridRecurrent, MultidimensionalRecurrent, Recurrent
from cellwright.program import evaluate

CHANNELS, UNITS, BATCH = 2, 3, 2


def build(depth: int = 2, *, tied_depth: bool = True, seed: int = 0, **options: object) -> GridRecurrent:
    torch.manual_seed(seed)
    return GridRecurrent(GridLSTM(**options), CHANNELS, UNITS, depth, tied_depth=tied_depth, dtype=torch.float64)


def inputs(*shape: int) -> torch.Tensor:
    return torch.randn(BATCH, CHANNELS, *shape, dtype=torch.float64)


@pytest.mark.parametrize("depth", [1, 3])
@pytest.mark.parametrize("variant", [{}, {"peepholes": True}, {"coupled": True}, {"forget_gate": False}], ids=str)
def test_without_depth_cells_it_is_a_stack_of_lstms(depth, variant, laws):
    """Depth passes on the new h of time: h1 is what each layer feeds back, h2 what it reads from below."""
    transform = LSTM(**variant)
    layer = build(
        depth, tied_depth=False, transform=transform, without_cell=(2,), connection="pass", output="o*tanh(m)"
    )
    stack = Recurrent(transform, CHANNELS, UNITS, depth, batch_first=True, dtype=torch.float64)
    names = {"weight_ih": "weight_h2", "weight_hh": "weight_h1", "bias_ih": "bias_h1"}
    own = {
        f"{name}_l{k}": layer.get_parameter(f"{names.get(name, name)}_l{k}").detach()
        for k, name in itertools.product(range(depth), [*names, *["weight_peephole"] * transform.peepholes])
    }
    own["weight_ih_l0"] = own["weight_ih_l0"] @ layer.projection_h  # what enters is P x
    stack.load_state_dict(own)
    x = inputs(5)
    laws.same(layer(x), stack(x.transpose(1, 2))[0].transpose(1, 2))


def by_blocks(layer: GridRecurrent, x: torch.Tensor) -> torch.Tensor:
    """Block after block, each on the step as it is traced; states by the name of what a block receives."""
    cell, last = layer.cell, layer.cell.dimensions
    sizes, shape = cell.sizes(CHANNELS, UNITS), (*x.shape[2:], layer.depth)
    states: dict[tuple[int, ...], dict[str, torch.Tensor]] = {}
    for point in itertools.product(*(range(size) for size in shape)):
        entering = {"h": x[(..., *point[:-1])] @ layer.projection_h.T}
        if f"m{last}" in cell.state_axes():
            entering["m"] = x[(..., *point[:-1])] @ layer.projection_m.T
        previous = {}
        for name in cell.state_axes():
            d = int(name[1:]) - 1
            before = tuple(k - (e == d) for e, k in enumerate(point))
            border = entering[name[0]] if d + 1 == last else x.new_zeros(BATCH, UNITS)
            previous[name] = states[before][name] if before[d] >= 0 else border
        suffix = "_l0" if layer.tied_depth else f"_l{point[-1]}"
        stored = {n.removesuffix(suffix): t for n, t in layer.named_parameters() if n.endswith(suffix)}
        states[point] = evaluate(cell.program(), previous, stored, sizes)
    tops = [states[(*point, layer.depth - 1)][f"h{last}"] for point in itertools.product(*map(range, x.shape[2:]))]
    return torch.stack(tops, 2).reshape(BATCH, UNITS, *x.shape[2:])


@pytest.mark.parametrize("tied_depth", [True, False])
@pytest.mark.parametrize(
    ("shape", "options"),
    [
        ((), {}),
        ((4,), {"tied": True}),
        ((4,), {"priority": (2,)}),
        ((3, 2), {}),
        ((2, 3), {"without_cell": (3,), "connection": "tanh", "priority": (3,)}),
        ((2, 2, 3), {"output": "o*tanh(m)", "tied": True}),
    ],
    ids=str,
)
def test_values_and_gradients_are_those_of_a_loop_over_blocks(shape, options, tied_depth, laws):
    layer = build(3, tied_depth=tied_depth, dimensions=len(shape) + 1, **options)
    x = inputs(*shape).requires_grad_()
    outputs = [layer(x), by_blocks(layer, x)]
    laws.same(outputs[0], outputs[1])
    leaves = [x, *layer.parameters()]
    seed = torch.randn_like(outputs[0])
    found = [torch.autograd.grad(o, leaves, seed, allow_unused=True, materialize_grads=True) for o in outputs]
    laws.same(*found)


def test_tied_depth_is_the_same_weights_in_every_layer(laws):
    tied, apart = build(3), build(3, tied_depth=False)
    shared = tied.state_dict()
    apart.load_state_dict({name: shared[name[:-1] + "0" if "_l" in name else name] for name in apart.state_dict()})
    x = inputs(4)
    laws.same(tied(x), apart(x))


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated")
def test_derivatives():
    layer = build(2, priority=(2,))
    x = inputs(2).requires_grad_()

    def run(x: torch.Tensor, *values: torch.Tensor) -> torch.Tensor:
        return torch.func.functional_call(layer, dict(zip(layer.state_dict(), values, strict=True)), x)

    leaves = (x, *layer.parameters())
    assert torch.autograd.gradcheck(run, leaves, check_forward_ad=True, fast_mode=True)
    assert torch.autograd.gradgradcheck(run, leaves, fast_mode=True)


@settings(max_examples=15)
@given(st.lists(st.integers(1, 3), min_size=0, max_size=3), st.integers(0, 3), st.integers(1, 3), st.booleans())
def test_any_shape(shape, batch, depth, tied_depth):
    layer = build(depth, tied_depth=tied_depth, dimensions=len(shape) + 1)
    x = torch.randn(batch, CHANNELS, *shape, dtype=torch.float64)
    output = layer(x)
    assert output.shape == (batch, UNITS, *shape)
    for sample, alone in zip(output, x, strict=True):
        torch.testing.assert_close(layer(alone.unsqueeze(0))[0], sample, rtol=0, atol=1e-13)


def test_forget_biases_start_where_the_transform_says():
    layer = build(transform=LSTM(forget_bias=1.5), dimensions=2)
    assert (layer.bias_h1_l0.unflatten(0, (2, 4, UNITS))[:, 1] == 1.5).all()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (inputs(3, 3), r"expected \(batch, 2, size 1\), each size from 1"),
        (inputs(0), "each size from 1"),
        (inputs(3).float(), "the input has the dtype torch.float32"),
    ],
    ids=["a dimension too many", "nothing", "dtype"],
)
def test_input_that_does_not_fit(given, message):
    with pytest.raises(CellwrightError, match=message):
        build()(given)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: GridRecurrent("mdlstm", 2, 3), "has one state for all dimensions: build a MultidimensionalRecurrent"),
        (lambda: MultidimensionalRecurrent("grid", 2, 3), "has states for each dimension: build a GridRecurrent"),
        (lambda: GridRecurrent("lstm", 2, 3), "walks a sequence, this layer a grid: build a Recurrent"),
        (lambda: GridRecurrent("grid", 2, 3, 0), "depth is a whole number from 1, got 0"),
        (lambda: GridRecurrent("grid", 2, 3, tied_depth="no"), "tied_depth is True or False, got 'no'"),
    ],
)
def test_what_is_refused(make, message):
    with pytest.raises(CellwrightError, match=message) as caught:
        make()
    assert "\n" not in str(caught.value)
