"""Multidimensional LSTM: the LSTM in one dimension, a loop over points by hand in two and three, from every corner."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cellwright.cells import LSTM, MultidimensionalLSTM
from cellwright.errors import CellwrightError
from cellwright.layers import MultidimensionalRecurrent, Recurrent
from cellwright.program import evaluate

CHANNELS, UNITS, BATCH = 2, 3, 2
VARIANTS = {
    "plain": {},
    "peepholes": {"peepholes": True},
    "no forget gate": {"forget_gate": False},
    "no input gate, no output squashing": {"input_gate": False, "output_activation": "identity", "peepholes": True},
    "forget bias": {"forget_bias": 1.0, "biases": "gates"},
}


def build(dimensions: int, seed: int = 0, **options: object) -> MultidimensionalRecurrent:
    torch.manual_seed(seed)
    layer_options = {name: options.pop(name) for name in ("directions", "combine", "proj_size") if name in options}
    cell = MultidimensionalLSTM(dimensions=dimensions, **options)
    return MultidimensionalRecurrent(cell, CHANNELS, UNITS, dtype=torch.float64, **layer_options)


def images(*shape: int) -> torch.Tensor:
    return torch.randn(BATCH, CHANNELS, *shape, dtype=torch.float64)


def logistic(value: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-value))


def by_points(layer: MultidimensionalRecurrent, input: np.ndarray) -> np.ndarray:
    """Graves et al. (2007), section 2, point after point of one image (channels, *grid), forward, with peepholes."""
    weights = {name.removesuffix("_l0"): tensor.detach().numpy() for name, tensor in layer.named_parameters()}
    shape, dimensions = input.shape[1:], input.ndim - 1
    names = ["i", *(f"f{d}" for d in range(dimensions)), "g", "o"]
    input_matrix, bias = (
        dict(zip(names, np.split(weights[f"{w}_ih"], len(names)), strict=True)) for w in ("weight", "bias")
    )
    recurrent = dict(zip(names, np.split(weights["weight_hh"], len(names)), strict=True))
    peephole = np.split(weights["weight_peephole"], 2 * dimensions + 1)
    h, c = np.zeros((*shape, UNITS)), np.zeros((*shape, UNITS))
    for point in np.ndindex(*shape):
        before = [tuple(k - (d == e) for e, k in enumerate(point)) for d in range(dimensions)]
        hs, cs = ([s[p] if min(p) >= 0 else np.zeros(UNITS) for p in before] for s in (h, c))

        def seen(name, hs=hs, point=point):
            blocks = np.split(recurrent[name], dimensions, axis=1)
            x = input[(slice(None), *point)]
            return input_matrix[name] @ x + sum(u @ hd for u, hd in zip(blocks, hs, strict=True)) + bias[name]

        i = logistic(seen("i") + sum(peephole[d] * cs[d] for d in range(dimensions)))
        forgets = [logistic(seen(f"f{d}") + peephole[dimensions + d] * cs[d]) for d in range(dimensions)]
        c[point] = i * np.tanh(seen("g")) + sum(f * cd for f, cd in zip(forgets, cs, strict=True))
        h[point] = logistic(seen("o") + peephole[-1] * c[point]) * np.tanh(c[point])
    return np.moveaxis(h, -1, 0)


@pytest.mark.parametrize("variant", VARIANTS)
def test_in_one_dimension_it_is_the_lstm(variant, laws):
    options = VARIANTS[variant]
    layer = build(1, directions="all", **options)
    lstm = Recurrent(LSTM(**options), CHANNELS, UNITS, bidirectional=True, batch_first=True, dtype=torch.float64)
    lstm.load_state_dict({name.replace("reverse0", "reverse"): t for name, t in layer.state_dict().items()})
    x = images(6)
    laws.same(layer(x), lstm(x.transpose(1, 2))[0].transpose(1, 2))


@pytest.mark.parametrize("shape", [(4, 3), (1, 5), (3, 2, 4)], ids=str)
def test_it_computes_what_a_loop_over_points_computes(shape, laws):
    layer, x = build(len(shape), peepholes=True), images(*shape)
    laws.same(layer(x), torch.from_numpy(np.stack([by_points(layer, image) for image in x.numpy()])))


@pytest.mark.parametrize("shape", [(4, 3), (2, 3, 2)], ids=str)
def test_another_corner_is_the_image_flipped(shape, laws):
    """Every direction, with the weights of the first one, on the flipped image, and its output flipped back."""
    dimensions = len(shape)
    layer, x = build(dimensions, directions="all"), images(*shape)
    outputs = layer(x).chunk(2**dimensions, 1)
    for signs, output in zip(itertools.product((1, -1), repeat=dimensions), outputs, strict=True):
        backwards = [k for k, sign in enumerate(signs) if sign < 0]
        suffix = "".join(map(str, backwards))
        forward = build(dimensions)
        own = {n: layer.state_dict()[n + f"_reverse{suffix}" * bool(suffix)] for n in forward.state_dict()}
        forward.load_state_dict(own)
        axes = [2 + k for k in backwards]
        laws.same(output, forward(x.flip(axes)).flip(axes))


def test_directions_are_concatenated_or_summed(laws):
    both = [(1, 1), (-1, 1)]
    apart, together = build(2, directions=both), build(2, directions=both, combine="sum")
    x = images(3, 3)
    first, second = apart(x).chunk(2, 1)
    laws.same(together(x), first + second)
    assert (apart.output_size, together.output_size) == (2 * UNITS, UNITS)


def test_a_projection_is_what_neighbours_see():
    layer = build(2, projection=True, proj_size=2)
    assert layer(images(2, 3)).shape == (BATCH, 2, 2, 3)
    assert layer.weight_hh_l0.shape == (5 * UNITS, 2 * 2)


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated")
def test_derivatives():
    layer = build(2, directions=[(1, -1)], peepholes=True)
    x = torch.randn(1, CHANNELS, 2, 3, dtype=torch.float64, requires_grad=True)
    parameters = tuple(layer.parameters())

    def run(x: torch.Tensor, *values: torch.Tensor) -> torch.Tensor:
        named = dict(zip(layer.state_dict(), values, strict=True))
        return torch.func.functional_call(layer, named, x)

    assert torch.autograd.gradcheck(run, (x, *parameters), check_forward_ad=True, fast_mode=True)
    assert torch.autograd.gradgradcheck(run, (x, *parameters), fast_mode=True)


def test_gradients_are_those_of_a_loop_over_points(laws):
    """torch's own gradients through a step at a time, every point by itself."""
    layer, x = build(2, peepholes=True), images(3, 4).requires_grad_()
    outputs = [layer(x), one_by_one(layer, x)]
    laws.same(outputs[0], outputs[1])
    seed = torch.randn_like(outputs[0])
    laws.same(*(torch.autograd.grad(output, [x, *layer.parameters()], seed) for output in outputs))


