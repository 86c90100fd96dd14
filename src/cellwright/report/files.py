"""The report as files in a folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from matplotlib.figure import Figure

from cellwright.files import write_atomically
from cellwright.report.canvas import png, svg
from cellwright.report.figures import figures
from cellwright.report.kinds import kind_of
from cellwright.report.page import html
from cellwright.report.record import RunReport
from cellwright.report.result import result_json


def write_report(record: RunReport, folder: Path) -> None:
    """Write ``result.json``, the CSV files of the kind of run, ``figures/*.svg``, ``figures/*.png``, ``report.html``.

    A forecast has ``forecast.csv``, with ``test.csv`` beside it where it reaches beyond the end of the series; a
    classification has ``test.csv``. Each file is written whole or not at all; the page comes last, so that it never
    shows what is not there yet.
    """
    write_atomically(folder / "result.json", result_json(record))
    for name, text in kind_of(record).files(record).items():
        write_atomically(folder / name, text)
    write_atomically(folder / "report.html", html(record, write_figures(figures(record), folder)))


def write_figures(drawn: Mapping[str, Figure], folder: Path) -> dict[str, str]:
    """Write figures as ``figures/*.svg`` and ``figures/*.png``; the SVG documents by name."""
    documents = {}
    for name, figure in drawn.items():
        documents[name] = svg(figure, name)
        write_atomically(folder / "figures" / f"{name}.svg", documents[name])
        write_atomically(folder / "figures" / f"{name}.png", png(figure))
    return documents
