"""Each cause of error does to an array what physics says, and leaves the others as they were."""

import math
from dataclasses import replace

import numpy as np
import pytest
import scipy.optimize
import torch

from cellwright.crossbar import CAUSES, AnalogArray, ChipSettings, Matrix, Wires, find_device
from cellwright.crossbar.converters import levels_of
from cellwright.crossbar.draws import Draws
from cellwright.crossbar.layout import LAYOUTS
from cellwright.crossbar.wires import effective_matrix, solve_network
from cellwright.errors import CellwrightError

IDEAL = ChipSettings(headroom=1.0).ideal()
CHIPS = 6


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def matrix(outputs=12, inputs=9, bias=True):
    weights = torch.randn(outputs, inputs, dtype=torch.float64, generator=generator(1))
    offset = torch.randn(outputs, dtype=torch.float64, generator=generator(2)) if bias else None
    return Matrix("array", weights, offset, (("x", 4), ("h", inputs - 4)), (("y", outputs),))


def samples(count=400, inputs=9):
    """Inputs of two groups with different ranges; their largest values are exactly 2 and 0.5."""
    values = 2 * torch.rand(count, inputs, dtype=torch.float64, generator=generator(3)) - 1
    values[0] = 1.0
    return values * torch.tensor([2.0] * 4 + [0.5] * (inputs - 4), dtype=torch.float64)


def array(settings=IDEAL, spec=None, chips=CHIPS, seed=0):
    return AnalogArray(spec or matrix(), settings, Draws(seed, chips), samples())


def wanted(inputs, spec=None):
    spec = spec or matrix()
    return torch.nn.functional.linear(inputs, spec.weights, spec.bias)


def errors(found, inputs=None):
    """(chips, samples, outputs)."""
    inputs = samples() if inputs is None else inputs
    return found(inputs.expand(found.chips, -1, -1)) - wanted(inputs, found.spec)


@pytest.mark.parametrize("layout", list(LAYOUTS))
@pytest.mark.parametrize("tile", [(128, 64), (8, 6), (2, 2)])
@pytest.mark.parametrize("bias", [True, False])
def test_an_ideal_array_is_the_matrix(layout, tile, bias):
    found = array(replace(IDEAL, layout=layout, tile=tile), matrix(bias=bias))
    assert errors(found).abs().max() < 1e-11
    rows, columns = found.layout.physical_shape(10 if bias else 9, 12)
    references = len([tile for tile in found.tiles if tile.place.rows.start == 0]) - 1
    columns += references * (layout == "reference column")
    assert (found.rows, found.columns) == (rows, columns)


def test_each_group_of_rows_has_a_range_of_its_own():
    assert array().ranges.tolist() == [2.0] * 4 + [0.5] * 5


def test_ranges_hold_the_largest_of_any_number_of_samples():
    calibration = samples(5000)
    calibration[1] = 3.0 * calibration[0]
    settings = replace(IDEAL, input_bits=12, output_bits=12)
    found = AnalogArray(matrix(), settings, Draws(0, 2), calibration)
    assert found.ranges.tolist() == [6.0] * 4 + [1.5] * 5
    reach = wanted(calibration).abs().amax(0)
    torch.testing.assert_close(found.tiles[0].full_scale[:, 0], reach.expand(2, -1), rtol=1e-3, atol=0)


def test_headroom_widens_every_range_and_keeps_what_grows():
    """Twice the largest training values pass converters with a headroom of two, and their steps are twice as large."""
    settings = replace(IDEAL, input_bits=10, output_bits=10, affine=False)
    tight, wide = array(settings), array(replace(settings, headroom=2.0))
    torch.testing.assert_close(wide.ranges, 2 * tight.ranges)
    torch.testing.assert_close(wide.tiles[0].full_scale, 2 * tight.tiles[0].full_scale, rtol=1e-2, atol=0)
    grown = 1.9 * samples()
    assert errors(tight, grown).abs().max() > 1.0
    assert errors(wide, grown).abs().max() < 0.1


def test_input_steps_add_up_as_independent_rounding_errors():
    """Each input errs by step / sqrt(12) of its own range; the errors add up weighted, the bias row has none."""
    spec = matrix()
    found = array(replace(IDEAL, input_bits=6, affine=False))
    ranges = torch.tensor([2.0] * 4 + [0.5] * 5, dtype=torch.float64)
    expected = (spec.weights * ranges).square().sum(1).sqrt() * 1 / levels_of(6) / math.sqrt(12)
    inputs = samples(20_000)[1:]
    torch.testing.assert_close(errors(found, inputs)[0].std(0), expected, rtol=0.03, atol=0)


