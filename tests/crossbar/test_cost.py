"""What a step costs."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from cellwright import LSTM
from cellwright.crossbar import (
    CONSTANTS,
    ChipSettings,
    ReadOut,
    digital_cost,
    find_device,
    program,
    programming_cost,
    step_cost,
)
from cellwright.crossbar.devices import Pulse
from cellwright.errors import CellwrightError


class Network(nn.Module):
    """Li et al.'s airline network, many-to-many or many-to-one."""

    def __init__(self, last=False):
        super().__init__()
        torch.manual_seed(0)
        self.lstm, self.dense, self.last = LSTM(1, 15, batch_first=True), nn.Linear(15, 1), last

    def forward(self, x):
        hidden = self.lstm(x)[0]
        return self.dense(hidden[:, -1:] if self.last else hidden)


STEPS = 10
INPUTS = torch.rand(2, STEPS, 1, generator=torch.Generator().manual_seed(0))


def used(settings=None, last=False):
    chip = program(Network(last), settings or ChipSettings(), chips=3, calibration=INPUTS)
    chip(INPUTS)
    return chip


def item(cost, name):
    return next(found for found in cost.items if name in found.name)


def test_the_array_takes_the_integral_of_v_i_at_its_drivers():
    """Without wires: V^2 G of every device, at the voltages that the inputs of the run put there."""
    chip = used(ChipSettings(input_bits=None).without("wires"))
    array = chip.arrays["lstm_l0"]
    array.reset()
    inputs = torch.rand(3, 5, 16, dtype=torch.float64)
    array(inputs)
    driven = torch.cat([inputs / array.ranges, torch.ones(3, 5, 1, dtype=torch.float64)], -1)
    volts = 0.2 * array.layout.drive(driven)
    power = (volts.square() @ array.tiles[0].conductances).sum(-1).mean(-1)
    torch.testing.assert_close(array.drive_power(), power)


def test_the_energy_of_two_by_two_devices_by_hand():
    """Weights 1 and -0.5 on one row, two columns, in interleaved rows; the input at 0.6 of full scale.

    Pairs stand at 232.7 uS -+ 44.1 uS times the weight: 276.8, 188.6 in the first column, 210.65, 254.75 in the second.
    All four see 0.12 V: 0.0144 V^2 x 930.8 uS = 13.40352 uW, for 100 ns 1.340352 pJ.
    """
    layer = nn.Linear(1, 2, bias=False)
    layer.weight.data = torch.tensor([[1.0], [-0.5]])
    settings = replace(ChipSettings(headroom=1.0).ideal(), layout="rows interleaved")
    chip = program(layer, settings, chips=1, calibration=torch.ones(1, 1))
    assert chip.arrays["linear"].tiles[0].conductances[0].numpy() * 1e6 == pytest.approx(
        np.array([[276.8, 210.65], [188.6, 254.75]])
    )
    chip(torch.tensor([[0.6]]))
    assert item(step_cost(chip), "V I").energy_j == pytest.approx(1.340352e-12, rel=1e-6)


def test_what_programming_took_is_the_sum_over_its_tiles():
    chip = used(ChipSettings(tile=(16, 16)))
    cost = programming_cost(chip)
    written = [tile.programmed for array in chip.arrays.values() for tile in array.tiles]
    assert cost.devices == 34 * 60 + 32
    assert cost.pulses == pytest.approx(
        sum((found.set_pulses + found.reset_pulses).sum().item() for found in written) / 3
    )
    assert cost.time_s == pytest.approx(sum(found.time.sum().item() for found in written) / 3)
    assert cost.energy_j == pytest.approx(sum(found.energy.sum().item() for found in written) / 3)
    within = sum(found.within.sum().item() for found in written)
    assert cost.fraction_within == pytest.approx(within / 3 / cost.devices)


def test_a_chip_took_what_its_arrays_took_each_by_itself():
    chip = used(ChipSettings(stuck_on=0.02, compensate=True))
    whole, parts = programming_cost(chip), [programming_cost(array) for array in chip.arrays.values()]
    for name in ("devices", "pulses", "energy_j", "time_s"):
        assert getattr(whole, name) == pytest.approx(sum(getattr(part, name) for part in parts))
    assert whole.worn == max(part.worn for part in parts)


def test_amplifiers_take_the_current_that_their_bandwidth_needs():
    read_out = ReadOut(bandwidth=50e6)
    chip = used(ChipSettings(read_out=read_out, input_encoding="bit-serial", input_bits=6))
    power = 2 * 0.9 * 2 * np.pi * 50e6 * 1e-12 / 15
    assert item(step_cost(chip), "amplifiers").energy_j == pytest.approx((60 + 1) * 5 * power * 100e-9)
    assert item(step_cost(chip), "output conv").energy_j == pytest.approx(
        (60 + 1) * 5 * CONSTANTS["ADC energy at 8 bits"].value
    )
    assert item(step_cost(chip), "V I").latency_s == pytest.approx(2 * 5 * 100e-9)