def one_by_one(layer: MultidimensionalRecurrent, x: torch.Tensor) -> torch.Tensor:
    """Each point as a grid of its own, on the step as it is traced."""
    sizes = layer.cell.sizes(CHANNELS, UNITS)
    stored = {name.removesuffix("_l0"): tensor for name, tensor in layer.named_parameters()}
    found: dict[tuple[int, int], dict[str, torch.Tensor]] = {}
    zero = {name: x.new_zeros(BATCH, UNITS) for name in ("h", "c")}
    height, width = x.shape[2:]
    for i, j in itertools.product(range(height), range(width)):
        before = [found.get((i - 1, j), zero), found.get((i, j - 1), zero)]
        states = {name: torch.stack([each[name] for each in before], 1) for name in ("h", "c")}
        found[i, j] = evaluate(layer.cell.program(), {"x": x[:, :, i, j], **states}, stored, sizes)
    rows = [torch.stack([found[i, j]["h"] for j in range(width)], -1) for i in range(height)]
    return torch.stack(rows, -2)


@settings(max_examples=25)
@given(st.lists(st.integers(1, 4), min_size=1, max_size=4), st.integers(0, 3), st.data())
def test_any_shape_reaches_every_point_once(shape, batch, data):
    """The output at a point depends on the points before it, in every dimension, and on no other."""
    dimensions = len(shape)
    signs = data.draw(st.tuples(*[st.sampled_from((1, -1))] * dimensions))
    layer = build(dimensions, directions=[signs])
    x = torch.randn(batch, CHANNELS, *shape, dtype=torch.float64, requires_grad=True)
    output = layer(x)
    assert output.shape == (batch, UNITS, *shape)
    if batch:
        point = tuple(data.draw(st.integers(0, size - 1)) for size in shape)
        (gradient,) = torch.autograd.grad(output[(0, slice(None), *point)].sum(), x)
        reached = gradient[0].abs().sum(0) > 0
        grid = np.indices(shape)
        expected = np.all([(g <= p) if s > 0 else (g >= p) for g, p, s in zip(grid, point, signs, strict=True)], axis=0)
        assert np.array_equal(reached.numpy(), expected)
        assert not gradient[1:].any()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dimensions": 0}, "dimensions is a whole number from 1; got 0"),
        ({"dimensions": True}, "dimensions is a whole number from 1; got True"),
        ({"coupled": True}, "MultidimensionalLSTM takes no coupled=True"),
        ({"directions": "backward"}, r"a list of different directions such as \(1, -1\)"),
        ({"directions": [(1, 1), (1, 1)]}, "different directions"),
        ({"directions": [(1,)]}, "one sign for each of 2 dimensions"),
        ({"directions": [([1], 1)]}, "one sign for each of 2 dimensions"),
        ({"directions": np.array([[1, 1], [2, 1]])}, "one sign for each of 2 dimensions"),
        ({"directions": 3}, "directions is 'forward', 'all' or a list"),
        ({"combine": "mean"}, "combine is one of concatenate, sum; got 'mean'"),
        ({"proj_size": 2}, "has no projection"),
    ],
    ids=str,
)
def test_what_is_refused(options, message):
    with pytest.raises(CellwrightError, match=message) as caught:
        build(**{"dimensions": 2, **options})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("input", "message"),
    [
        (torch.zeros(2, CHANNELS, 4), r"expected \(batch, 2, size 1, size 2\)"),
        (torch.zeros(2, CHANNELS + 1, 4, 4), r"the input has the shape \(2, 3, 4, 4\)"),
        (torch.zeros(2, CHANNELS, 4, 0), "each size from 1"),
        (torch.zeros(2, CHANNELS, 4, 4, dtype=torch.float32), "the input has the dtype torch.float32"),
        ([1.0], "the input is a tensor, got list"),
    ],
    ids=str,
)
def test_input_that_does_not_fit(input, message):
    with pytest.raises(CellwrightError, match=message):
        build(2)(input)


def test_layers_and_cells_that_do_not_belong_together():
    with pytest.raises(CellwrightError, match="walks a grid, this layer a sequence: build a MultidimensionalRecurrent"):
        Recurrent("mdlstm", 3, 4)
    with pytest.raises(CellwrightError, match="walks a sequence, this layer a grid: build a Recurrent"):
        MultidimensionalRecurrent("lstm", 3, 4)
