"""Digital inputs as pulses, and reads with them."""

import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from cellwright.crossbar import AnalogArray, ChipSettings, Matrix
from cellwright.crossbar.draws import Draws
from cellwright.crossbar.encodings import bit_planes, second_moment
from cellwright.errors import CellwrightError

IDEAL = ChipSettings(headroom=1.0).ideal()
GENERATOR = torch.Generator().manual_seed(0)
WEIGHTS = torch.randn(5, 8, dtype=torch.float64, generator=GENERATOR)
INPUTS = 2 * torch.rand(300, 8, dtype=torch.float64, generator=GENERATOR) - 1
INPUTS[0] = 1.0


def array(settings, chips=3):
    matrix = Matrix("array", WEIGHTS, None, (("x", 8),), (("y", 5),))
    return AnalogArray(matrix, settings, Draws(0, chips), INPUTS)


def read(found):
    return found(INPUTS.expand(found.chips, -1, -1))


@given(st.integers(2, 12), st.lists(st.floats(-1, 1), min_size=1, max_size=8))
def test_bit_planes_are_pulses_of_one_height_that_add_up(bits, values):
    levels = 2 ** (bits - 1) - 1
    codes = torch.round(torch.tensor(values, dtype=torch.float64) * levels)
    planes = list(bit_planes(codes, bits))
    assert len(planes) == bits - 1
    assert torch.equal(sum(plane * weight for plane, weight in planes), codes)
    assert set(torch.stack([plane for plane, _ in planes]).unique().tolist()) <= {-1.0, 0.0, 1.0}


def test_nan_stays_in_every_plane():
    assert all(plane.isnan().tolist() == [True, False] for plane, _ in bit_planes(torch.tensor([math.nan, 3.0]), 4))


@pytest.mark.parametrize("encoding", ["bit-serial", "pulse-width"])
def test_without_converters_and_noise_an_encoding_changes_nothing(encoding):
    settings = replace(IDEAL, input_bits=6)
    torch.testing.assert_close(
        read(array(replace(settings, input_encoding=encoding))), read(array(settings)), rtol=0, atol=1e-12
    )


def test_every_pulse_is_converted():
    """b - 1 conversions, each with a rounding error of a step / sqrt(12), weighted by its bit."""
    settings = replace(IDEAL, input_bits=6, output_bits=8, input_encoding="bit-serial", affine=False)
    found = array(settings, chips=1)
    exact = read(array(replace(settings, output_bits=None), chips=1))
    full_scale = found.tiles[0].full_scale[0, 0]
    weights = torch.tensor([2.0**k for k in range(5)]) / 31
    expected = full_scale / 127 / math.sqrt(12) * weights.square().sum().sqrt()
    assert found.conversions == 5
    torch.testing.assert_close((read(found) - exact)[0].std(0), expected.to(torch.float64), rtol=0.15, atol=0)


@pytest.mark.parametrize("encoding", ["amplitude", "bit-serial", "pulse-width"])
def test_read_noise_of_an_encoding_has_its_variance(encoding):
    """Of a pulse's voltage squared; of a longer pulse more, as white noise gathers; of every bit by its weight."""
    settings = replace(IDEAL, input_bits=5, read_noise=True, input_encoding=encoding, affine=False)
    found = array(settings, chips=4000)
    inputs = INPUTS[3:4]
    outputs = found(inputs.expand(4000, -1, -1))
    codes = torch.round(inputs * 15)
    if encoding == "amplitude":
        lasting = (codes / 15).square()
    elif encoding == "pulse-width":
        lasting = (codes / 15).abs()
    else:
        lasting = sum((plane * weight / 15).square() for plane, weight in bit_planes(codes, 5))
    tile = found.tiles[0]
    spread = tile.device.read_noise(tile.conductances[0])
    expected = (lasting @ tile.layout.fold_squares(spread.square())).sqrt() / tile.scale
    torch.testing.assert_close(outputs.std(0), expected, rtol=0.05, atol=0)


def test_averaged_reads_divide_the_variance():
    one, four = (
        array(replace(IDEAL, read_noise=True, averaged_reads=reads), chips=3000)(INPUTS[1:2].expand(3000, -1, -1))
        for reads in (1, 4)
    )
    torch.testing.assert_close(four.std(0), one.std(0) / 2, rtol=0.08, atol=0)


def test_pulses_overlap_for_as_long_as_the_shorter_lasts():
    inputs = torch.tensor([[[0.5, -0.2]]], dtype=torch.float64)
    expected = torch.tensor([[[0.5, -0.2], [-0.2, 0.2]]], dtype=torch.float64)
    torch.testing.assert_close(second_moment(inputs, "pulse-width"), expected)
    torch.testing.assert_close(second_moment(inputs, "amplitude"), inputs.mT @ inputs)


def test_pulses_of_one_height_take_the_power_of_one_height():
    """Three bits of 1, 1 and 0: two full pulses; a pulse of 6/7 of the read lasts 6/7 of it."""
    matrix = Matrix("array", torch.ones(1, 1, dtype=torch.float64), None, (("x", 1),), (("y", 1),))
    inputs = torch.tensor([[1.0], [6 / 7]], dtype=torch.float64)
    power = {}
    for encoding in ("amplitude", "bit-serial", "pulse-width"):
        settings = replace(IDEAL, input_bits=4, input_encoding=encoding)
        found = AnalogArray(matrix, settings, Draws(0, 1), inputs)
        found(inputs[None, 1:])
        power[encoding] = found.drive_power().item()
    full = 0.2**2 * array(IDEAL).tiles[0].device.window[1] + 0.2**2 * array(IDEAL).tiles[0].device.window[0]
    assert power["amplitude"] == pytest.approx(full * (6 / 7) ** 2)
    assert power["bit-serial"] == pytest.approx(2 * full)
    assert power["pulse-width"] == pytest.approx(full * 6 / 7)


def test_a_bit_serial_chip_has_an_ideal_and_causes_of_its_own():
    settings = ChipSettings(input_encoding="bit-serial")
    assert settings.ideal().causes == ()
    assert settings.only("input_resolution").input_encoding == "bit-serial"
    assert set(settings.causes) == set(ChipSettings().causes)


def test_senseless_encodings_are_refused():
    with pytest.raises(CellwrightError, match="bit-serial, pulse-width"):
        ChipSettings(input_encoding="smoke")
    with pytest.raises(CellwrightError, match="set input_bits"):
        ChipSettings(input_encoding="bit-serial", input_bits=None)
