"""Smaller amplitudes and lower conductances at a given signal-to-noise ratio, beside closed formulas."""

from dataclasses import replace
from math import inf, sqrt
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from cellwright.crossbar import find_device
from cellwright.crossbar.scaling import BOLTZMANN, ELEMENTARY_CHARGE, Column, ratio_of_bits
from cellwright.errors import CellwrightError
from cellwright.units import quantity

COLUMN = Column(pairs=17, voltage=0.2, conductance=200e-6, difference=80e-6, read_noise=0.005, time=100e-9)

columns = st.builds(
    Column,
    pairs=st.integers(1, 1000),
    voltage=st.floats(1e-3, 2),
    conductance=st.floats(1e-7, 1e-3),
    difference=st.floats(1e-8, 1e-3),
    read_noise=st.floats(0, 0.05),
    time=st.floats(1e-9, 1e-6),
    temperature=st.floats(1, 400),
    signal=st.sampled_from(["full scale", "random"]),
)


def test_the_noise_of_a_column_has_its_textbook_values():
    """34 devices of 200 uS at 300 K and 0.2 V in 5 MHz."""
    assert COLUMN.bandwidth == pytest.approx(5e6)
    assert COLUMN.thermal_noise == pytest.approx(4 * 1.380649e-23 * 300 * 34 * 200e-6 * 5e6)
    assert COLUMN.shot_noise == pytest.approx(2 * 1.602176634e-19 * 34 * 200e-6 * 0.2 * 5e6)
    assert COLUMN.device_noise == pytest.approx(34 * (0.005 * 200e-6 * 0.2) ** 2)
    assert COLUMN.signal_power == pytest.approx((17 * 80e-6 * 0.2) ** 2)
    assert COLUMN.current == pytest.approx(34 * 200e-6 * 0.2)
    assert COLUMN.energy == pytest.approx(0.2**2 * 34 * 200e-6 * 100e-9)


def test_read_noise_is_that_of_drawn_conductances():
    generator = torch.Generator().manual_seed(0)
    draws = 200_000
    conductances = 200e-6 * (1 + 0.005 * torch.randn(draws, 34, generator=generator, dtype=torch.float64))
    signs = torch.tensor([1.0, -1.0] * 17, dtype=torch.float64)
    variance = (0.2 * conductances @ signs).var().item()
    assert variance == pytest.approx(COLUMN.device_noise, rel=5 * sqrt(2 / draws))


@given(columns, st.floats(0.01, 0.99))
def test_the_least_amplitude_has_exactly_the_ratio(column, part):
    """And a smaller one has less: it is the least."""
    wanted = part * min(column.largest_signal_to_noise, 1e6)
    least = column.with_least_voltage(wanted)
    assert least.signal_to_noise == pytest.approx(wanted, rel=1e-6)
    assert replace(least, voltage=0.9 * least.voltage).signal_to_noise < wanted
    assert replace(least, voltage=column.voltage) == column


@given(columns, st.floats(0.01, 0.99))
def test_the_least_conductances_have_exactly_the_ratio(column, part):
    wanted = part * min(column.largest_signal_to_noise, 1e6)
    least = column.with_least_conductance(wanted)
    assert least.signal_to_noise == pytest.approx(wanted, rel=1e-6)
    assert least.conductance / column.conductance == pytest.approx(least.difference / column.difference)
    lower = replace(least, conductance=0.9 * least.conductance, difference=0.9 * least.difference)
    assert lower.signal_to_noise < wanted


def without_shot_noise(column, wanted):
    """V = sqrt(S a / A), with nothing but thermal noise."""
    return sqrt(wanted * column.thermal_noise / (column.signal_power / column.voltage**2))


def test_thermal_noise_alone_gives_the_square_root(monkeypatch):
    monkeypatch.setattr("cellwright.crossbar.scaling.ELEMENTARY_CHARGE", 0.0)
    column = replace(COLUMN, read_noise=0.0)
    least = column.with_least_voltage(1e4)
    assert least.voltage == pytest.approx(without_shot_noise(column, 1e4))
    # Both ways then end at the same energy: 4 k T B S (2 n G)^2 t / A.
    lower = column.with_least_conductance(1e4)
    closed = 4 * BOLTZMANN * 300 * 5e6 * 1e4 * (34 * 200e-6) ** 2 * 100e-9 / (17 * 80e-6) ** 2
    assert least.energy == pytest.approx(closed)
    assert lower.energy == pytest.approx(closed)


@given(columns, st.floats(0.01, 0.99))
def test_shot_noise_favours_a_smaller_amplitude_over_lower_conductances(column, part):
    column = replace(column, read_noise=0.0)
    wanted = part * column.signal_to_noise  # so that both ways go down
    smaller, lower = column.with_least_voltage(wanted), column.with_least_conductance(wanted)
    assert smaller.energy <= lower.energy * (1 + 1e-9)


