"""The page of a run: one HTML file that needs nothing else, neither a network nor a script."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from xml.etree import ElementTree

from jinja2 import Environment, FunctionLoader, StrictUndefined, Template
from markupsafe import Markup

from cellwright import units
from cellwright.program.counts import SYMBOLS
from cellwright.report import circuit_story, story, wording
from cellwright.report.array_maps import MAPS
from cellwright.report.canvas import inline, svg
from cellwright.report.circuit_record import PAIRS
from cellwright.report.figures import CIRCUIT, figures
from cellwright.report.kinds import kind_of
from cellwright.report.record import RunReport

MATHML = frozenset(
    "math mrow mi mn mo mtext mspace msub msup msubsup munder mover munderover mfrac msqrt mroot mstyle mtable mtr mtd"
    " mpadded mphantom merror".split()
)
MATHML_ATTRIBUTES = frozenset(
    {"display", "mathvariant", "stretchy", "fence", "separator", "form", "width", "lspace", "rspace"}
)


def html(record: RunReport, documents: Mapping[str, str] | None = None) -> str:
    """The whole report as one HTML document.

    Args:
        record: of the run; its texts are shown as text, never as markup.
        documents: the figures as SVG documents by name, where they are drawn already.
    """
    if documents is None:
        documents = {name: svg(figure, name) for name, figure in figures(record).items()}
    pictures = {name: inline(document, name, describe(record, name)) for name, document in documents.items()}
    kind = kind_of(record)
    return template(kind.template).render(
        record=record,
        css=css(),
        figures={name: Markup(picture) for name, picture in pictures.items()},
        equations=[(equation, safe_mathml(equation.mathml)) for equation in record.equations],
        maps=[name.replace("_", "-") for name in MAPS],
        kept=any(curve.best_epoch is not None for curve in record.training),
        rounds=max((len(array.programming.convergence) for array in record.arrays), default=0),
        sizes=sizes(record),
        sources=sources(record),
        kind=kind,
        story=kind.story,
        common=story,
        circuit_story=circuit_story,
        circuit_figures={
            name.removeprefix(CIRCUIT): Markup(picture)
            for name, picture in pictures.items()
            if name.startswith(CIRCUIT)
        },
        pairs=tuple(PAIRS),
        wording=wording,
        numbers=wording.Numbers(record.decimals),
        units=units,
    )


def css() -> Markup:
    """The look of every page."""
    return Markup(files(__package__).joinpath("page.css").read_text(encoding="utf-8"))


def template(name: str) -> Template:
    """A page of this folder by its file name; what is put into it is shown as text, but for `Markup`."""
    return _environment().get_template(name)


@cache
def _environment() -> Environment:
    return Environment(
        loader=FunctionLoader(lambda name: files(__package__).joinpath(name).read_text(encoding="utf-8")),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=lambda value: wording.printable(value) if type(value) is str else value,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def safe_mathml(text: str) -> Markup | None:
    """An equation as an element of the page; None for what is not well-formed MathML of known elements alone.

    Equations come from cells that other people write, so nothing but mathematics is let through.
    """
    if "<!" in text or "<?" in text:
        return None
    try:
        root = ElementTree.fromstring(re.sub(r'\sxmlns="[^"]*"', "", text))
    except ElementTree.ParseError:
        return None
    for element in root.iter():
        if element.tag not in MATHML or not MATHML_ATTRIBUTES.issuperset(element.attrib):
            return None
    return Markup(ElementTree.tostring(root, encoding="unicode")) if root.tag == "math" else None


def sizes(record: RunReport) -> list[tuple[str, str, int]]:
    """Sizes of the axes that the counts speak of: name, letter, number."""
    letters = re.sub(r"[^A-Z]", "", record.counts_formula)
    named = ((name, SYMBOLS.get(name, name), size) for name, size in record.sizes.items())
    return [axis for axis in named if axis[1] in letters]


def sources(record: RunReport) -> list[str]:
    """All that is cited, each once, in the order in which it appears.

    A publication has a year; what has none ("assumed with the device") stands beside its number alone.
    """
    cited = [record.data_source, record.citation, record.device_source]
    computed = [*(item.source for item in record.cost.items), record.digital.source]
    cited += [source for several in computed for source in several.split("; ")]
    cited += [system.source for system in record.published]
    return list(dict.fromkeys(source for source in cited if re.search(r"\b(18|19|20)\d\d\b", source)))


def describe(record: RunReport, name: str) -> str:
    """A figure in words, for those who cannot see it."""
    numbers = wording.Numbers(record.decimals)
    if name == "causes":
        parts = [
            f"{cause.title} alone {numbers.median(cause.departure_alone)}, "
            f"without it {numbers.median(cause.departure_without)}"
            for cause in record.causes
        ]
        moved = numbers.median(record.departure)
        return (
            f"Bar chart of the median departure from software ({kind_of(record).departure_unit(record)}): "
            f"{'; '.join(parts)}. Whole chip {moved}."
        )
    if name == "training":
        return (
            f"Line chart: training and validation loss by epoch of {wording.counted(len(record.training), 'training')}."
        )
    if name == "gates":
        return f"Maps over time, one row a unit, of {', '.join(record.gates)}."
    if name == "convergence":
        parts = [f"{a.name} {wording.fraction(a.programming.yield_fraction)}" for a in record.arrays]
        return f"Line chart: devices within tolerance by write-verify round, at the end {', '.join(parts)}."
    if record.circuit is not None and name.startswith(CIRCUIT):
        return circuit_story.describe(record.circuit, name.removeprefix(CIRCUIT))
    if not name.startswith("array-"):
        return kind_of(record).describe(record, name)
    _, index, which = name.split("-", 2)
    array = record.arrays[int(index) - 1]
    return f"Map of array {array.name}, {array.rows} rows by {array.columns} columns: {MAP_WORDS[which]}."


MAP_WORDS = {
    "target": "target conductances",
    "programmed": "programmed conductances",
    "deviation": "programmed minus target conductance",
    "wire-loss": "share of each device's current that the wires take away",
}
