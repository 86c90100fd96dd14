"""What the record says of a chip: complete, with units, and honest about what it rests on."""

import json
from dataclasses import fields

import pytest

from cellwright.crossbar import CAUSES, ChipSettings, Wires
from cellwright.crossbar.devices.ideal import Ideal
from cellwright.studies.described import SETTING_OF_CAUSE, chip_settings, plain_settings
from cellwright.units import THIN


def said(settings: ChipSettings) -> dict[str, str]:
    return {name: text.replace(THIN, " ") for name, text in chip_settings(settings).items()}


def test_what_the_default_chip_rests_on() -> None:
    told = said(ChipSettings())
    assert told["read noise"] == "0.5 % of the conductance at every read; assumed"
    assert told["conductance window"] == "189 µS to 277 µS; cited with the device"
    assert told["write-verify tolerance"] == "2 % of the window, 1.76 µS; assumed"
    assert told["headroom"].endswith("; chosen on the airline series, with its test months in view")
    assert told["stuck devices"].startswith("0.1 % on, 0.1 % off; cited: a yield of 99.8 %")
    assert told["resistances"].startswith(
        "360 mΩ a segment of a word line, 360 mΩ of a bit line, 1 Ω a driver, 1 Ω a sense"
    )
    assert told["largest array"] == "128 × 64 devices; cited: the array of Li et al. 2019"


def test_a_value_that_is_no_default_has_no_source() -> None:
    told = said(ChipSettings(headroom=1.5, input_bits=6, stuck_off=0.01, wires=Wires(driver=50.0), tile=(64, 64)))
    assert told["headroom"] == "ranges of 1.5 times the largest training value; chosen for this run"
    assert told["input converters"] == "6 bits; chosen for this run"
    assert said(ChipSettings(tiling=False))["largest array"] == "128 × 64 devices, no tiling; chosen for this run"
    for name in ("stuck devices", "resistances", "largest array"):
        assert told[name].endswith("; chosen for this run"), name
    assert told["output converters"] == "8 bits; assumed"


@pytest.mark.parametrize(
    ("wires", "ends"),
    [
        (Wires(), ""),
        (Wires(drive="right"), ", driven at the right"),
        (Wires(read="both"), ", sensed at both ends"),
        (Wires(drive="both", read="top"), ", driven at both ends, sensed at the top"),
    ],
)
def test_the_ends_of_lines_are_told_where_they_are_not_the_usual_ones(wires: Wires, ends: str) -> None:
    told, _ = said(ChipSettings(wires=wires))["resistances"].split("; ", 1)
    assert told == f"360 mΩ a segment of a word line, 360 mΩ of a bit line, 1 Ω a driver, 1 Ω a sense amplifier{ends}"


def test_an_ideal_device_is_assumed_and_an_ideal_chip_has_no_faults() -> None:
    told = said(ChipSettings(device="ideal").ideal())
    assert told["read noise"] == "none"
    assert told["conductance window"] == "1 µS to 100 µS; assumed"
    assert told["stuck devices"].startswith("0 % on, 0 % off")
    assert told["input converters"].startswith("ideal")
    assert told["resistances"].startswith("none")


def test_every_cause_has_its_setting() -> None:
    assert SETTING_OF_CAUSE.keys() == CAUSES.keys()
    assert set(SETTING_OF_CAUSE.values()) <= chip_settings(ChipSettings()).keys()


@pytest.mark.parametrize("settings", [ChipSettings(), ChipSettings(device=Ideal()).ideal()])
def test_every_setting_is_plain_data(settings: ChipSettings) -> None:
    plain = json.loads(json.dumps(plain_settings(settings)))
    assert plain["chip"].keys() == {field.name for field in fields(ChipSettings)}
    assert plain["chip"]["headroom"] == settings.headroom
    assert plain["device"] == plain["chip"]["device"]


def test_the_device_is_given_by_its_values() -> None:
    values = plain_settings(ChipSettings())["device_values"]
    assert values["read_noise_fraction"] == 0.005
    assert values["read"] == {"voltage": 0.2, "width": 100e-9}
