"""The report of a sweep as files in a folder."""

from __future__ import annotations

from pathlib import Path

from cellwright.files import write_atomically
from cellwright.report.files import write_figures
from cellwright.report.sweep_figures import sweep_figures
from cellwright.report.sweep_page import html
from cellwright.report.sweep_record import SweepReport


def write_sweep_report(record: SweepReport, folder: Path) -> None:
    """Write ``figures/*.svg``, ``figures/*.png`` and, last, ``sweep.html``; each file whole or not at all."""
    write_atomically(folder / "sweep.html", html(record, write_figures(sweep_figures(record), folder)))
