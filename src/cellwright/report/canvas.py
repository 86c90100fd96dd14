"""Figures as files: one style, sizes in pixels of the page, the same bytes for the same content."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from cellwright.report.wording import printable, short
from cellwright.units import MISSING

INK = "#22272e"
MUTED = "#5b6470"
RULE = "#dfe3e8"
PAPER = "#fdfdfc"
SOFTWARE = "#0072b2"
CHIP = "#b84a00"
"""Blue and vermilion: Wong's palette for colour-blind readers (Nature Methods 8, 441, 2011), the second darkened
until text in it is legible."""

# A page turns these into its own colours, so that a figure follows a dark page.
CSS_NAMES = {PAPER: "--paper", INK: "--ink", MUTED: "--muted", RULE: "--rule", SOFTWARE: "--software", CHIP: "--chip"}

DEVIATION = "PuOr"
"""Colours of what lies on both sides of zero: in order for colour-blind readers, white for nothing."""

NARROW, MEDIUM, WIDE = 340, 400, 960
"""Widths in pixels: a phone, a column of the page, the whole page."""

PNG_SCALE = 3
STYLE: dict[str, Any] = {
    "axes.edgecolor": MUTED,
    "axes.grid": False,
    "axes.labelcolor": INK,
    "axes.labelsize": 12,
    "axes.linewidth": 0.8,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": 12,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "font.family": "DejaVu Sans",
    "font.size": 12,
    "grid.color": RULE,
    "grid.linewidth": 0.8,
    "legend.fontsize": 12,
    "legend.frameon": False,
    "lines.linewidth": 1.6,
    "lines.solid_capstyle": "round",
    "savefig.facecolor": "none",
    "svg.fonttype": "none",
    "text.color": INK,
    "text.parse_math": False,
    "xtick.color": MUTED,
    "xtick.labelcolor": INK,
    "xtick.labelsize": 11.5,
    "ytick.color": MUTED,
    "ytick.labelcolor": INK,
    "ytick.labelsize": 11.5,
}


@contextmanager
def style(**more: Any) -> Iterator[None]:
    """The house's look, whatever the user's own matplotlib settings are; those return afterwards."""
    settings: Any = {key: value for key, value in mpl.rcParamsDefault.items() if not key.startswith("backend")}
    with warnings.catch_warnings():
        # Some defaults are themselves deprecated in some versions; and a name in a script that the measuring font
        # lacks, or that matplotlib cannot join, is still drawn by whoever shows the SVG.
        warnings.simplefilter("ignore", mpl.MatplotlibDeprecationWarning)
        warnings.filterwarnings("ignore", "Glyph|Matplotlib currently does not support", UserWarning)
        with mpl.rc_context(settings | STYLE | more):
            yield


def new_figure(width: float, height: float) -> Figure:
    """An empty figure of so many pixels on the page: a font of size 11 is 11 pixels there."""
    layout = ConstrainedLayoutEngine(w_pad=2 / 72, h_pad=3 / 72, wspace=0.04, hspace=0.04)
    return Figure(figsize=(width / 72, height / 72), dpi=72, layout=layout)


def svg(figure: Figure, name: str) -> str:
    """A figure as an SVG document with selectable text; the same figure and name give the same bytes."""
    text = io.StringIO()
    with style(**{"svg.hashsalt": name}):
        figure.savefig(text, format="svg", metadata=dict.fromkeys(("Creator", "Date", "Format", "Type")))
    return re.sub(r"'DejaVu Sans'[^;\"<>]*(?=[^<>]*>)", "system-ui, 'DejaVu Sans', sans-serif", text.getvalue())


def png(figure: Figure) -> bytes:
    """A figure as a PNG image on white, three image pixels to one of the page."""
    data = io.BytesIO()
    with style():
        figure.savefig(data, format="png", dpi=72 * PNG_SCALE, facecolor="white", metadata={"Software": None})
    return data.getvalue()


def inline(document: str, name: str, description: str) -> str:
    """An SVG document as an element of a page: ids of its own, the page's colours, described for those who cannot see.

    Args:
        document: what `svg` gave.
        name: unique on the page.
        description: text, not markup.
    """
    body = document[document.index("<svg") :]
    body = re.sub(r"<!--.*?-->|<style.*?</style>|<metadata>.*?</metadata>", "", body, flags=re.DOTALL)
    # The lookahead keeps to what stands inside of tags: text is left as it is.
    body = re.sub(r'((?:\bid="|href="#|url\(#))(?=[^<>]*>)', rf"\g<1>{name}-", body)
    body = re.sub(r"xlink:href(?=[^<>]*>)", "href", body)
    for colour, variable in CSS_NAMES.items():
        body = re.sub(rf"{colour}(?=[^<>]*>)", f"var({variable},{colour})", body)
    box = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', body)
    if box is None:
        raise ValueError("matplotlib wrote an SVG without a viewBox")
    width, height = box.groups()
    label = _attribute(description)
    opening = f'<svg viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img" aria-label="{label}">'
    return opening + re.sub(r"\n\s*", "\n", body[body.index(">") + 1 :])


def _attribute(text: str) -> str:
    return printable(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")


def legend(axes: Axes, place: Literal["outside upper left", "outside lower left"], columns: int) -> None:
    """What the lines and bars are, outside of the axes, where there are any."""
    handles, labels = axes.get_legend_handles_labels()
    figure = axes.get_figure()
    if handles and figure is not None:
        figure.legend(handles, labels, loc=place, ncols=columns, handlelength=1.5)


def label_time(axes: Axes, labels: Sequence[str], most: int) -> None:
    """Years where the labels are months, else some of the labels themselves, the fewer the longer they are."""
    first = [index for index, label in enumerate(labels) if re.fullmatch(r"\d{4}-01", label)]
    if len(first) > 1:
        every = -(-len(first) // most)
        shown = first[::every]
        axes.set_xticks(shown, [labels[index][:4] for index in shown])
        return
    longest = min(max((len(label) for label in labels), default=0), 16)
    most = max(2, min(most, 8 * most // (longest + 1)))
    shown = list(range(0, len(labels), max(1, -(-len(labels) // most))))
    axes.set_xticks(shown, [short(labels[index], longest) or MISSING for index in shown])
