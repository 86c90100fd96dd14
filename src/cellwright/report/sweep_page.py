"""The page of a sweep: one HTML file that needs nothing else, neither a network nor a script."""

from __future__ import annotations

from collections.abc import Mapping

from markupsafe import Markup

from cellwright import units
from cellwright.report import sweep_story, wording
from cellwright.report.canvas import inline, svg
from cellwright.report.page import css, template
from cellwright.report.sweep_figures import baselines_in_sight, other_prices, sweep_figures
from cellwright.report.sweep_record import SweepReport


def html(record: SweepReport, documents: Mapping[str, str] | None = None) -> str:
    """The whole page as one HTML document.

    Args:
        record: of the sweep; its texts are shown as text, never as markup.
        documents: the figures as SVG documents by name, where they are drawn already.
    """
    if documents is None:
        documents = {name: svg(figure, name) for name, figure in sweep_figures(record).items()}
    pictures = {name: inline(document, name, describe(record, name)) for name, document in documents.items()}
    in_sight = baselines_in_sight(record)
    return template("sweep.html").render(
        record=record,
        css=css(),
        figures={name: Markup(picture) for name, picture in pictures.items()},
        front=record.front("energy_per_step_j"),
        other_prices=[name for name, _ in other_prices(record)],
        out_of_sight=[baseline for baseline in record.baselines if baseline not in in_sight],
        story=sweep_story,
        wording=wording,
        numbers=wording.Numbers(record.decimals),
        units=units,
    )


def describe(record: SweepReport, name: str) -> str:
    """A figure in words, for those who cannot see it."""
    kind, *rest = name.split("-")
    if kind == "axis":
        return sweep_story.axis_words(record, int(rest[0]) - 1, rest[1])
    return f"Chart of the median error against the {rest[0]} a step. {sweep_story.front(record)}"
