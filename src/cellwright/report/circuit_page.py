"""The page of a circuit: one HTML file that needs nothing else, neither a network nor a script."""

from __future__ import annotations

from collections.abc import Mapping

from markupsafe import Markup

from cellwright import units
from cellwright.report import circuit_story, wording
from cellwright.report.canvas import inline, svg
from cellwright.report.circuit_figures import circuit_figures
from cellwright.report.circuit_record import PAIRS, CircuitReport
from cellwright.report.page import css, template


def html(record: CircuitReport, documents: Mapping[str, str] | None = None) -> str:
    """The whole page as one HTML document.

    Args:
        record: of the circuit; its texts are shown as text, never as markup.
        documents: the figures as SVG documents by name, where they are drawn already.
    """
    if documents is None:
        documents = {name: svg(figure, name) for name, figure in circuit_figures(record).items()}
    pictures = {
        name: inline(document, name, circuit_story.describe(record, name)) for name, document in documents.items()
    }
    return template("circuit.html").render(
        record=record,
        css=css(),
        figures={name: Markup(picture) for name, picture in pictures.items()},
        pairs=tuple(PAIRS),
        story=circuit_story,
        wording=wording,
        numbers=wording.Numbers(record.decimals),
        units=units,
    )
