"""What a step costs on digital accelerators, beside formulas by hand and published figures."""

from dataclasses import replace
from math import ceil

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from cellwright import GRU, LSTM
from cellwright.cells import TreeLSTM, catalogue, find
from cellwright.digital import (
    CHIPMUNK,
    CHIPMUNK_FAST,
    SUN_2018,
    Constant,
    Work,
    comparisons,
    fixed_point,
    multipliers_for,
    work_of,
)
from cellwright.digital.published import own_layer, speech_layers
from cellwright.errors import CellwrightError
from cellwright.program import counts

ACCELERATORS = [CHIPMUNK, CHIPMUNK.grid(3, 2), SUN_2018]
units = st.integers(1, 300)


def lstm(inputs, hidden):
    cell = find("lstm")
    return Work.of_cell(cell, cell.sizes(inputs, hidden))


@pytest.mark.parametrize("name", catalogue("sequence"))
def test_the_work_of_a_cell_is_what_its_counts_say(name):
    cell = find(name)
    sizes = cell.sizes(5, 7, 3 if cell.projects else 0)
    found = counts(cell.program()).at(sizes)
    stored = {"weights", "biases", "elementwise weights", "addends"}
    work = Work.of_cell(cell, sizes)
    assert work.multiplications == found["weights"]
    assert work.operations == 2 * found["weights"] + sum(n for kind, n in found.items() if kind not in stored)


@given(units, units)
def test_an_lstm_takes_two_operations_a_weight_and_nine_a_unit(inputs, hidden):
    """3 sigmoid, 2 tanh, 3 products, 1 addition."""
    assert lstm(inputs, hidden).operations == 8 * hidden * (inputs + hidden) + 9 * hidden


@given(units, units)
def test_cycles_of_a_systolic_engine(inputs, hidden):
    work = lstm(inputs, hidden)
    stored = 4 * hidden * (inputs + hidden)
    reload = 0 if stored <= 4 * 96 * 192 else stored  # 8 bits by a port of 8 bits
    assert CHIPMUNK.cycles(work) == ceil(hidden / 96) * (4 * (inputs + hidden) + 9) + reload


@given(units, units, st.integers(1, 6), st.integers(1, 6))
def test_cycles_of_a_grid(inputs, hidden, rows, columns):
    grid = CHIPMUNK.grid(rows, columns)
    passes = ceil(hidden / (96 * rows))
    hops = (columns - 1) * min(96, hidden)
    stored = 4 * hidden * (inputs + hidden)
    reload = 0 if stored <= 4 * 96 * 192 * rows * columns else ceil(stored / (rows * columns))
    assert grid.cycles(lstm(inputs, hidden)) == passes * (4 * (ceil((inputs + hidden) / columns) + hops) + 9) + reload


@given(units, units)
def test_cycles_of_an_fpga(inputs, hidden):
    products = 4 * ceil(hidden * (inputs + hidden) / 45)
    assert SUN_2018.cycles(lstm(inputs, hidden)) == products + 9 * ceil(hidden / 4) + 2 * 8


@pytest.mark.parametrize("accelerator", ACCELERATORS, ids=lambda accelerator: accelerator.name)
@given(st.sampled_from(list(catalogue("sequence"))), units, units)
def test_no_network_uses_more_than_the_peak(accelerator, name, inputs, hidden):
    cell = find(name)
    cost = accelerator.step_cost(Work.of_cell(cell, cell.sizes(inputs, hidden, 2 if cell.projects else 0)))
    assert 0 < cost.utilisation <= 1
    assert cost.throughput == pytest.approx(cost.utilisation * accelerator.peak_throughput)


def test_a_step_is_clock_times_cycles_and_energy_is_power_times_time():
    cost = CHIPMUNK.step_cost(own_layer())
    assert (cost.cycles, cost.operations) == (4 * 192 + 9, 2 * 4 * 96 * 192 + 9 * 96)
    assert cost.latency_s == pytest.approx(777 / 20e6)
    assert cost.energy_per_step_j == pytest.approx(1.24e-3 * 777 / 20e6)
    assert cost.efficiency == pytest.approx(cost.operations / cost.energy_per_step_j)
    assert cost.area_m2 == 0.93e-6


def test_chipmunk_is_less_efficient_on_every_other_size():
    best = CHIPMUNK.step_cost(own_layer()).efficiency
    others = [CHIPMUNK.step_cost(lstm(inputs, hidden)).efficiency for inputs, hidden in ((1, 4), (96, 97), (421, 421))]
    assert all(efficiency < best for efficiency in others)
    assert others[0] < best / 20


