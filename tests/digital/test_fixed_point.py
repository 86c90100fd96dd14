"""Networks in fixed point, beside an LSTM written by hand in integers."""

import pickle
from copy import deepcopy

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence

from cellwright import GRU, LSTM, Recurrent
from cellwright.cells import Cell, affine, catalogue, find, sigmoid, tanh
from cellwright.digital import FixedPoint, Format, Formats, Plan, Rounded, Table, fixed_point
from cellwright.errors import CellwrightError

BITS = (4, 5, 6, 8, 10, 12, 16)


def lstm(**options):
    torch.manual_seed(0)
    return LSTM(3, 6, **options)


def inputs(steps=12, batch=4, features=3):
    return torch.randn(steps, batch, features, generator=torch.Generator().manual_seed(1))


class IntegerLSTM:
    """One layer from zero states in NumPy's int64: shifts, additions, products."""

    def __init__(self, layer, formats, settings):
        self.formats, self.settings = formats, settings
        self.parameters = {
            name: formats.weights.integers(
                formats.weights.round(parameter.detach().double(), settings.rounding)
            ).numpy()
            for name, parameter in layer.named_parameters()
        }

    def shifted(self, integers, before, after):
        """From one number of bits behind the binary point to another."""
        if after >= before:
            return integers << (after - before)
        half = 1 << (before - after - 1) if self.settings.rounding == "nearest" else 0
        return (integers + half) >> (before - after)

    def fitted(self, integers, bits):
        low, high = -(1 << (bits - 1)), (1 << (bits - 1)) - 1
        if self.settings.overflow == "saturate":
            return np.clip(integers, low, high)
        return ((integers - low) & ((1 << bits) - 1)) + low

    def rounded(self, integers, before, format):
        return self.fitted(self.shifted(integers, before, format.fraction), format.bits)

    def sums(self, x, h):
        weights, states, sums = self.formats.weights, self.formats.states, self.formats.sums
        wide = weights.fraction + states.fraction
        rows = np.concatenate([self.parameters["weight_ih_l0"], self.parameters["weight_hh_l0"]], 1)
        bias = self.parameters["bias_ih_l0"] + self.parameters["bias_hh_l0"]
        products = rows[None] * np.concatenate([x, h], 1)[:, None]
        if self.settings.accumulator == "narrow":
            total = self.rounded(products, wide, sums).sum(-1) + self.rounded(bias, weights.fraction, sums)
            return self.fitted(total, sums.bits)
        total = products.sum(-1) + (bias << states.fraction)
        if self.settings.accumulator != "wide":
            total = self.fitted(total, self.settings.accumulator)
        return self.rounded(total, wide, sums)

    def activation(self, name, integers, fraction):
        """Rounded to the states: from the lines of PLAN in integers, or from a table of all inputs."""
        states = self.formats.states
        if isinstance(self.settings.activation, Rounded):
            values = integers / 2.0**fraction
            exact = np.tanh(values) if name == "tanh" else 1 / (1 + np.exp(-values))
            scaled = exact * 2.0**states.fraction
            table = np.floor(scaled + 0.5) if self.settings.rounding == "nearest" else np.floor(scaled)
            return self.fitted(table.astype(np.int64), states.bits)
        one, x = 1 << (fraction + 5), np.abs(integers) * (2 if name == "tanh" else 1)  # five bits more, for x / 32
        lines = [x * 8 + one // 2, x * 4 + one * 5 // 8, x + one * 27 // 32]
        limits = [x * 32 < one, x * 32 * 8 < one * 19, x * 32 < one * 5]
        magnitude = np.select(limits, lines, one)
        result = np.where(integers < 0, one - magnitude, magnitude)
        return self.rounded(2 * result - one if name == "tanh" else result, fraction + 5, states)

    def run(self, x):
        states = self.formats.states
        point = states.fraction
        x = states.integers(states.round(x.double(), self.settings.rounding, self.settings.overflow)).numpy()
        h = c = np.zeros((x.shape[1], 6), dtype=np.int64)
        outputs = []
        for now in x:
            z = np.split(self.sums(now, h), 4, -1)
            i, f, o = (self.activation("sigmoid", z[k], self.formats.sums.fraction) for k in (0, 1, 3))
            g = self.activation("tanh", z[2], self.formats.sums.fraction)
            kept, new = self.rounded(f * c, 2 * point, states), self.rounded(i * g, 2 * point, states)
            c = self.fitted(kept + new, states.bits)
            h = self.rounded(o * self.activation("tanh", c, point), 2 * point, states)
            outputs.append(h)
        return np.stack(outputs), c


@pytest.mark.parametrize("bits", BITS)
@pytest.mark.parametrize("rounding", ["nearest", "floor"])
@pytest.mark.parametrize("accumulator", ["wide", 40, "narrow"])
@pytest.mark.parametrize("activation", [Plan(), Rounded()], ids=["plan", "rounded"])
def test_an_lstm_has_the_integers_of_one_written_by_hand(bits, rounding, accumulator, activation):
    settings = FixedPoint(bits=bits, rounding=rounding, accumulator=accumulator, activation=activation)
    layer, x = lstm(), inputs()
    network = fixed_point(layer, settings, calibration=x)
    output, (_, c) = network(x)
    formats = network.formats["l0"]
    expected, expected_c = IntegerLSTM(layer, formats, settings).run(x)
    assert network.is_exact
    assert np.array_equal(formats.states.integers(output).numpy(), expected)
    assert np.array_equal(formats.states.integers(c[0]).numpy(), expected_c)


@pytest.mark.parametrize("overflow", ["saturate", "wrap"])
@pytest.mark.parametrize("accumulator", ["wide", 10, "narrow"])
def test_overflow_is_that_of_integers(overflow, accumulator):
    """Formats that are too small on purpose: Q0.7 for inputs and states beyond 1, weights 4 times as large."""
    settings = FixedPoint(
        weights=Format(6, 4), states=Format(8, 7), sums=Format(6, 5), accumulator=accumulator, overflow=overflow,
        activation=Plan(),
    )  # fmt: skip
    layer, x = lstm(), inputs()
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter *= 4
    network = fixed_point(layer, settings)
    output, (_, c) = network(x)
    formats = network.formats["l0"]
    assert formats == Formats(weights=Format(6, 4), states=Format(8, 7), sums=Format(6, 5), longest=3 + 6 + 2)
    expected, expected_c = IntegerLSTM(layer, formats, settings).run(x)
    assert np.array_equal(formats.states.integers(output).numpy(), expected)
    assert np.array_equal(formats.states.integers(c[0]).numpy(), expected_c)


formats = st.builds(Format, st.integers(2, 16), st.integers(0, 16))


@given(
    formats, formats, formats, st.sampled_from(["wide", "narrow"]) | st.integers(8, 40),
    st.sampled_from(["nearest", "floor"]), st.sampled_from(["saturate", "wrap"]),
)  # fmt: skip
def test_any_formats_give_the_integers_of_an_lstm_written_by_hand(
    weights, states, sums, accumulator, rounding, overflow
):
    settings = FixedPoint(
        weights=weights, states=states, sums=sums, accumulator=accumulator, rounding=rounding, overflow=overflow,
        activation=Plan(),
    )  # fmt: skip
    layer, x = lstm(), inputs(steps=4, batch=2)
    network = fixed_point(layer, settings)
    output, (_, c) = network(x)
    expected, expected_c = IntegerLSTM(layer, network.formats["l0"], settings).run(x)
    assert network.is_exact
    assert np.array_equal(states.integers(output).numpy(), expected)
    assert np.array_equal(states.integers(c[0]).numpy(), expected_c)


@pytest.mark.parametrize("name", catalogue("sequence"))
def test_every_cell_works_in_fixed_point(name):
    torch.manual_seed(0)
    layer = Recurrent(name, 3, 6, proj_size=4 if find(name).projects else 0).double()
    x = inputs(steps=6).double()
    exact = layer(x)[0].detach()
    coarse = fixed_point(layer, FixedPoint(bits=8), calibration=x)
    fine = fixed_point(layer, FixedPoint(bits=32), calibration=x)
    formats = coarse.formats["l0"]
    grid = formats.sums if find(name).projects else formats.states  # a projection ends with a matrix product
    assert len(grid.integers(coarse(x)[0])) == 6
    assert (fine(x)[0] - exact).abs().max() < 1e-6
    assert not torch.equal(coarse(x)[0], exact)


def test_a_cell_of_ones_own_works():
    class MinimalGatedUnit(Cell):
        def step(self, x, h):
            f = sigmoid(affine("f", x, h))
            candidate = tanh(affine("candidate", x, f * h))
            return (1 - f) * h + f * candidate

    layer, x = Recurrent(MinimalGatedUnit(), 3, 6), inputs()
    network = fixed_point(layer, FixedPoint(bits=20), calibration=x)
    assert (network(x)[0] - layer(x)[0]).abs().max() < 1e-4


def test_more_bits_are_nearer_to_the_network_in_software():
    layer, x = lstm().double(), inputs(steps=40, batch=32).double()
    exact = layer(x)[0]
    errors = [
        (fixed_point(layer, FixedPoint(bits=bits), calibration=x)(x)[0] - exact).square().mean().sqrt().item()
        for bits in BITS
    ]
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] == pytest.approx(errors[3] / 2**8, rel=0.5)  # a bit halves the error: 16 bits beside 8


