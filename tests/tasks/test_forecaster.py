import pytest
import torch

from cellwright.errors import CellwrightError
from cellwright.tasks import Forecaster


@pytest.fixture
def inputs():
    return torch.randn(3, 5, 2, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(("every_step", "shape"), [(True, (3, 5, 1)), (False, (3, 1))])
def test_shapes(inputs, every_step, shape):
    outputs, _ = Forecaster("lstm", 2, 4, every_step=every_step)(inputs)
    assert outputs.shape == shape


@pytest.mark.parametrize("cell", ["gru", "lstmp"])
def test_any_cell(inputs, cell):
    model = Forecaster(cell, 2, 4)
    assert model(inputs)[0].shape == (3, 1)
    assert model.dense.in_features == (2 if cell == "lstmp" else 4)


def test_many_to_one_is_the_last_of_many_to_many(inputs):
    many, one = (Forecaster("lstm", 2, 4, every_step=every) for every in (True, False))
    one.load_state_dict(many.state_dict())
    # The dense layer adds in another order for one step than for many.
    torch.testing.assert_close(many(inputs)[0][:, -1], one(inputs)[0], rtol=1e-6, atol=1e-7)


def test_equals_torch(inputs):
    ours, lstm = Forecaster("lstm", 2, 4, head="sigmoid"), torch.nn.LSTM(2, 4, batch_first=True)
    torch.nn.init.zeros_(lstm.bias_hh_l0)  # torch adds two biases, the literature's cell has one
    lstm.load_state_dict({"bias_hh_l0": lstm.bias_hh_l0, **ours.recurrent.state_dict()})
    expected = torch.sigmoid(ours.dense(lstm(inputs)[0][:, -1]))
    torch.testing.assert_close(ours(inputs)[0], expected, rtol=1e-5, atol=1e-6)


def test_the_state_carries_a_stream_on(inputs):
    model = Forecaster("lstm", 2, 4, every_step=True)
    whole, _ = model(inputs)
    first, state = model(inputs[:, :2])
    second, _ = model(inputs[:, 2:], state)
    torch.testing.assert_close(torch.cat([first, second], 1), whole, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("cell", ["lstm", "gru", "lstmp"])
def test_lengths_end_a_sequence(inputs, cell):
    model, lengths = Forecaster(cell, 2, 4), [5, 2, 3]
    alone = torch.cat([model(inputs[k : k + 1, :steps])[0] for k, steps in enumerate(lengths)])
    torch.testing.assert_close(model(inputs, lengths=lengths)[0], alone, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"head": "softmax"}, "head='softmax'"),
        ({"output_size": 0}, "output_size=0"),
        ({"hidden_size": 0}, "hidden_size"),
        ({"cell": "lsmt"}, "did you mean 'lstm'"),
    ],
)
def test_bad_arguments(arguments, says):
    with pytest.raises(CellwrightError, match=says):
        Forecaster(**{"cell": "lstm", "input_size": 1, "hidden_size": 2, **arguments})
