"""Training on chips."""

import copy
import pickle
from dataclasses import replace

import pytest
import torch
from torch import nn

from cellwright import LSTM, FitSettings, fit
from cellwright.crossbar import AnalogArray, ChipSettings, HardwareAware, Matrix, Wires, program
from cellwright.crossbar.draws import Draws
from cellwright.errors import CellwrightError

GENERATOR = torch.Generator().manual_seed(0)
X = torch.randn(12, 6, 3, dtype=torch.float64, generator=GENERATOR)
Y = X.cumsum(1).tanh().mean(-1, keepdim=True)


class Network(nn.Module):
    def __init__(self, units=5):
        super().__init__()
        torch.manual_seed(1)
        self.layer, self.dense = LSTM(3, units, batch_first=True), nn.Linear(units, 1)
        self.double()

    def forward(self, x):
        return self.dense(self.layer(x)[0])


def gradients(model, answer):
    model.zero_grad()
    (answer(X) - Y).square().mean().backward()
    return [parameter.grad.clone() for parameter in model.parameters()]


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"layout": "columns stacked"},
        {"layout": "reference column"},
        {"slices": 2, "slice_bits": 3},
        {"input_encoding": "bit-serial", "input_bits": 24},
    ],
)
def test_on_an_ideal_chip_gradients_are_those_of_software(options):
    model = Network()
    settings = replace(ChipSettings(tile=(8, 8)).ideal(), **options)
    aware = HardwareAware(model, settings, calibration=X)
    if "input_bits" in options:  # steps of 24 bits are left
        for mine, wanted in zip(gradients(model, aware), gradients(model, model), strict=True):
            torch.testing.assert_close(mine, wanted, rtol=1e-4, atol=1e-6)
        return
    for mine, wanted in zip(gradients(model, aware), gradients(model, model), strict=True):
        torch.testing.assert_close(mine, wanted, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("layout", ["rows interleaved", "columns stacked", "reference column"])
def test_gradients_pass_through_wires(layout):
    """Against differences, for a weight that is not the largest: the scale is a constant."""
    settings = replace(ChipSettings(layout=layout, affine=False).ideal(), wires=Wires(5.0, 5.0, 20.0, 20.0))
    weights = torch.randn(7, 3, dtype=torch.float64, generator=GENERATOR).clamp(-1, 1)
    weights[0] = 2.0
    groups = (("x", 3),), (("y", 7),)

    def outputs(weights):
        array = AnalogArray(Matrix("array", weights, None, *groups), settings, Draws(0, 1), X)
        return array(X[:1, 0][None])

    assert torch.autograd.gradcheck(lambda rest: outputs(torch.cat([weights[:1], rest])), weights[1:].requires_grad_())


def test_every_batch_meets_a_chip_of_its_own_and_one_seed_the_same_ones():
    model = Network()
    first, second = (HardwareAware(model, calibration=X, seed=3) for _ in range(2))
    answers = [first(X) for _ in range(3)]
    assert (answers[0] - answers[1]).abs().max() > 1e-6
    assert all(torch.equal(answer, second(X)) for answer in answers)
    shared = HardwareAware(model, ChipSettings().without("read_noise"), calibration=X, batches_a_chip=2)
    answers = [shared(X) for _ in range(3)]
    assert torch.equal(answers[0], answers[1])
    assert not torch.equal(answers[1], answers[2])


def test_a_resumed_training_meets_the_same_chips(tmp_path):
    """Ten epochs at once, and five that go on to ten: the same bits."""
    settings = FitSettings(epochs=10, optimizer="adam", learning_rate=0.01, batch_size=4)
    straight, resumed = Network(3), Network(3)
    fit(HardwareAware(straight, calibration=X, seed=3), (X, Y), settings)

    def interrupt(progress):
        if progress.epoch == 5:
            raise KeyboardInterrupt

    kept = tmp_path / "training.checkpoint"
    with pytest.raises(KeyboardInterrupt):
        fit(HardwareAware(resumed, calibration=X, seed=3), (X, Y), settings, checkpoint=kept, callback=interrupt)
    again = Network(3)
    fit(HardwareAware(again, calibration=X, seed=3), (X, Y), settings, checkpoint=kept)
    for mine, wanted in zip(again.parameters(), straight.parameters(), strict=True):
        assert torch.equal(mine, wanted)


def test_without_gradients_it_meets_the_chips_that_it_trains_on():
    first, second = (HardwareAware(Network(), calibration=X, seed=3) for _ in range(2))
    with torch.no_grad():
        answer = first(X)
    torch.testing.assert_close(answer, second(X).detach(), rtol=1e-9, atol=1e-9)


def test_devices_that_are_not_linear_train_as_if_they_were():
    aware = HardwareAware(Network(3), ChipSettings(device="rram-sinh"), calibration=X)
    assert all(bool(gradient.isfinite().all()) for gradient in gradients(aware.model, aware))


def test_it_is_copied_pickled_and_moved_while_it_trains():
    aware = HardwareAware(Network(3), calibration=X, seed=3)
    (aware(X) - Y).square().mean().backward()
    for other in (copy.deepcopy(aware), pickle.loads(pickle.dumps(aware))):
        assert torch.equal(aware.batches, other.batches)
        shared = {id(parameter) for parameter in other.model.parameters()}
        assert {id(parameter) for parameter in other.parameters()} == shared
        torch.testing.assert_close(other(X), copy.deepcopy(aware)(X))
    assert aware.float()(X.float()).dtype == torch.float32


def test_it_answers_in_software_when_it_is_not_training_and_trains_the_model_itself():
    model = Network()
    aware = HardwareAware(model, calibration=X)
    assert torch.equal(aware.eval()(X), model(X))
    assert {id(p) for p in aware.parameters()} == {id(p) for p in model.parameters()}
    before = model.dense.weight.detach().clone()
    fit(aware.train(), (X, Y), FitSettings(epochs=2, optimizer="adam", learning_rate=0.01))
    assert not torch.equal(model.dense.weight, before)
    assert "group_functions" not in model.layer.__dict__


@pytest.mark.parametrize("tolerance", [1.76e-6, 4e-6, 13e-6])
def test_what_verification_leaves_is_what_training_draws(tolerance):
    """The errors of devices that were programmed pulse by pulse are spread as those that training adds."""
    from scipy.stats import ks_2samp

    from cellwright.crossbar.devices import find
    from cellwright.crossbar.programming import as_verified, write_verify

    device, draws = find("li2019"), Draws(0, 4)
    low, high = device.window
    targets = torch.linspace(low + 5e-6, high - 5e-6, 600, dtype=torch.float64).reshape(20, 30)
    stuck = torch.zeros(4, 20, 30, dtype=torch.int8)
    left = write_verify(device, targets, draws, stuck, tolerance=tolerance).error.flatten()
    drawn = as_verified(device, targets, draws, stuck, tolerance=tolerance).error.flatten()
    assert ks_2samp(left.numpy(), drawn.numpy()).statistic < 0.06


def test_training_on_chips_recovers_what_a_rough_chip_loses():
    """Converters of 4 bits: the median chip errs less after training on such chips, not after more training."""
    rough = ChipSettings(input_bits=4, output_bits=4, headroom=1.0, stuck_on=0.0, stuck_off=0.0)
    model = Network(8)
    fit(model, (X, Y), FitSettings(epochs=150, optimizer="adam", learning_rate=0.02))

    def error(network):
        with torch.no_grad():
            outputs = program(network, rough, chips=40, calibration=X)(X)
        return (outputs - Y).square().mean((1, 2, 3)).sqrt().median().item()

    before = error(model)
    longer, more = copy.deepcopy(model), FitSettings(epochs=150, optimizer="adam", learning_rate=0.01)
    fit(longer, (X, Y), more)
    fit(HardwareAware(model, rough, calibration=X), (X, Y), more)
    assert error(model) < 0.85 * min(before, error(longer))


def test_senseless_requests_are_refused():
    with pytest.raises(CellwrightError, match="batches_a_chip is at least 1"):
        HardwareAware(Network(), calibration=X, batches_a_chip=0)
    with pytest.raises(CellwrightError, match="belongs to a LSTM"):
        HardwareAware(nn.Sequential(nn.LSTM(3, 2)), calibration=X)