@pytest.mark.parametrize("output_range", ["column", "tile"])
def test_output_steps_err_by_a_step_over_root_twelve(output_range):
    found = array(replace(IDEAL, output_bits=8, affine=False, output_range=output_range))
    reach = wanted(samples()).abs()
    full_scale = reach.amax(0) if output_range == "column" else reach.amax().expand(12)
    expected = full_scale / levels_of(8) / math.sqrt(12)
    inputs = 0.5 * samples(20_000)[1:]
    assert not bool((wanted(inputs).abs().amax(0) > full_scale).any())
    torch.testing.assert_close(errors(found, inputs)[0].std(0), expected, rtol=0.03, atol=0)


def test_one_conversion_a_row_tile_adds_their_errors():
    """Three row tiles are three conversions: a variance for each, from the range of its own part of the sum."""
    one = array(replace(IDEAL, output_bits=8, affine=False))
    three = array(replace(IDEAL, output_bits=8, affine=False, tile=(8, 64)))
    assert (len(one.tiles), len(three.tiles)) == (1, 3)
    steps = torch.stack([tile.full_scale[0, 0] / levels_of(8) for tile in three.tiles])
    inputs = 0.5 * samples(20_000)[1:]
    expected = steps.square().sum(0).sqrt() / math.sqrt(12)
    torch.testing.assert_close(errors(three, inputs)[0].std(0), expected, rtol=0.03, atol=0)


def test_inputs_beyond_the_range_saturate_only_at_a_converter():
    twice = 2 * samples()[:1]  # the headroom is 1
    assert errors(array(replace(IDEAL, input_bits=8)), twice).abs().max() > 0.1
    assert errors(array(), twice).abs().max() < 1e-10


@pytest.mark.parametrize("wires", [None, Wires(5.0, 5.0, 20.0, 20.0)])
@pytest.mark.parametrize("layout", ["rows stacked", "columns interleaved"])
def test_read_noise_has_the_variance_of_a_sum_over_devices(wires, layout):
    """Against a re-solve: draw every device's noise, solve the network anew, look at the spread of the output."""
    settings = replace(IDEAL, read_noise=True, wires=wires, layout=layout, affine=False)
    found = array(settings, chips=1)
    tile, inputs = found.tiles[0], samples()[:3]
    driven = inputs / found.ranges
    driven = torch.cat([driven, driven.new_ones(3, 1)], -1)
    split = found.bank.split(driven[None])
    lines = found.bank.noise_variance(split, found.bank.currents(split))[0, 0]
    per_output = torch.stack(tile.layout.parts(lines)).sum(0) if tile.layout.along == "columns" else lines
    predicted = per_output.sqrt() / tile.scale
    count = 4000
    shaken = tile.conductances + tile.device.read_noise(tile.conductances) * torch.randn(
        count, *tile.shape, dtype=torch.float64, generator=generator(5)
    )
    solved = driven @ tile.layout.signed(effective_matrix(shaken, wires)) / tile.scale
    torch.testing.assert_close(solved.std(0), predicted, rtol=0.05, atol=0)


def test_read_noise_is_drawn_with_that_variance_read_after_read():
    found = array(replace(IDEAL, read_noise=True, wires=Wires()), chips=2000)
    inputs = samples()[:2].expand(2000, -1, -1)
    first, second = found(inputs), found(inputs)
    driven = samples()[:2] / found.ranges
    driven = found.bank.split(torch.cat([driven, driven.new_ones(2, 1)], -1).expand(2000, -1, -1))
    variance = found.bank.noise_variance(driven, found.bank.currents(driven))[:, 0]
    predicted = (variance.sqrt() / found.tiles[0].scale * found.tiles[0].gain)[0]
    torch.testing.assert_close(first.std(0), predicted, rtol=0.08, atol=0)
    correlation = ((first - first.mean(0)) * (second - second.mean(0))).mean(0) / (first.std(0) * second.std(0))
    assert correlation.abs().max() < 0.1


def test_programming_leaves_an_error_that_grows_with_the_tolerance():
    loose, tight = (errors(array(replace(IDEAL, programming=True, tolerance=t))).std() for t in (0.04, 0.01))
    assert loose > 2 * tight > 0


def test_stuck_devices_change_the_weights_they_hold_and_no_others():
    found = array(replace(IDEAL, stuck_on=0.02, stuck_off=0.02, affine=False))
    tile = found.tiles[0]
    sound = torch.stack(tile.layout.parts(tile.programmed.stuck == 0)).all(0)
    clean = array().tiles[0].matrix
    torch.testing.assert_close(tile.matrix[sound], clean[sound], rtol=1e-12, atol=1e-12)
    assert not sound.all()
    assert (tile.matrix[~sound] - clean[~sound]).abs().min() > 1e-3


