"""The catalogue of topologies: the ways to connect cells, by the names of the literature."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from cellwright.cells.listing import listed
from cellwright.errors import CellwrightError

_ORDER = (
    "rnn",
    "recurrent",
    "arrangement",
    "seq2seq",
    "attention",
    "ctc",
    "hierarchical",
    "pyramidal",
    "convolutional",
    "encoder_forecaster",
    "tree",
    "multidimensional",
    "grid",
)
"""The files of this folder from simple to complex, as the catalogue lists them."""


@dataclass(frozen=True)
class Topology:
    """A way to connect cells, as the catalogue lists it.

    A file in this folder lists its topologies in a mapping ``TOPOLOGIES`` by name. Its picture is a table of labels
    and the arrows between them; time, or what stands for it, goes from left to right and input comes from below.

    Attributes:
        title: what it is, in a line.
        citation: where it was published.
        equations: in LaTeX, without delimiters.
        rows: of labels, the top row first; an empty label is an empty place. Labels are told apart by their text:
            ``h_1^2`` is h with the index 1 and the layer 2.
        arrows: from label to label.
        examples: files of ``examples/`` that show it.
    """

    title: str
    citation: str
    equations: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    arrows: tuple[tuple[str, str], ...]
    examples: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        labels = [label for row in self.rows for label in row if label]
        if len(set(labels)) < len(labels):
            raise CellwrightError(f"the picture of {self.title!r} has a label twice: {', '.join(labels)}")
        if lost := [end for arrow in self.arrows for end in arrow if end not in labels]:
            raise CellwrightError(f"the picture of {self.title!r} has an arrow at {lost[0]!r}, which is in no row")


@cache
def _entries() -> Mapping[str, tuple[str, Topology]]:
    return listed("cellwright.layers", "TOPOLOGIES", _ORDER)


def topologies() -> dict[str, Topology]:
    """The ways to connect cells by name, from simple to complex."""
    return {name: topology for name, (_, topology) in _entries().items()}


def file_of(name: str) -> str:
    """The file of ``layers/`` that builds a listed topology, without its ending."""
    return _entries()[name][0]