@pytest.mark.parametrize(
    ("activation", "bound"), [(Plan(), 0.2), (Table(entries=64), 0.2), (Table(entries=256, interpolate=True), 2e-3)]
)
def test_the_activation_is_what_limits_many_bits(activation, bound):
    layer, x = lstm().double(), inputs().double()
    network = fixed_point(layer, FixedPoint(bits=24, activation=activation), calibration=x)
    error = (network(x)[0] - layer(x)[0]).abs().max().item()
    assert 1e-5 < error < bound


def test_a_divider_saturates_where_the_divisor_is_rounded_to_zero():
    class Divided(Cell):
        def step(self, x, h):
            return affine("f", x) / (h * 0)

    torch.manual_seed(0)
    layer, x = Recurrent(Divided(), 3, 6), inputs(steps=1)
    network = fixed_point(layer, FixedPoint(states=Format(8, 4), sums=Format(8, 4)))
    output, signals = network(x, record="h")[0], network.formats["l0"].states
    sums = nn.functional.linear(signals.round(x.double()), network.model.weight_ih_l0, network.model.bias_ih_l0)
    sign = signals.round(sums).sign()
    ends = torch.where(sign > 0, signals.largest, signals.smallest) * sign.abs()
    assert torch.equal(signals.integers(output).double(), ends.double())