def test_shot_noise_alone_gives_a_line():
    """V = S b / A: at 0 K."""
    column = replace(COLUMN, temperature=0.0, read_noise=0.0)
    closed = 1e4 * 2 * ELEMENTARY_CHARGE * 34 * 200e-6 * 5e6 / (17 * 80e-6) ** 2
    assert column.with_least_voltage(1e4).voltage == pytest.approx(closed)


@given(columns)
def test_energy_goes_with_the_square_of_the_amplitude_and_with_the_conductance(column):
    halved = replace(column, voltage=column.voltage / 2)
    assert halved.energy == pytest.approx(column.energy / 4)
    lower = replace(column, conductance=column.conductance / 2, difference=column.difference / 2)
    assert lower.energy == pytest.approx(column.energy / 2)


def test_more_rows_leave_a_smaller_amplitude_at_full_scale_alone():
    many = replace(COLUMN, pairs=170, read_noise=0.0)
    few = replace(many, pairs=17)
    assert many.with_least_voltage(1e4).voltage < few.with_least_voltage(1e4).voltage
    many, few = replace(many, signal="random"), replace(few, signal="random")
    assert many.with_least_voltage(1e4).voltage == pytest.approx(few.with_least_voltage(1e4).voltage)


def test_read_noise_sets_a_limit_that_no_amplitude_passes():
    limit = 17**2 * 80e-6**2 / (34 * (0.005 * 200e-6) ** 2)
    assert COLUMN.largest_signal_to_noise == pytest.approx(limit)
    assert replace(COLUMN, voltage=1e9).signal_to_noise == pytest.approx(limit)
    assert replace(COLUMN, read_noise=0.0).largest_signal_to_noise == inf
    for lowered in (COLUMN.with_least_voltage, COLUMN.with_least_conductance):
        with pytest.raises(CellwrightError, match=r"out of reach: the read noise alone leaves 5\.44e"):
            lowered(1.01 * limit)
        with pytest.raises(CellwrightError, match="positive ratio"):
            lowered(0.0)


def test_a_smaller_amplitude_makes_room_for_more_rows():
    assert COLUMN.pairs_within(1.01e-3) == int(1.01e-3 / (2 * 200e-6 * 0.2))
    assert replace(COLUMN, voltage=0.02).pairs_within(1.004e-3) == 125
    with pytest.raises(CellwrightError, match="one pair takes 8e-05 A"):
        COLUMN.pairs_within(1e-5)


def test_a_column_of_a_device():
    column = Column.of(find_device("li2019"), 17)
    assert column.conductance == pytest.approx(232.7e-6)
    assert column.difference == pytest.approx(88.2e-6)
    assert (column.voltage, column.time, column.pairs) == (0.2, 100e-9, 17)
    assert column.read_noise == pytest.approx(0.005)


@pytest.mark.parametrize("bits", [4, 8, 12])
def test_bits_as_a_ratio(bits):
    """Full scale over the standard deviation of rounding, squared."""
    step = 1 / 2 ** (bits - 1)
    assert ratio_of_bits(bits) == pytest.approx(1 / (step / sqrt(12)) ** 2)
    with pytest.raises(CellwrightError, match="1 bit or more"):
        ratio_of_bits(0)


@pytest.mark.parametrize(
    "change",
    [{"pairs": 0}, {"voltage": -1.0}, {"conductance": 0.0}, {"time": inf}, {"read_noise": -0.1}, {"temperature": -1.0}],
)
def test_numbers_that_make_no_column(change):
    with pytest.raises(CellwrightError, match=next(iter(change)).replace("_", " ")):
        replace(COLUMN, **change)


def test_an_unknown_signal():
    with pytest.raises(CellwrightError, match="'full scale' or 'random'"):
        replace(COLUMN, signal="peak")


def measured_row(pairs, bits):
    column = Column.of(find_device("li2019"), pairs)
    try:
        least = column.with_least_voltage(ratio_of_bits(bits))
        lower = column.with_least_conductance(ratio_of_bits(bits))
    except CellwrightError:
        return (str(pairs), str(bits), "out of reach", "", "out of reach", "")
    return (
        str(pairs),
        str(bits),
        quantity(least.voltage, "V"),
        f"{least.energy / column.energy:.1e}",
        quantity(lower.conductance, "S"),
        f"{lower.energy / column.energy:.1e}",
    )


def scaling_table():
    head = ("pairs", "bits", "least amplitude", "energy, of before", "least mean conductance", "energy, of before")
    rows = [measured_row(pairs, bits) for pairs in (17, 64, 512) for bits in (4, 6, 8)]
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, *rows)).replace("\n", "\n|" + "---|" * 6 + "\n", 1)


def test_the_table_of_the_page_is_that_of_the_program():
    page = Path(__file__).parents[2] / "docs" / "scaling.md"
    assert f"\n\n{scaling_table()}\n\n" in page.read_text(encoding="utf-8")
