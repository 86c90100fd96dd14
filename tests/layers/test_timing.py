"""Sequences that tell the time: made up for regular steps, read backwards, and where parameters of rhythms start."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from cellwright import Recurrent, to_onnx
from cellwright.cells import Cell, LogUniform, PhasedLSTM, Uniform, affine, tanh, weight, where
from cellwright.errors import CellwrightError
from cellwright.tasks import Forecaster

NAMES = {"phased": "time", "tlstm": "elapsed"}
STEPS, BATCH = 6, 3


@pytest.fixture(params=NAMES)
def timed(request):
    """A layer of two directions, its input, and the name of the sequence that tells it the time."""
    torch.manual_seed(0)
    period = {"period": 3.0, "open_ratio": 0.6} if request.param == "phased" else {}
    cell = PhasedLSTM(**period) if period else request.param
    layer = Recurrent(cell, 2, 4, bidirectional=True, dtype=torch.float64)
    return layer, torch.randn(STEPS, BATCH, 2, dtype=torch.float64), NAMES[request.param]


def regular(name: str) -> torch.Tensor:
    steps = torch.arange(STEPS, dtype=torch.float64) if name == "time" else torch.ones(STEPS, dtype=torch.float64)
    return steps.unsqueeze(-1).expand(STEPS, BATCH)


def test_regular_steps_need_no_times(laws, timed):
    layer, x, name = timed
    expected = layer(x, **{name: regular(name)})
    laws.same(layer(x), expected)
    lengths = torch.tensor([6, 4, 1])
    packed, state = layer(pack_padded_sequence(x, lengths))
    padded, final = layer(x, lengths=lengths)
    laws.same([pad_packed_sequence(packed)[0], state], [padded, final])
    layer.batch_first = True
    laws.same(layer(x.transpose(0, 1))[0].transpose(0, 1), expected[0])


@pytest.mark.parametrize("dtype", [torch.int64, torch.float32])
def test_times_may_have_another_dtype(laws, timed, dtype):
    layer, x, name = timed
    laws.same(layer(x, **{name: regular(name).to(dtype)}), layer(x))


def test_the_backward_direction_reads_the_sequence_turned_round_in_time(laws, timed):
    """A moment stays that of its step; an interval becomes that to the step after, whichever way one comes."""
    layer, x, name = timed
    alone = Recurrent(layer.cell, 2, 4, dtype=torch.float64)
    own = {key.removesuffix("_reverse"): value for key, value in layer.state_dict().items() if key.endswith("_reverse")}
    alone.load_state_dict(own)
    moments = torch.rand(STEPS, BATCH, dtype=torch.float64).cumsum(0)
    before_the_first = torch.rand(1, BATCH, dtype=torch.float64)

    def told(moments):
        return moments if name == "time" else torch.cat([before_the_first, moments.diff(dim=0).abs()])

    output, _ = layer(x, **{name: told(moments)})
    turned, _ = alone(x.flip(0), **{name: told(moments.flip(0))})
    laws.same(output[..., 4:], turned.flip(0))


def test_streaming_says_when_a_step_is(laws, timed):
    layer, x, name = timed
    one_way = Recurrent(layer.cell, 2, 4, dtype=torch.float64)
    state, outputs = None, []
    for n in range(STEPS):
        if name == "time":
            with pytest.raises(CellwrightError, match="one step does not say when it is: pass time"):
                one_way.step(x[n], state)
        output, state = one_way.step(x[n], state, **({name: regular(name)[n]} if name == "time" else {}))
        outputs.append(output)
    laws.same([torch.stack(outputs), state], list(one_way(x)))


@pytest.mark.parametrize("name", NAMES)
def test_a_network_that_is_told_no_time_is_exported(tmp_path, name):
    import onnxruntime

    torch.manual_seed(0)
    cell = PhasedLSTM(period=3.0, open_ratio=0.6, leak_in_evaluation=False) if name == "phased" else name
    model = Forecaster(cell, 2, 4).eval()
    to_onnx(model, tmp_path / "model.onnx")
    x = torch.randn(3, 7, 2)
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx", providers=["CPUExecutionProvider"])
    found = session.run(None, {session.get_inputs()[0].name: x.numpy()})[0]
    torch.testing.assert_close(torch.from_numpy(found), model(x)[0].detach(), rtol=1e-5, atol=1e-6)


def test_parameters_start_where_the_cell_says():
    """The others, drawn first, are those of a layer of the same weights that says nothing."""

    def layer(**options):
        torch.manual_seed(3)
        return Recurrent(PhasedLSTM(**options), 2, 400)

    one, fixed = layer(), layer(period=2.0, shift=Uniform(5.0, 5.0))
    logarithms, shifts = one.period_l0.log(), one.shift_l0
    assert ((logarithms > 1) & (logarithms < 3)).all()
    assert abs(logarithms.mean() - 2) < 0.1
    assert ((shifts > 0) & (shifts < 100)).all()
    assert abs(shifts.mean() - 50) < 5
    for parameter, value in ((one.open_ratio_l0, 0.05), (fixed.period_l0, 2.0), (fixed.shift_l0, 5.0)):
        assert (parameter == value).all()
    for name in ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0"):
        assert torch.equal(getattr(one, name), getattr(fixed, name))
    assert torch.equal(one.period_l0, layer(period=LogUniform(math.e, math.e**3)).period_l0)


class Switched(Cell):
    """A weight that a condition alone reads has no gradient; computed before the loop, it is constant over time."""

    def step(self, x, h):
        return where(h < weight("edge") / 2, tanh(affine("h", x, h)), 0.5 * h)


def test_what_conditions_read_has_no_gradient(laws):
    torch.manual_seed(0)
    layer = Recurrent(Switched(), 2, 4, dtype=torch.float64)
    x = torch.randn(STEPS, BATCH, 2, dtype=torch.float64, requires_grad=True)
    layer(x)[0].square().sum().backward()
    assert layer.edge_l0.grad is None or not layer.edge_l0.grad.any()
    for used in (x, layer.weight_hh_l0):
        assert used.grad.any()
