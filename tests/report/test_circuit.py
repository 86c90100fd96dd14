"""The page, the figures, the files and the table of a circuit, from a record made up here."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from rich.console import Console

from cellwright.report import Baseline, circuit_story
from cellwright.report.canvas import svg
from cellwright.report.circuit_figures import circuit_figures
from cellwright.report.circuit_page import html
from cellwright.report.circuit_record import CircuitReport, Draws, SignalTrace
from cellwright.report.circuit_result import result_json, steps_csv, waveforms_csv
from cellwright.report.circuit_table import results_table
from cellwright.report.page import html as run_page
from cellwright.report.result import result_json as run_json

ATTACK = "<script>alert('x')</script>\"'&"
TIME = np.linspace(0, 60e-6, 61)


def trace(name: str, role: Any = "state", units: int = 2, **more: Any) -> SignalTrace:
    """Software says 0, the twin 0.01, ngspice 0.01 and in the last step of unit 0 0.04."""
    software = np.zeros((3, units))
    spice = software + 0.01
    spice[2, 0] = 0.04
    given = {"voltage": role == "state", "software": software, "twin": software + 0.01, "spice": spice}
    return SignalTrace(name=name, role=role, wave=np.full((61, units), 0.01), **given | more)


def made(**more: Any) -> CircuitReport:
    pulse = ((TIME % 20e-6) > 14e-6) * 1.8
    fields: dict[str, Any] = {
        "task": "airline",
        "title": "International airline passengers",
        "quantity": "passengers",
        "unit": "thousand passengers",
        "value_range": 518.0,
        "recipe": "survey",
        "cell": "lstm",
        "cell_title": "LSTM with a forget gate",
        "seed": 0,
        "model": "",
        "technology": "generic180",
        "technology_title": "generic 0.18 um, 1.8 V",
        "technology_source": "own cards",
        "claims": False,
        "corner": "typical",
        "temperature": 27.0,
        "design": {"a one is": "100 mV"},
        "period": 20e-6,
        "read": 0.89,
        "clocks": {"sample": (0.7, 0.9)},
        "label": "1957-01",
        "time": TIME,
        "clock_waves": {"sample": pulse, "transfer": 1.8 - pulse},
        "signals": [trace("h"), trace("c"), trace("i", "gate")],
        "forecast": {"software": 302.4, "twin": 299.3, "spice": 299.4},
        "observed": 315.0,
        "software": 62.88,
        "twin": 64.63,
        "baselines": [Baseline(name="persistence", title="y[t-1]", error=48.04)],
        "draws": None,
        "trimmed": None,
        "power": 3.64e-3,
        "energy_per_step": 72.8e-9,
        "energies": {"opamp": (50e-9, 45e-9), "clocks": (1e-12, float("nan"))},
        "area": 3e-8,
        "areas": {"memristors": 2e-10},
        "built": {"transistors": 946, "memristors": 192},
        "ideal": {"supply": 1, "clock": 4},
        "ngspice": 39,
        "remedy": "",
        "command": "cellwright circuit airline",
        "settings": {"task": "airline"},
        "versions": {"cellwright": "0"},
    }
    return CircuitReport(**fields | more)


DRAWS = Draws(
    state="h", largest=np.linspace(0.01, 0.2, 20), rms=np.linspace(0.005, 0.1, 20), errors=np.arange(60.0, 80)
)

TRIMMED = replace(DRAWS, errors=np.linspace(62.0, 64, 20))


def test_departures_are_the_largest_and_the_root_mean_square() -> None:
    result = json.loads(result_json(made()))["signals"]["h"]
    assert result["spice_vs_twin"]["max"] == pytest.approx(0.03)
    assert result["spice_vs_twin"]["rms"] == pytest.approx(0.03 / np.sqrt(6))
    assert result["spice_vs_software"]["max"] == pytest.approx(0.04)
    assert result["twin_vs_software"] == pytest.approx({"max": 0.01, "rms": 0.01})


def test_tables_have_a_row_for_every_number() -> None:
    steps = list(csv.DictReader(steps_csv(made()).splitlines()))
    assert len(steps) == 3 * 2 * 3
    last = [row for row in steps if (row["signal"], row["unit"], row["step"]) == ("h", "0", "3")]
    assert [row["spice"] for row in last] == ["0.04"]
    waves = list(csv.DictReader(waveforms_csv(made()).splitlines()))
    assert len(waves) == 61
    assert list(waves[0]) == ["time_s", "h0", "h1", "c0", "c1", "i0", "i1", "sample_V", "transfer_V"]


@pytest.mark.parametrize(("draws", "trimmed"), [(None, None), (DRAWS, None), (DRAWS, TRIMMED)])
def test_the_page_is_whole_and_says_what_was_found(draws: Draws | None, trimmed: Draws | None) -> None:
    record = made(draws=draws, trimmed=trimmed)
    page = html(record)
    assert "undefined" not in page
    assert not re.search(r"(src|href)=\"(?!#)", page)
    assert "departs from software by at most 0.0400" in page
    assert "no claim rests on it" in page
    assert "48.04" in page
    assert page.count("median, and 5–95") == (draws is not None) + (trimmed is not None)
    assert ("the twin with mismatch, trimmed" in page) == (trimmed is not None)
    assert page.count("<svg") == len(circuit_figures(record))


def test_texts_of_others_are_shown_as_text() -> None:
    page = html(made(title=ATTACK, cell=ATTACK, cell_title=ATTACK, unit=ATTACK, technology_title=ATTACK, remedy=ATTACK))
    assert "<script" not in page
    ElementTree.fromstring(re.search(r"<svg.*?</svg>", page, re.DOTALL)[0].replace("&nbsp;", " "))  # type: ignore[index]


def test_figures_are_the_same_bytes_each_time() -> None:
    first, second = (
        {name: svg(figure, name) for name, figure in circuit_figures(made(draws=DRAWS)).items()} for _ in range(2)
    )
    assert first == second
    assert set(first) == {"waveforms", "waveforms-narrow", "departures", "mismatch"}


def test_the_terminal_has_every_signal_and_the_task() -> None:
    console = Console(width=100, record=True, file=io.StringIO())
    console.print(results_table(made(draws=DRAWS, trimmed=TRIMMED)))
    printed = console.export_text()
    assert "0.0300 (0.0122)" in printed
    assert "64.63 thousand passengers" in printed
    assert "20 draws of mismatch" in printed
    assert "20 of them, trimmed" in printed


def test_a_sequence_of_another_length_is_no_forecast() -> None:
    told = circuit_story.forecast(replace(made(), forecast={}))
    assert "no forecast that it was trained for" in told
    assert "ngspice 299.40; observed 315.00" in circuit_story.forecast(made())


def test_a_run_that_asked_for_it_shows_the_circuit_beside_the_chip(record) -> None:  # type: ignore[no-untyped-def]
    page = run_page(replace(record, circuit=made()))
    assert "As an analog circuit" in page
    assert "departs from software by at most 0.0400" in page
    assert "As an analog circuit" not in run_page(record)
    assert json.loads(run_json(replace(record, circuit=made())))["circuit"]["built"]["transistors"] == 946
    assert "circuit" not in json.loads(run_json(record))


def test_a_remedy_is_told() -> None:
    assert "It converged with a remedy: more iterations." in circuit_story.conditions(made(remedy="more iterations"))
