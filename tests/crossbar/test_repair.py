"""Failed devices, worked around."""

from dataclasses import replace
from itertools import permutations

import pytest
import torch

from cellwright.crossbar import AnalogArray, ChipSettings, Matrix, Wires
from cellwright.crossbar.draws import Draws

FAULTY = replace(ChipSettings().ideal(), programming=True, stuck_on=0.02, stuck_off=0.02)
GENERATOR = torch.Generator().manual_seed(0)
WEIGHTS = torch.randn(10, 8, dtype=torch.float64, generator=GENERATOR)
BIAS = torch.randn(10, dtype=torch.float64, generator=GENERATOR)
INPUTS = 2 * torch.rand(100, 8, dtype=torch.float64, generator=GENERATOR) - 1


def array(settings, chips=12, weights=WEIGHTS, bias=BIAS):
    groups = (("x", weights.shape[1]),), (("y", len(weights)),)
    return AnalogArray(
        Matrix("array", weights, bias, *groups), settings, Draws(3, chips), INPUTS[:, : weights.shape[1]]
    )


def error(settings):
    found = array(settings)
    wanted = torch.nn.functional.linear(INPUTS, WEIGHTS, BIAS)
    return (found(INPUTS.expand(found.chips, -1, -1)) - wanted).square().mean().sqrt().item()


@pytest.mark.parametrize("layout", ["rows stacked", "rows interleaved", "columns stacked", "columns interleaved"])
def test_partners_and_other_rows_make_up_for_failures(layout):
    settings = replace(FAULTY, layout=layout, affine=False)
    broken, compensated, remapped, both = (
        error(replace(settings, **how))
        for how in ({}, {"compensate": True}, {"remap": True}, {"compensate": True, "remap": True})
    )
    assert compensated < 0.6 * broken
    assert remapped < 0.85 * broken
    assert both < 0.9 * compensated


def test_a_reference_column_can_only_be_remapped():
    settings = replace(FAULTY, layout="reference column", affine=False)
    assert error(replace(settings, compensate=True)) == error(settings)
    # A device that fails in the reference hurts all columns, wherever the rows lie.
    assert error(replace(settings, remap=True)) < 0.95 * error(settings)


def test_a_partner_sits_where_the_difference_comes_nearest():
    """Device by device: no other conductance of the window, nor an erased partner, comes nearer to the weight."""
    found = array(replace(FAULTY, compensate=True, tolerance=0.02))
    tile = found.tiles[0]
    low, high = tile.device.window
    targets, stuck = tile.programmed.targets, tile.programmed.stuck
    checked = 0
    for chip in range(found.chips):
        _, negative = tile.layout.parts(targets[chip])
        failed = tile.layout.parts(stuck[chip] != 0)
        fixed = tile.layout.parts(tile.conductances[chip])
        wanted = found.tiles[0].scale * found.spec.with_bias * torch.cat([found.ranges, torch.ones(1)])[:, None]
        for i, j in (failed[0] & ~failed[1]).nonzero():
            candidates = torch.cat([torch.linspace(low, high, 2001), torch.zeros(1)]).double()
            missing = (fixed[0][i, j] - candidates - wanted[i, j]).abs()
            assert (fixed[0][i, j] - negative[i, j] - wanted[i, j]).abs() <= missing.min() + 1e-9
            checked += 1
    assert checked > 20


def test_the_order_of_rows_is_the_best_there_is():
    """Against every order of five rows, with partners that make up for what they can."""
    weights = WEIGHTS[:, :5]
    settings = replace(FAULTY, remap=True, compensate=True, stuck_on=0.05, stuck_off=0.05)
    found = array(settings, chips=2, weights=weights, bias=None)
    tile = found.tiles[0]
    low, high = tile.device.window
    scaled = tile.scale * weights.T * found.ranges[:, None]

    def missing(chip, order):
        fixed, failed = tile.layout.parts(tile.conductances[chip]), tile.layout.parts(tile.programmed.stuck[chip] != 0)
        total = 0.0
        for i, row in enumerate(order):
            for j in range(10):
                want = scaled[row, j]
                if failed[0][i, j] and failed[1][i, j]:
                    got = fixed[0][i, j] - fixed[1][i, j]
                elif failed[0][i, j]:
                    options = torch.stack([(fixed[0][i, j] - want).clamp(low, high), torch.tensor(0.0).double()])
                    got = fixed[0][i, j] - options[(fixed[0][i, j] - options - want).abs().argmin()]
                elif failed[1][i, j]:
                    options = torch.stack([(fixed[1][i, j] + want).clamp(low, high), torch.tensor(0.0).double()])
                    got = options[(options - fixed[1][i, j] - want).abs().argmin()] - fixed[1][i, j]
                else:
                    continue
                total += float(got - want) ** 2
        return total

    for chip in range(2):
        best = min(missing(chip, order) for order in permutations(range(5)))
        assert missing(chip, tile.order[chip].tolist()) == pytest.approx(best, rel=1e-9)


def test_moved_rows_meet_their_own_inputs_with_wires_and_noise():
    settings = replace(FAULTY, remap=True, wires=Wires(), read_noise=True, stuck_on=0.05)
    found = array(settings)
    tile = found.tiles[0]
    assert not torch.equal(tile.order, torch.arange(9).expand(12, -1))
    physical = tile.layout.fold_rows(tile.effective)
    for chip in range(3):
        expected = torch.empty_like(physical[chip])
        expected[tile.order[chip]] = physical[chip]
        torch.testing.assert_close(tile.response.linear[chip], expected)


def test_a_second_pass_adds_its_pulses_and_leaves_what_failed_alone():
    first, second = (array(replace(FAULTY, compensate=how)).tiles[0].programmed for how in (False, True))
    failed = ~first.within
    assert torch.equal(second.conductances[failed], first.conductances[failed])
    assert torch.equal(second.set_pulses[failed], first.set_pulses[failed])
    assert second.pulses.sum() > first.pulses.sum()
    assert bool((second.energy > first.energy).all())
    assert len(second.convergence) > len(first.convergence)
    assert second.programming_yield.mean().item() == pytest.approx(first.programming_yield.mean().item(), abs=0.01)


def test_rows_that_need_not_move_stay():
    """One failed device: at most two rows change places."""
    settings = replace(FAULTY, remap=True, stuck_on=0.0, stuck_off=0.002)
    tile = array(settings, chips=30).tiles[0]
    moved = (tile.order != torch.arange(9)).sum(1)
    failures = (tile.programmed.stuck != 0).sum((1, 2))
    assert bool((moved[failures == 0] == 0).all())
    assert bool((moved[failures == 1] <= 2).all())
    assert int((failures == 1).sum()) > 3


def test_without_failures_nothing_is_planned():
    settings = replace(FAULTY, stuck_on=0.0, stuck_off=0.0, tolerance=0.2)
    one, other = (array(replace(settings, remap=how, compensate=how)) for how in (False, True))
    assert torch.equal(one.tiles[0].conductances, other.tiles[0].conductances)
    assert other.tiles[0].order is None
