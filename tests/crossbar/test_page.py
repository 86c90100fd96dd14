"""The tables in docs/chip.md and docs/devices.md say what the program says."""

from pathlib import Path

import pytest

from cellwright.crossbar import CAUSES, CONSTANTS, ChipSettings
from cellwright.crossbar.devices import catalogue

DOCS = Path(__file__).parents[2] / "docs"


def table(*rows):
    head, *body = (f"| {' | '.join(row)} |" for row in rows)
    return "\n".join([head, "|" + "---|" * len(rows[0]), *body])


def devices():
    return table(
        ("device", "window, uS", "read", "SET and RESET", "source"),
        *(
            (
                f"`{name}`",
                f"{1e6 * device.window[0]:.4g} to {1e6 * device.window[1]:.4g}",
                f"{device.read.voltage:g} V",
                f"{device.set_pulse.voltage:g} and {device.reset_pulse.voltage:g} V",
                device.citation.split(",")[0],
            )
            for name, device in catalogue().items()
        ),
    )


def causes():
    settings = ChipSettings()
    wires = settings.wires
    defaults = {
        "programming": f"tolerance {settings.tolerance:g}, {settings.rounds} rounds",
        "stuck_devices": f"{settings.stuck_on:g} on, {settings.stuck_off:g} off",
        "input_resolution": f"{settings.input_bits} bits",
        "output_resolution": f"{settings.output_bits} bits",
        "read_noise": "that of the device",
        "wires": f"{wires.row_segment:g} ohm a segment, driver {wires.driver:g} ohm, sense {wires.sense:g} ohm",
    }
    return table(
        ("cause", "what it is", "default"), *((f"`{name}`", CAUSES[name], defaults[name]) for name in settings.causes)
    )


def constants():
    return table(
        ("constant", "value", "source", "read there", "factor"),
        *(
            (c.name, f"{c.value:.3g} {c.unit}", c.source, c.detail or "as printed", f"{c.factor:g}")
            for c in CONSTANTS.values()
        ),
    )


@pytest.mark.parametrize(("page", "expected"), [("devices.md", devices), ("chip.md", causes), ("chip.md", constants)])
def test_the_tables_are_those_of_the_program(page, expected):
    assert f"\n\n{expected()}\n\n" in (DOCS / page).read_text(encoding="utf-8")