def test_calibration_takes_most_of_what_the_wires_do_away():
    settings = replace(IDEAL, wires=Wires())
    raw, calibrated = errors(array(replace(settings, affine=False))), errors(array(settings))
    assert raw.square().mean() > 5 * calibrated.square().mean() > 0


def test_calibration_never_fits_worse_than_no_calibration():
    settings = ChipSettings()
    raw, calibrated = (errors(array(replace(settings, affine=affine, read_noise=False))) for affine in (False, True))
    assert bool((calibrated.square().mean(1) <= raw.square().mean(1) + 1e-12).all())


def test_settings_know_their_causes(whole):
    assert whole.causes == tuple(CAUSES)
    assert IDEAL.causes == ()
    for cause in CAUSES:
        assert whole.only(cause).causes == (cause,)
        assert cause not in whole.without(cause).causes
        assert len(whole.without(cause).causes) == len(CAUSES) - 1
        assert IDEAL.only(cause) == IDEAL
    with pytest.raises(CellwrightError, match="known are programming"):
        ChipSettings().without("gravity")


def test_what_a_device_does_not_do_is_no_cause():
    assert not {"device_to_device", "nonlinearity", "ageing"} & set(ChipSettings().causes)


@pytest.mark.parametrize("cause", [cause for cause in CAUSES if cause not in ("programming", "stuck_devices")])
def test_switching_a_cause_off_leaves_the_devices_as_they_were(cause):
    whole, other = array(ChipSettings()), array(ChipSettings().without(cause))
    assert torch.equal(whole.tiles[0].conductances, other.tiles[0].conductances)


def test_switching_programming_off_leaves_the_same_devices_stuck_and_the_reverse():
    settings = ChipSettings(stuck_on=0.05, stuck_off=0.05)
    whole, exact, sound = (
        array(chip).tiles[0].programmed
        for chip in (settings, settings.without("programming"), settings.without("stuck_devices"))
    )
    assert torch.equal(whole.stuck, exact.stuck)
    working = whole.stuck == 0
    assert torch.equal(whole.conductances[working], sound.conductances[working])


@pytest.mark.parametrize("cause", [cause for cause in CAUSES if cause != "read_noise"])
def test_switching_a_cause_off_leaves_the_draws_of_read_noise(cause):
    """Two chips that differ in read noise alone differ by the same number of deviations, with the cause and without."""
    settings = replace(ChipSettings(), output_bits=None, affine=False)
    drawn = []
    for chosen in (settings, replace(settings.without(cause), output_bits=None)):
        inputs = samples()[:2].expand(CHIPS, -1, -1)
        noisy, still = array(chosen), array(chosen.without("read_noise"))
        driven = noisy.bank.split(noisy._drive(inputs))
        variance = noisy.bank.noise_variance(driven, noisy.bank.currents(driven))[:, 0]
        drawn.append((noisy(inputs) - still(inputs)) * noisy.tiles[0].scale / variance.sqrt())
    torch.testing.assert_close(drawn[0], drawn[1], rtol=1e-6, atol=1e-6)


def test_a_chip_is_the_same_in_any_batch_and_one_seed_gives_one_result():
    inputs = samples()[:4]
    few, many, again = (array(ChipSettings(), chips=chips)(inputs.expand(chips, -1, -1)) for chips in (2, 9, 9))
    # Batched products sum in another order in a batch of another size; the draws are the same to the bit.
    torch.testing.assert_close(few, many[:2], rtol=1e-12, atol=1e-12)
    assert torch.equal(many, again)
    assert not torch.equal(many, array(ChipSettings(), chips=9, seed=1)(inputs.expand(9, -1, -1)))


def test_reset_repeats_the_reads():
    found, inputs = array(ChipSettings()), samples()[:4].expand(CHIPS, -1, -1)
    first, second = found(inputs), found(inputs)
    found.reset()
    assert torch.equal(found(inputs), first)
    assert not torch.equal(first, second)


def test_nan_passes():
    inputs = samples()[:2].clone()
    inputs[1, 0] = math.nan
    outputs = array(ChipSettings())(inputs.expand(CHIPS, -1, -1))
    assert bool(outputs[:, 1].isnan().all())
    assert bool(outputs[:, 0].isfinite().all())