def test_a_constant_has_a_binary_point_of_its_own():
    """1 - 1/2 is 1/2 in Q0.7, which does not hold 1."""

    class Complement(Cell):
        def step(self, x, h):
            return 1 - sigmoid(affine("f", x))

    layer = Recurrent(Complement(), 3, 6)
    nn.init.zeros_(layer.weight_ih_l0)
    nn.init.zeros_(layer.bias_ih_l0)
    network = fixed_point(layer, FixedPoint(states=Format(8, 7), sums=Format(8, 7)))
    assert (network(inputs())[0] == 0.5).all()


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.recurrent = GRU(3, 6, num_layers=2, bidirectional=True, batch_first=True)
        self.dense = nn.Linear(12, 2)
        self.same = self.dense

    def forward(self, x, state=None):
        hidden, state = self.recurrent(x, state)
        return self.same(hidden), state


def test_a_stack_in_both_directions_with_a_dense_layer():
    model, x = Network(), inputs().transpose(0, 1)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    network = fixed_point(model, FixedPoint(bits=10), calibration=(x,))
    outputs, state = network(x)
    assert list(network.formats) == [
        "recurrent_l0", "recurrent_l0_reverse", "recurrent_l1", "recurrent_l1_reverse", "dense",
    ]  # fmt: skip
    assert outputs.dtype == torch.float64
    network.formats["dense"].sums.integers(outputs)
    weights = network.formats["dense"].weights
    weights.integers(network.model.same.linear.weight)
    assert network.model.dense is network.model.same
    exact, _ = model(x)
    assert 0 < (outputs - exact).abs().max() < 0.05
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    again, _ = network(x, state.float())
    assert again.shape == outputs.shape


def test_a_dense_layer_has_the_integers_of_one_written_by_hand():
    torch.manual_seed(0)
    model, x = nn.Linear(7, 3), torch.randn(5, 7)
    network = fixed_point(model, FixedPoint(bits=6), calibration=x)
    formats = network.formats["linear"]
    w, b = (formats.weights.integers(formats.weights.round(p.detach().double())) for p in (model.weight, model.bias))
    total = formats.states.integers(formats.states.round(x.double())) @ w.T + (b << formats.states.fraction)
    drop = formats.weights.fraction + formats.states.fraction - formats.sums.fraction
    assert drop > 0
    expected = ((total + (1 << (drop - 1))) >> drop).clamp(formats.sums.smallest, formats.sums.largest)
    assert torch.equal(formats.sums.integers(network(x)), expected)


def test_ragged_rows_and_records_are_as_in_software():
    layer, x = lstm().double(), inputs().double()
    network = fixed_point(layer, FixedPoint(bits=24), calibration=x)
    lengths = [12, 5, 9, 1]
    output, _, signals = network(x, lengths=lengths, record=("f", "c"))
    exact, _, exact_signals = layer(x, lengths=lengths, record=("f", "c"))
    torch.testing.assert_close(output, exact, atol=1e-5, rtol=0)
    torch.testing.assert_close(signals["f_l0"], exact_signals["f_l0"], atol=1e-5, rtol=0)
    assert not output[5:, 1].any()


