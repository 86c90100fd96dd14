"""Recurrent layers over maps: formulas by hand in NumPy and torch, the LSTM in maps of one place, what a layer does."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest
import torch
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_sequence

from cellwright.cells import GRU, LSTM, catalogue
from cellwright.cells.convolutional import ConvGRU, ConvLSTM
from cellwright.crossbar import needs_digital, program
from cellwright.digital import FixedPoint, work_of
from cellwright.digital.fixed_point import fixed_point
from cellwright.errors import CellwrightError
from cellwright.export import to_onnx
from cellwright.kernels import switched
from cellwright.layers import ConvolutionalRecurrent, Recurrent

CHANNELS, HIDDEN, STEPS, BATCH = 2, 3, 4, 2
SPACE = {1: (5,), 2: (3, 4), 3: (2, 3, 3)}
CONVOLUTIONS = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}


def layer_of(cell, layers=1, seed=0, **options):
    torch.manual_seed(seed)
    return ConvolutionalRecurrent(cell, CHANNELS, HIDDEN, layers, dtype=torch.float64, **options)


def maps(*lead, dimensions=2, channels=CHANNELS):
    return torch.randn(*lead, channels, *SPACE[dimensions], dtype=torch.float64)


def keras_convlstm2d(x, kernel, recurrent, bias):
    """Keras' ConvLSTM2D with padding "same" by loops: from (time, rows, columns, in), kernels (rows, columns, in, out).

    Its gates are i, f, c, o (keras/src/layers/rnn/conv_lstm.py); here its hidden states at every step.
    """

    def convolved(source, weights):
        height, width = weights.shape[0] // 2, weights.shape[1] // 2
        padded = np.pad(source, ((height, height), (width, width), (0, 0)))
        out = np.zeros((*source.shape[:2], weights.shape[3]))
        for row in range(source.shape[0]):
            for column in range(source.shape[1]):
                patch = padded[row : row + weights.shape[0], column : column + weights.shape[1]]
                out[row, column] = np.einsum("rci,rcio->o", patch, weights)
        return out

    def sigmoid(values):
        return 1 / (1 + np.exp(-values))

    h, c, outputs = 0, 0, []
    for frame in x:
        seen = convolved(frame, kernel) + bias
        seen = seen + (0 if isinstance(h, int) else convolved(h, recurrent))
        i, f, g, o = np.split(seen, 4, axis=-1)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        outputs.append(h)
    return np.stack(outputs)


@pytest.mark.parametrize("sizes", [(3, 3), (3, 5), ((1, 3), (5, 3))], ids=str)
def test_it_is_the_convlstm2d_of_keras(sizes, laws):
    layer = layer_of(ConvLSTM(kernel_size=sizes[0], input_kernel_size=sizes[1]))
    x = maps(STEPS, 1)
    output, _ = layer(x)
    kernels = [getattr(layer, f"weight_{kind}_l0").detach().permute(2, 3, 1, 0).numpy() for kind in ("ih", "hh")]
    expected = keras_convlstm2d(x[:, 0].permute(0, 2, 3, 1).numpy(), *kernels, layer.bias_ih_l0.detach().numpy())
    laws.same(output[:, 0].permute(0, 2, 3, 1), torch.from_numpy(expected))


def shi_by_hand(layer, suffix, x, cell, state=None):
    """Equation 3 of Shi et al. with torch's convolutions, step by step: the outputs and the last h and c."""
    convolve, space = CONVOLUTIONS[cell.dimensions], SPACE[cell.dimensions]
    wide, narrow = (getattr(layer, f"weight_{kind}{suffix}") for kind in ("ih", "hh"))
    ones = (1,) * (cell.dimensions if cell.peephole_weights == "channel" else 0)
    peephole = getattr(layer, f"weight_peephole{suffix}", torch.zeros(3 * HIDDEN, dtype=torch.float64))
    places = ones or space if cell.peepholes else (1,) * cell.dimensions
    p_i, p_f, p_o = peephole.reshape(3, HIDDEN, *places)
    h, c = state or (x.new_zeros(x.shape[1], HIDDEN, *space),) * 2

    def seen(source, weights, bias=None):
        padding = [cell.dilation * (size // 2) for size in weights.shape[2:]]
        return convolve(source, weights, bias, padding=padding, dilation=cell.dilation)

    outputs = []
    for frame in x:
        total = seen(frame, wide, getattr(layer, f"bias_ih{suffix}")) + seen(h, narrow)
        i, f, g, o = total.chunk(4, 1)
        i, f = torch.sigmoid(i + p_i * c), torch.sigmoid(f + p_f * c)
        c = f * c + i * torch.tanh(g)
        h = torch.sigmoid(o + p_o * c) * torch.tanh(c)
        outputs.append(h)
    return torch.stack(outputs), (h, c)


@pytest.mark.parametrize("dimensions", [1, 2, 3])
@pytest.mark.parametrize("peepholes", ["none", "channel", "position"])
def test_shi_by_hand_values_and_gradients(dimensions, peepholes, laws):
    weights = "position" if peepholes == "position" else "channel"
    cell = ConvLSTM(
        dimensions=dimensions,
        input_kernel_size=5,
        dilation=2 if dimensions == 1 else 1,
        peepholes=peepholes != "none",
        peephole_weights=weights,
    )
    layer = layer_of(cell, map_size=SPACE[dimensions])
    x = maps(STEPS, BATCH, dimensions=dimensions).requires_grad_()
    state = (
        maps(1, BATCH, dimensions=dimensions, channels=HIDDEN),
        maps(1, BATCH, dimensions=dimensions, channels=HIDDEN),
    )
    output, final = layer(x, state)
    expected, (h, c) = shi_by_hand(layer, "_l0", x, cell, tuple(tensor[0] for tensor in state))
    laws.same((output, *final), (expected, h[None], c[None]))
    leaves = (x, *layer.parameters())
    seed = torch.randn_like(output)
    laws.same(*(torch.autograd.grad(result, leaves, seed) for result in (output, expected)))


def test_two_layers_in_both_directions_by_hand(laws):
    layer = layer_of(ConvLSTM(peepholes=True), layers=2, bidirectional=True)
    x = maps(STEPS, BATCH)
    output, (h, c) = layer(x)
    below, finals = x, []
    for index in range(2):
        ahead, one = shi_by_hand(layer, f"_l{index}", below, layer.cell)
        back, other = shi_by_hand(layer, f"_l{index}_reverse", below.flip(0), layer.cell)
        below, finals = torch.cat([ahead, back.flip(0)], 2), [*finals, one, other]
    laws.same((output, h, c), (below, *(torch.stack(states) for states in zip(*finals, strict=True))))
    assert layer.output_channels == 2 * HIDDEN


def in_maps(cell):
    """The convolutional cell with the fields of an LSTM or a GRU."""
    values = {field.name: getattr(cell, field.name) for field in fields(cell)}
    return (ConvLSTM if isinstance(cell, LSTM) else ConvGRU)(**values)


PLAIN = {
    name: cell
    for name, cell in catalogue("sequence").items()
    if type(cell) in (LSTM, GRU) and not getattr(cell, "projection", False)
}
PLAIN["blocks of 3 with two biases"] = LSTM(cells_per_block=3, recurrent_bias=True, peepholes=True)


@pytest.mark.parametrize("name", PLAIN)
def test_maps_of_one_place_are_the_vectors_of_the_cell(name, laws):
    """Every variant: of a kernel only the centre meets anything, which is the matrix."""
    cell = PLAIN[name]
    layer = layer_of(in_maps(cell), bidirectional=True)
    vectors = Recurrent(cell, CHANNELS, HIDDEN, bidirectional=True, dtype=torch.float64)
    centres = {key: tensor[..., 1, 1] if tensor.ndim == 4 else tensor for key, tensor in layer.state_dict().items()}
    vectors.load_state_dict(centres)
    x = torch.randn(STEPS, BATCH, CHANNELS, dtype=torch.float64)
    names = tuple(cell.program().named)
    with switched(False):  # the compiled loop has tests of its own
        expected, final, signals = vectors(x, lengths=[STEPS, 2], record=names)
    output, state, recorded = layer(x[..., None, None], lengths=[STEPS, 2], record=names)
    laws.same(output[..., 0, 0], expected)
    laws.same([tensor[..., 0, 0] for tensor in as_tuple(state)], as_tuple(final))
    laws.same({key: tensor[..., 0, 0] for key, tensor in recorded.items()}, signals)


def as_tuple(state):
    return state if isinstance(state, tuple) else (state,)


CELLS = {
    "convlstm": ConvLSTM(),
    "peepholes of positions": ConvLSTM(peepholes=True, peephole_weights="position", input_kernel_size=1),
    "convgru": ConvGRU(reset="before"),
}


@pytest.mark.parametrize("name", CELLS)
def test_first_and_second_derivatives(name):
    layer = ConvolutionalRecurrent(CELLS[name], 1, 1, map_size=(2, 2), dtype=torch.float64)
    names, parameters = zip(*layer.named_parameters(), strict=True)

    def run(x, *values):
        return torch.func.functional_call(layer, dict(zip(names, values, strict=True)), (x,))[0]

    inputs = (torch.randn(2, 1, 1, 2, 2, dtype=torch.float64, requires_grad=True), *parameters)
    assert torch.autograd.gradcheck(run, inputs, fast_mode=True)
    assert torch.autograd.gradgradcheck(run, inputs, fast_mode=True)


@pytest.fixture(params=CELLS)
def layer(request):
    return layer_of(CELLS[request.param], layers=2, map_size=SPACE[2])


def test_lengths_end_each_sequence_where_it_ends(layer, laws):
    x = maps(STEPS, 3)
    for row, length in enumerate([4, 2, 0]):
        x[length:, row] = torch.nan
    output, state, recorded = layer(x, lengths=[4, 2, 0], record="h")
    alone, final = layer(x[:2, 1:2])
    laws.same(output[:2, 1:2], alone)
    laws.same([tensor[:, 1:2] for tensor in as_tuple(state)], as_tuple(final))
    assert not output[2:, 1].any()
    assert not output[:, 2].any()
    laws.same(recorded["h_l1"], output)


def test_resets_begin_anew(layer, laws):
    x, resets = maps(STEPS, BATCH), torch.zeros(STEPS, BATCH, dtype=torch.bool)
    resets[2, 1] = True
    output, _ = layer(x, resets=resets)
    laws.same(output[:, :1], layer(x[:, :1])[0])
    laws.same(output[:, 1:], torch.cat([layer(x[:2, 1:])[0], layer(x[2:, 1:])[0]]))


def test_steps_one_by_one_are_the_sequence(layer, laws):
    x, state = maps(STEPS, BATCH), None
    output, final = layer(x)
    layer.batch_first = True  # a step has no time to come second
    for frame, expected in zip(x, output, strict=True):
        got, state = layer.step(frame, state)
        laws.same(got, expected)
    laws.same(as_tuple(state), as_tuple(final))
    laws.same(layer.step(x[0, 0])[0], output[0, 0])


def test_layouts(layer, laws):
    x = maps(STEPS, BATCH)
    output, state = layer(x)
    one, final = layer(x[:, 1])
    laws.same((one, as_tuple(final)), (output[:, 1], [tensor[:, 1] for tensor in as_tuple(state)]))
    layer.batch_first = True
    other, same = layer(x.transpose(0, 1))
    laws.same((other, as_tuple(same)), (output.transpose(0, 1), as_tuple(state)))


def test_maps_may_have_another_size_at_each_call(laws):
    """And what they hold far from the border does not depend on it: one step sees one place to each side."""
    layer = layer_of("convlstm")
    x = torch.randn(2, 1, CHANNELS, 9, 9, dtype=torch.float64)
    laws.same(layer(x[..., 1:, :])[0][..., 3:, :], layer(x)[0][..., 4:, :])


def test_the_input_of_all_steps_is_convolved_at_once():
    layer, calls = layer_of("convlstm-peephole"), []

    class Counting(torch.utils._python_dispatch.TorchDispatchMode):
        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            if "convolution" in str(function):
                calls.append(tuple(args[0].shape))
            return function(*args, **(kwargs or {}))

    with Counting(), torch.no_grad():
        layer(maps(STEPS, BATCH))
    assert calls == [(STEPS * BATCH, CHANNELS, 3, 4)] + STEPS * [(BATCH, HIDDEN, 3, 4)]


def test_initial_weights_are_as_those_of_a_convolution():
    """Uniform up to one over the root of the weights that lead to one channel."""
    torch.manual_seed(0)
    layer = ConvolutionalRecurrent(ConvLSTM(input_kernel_size=5, forget_bias=1.0), 4, 8)
    for weight, read in ((layer.weight_ih_l0, 4 * 25), (layer.weight_hh_l0, 8 * 9), (layer.bias_ih_l0[:8], 8 * 9)):
        assert 0.8 < weight.abs().max() * read**0.5 <= 1 + 1e-6
    assert (layer.bias_ih_l0[8:16] == 1).all()


def test_a_compiled_layer_computes_the_same(laws):
    layer, x = layer_of("convlstm"), maps(STEPS, BATCH)
    with torch.no_grad():
        laws.same(torch.compile(layer, backend="eager")(x)[0], layer(x)[0])


def test_autocast_and_float32(laws):
    torch.manual_seed(0)
    layer = ConvolutionalRecurrent("convlstm", CHANNELS, HIDDEN)
    x = maps(STEPS, BATCH).float()
    assert layer(x)[0].dtype == torch.float32
    with torch.autocast("cpu", torch.bfloat16):
        output, _ = layer(x)
    assert (output.float() - layer(x)[0]).abs().max() < 0.02


BAD = {
    "the input has the shape (4, 2, 3, 3, 4), expected (time, batch, 2, rows, columns) or (time, 2, rows, columns)": (
        lambda: layer_of("convlstm")(maps(4, 2, channels=3))
    ),
    "the input has the shape (4, 2, 2, 3, 4), expected (batch, time, 2, 5, 5) or (time, 2, 5, 5)": (
        lambda: layer_of("convlstm", map_size=(5, 5), batch_first=True)(maps(4, 2))
    ),
    "the input is a tensor of maps, got PackedSequence: pad the maps and pass lengths": (
        lambda: layer_of("convlstm")(pack_sequence([maps(3), maps(2)]))
    ),
    "the input has no time steps": lambda: layer_of("convlstm")(maps(0, 2)),
    "the initial c has the shape (1, 2, 3, 3, 5), expected (1, 2, 3, 3, 4)": (
        lambda: layer_of("convlstm")(
            maps(4, 2), (maps(1, 2, channels=3), torch.zeros(1, 2, 3, 3, 5, dtype=torch.float64))
        )
    ),
    "the input has the shape (4, 2, 0, 4), expected (time, batch, 2, rows, columns) or (time, 2, rows, columns)": (
        lambda: layer_of("convlstm")(maps(4, 1, channels=2)[:, 0, :, :0])
    ),
    "map_size is a whole number from 1, got 5.5": lambda: layer_of("convlstm", map_size=5.5),
    "map_size is one number for each of row, column; got (3,)": lambda: layer_of("convlstm", map_size=3),
    "has weights for each position (weight_peephole): give the size of the maps, map_size=(rows, columns)": (
        lambda: layer_of(ConvLSTM(peepholes=True, peephole_weights="position"))
    ),
    "LSTM() walks a sequence, this layer a sequence of maps: build a Recurrent of it": lambda: layer_of("lstm"),
    "ConvLSTM() walks a sequence of maps, this layer a sequence: build a ConvolutionalRecurrent of it": (
        lambda: Recurrent("convlstm", 2, 3)
    ),
    "input_channels is a whole number from 1, got 0": lambda: ConvolutionalRecurrent("convlstm", 0, 3),
    "dimensions is 1, 2 or 3; got 4": lambda: ConvLSTM(dimensions=4),
    "kernel_size is an odd number, so that a kernel has a centre, or a tuple of 2; got 2": (
        lambda: ConvGRU(kernel_size=2)
    ),
    "input_kernel_size is an odd number, so that a kernel has a centre, or a tuple of 2; got (3,)": (
        lambda: ConvLSTM(input_kernel_size=(3,))
    ),
    "dilation is a whole number from 1; got 0": lambda: ConvLSTM(dilation=0),
    "peephole_weights is one of channel, position; got 'map'": lambda: ConvLSTM(peephole_weights="map"),
    "a convolutional LSTM has no projection": lambda: ConvLSTM(projection=True),
}


@pytest.mark.parametrize("message", BAD)
def test_bad_input_is_one_line(message):
    with pytest.raises(CellwrightError) as error:
        BAD[message]()
    assert message in str(error.value)
    assert "\n" not in str(error.value)


WITHOUT = {
    "rec.weight_ih_l0 belongs to a ConvolutionalRecurrent, which no array holds": program,
    "rec is a ConvolutionalRecurrent with parameters, and what is rounded": lambda model: fixed_point(
        model, FixedPoint()
    ),
    "ConvLSTM() convolves maps: what a convolution costs there is not modelled": work_of,
    "rec cannot be exported: it is a ConvolutionalRecurrent": lambda model: to_onnx(model, "x.onnx"),
}


@pytest.mark.parametrize("message", WITHOUT)
def test_chips_fixed_point_and_files_do_not_take_convolutions_yet(message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model = torch.nn.ModuleDict({"rec": ConvolutionalRecurrent("convlstm", 1, 2)})
    with pytest.raises(CellwrightError) as error:
        WITHOUT[message](model)
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)


def test_a_chip_leaves_convolutions_digital_if_asked():
    model = torch.nn.ModuleDict({"rec": ConvolutionalRecurrent("convlstm", 1, 2)})
    assert needs_digital(model) == ("ConvolutionalRecurrent",)
