"""What a sweep can vary: found in the settings themselves, read from text and written as text."""

from dataclasses import dataclass, fields
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cellwright.crossbar import ChipSettings, Wires
from cellwright.errors import CellwrightError
from cellwright.studies.axes import PointSettings, available, changed, check_apart, parse_axis, text_of

BASE = PointSettings(recipe="best", cell="", chip=ChipSettings())


def at(text: str, base: PointSettings = BASE) -> list[PointSettings]:
    """The points of an axis."""
    axis = parse_axis(text)
    return [changed(base, axis.setting.changes(value)) for value in axis.values]


def test_every_field_of_a_chip_and_of_its_wires_can_be_swept() -> None:
    settable = {path for setting in available().values() for path in setting.paths}
    assert {("chip", field.name) for field in fields(ChipSettings)} <= settable
    assert {("chip", "wires", field.name) for field in fields(Wires)} <= settable
    assert {("recipe",), ("cell",)} <= settable


def test_names_for_people_are_all_there() -> None:
    assert {"bits", "stuck", "segment_ohm", "row_segment_ohm", "column_segment_ohm", "driver_ohm", "sense_ohm"} <= (
        available().keys()
    )


@dataclass(frozen=True)
class Stage:
    gain: float = 1.0
    mode: Literal["fast", "slow"] = "fast"
    table: tuple[float, ...] = ()


@dataclass(frozen=True)
class Amplifier:
    first: Stage = Stage()
    last: Stage | None = None
    gain_limit: float | None = None


def test_settings_are_found_in_any_dataclass() -> None:
    """What two parts have is told apart by its part; what text cannot say is not listed."""
    assert set(available(Amplifier)) == {"first.gain", "first.mode", "last", "last.gain", "last.mode", "gain_limit"}
    amplifier = changed(Amplifier(), available(Amplifier)["last.gain"].changes(2.0))
    assert amplifier == Amplifier(last=Stage(gain=2.0))


def has_value(name: str) -> bool:
    """Not the cell, empty for the recipe's own, nor a field of a part that the base chip does not have."""
    setting = available()[name]
    return name != "cell" and (setting.read(BASE) is not None or type(None) in setting.members)


@pytest.mark.parametrize("name", [name for name in available() if has_value(name)])
def test_what_the_base_chip_has_can_be_typed_and_changes_nothing(name: str) -> None:
    setting = available()[name]
    (point,) = at(f"{name}={text_of(setting.read(BASE))}")
    assert point == BASE


@given(st.floats(0, 1e6))
def test_numbers_come_back_from_their_text_to_the_last_bit(value: float) -> None:
    assert parse_axis(f"driver_ohm={text_of(value)}").values == (value,)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("bits=4, 6,none", (4, 6, None)),
        ("input-bits=off", (None,)),
        ("segment_ohm=5m,1k,0.5", (0.005, 1000.0, 0.5)),
        ("tolerance=2%", (0.02,)),
        ("tile=128x64,64×64", ((128, 64), (64, 64))),
        ("read_noise=on,off,yes,false", (True, False)),
        ("layout=rows stacked,columns interleaved", ("rows stacked", "columns interleaved")),
        ("output_range=tile", ("tile",)),
        ("wires=on,none", (Wires(), None)),
        ("wires.driver=3", (3.0,)),
        ("bits=4,4,8", (4, 8)),
    ],
)
def test_values_are_read_by_the_type_of_their_field(text: str, values: tuple[object, ...]) -> None:
    assert parse_axis(text).values == values


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("bitz=4", "did you mean 'bits'.*known are bits, stuck, segment_ohm"),
        ("bits", "expected NAME=VALUE"),
        ("bits=", "expected NAME=VALUE"),
        ("bits=4.5", "bits=4.5: expected a whole number or none"),
        ("headroom=big", "expected a number"),
        ("headroom=1e999", "expected a number"),
        ("tile=128", "expected ROWSxCOLUMNS"),
        ("read_noise=2", "expected on or off"),
        ("output_range=row", "expected 'column' or 'tile'"),
        ("wires=3", "expected on or none"),
    ],
)
def test_bad_input_says_what_was_expected(text: str, complaint: str) -> None:
    with pytest.raises(CellwrightError, match=complaint):
        parse_axis(text)


def test_names_for_people_set_several_fields() -> None:
    (point,) = at("bits=5")
    assert (point.chip.input_bits, point.chip.output_bits) == (5, 5)
    (point,) = at("segment_ohm=2")
    assert point.chip.wires == Wires(row_segment=2.0, column_segment=2.0)
    (point,) = at("stuck=0.01")
    assert (point.chip.stuck_on, point.chip.stuck_off) == (0.005, 0.005)
    assert parse_axis("stuck=0.01").setting.read(point) == 0.01


def test_a_part_that_is_left_out_comes_back_with_its_defaults() -> None:
    bare = PointSettings(recipe="best", cell="", chip=ChipSettings(wires=None))
    assert parse_axis("driver=7").setting.read(bare) is None
    (point,) = at("driver=7", bare)
    assert point.chip.wires == Wires(driver=7.0)


def test_fields_that_differ_have_no_common_value() -> None:
    uneven = PointSettings(recipe="best", cell="", chip=ChipSettings(input_bits=4, output_bits=6))
    assert parse_axis("bits=4").setting.read(uneven) is None


def test_fields_change_all_at_once() -> None:
    """One after the other would pass by a chip with more stuck devices than devices."""
    base = PointSettings(recipe="best", cell="", chip=ChipSettings(stuck_on=0.001, stuck_off=0.6))
    point = changed(base, {("chip", "stuck_on"): 0.6, ("chip", "stuck_off"): 0.001})
    assert (point.chip.stuck_on, point.chip.stuck_off) == (0.6, 0.001)


@pytest.mark.parametrize(
    "texts", [("bits=4", "input_bits=6"), ("wires=none", "segment_ohm=1"), ("sense_ohm=1", "sense=2")]
)
def test_two_axes_never_set_one_field(texts: tuple[str, str]) -> None:
    with pytest.raises(CellwrightError, match="both set"):
        check_apart([parse_axis(text) for text in texts])