def test_packed_rows_go_through():
    layer, x = lstm().double(), inputs().double()
    network = fixed_point(layer, FixedPoint(bits=24), calibration=x)
    packed = pack_padded_sequence(x.float(), [12, 9, 5, 1])
    torch.testing.assert_close(network(packed)[0].data, layer(packed.double())[0].data, atol=1e-5, rtol=0)


def test_a_network_can_be_copied_and_kept():
    x = inputs()
    network = fixed_point(Network(), calibration=x.transpose(0, 1))
    for other in (deepcopy(network), pickle.loads(pickle.dumps(network))):
        assert torch.equal(other(x.transpose(0, 1))[0], network(x.transpose(0, 1))[0])


def test_a_binary_point_left_of_all_bits_leaves_room_for_the_bias():
    point = Formats(weights=Format(8, 4), states=Format(16, 45), sums=Format(8, 4), longest=2)
    assert not point.is_exact


def test_wide_products_in_float64_are_not_integers():
    layer, x = lstm(), inputs()
    assert fixed_point(layer, FixedPoint(bits=16), calibration=x).is_exact
    assert fixed_point(layer, FixedPoint(weights=8, states=32), calibration=x).is_exact
    assert not fixed_point(layer, FixedPoint(bits=32), calibration=x).is_exact


def test_headroom_is_for_what_calibration_did_not_see():
    layer, x = lstm(), inputs()
    tight, roomy = (fixed_point(layer, FixedPoint(bits=12, headroom=room), calibration=x) for room in (1.0, 2.0))
    before, after = tight.formats["l0"], roomy.formats["l0"]
    assert (after.states.fraction, after.sums.fraction) == (before.states.fraction - 1, before.sums.fraction - 1)
    assert after.weights == before.weights
    exact = layer(1.9 * x)[0]
    errors = [(network(1.9 * x)[0] - exact).abs().max().item() for network in (tight, roomy)]
    assert errors[1] < 0.01 < errors[0]


def test_the_binary_point_needs_calibration_or_a_format():
    with pytest.raises(CellwrightError, match="binary point of the states lies: pass training inputs"):
        fixed_point(lstm())
    with pytest.raises(CellwrightError, match="binary point of the sums"):
        fixed_point(lstm(), FixedPoint(states=Format(8, 5)))


def test_an_accumulator_that_overflows_on_the_calibration_is_refused():
    with pytest.raises(CellwrightError, match=r"an accumulator of 12 bits is Q.* in l0, and its sums reach"):
        fixed_point(lstm(), FixedPoint(bits=8, accumulator=12), calibration=inputs())


def test_a_calibration_that_misses_a_layer_is_refused():
    class Half(Network):
        def forward(self, x):
            return self.recurrent(x)[0]

    with pytest.raises(CellwrightError, match="did not reach dense"):
        fixed_point(Half(), calibration=inputs().transpose(0, 1))


def test_modules_that_nobody_rounds_are_named():
    model = nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4))
    with pytest.raises(CellwrightError, match="1 is a LayerNorm with parameters"):
        fixed_point(model, calibration=torch.rand(2, 3))
    network = fixed_point(model, calibration=torch.rand(2, 3), allow_float=["LayerNorm"])
    assert network.unrounded == ("1",)
    with pytest.raises(CellwrightError, match=r"swap it with cellwright\.replace"):
        fixed_point(nn.LSTM(3, 4), calibration=inputs())
    with pytest.raises(CellwrightError, match="allow_float names Conv2d"):
        fixed_point(model, calibration=torch.rand(2, 3), allow_float=["LayerNorm", "Conv2d"])
    with pytest.raises(CellwrightError, match=r"no torch\.nn\.Linear and no recurrent layer"):
        fixed_point(nn.Sequential(nn.Tanh()))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"bits": 1}, "2 to 32 bits, got 1"),
        ({"states": 33}, "2 to 32 bits, got 33"),
        ({"weights": Format(40, 3)}, "2 to 32 bits, got 40"),
        ({"accumulator": 60}, "2 to 53 bits, got 60"),
        ({"accumulator": "long"}, "wide"),
        ({"headroom": 0.5}, "headroom is 1 or more, got 0.5"),
        ({"rounding": "up"}, "'up' is none of nearest, floor"),
        ({"overflow": "trap"}, "'trap' is none of saturate, wrap"),
    ],
)
def test_settings_that_make_no_sense(options, message):
    with pytest.raises(CellwrightError, match=message):
        FixedPoint(**options)
