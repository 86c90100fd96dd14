"""The report of a circuit as files in a folder."""

from __future__ import annotations

from pathlib import Path

from cellwright.files import write_atomically
from cellwright.report.circuit_figures import circuit_figures
from cellwright.report.circuit_page import html
from cellwright.report.circuit_record import CircuitReport
from cellwright.report.circuit_result import result_json, steps_csv, waveforms_csv
from cellwright.report.files import write_figures


def write_circuit_report(record: CircuitReport, folder: Path) -> None:
    """Write ``result.json``, ``steps.csv``, ``waveforms.csv``, the figures and, last, ``circuit.html``.

    Each file is written whole or not at all.
    """
    write_atomically(folder / "result.json", result_json(record))
    write_atomically(folder / "steps.csv", steps_csv(record))
    write_atomically(folder / "waveforms.csv", waveforms_csv(record))
    write_atomically(folder / "circuit.html", html(record, write_figures(circuit_figures(record), folder)))