def test_the_drivers_deliver_for_as_long_as_the_device_is_read():
    device = replace(find_device("li2019"), read=Pulse(0.2, 30e-9))
    cost = step_cost(chip := used(ChipSettings(device=device)))
    power = sum(array.drive_power().mean().item() for array in chip.arrays.values())
    assert item(cost, "V I").energy_j == pytest.approx(power * 30e-9)
    assert item(cost, "V I").latency_s == pytest.approx(2 * 30e-9)


def test_a_published_converter_of_one_bit_has_its_published_area():
    assert 1024 * 2**1 * CONSTANTS["DAC area a level"].value == pytest.approx(0.00017e-6)


def test_wires_take_power_from_the_drivers():
    with_wires, without = used(), used(ChipSettings().without("wires"))
    energy = [item(step_cost(chip), "V I").energy_j for chip in (with_wires, without)]
    assert 0 < energy[0] < energy[1]


def test_a_step_is_the_sum_of_its_items():
    cost = step_cost(used())
    for total, part in (
        (cost.energy_per_step_j, "energy_j"),
        (cost.latency_per_step_s, "latency_s"),
        (cost.area_m2, "area_m2"),
    ):
        assert total == pytest.approx(sum(getattr(found, part) or 0.0 for found in cost.items))
        assert total > 0
    assert cost.power_w == pytest.approx(cost.energy_per_step_j / cost.latency_per_step_s)


def test_converters_are_counted_by_lines_and_tiles():
    cost = step_cost(used())
    each = CONSTANTS["ADC energy at 8 bits"].value
    assert item(cost, "output conv").energy_j == pytest.approx((60 + 1) * each)
    assert item(cost, "output conv").latency_s == pytest.approx((60 + 1) * CONSTANTS["ADC time"].value)
    assert item(cost, "input conv").energy_j == pytest.approx((34 + 32) * 50e-15 * 8 * 0.9**2)
    assert item(cost, "devices").area_m2 == pytest.approx((34 * 60 + 32) * 1e-10)


def test_a_bit_more_doubles_a_conversion():
    energy = [item(step_cost(used(ChipSettings(output_bits=bits))), "output conv").energy_j for bits in (7, 8)]
    assert energy[1] == pytest.approx(2 * energy[0])


def test_a_layer_used_once_a_sequence_costs_less_a_step():
    every, last = step_cost(used()), step_cost(used(last=True))
    each = CONSTANTS["ADC energy at 8 bits"].value
    assert item(every, "output conv").energy_j - item(last, "output conv").energy_j == pytest.approx(
        each * (1 - 1 / STEPS)
    )


def test_a_reader_can_recompute_what_is_used_once_a_sequence():
    found = step_cost(used(last=True))
    arrays = item(found, "V I")
    assert arrays.value.endswith(f"/{STEPS}, 100\u202fns a read; lstm_l0 every step, dense every {STEPS} steps")
    assert arrays.latency_s == pytest.approx(100e-9 + 100e-9 / STEPS)
    assert f"34 + 32/{STEPS} conversions a step" in item(found, "input conv").value
    for name in ("sample", "output conv", "correction"):
        assert f"60 + 1/{STEPS} " in item(found, name).value
    assert f"1020 + 16/{STEPS} a step" in item(digital_cost(used(last=True)), "multiply").value
    every = step_cost(used())
    assert item(every, "V I").value.endswith("; lstm_l0 and dense every step")
    assert "; 61 conversions a step" in item(every, "output conv").value


def test_pointwise_work_is_that_of_the_survey():
    """3M sigmoid, 2M tanh, 3M products, M sums of two, for M = 15."""
    assert "75 table look-ups of 32 bits, 45 products, 15 additions" in item(step_cost(used()), "activations").value


@pytest.mark.parametrize(("bits", "product", "addition"), [(8, 0.2e-12, 0.1e-12), (32, 3.7e-12, 0.9e-12)])
def test_the_digital_baseline_multiplies_every_weight_once(bits, product, addition):
    cost = digital_cost(used(), bits)
    weights = 17 * 60 + 16
    assert item(cost, "multiply").energy_j == pytest.approx(weights * (product + addition))
    assert item(cost, "memory").energy_j == pytest.approx(weights * 10e-12 * bits / 64)
    assert cost.area_m2 is None


def test_every_number_has_a_source_and_an_uncertainty():
    for constant in CONSTANTS.values():
        assert constant.value > 0
        assert constant.source
        assert constant.factor > 1
    for cost in (step_cost(used()), digital_cost(used())):
        assert cost.source
        assert cost.uncertainty
        assert cost.constants
        for found in cost.items:
            assert found.value
            assert found.source
            assert found.uncertainty


def test_a_chip_that_saw_nothing_has_no_cost():
    chip = used()
    chip.reset()
    with pytest.raises(CellwrightError, match="seen no inputs"):
        step_cost(chip)
    with pytest.raises(CellwrightError, match="8 and 32"):
        digital_cost(chip, 16)


def test_ideal_converters_are_not_costed():
    cost = step_cost(used(ChipSettings().without("input_resolution", "output_resolution")))
    assert item(cost, "input conv").energy_j is None
    assert item(cost, "output conv").value == "ideal, not costed"