def test_converters_need_a_calibration():
    with pytest.raises(CellwrightError, match="calibration"):
        AnalogArray(matrix(), ChipSettings(), Draws(0, 1), None)
    found = AnalogArray(matrix(), IDEAL, Draws(0, 2), None)
    assert errors(found).abs().max() < 1e-11


@pytest.mark.parametrize("layout", list(LAYOUTS))
def test_read_noise_is_right_for_inputs_of_one_sign_too(layout):
    """The fit follows the calibration: every output's deviation within 1 % of the whole quadratic form's."""
    inputs = samples().abs()
    settings = replace(IDEAL, read_noise=True, wires=Wires(2.0, 2.0, 10.0, 10.0), layout=layout)
    found = AnalogArray(matrix(), settings, Draws(0, 1), inputs)
    tile = found.tiles[0]
    driven = torch.nn.functional.pad(inputs[:50] / found.ranges, (0, 1), value=1.0)
    split = found.bank.split(driven[None])
    fitted = found.bank.noise_variance(split, found.bank.currents(split))[0, 0]
    spread = tile.device.read_noise(tile.conductances)
    network = solve_network(tile.conductances, tile.wires)
    forms = network.current_variance(spread, torch.eye(tile.shape[0], dtype=torch.float64))[0]
    drive = tile.layout.drive(driven)
    whole = torch.einsum("br,lrs,bs->bl", drive, forms, drive)
    assert ((fitted / whole).sqrt() - 1).abs().max() < 0.01


def test_a_chip_of_curved_devices_is_its_circuit():
    """A 2 x 2 array with wires: all node voltages by scipy's root finder, amplifier included."""
    device = find_device("rram-sinh")
    wires = Wires(20.0, 30.0, 50.0, 40.0)
    settings = replace(IDEAL, device=device, nonlinearity=True, wires=wires, layout="columns stacked", affine=False)
    spec = Matrix("array", torch.tensor([[1.0], [-0.4]], dtype=torch.float64).T, None, (("x", 2),), (("y", 1),))
    calibration = torch.ones(1, 2, dtype=torch.float64)
    found = AnalogArray(spec, settings, Draws(0, 2), calibration)
    inputs = torch.tensor([[0.9, -0.7]], dtype=torch.float64)
    tile = found.tiles[0]
    state, volts = tile.conductances[0], device.read.voltage * inputs[0].numpy()

    def through(across):
        return device.current(state, torch.tensor(across), 300.0, 0.0).numpy()

    def kirchhoff(nodes):
        word, bit = nodes[:4].reshape(2, 2), nodes[4:].reshape(2, 2)
        amperes = through(word - bit)
        along = (word[:, 0] - word[:, 1]) / wires.row_segment
        down = (bit[0] - bit[1]) / wires.column_segment
        return np.concatenate(
            [
                (volts - word[:, 0]) / wires.driver - along - amperes[:, 0],
                along - amperes[:, 1],
                amperes[0] - down,
                amperes[1] + down - bit[1] / wires.sense,
            ]
        )

    nodes = scipy.optimize.root(kirchhoff, np.zeros(8), tol=1e-14).x
    sensed = nodes[6:] / wires.sense
    expected = (sensed[0] - sensed[1]) / device.read.voltage / tile.scale.item()
    assert found(inputs.expand(2, -1, -1))[:, 0, 0].tolist() == pytest.approx([expected] * 2, rel=1e-7)
    straight = AnalogArray(spec, replace(settings, nonlinearity=False), Draws(0, 2), calibration)
    assert abs(straight(inputs.expand(2, -1, -1))[0, 0, 0].item() / expected - 1) > 1e-3


@pytest.mark.parametrize("wires", [None, Wires(2.0, 2.0, 5.0, 5.0)])
@pytest.mark.parametrize("bits", [None, 8])
@pytest.mark.parametrize("tile", [(128, 64), (8, 5)])
def test_a_read_in_one_pass_is_the_read_step_by_step(wires, bits, tile):
    settings = replace(IDEAL, read_noise=True, wires=wires, output_bits=bits, tile=tile)
    found = array(settings)
    driven = found.bank.split(found._drive(samples()[:7].expand(CHIPS, -1, -1)))
    passed = found.bank.noisy_read(driven, found._draws, 3)
    found.bank._in_one_pass = False
    stepped = found.bank.noisy_read(driven, found._draws, 3)
    assert passed.shape == stepped.shape
    near = (passed - stepped).abs() < 1e-9
    # Where a value lies between two codes, the last place decides.
    assert near.double().mean() > (1.0 if bits is None else 0.995) - 1e-12