def test_published_figures_come_out():
    """Within 2 %, from clock, units, schedule and power; a bound is kept."""
    assert [found.published for found in comparisons()[:2]] == [3.08e12, 3.8e9]
    for found in comparisons():
        if found.is_bound:
            assert found.ours < found.published
        else:
            assert abs(found.difference) < 0.02, found


def test_only_the_fpga_is_fitted_to_the_figure_it_is_held_to():
    assert [found.machine for found in comparisons() if found.is_fitted] == [SUN_2018.name]
    assert all(constant.is_assumed for constant in SUN_2018.constants.values())
    assert {name for name, c in CHIPMUNK.constants.items() if c.is_assumed} == {"inputs", "gates", "port"}


def test_peepholes_leave_the_published_efficiency_within_two_per_cent():
    cell = find("peephole")
    efficiency = CHIPMUNK.step_cost(Work.of_cell(cell, cell.sizes(96, 96))).efficiency
    assert efficiency == pytest.approx(3.08e12, rel=0.02)


def test_the_speech_network_has_the_published_number_of_weights():
    """3.8 million with its output layer of 62 labels (Graves, Mohamed & Hinton 2013, table 1)."""
    biases_and_peepholes = 3 * (4 + 3) * 421
    assert sum(work.multiplications for work in speech_layers()) + biases_and_peepholes + 62 * 422 == pytest.approx(
        3.8e6, rel=0.01
    )


def test_a_model_is_the_sum_of_its_layers():
    model = nn.Sequential(LSTM(3, 5, num_layers=2, bidirectional=True), nn.Linear(10, 2))
    work = work_of(model)
    one = CHIPMUNK.step_cost(work)
    assert [w.multiplications for w in work] == [4 * 5 * 8] * 2 + [4 * 5 * 15] * 2 + [20]
    assert one == CHIPMUNK.step_cost(model)
    assert one.cycles == sum(CHIPMUNK.cycles(w) for w in work)
    gru = work_of(GRU(3, 5))[0]
    assert gru.multiplications == 3 * 5 * 8


def test_what_is_not_published_is_none():
    cost = SUN_2018.step_cost(lstm(1, 4))
    assert (cost.power_w, cost.area_m2, cost.energy_per_step_j, cost.efficiency) == (None,) * 4
    powered = replace(SUN_2018, power=Constant(2.0, "W", "assumed"))
    assert powered.step_cost(lstm(1, 4)).energy_per_step_j == pytest.approx(2 * cost.latency_s)
    assert "power" in powered.constants


def test_a_grid_takes_as_many_times_power_and_area():
    grid = CHIPMUNK.grid(5, 5)
    assert (grid.power.value, grid.area.value) == (pytest.approx(25 * 1.24e-3), pytest.approx(25 * 0.93e-6))
    assert (grid.peak, grid.grid(1, 1).power.value) == (25 * 192, pytest.approx(1.24e-3))
    with pytest.raises(CellwrightError, match="at least one row"):
        CHIPMUNK.grid(0, 1)


@pytest.mark.parametrize(("clock", "multipliers"), [(100e6, 67), (150e6, 45), (200e6, 34)])
def test_multipliers_of_the_published_peak(clock, multipliers):
    assert multipliers_for(13.45e9, clock) == multipliers
    assert 2 * multipliers * clock == pytest.approx(13.45e9, rel=0.02)


def test_a_peak_below_one_multiplier():
    for throughput, clock in ((1e6, 1e8), (1e9, 0.0)):
        with pytest.raises(CellwrightError, match="no multiplier is needed"):
            multipliers_for(throughput, clock)


def test_an_accelerator_says_how_it_computes():
    torch.manual_seed(0)
    network = fixed_point(LSTM(3, 4), CHIPMUNK_FAST.arithmetic, calibration=torch.rand(5, 2, 3))
    assert [network.formats["l0"].weights.bits, network.formats["l0"].states.bits] == [8, 16]


def test_a_model_with_nothing_to_cost():
    with pytest.raises(CellwrightError, match=r"no torch\.nn\.Linear and no recurrent layer"):
        CHIPMUNK.step_cost(nn.Tanh())


def test_a_matrix_along_an_axis_is_used_once_for_each_place():
    """Child-sum: i, g and o of one sum, and f of x once and of each of three children."""
    cell = TreeLSTM(arity=3)
    work = Work.of_cell(cell, cell.sizes(5, 4))
    assert sorted((p.rows, p.columns) for p in work.products) == [(4, 4)] * 3 + [(4, 5)] + [(4, 9)] * 3
    assert work.multiplications == 3 * 4 * 9 + 4 * 5 + 3 * 4 * 4
