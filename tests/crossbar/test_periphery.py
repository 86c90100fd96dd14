"""Amplifiers behind the bit lines, and converters that err: against formulas and the solved circuit."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from cellwright.crossbar import AnalogArray, ChipSettings, ConverterErrors, Matrix, ReadOut, Wires
from cellwright.crossbar.converters import levels_of
from cellwright.crossbar.draws import Draws
from cellwright.errors import CellwrightError

IDEAL = replace(ChipSettings(headroom=1.0).ideal(), affine=False)
PERFECT = ReadOut(feedback=1e3, open_loop_gain=math.inf, offset=0.0, gain_error=0.0, bandwidth=math.inf)
GENERATOR = torch.Generator().manual_seed(0)
WEIGHTS = torch.randn(4, 6, dtype=torch.float64, generator=GENERATOR)
INPUTS = 2 * torch.rand(200, 6, dtype=torch.float64, generator=GENERATOR) - 1
INPUTS[0] = 1.0


def array(settings, chips=3):
    matrix = Matrix("array", WEIGHTS, None, (("x", 6),), (("y", 4),))
    return AnalogArray(matrix, settings, Draws(0, chips), INPUTS)


def outputs(settings, chips=3):
    found = array(settings, chips)
    return found(INPUTS.expand(chips, -1, -1)), found


def test_a_perfect_amplifier_changes_nothing():
    exact, _ = outputs(IDEAL)
    torch.testing.assert_close(outputs(replace(IDEAL, read_out=PERFECT))[0], exact, rtol=0, atol=1e-12)


def test_a_finite_gain_is_the_circuit_with_its_virtual_ground():
    """Nodal analysis of one column: drivers, devices, the amplifier's input node, its output -A v through R_f."""
    gain, feedback = 50.0, 2e3
    settings = replace(IDEAL, read_out=replace(PERFECT, open_loop_gain=gain, feedback=feedback))
    found, made = outputs(settings, chips=1)
    tile = made.tiles[0]
    conductances = tile.conductances[0].numpy()
    volts = 0.2 * tile.layout.drive(INPUTS).numpy()
    # At the input node: sum G (V - v) = (v - v_out) / R_f with v_out = -A v.
    node = volts @ conductances / (conductances.sum(0) + (1 + gain) / feedback)
    expected = gain * node / feedback / 0.2 / tile.scale.numpy()
    np.testing.assert_allclose(found[0].numpy(), expected, rtol=1e-9)


def test_offsets_and_gains_have_their_spread():
    read_out = replace(PERFECT, offset=2e-3)
    exact, made = outputs(IDEAL, 3000)
    shifted, _ = outputs(replace(IDEAL, read_out=read_out), 3000)
    difference = shifted - exact
    torch.testing.assert_close(difference[:, 5], difference[:, 9])  # an offset is the same for all inputs
    tile = made.tiles[0]
    expected = 2e-3 / 0.2 * (1 / 1e3 + tile.conductances[0].sum(0)) / tile.scale
    torch.testing.assert_close(difference[:, 0].std(0), expected, rtol=0.05, atol=0)
    gains = outputs(replace(IDEAL, read_out=replace(PERFECT, gain_error=0.02)), 3000)[0] / exact
    torch.testing.assert_close(gains[:, 5], gains[:, 9])
    torch.testing.assert_close(gains[:, 0].std(0), torch.full((4,), 0.02, dtype=torch.float64), rtol=0.05, atol=0)


def test_settling_is_an_exponential_of_the_time_of_a_read():
    bandwidth, time = 20e6, 100e-9
    found, made = outputs(replace(IDEAL, read_out=replace(PERFECT, bandwidth=bandwidth)))
    exact, _ = outputs(IDEAL)
    line = made.tiles[0].conductances[0].sum(0)
    expected = 1 - torch.exp(-2 * math.pi * bandwidth * time / (1 + 1e3 * line))
    torch.testing.assert_close(found / exact, expected.expand_as(found))


def test_the_virtual_ground_is_part_of_the_sense_resistance():
    wires = Wires(1.0, 1.0, 2.0, 3.0)
    read_out = replace(PERFECT, open_loop_gain=99.0)
    behind, _ = outputs(replace(IDEAL, wires=wires, read_out=read_out))
    sensed, _ = outputs(replace(IDEAL, wires=replace(wires, sense=3.0 + 1e3 / 100)))
    torch.testing.assert_close(behind, 0.99 * sensed)


def test_converters_at_the_word_lines_err_by_their_formula():
    errors = ConverterErrors(offset=0.01, gain=0.02, inl=0.015)
    found, made = outputs(replace(IDEAL, input_errors=errors), 2)
    for chip in range(2):
        tile = made.tiles[0]
        offset, gain, bow, s = (errors.draw(tile._draws, "input converters", 12)[k, chip].numpy() for k in range(4))
        x = tile.layout.drive(INPUTS).numpy()
        driven = offset + gain * x + bow * x**2 + s * x**3
        expected = driven @ tile.conductances[chip].numpy() / tile.scale.numpy()
        np.testing.assert_allclose(found[chip].numpy(), expected, atol=1e-12)


def test_errors_of_converters_have_their_spread():
    """Between the ends the bow is largest at 0, the S-shape at 1 / sqrt(3); both vanish at the ends."""
    one = ConverterErrors(offset=0.01, gain=0.02, inl=0.03)
    x = torch.tensor([-1.0, 0.0, 1 / math.sqrt(3), 1.0], dtype=torch.float64)
    c = one.draw(Draws(0, 1), "any", 40_000)[:, 0, :, None]
    error = c[0] + c[1] * x + c[2] * x**2 + c[3] * x**3 - x
    at_third = math.hypot(0.01, 0.02 / math.sqrt(3), 0.03 * 2 / 3, 0.03)
    expected = torch.tensor([math.hypot(0.01, 0.02), math.hypot(0.01, 0.03), at_third, math.hypot(0.01, 0.02)])
    torch.testing.assert_close(error.std(0), expected.double(), rtol=0.02, atol=0)


def test_a_converter_is_shared_by_the_columns_of_its_tile():
    settings = replace(IDEAL, output_errors=ConverterErrors(offset=0.05), tile=(64, 2))
    found, made = outputs(settings, 5)
    exact, _ = outputs(IDEAL, 5)
    shifts = (found - exact)[:, 0] / torch.cat([tile.full_scale[:, 0] for tile in made.tiles], -1)
    torch.testing.assert_close(shifts[:, 0], shifts[:, 1])
    torch.testing.assert_close(shifts[:, 2], shifts[:, 3])
    assert (shifts[:, 0] - shifts[:, 2]).abs().min() > 1e-6


def test_the_correction_takes_offsets_and_gains_away():
    settings = replace(IDEAL, read_out=ReadOut(), output_errors=ConverterErrors(offset=0.01, gain=0.01), affine=True)
    exact, _ = outputs(IDEAL)
    assert (outputs(settings)[0] - exact).abs().max() < 1e-9
    assert (outputs(replace(settings, affine=False))[0] - exact).abs().max() > 1e-2


def test_bits_limit_what_the_correction_can_do():
    settings = replace(IDEAL, output_errors=ConverterErrors(offset=0.01, inl=0.02), output_bits=8, affine=True)
    full_scale = array(settings).tiles[0].full_scale
    error = (outputs(settings)[0] - outputs(IDEAL)[0]).std(1) / full_scale[:, 0] * levels_of(8)
    assert (error > 1 / math.sqrt(12)).all()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ReadOut(feedback=0.0), "feedback of a read-out is positive"),
        (lambda: ReadOut(offset=-1e-3), "offset of a read-out is a standard deviation"),
        (lambda: ConverterErrors(inl=math.nan), "inl of a converter is a standard deviation"),
        (lambda: ChipSettings(averaged_reads=0), "averaged_reads is a whole number from 1 to 100,000"),
        (lambda: ChipSettings(temperature=-3.0), "kelvins"),
        (lambda: ChipSettings(scheme="three-pulse"), "'one-pulse', 'two-pulse' or None"),
    ],
)
def test_senseless_numbers_are_refused(make, message):
    with pytest.raises(CellwrightError, match=message):
        make()
