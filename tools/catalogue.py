"""Writes docs/catalogue.md and its pictures: every cell and topology with equations, picture, source, tests, speed.

All of it is derived: from the cells' definitions, the topologies' entries, and what the benchmarks measured.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator, Mapping
from inspect import getmodule
from pathlib import Path

from cellwright.cells import Listed, entries
from cellwright.layers import Topology, topologies
from cellwright.layers.listing import file_of
from cellwright.report.catalogue import cost, latex, overview, picture

ROOT = Path(__file__).parents[1]
PAGE, PICTURES = Path("docs/catalogue.md"), Path("docs/pictures")
SPEEDS = ROOT / "benchmarks" / "catalogue.csv"

_OPENING = """\
# Catalogue

Every cell and every way to connect cells, from their definitions: `make catalogue` writes this page anew. A cell is
built by its name, `Recurrent("peephole", 3, 8)`, and printed by `cellwright show peephole`; cells of [trees](trees.md),
[maps](convolutional.md) and [grids](grids.md) are built by layers of their own. In the pictures a blue box is what one
crossbar would hold: everything that reads the same values through matrices.

Speed is that of {setting}: how many times longer the
same takes when torch's operations run each step one by one, in the same run of `benchmarks/catalogue.py`, as the median
and, in brackets, the least and the most.
"""


def files() -> dict[Path, str]:
    """What the page and its pictures hold, by path in the repository."""
    found = {PICTURES / f"{_word(name)}.svg": picture(entry) for name, entry in _listed()}
    found[PAGE] = "\n".join(_page()) + "\n"
    return found


def main() -> None:
    """Write the page, and remove pictures of what is listed no more."""
    wanted = files()
    for old in set((ROOT / PICTURES).glob("*.svg")) - {ROOT / path for path in wanted}:
        old.unlink()
    for path, text in wanted.items():
        (ROOT / path).parent.mkdir(parents=True, exist_ok=True)
        (ROOT / path).write_text(text, encoding="utf-8")
    print(f"{PAGE} and {len(wanted) - 1} pictures", file=sys.stderr)


def _listed() -> Iterator[tuple[str, Listed | Topology]]:
    yield from entries().items()
    yield from topologies().items()


def _page() -> Iterator[str]:
    speeds = _speeds()
    yield _OPENING.format(setting=next(iter(speeds.values()))["setting"])
    cells, ways = overview()
    yield from _table(("cell", "what it is", "matrix weights"), cells)
    yield from _table(("topology", "what it is", "source"), ways)
    yield "## Cells\n"
    for name, entry in entries().items():
        yield from _cell(name, entry, speeds)
    yield "## Topologies\n"
    for name, topology in topologies().items():
        yield from _topology(name, topology)


def _table(headings: tuple[str, ...], rows: list[tuple[str, ...]]) -> Iterator[str]:
    yield f"| {' | '.join(headings)} |"
    yield f"|{'---|' * len(headings)}"
    for name, *others in rows:
        yield f"| [{name}](#{_word(name)}) | {' | '.join(others)} |"
    yield ""


def _cell(name: str, entry: Listed, speeds: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    module = getmodule(type(entry.cell))
    assert module is not None
    file = module.__name__.rpartition(".")[2]
    yield from _shown(name, entry)
    yield f"- {cost(entry.cell)}"
    yield f"- Source: {entry.citation}."
    yield f"- {_link('src/cellwright/cells', file)}, tested by every law of the catalogue and by {_tests(file)}."
    if name in speeds:
        yield f"- Speed: {_speed(speeds[name])}."
    yield ""


def _topology(name: str, topology: Topology) -> Iterator[str]:
    file = file_of(name)
    yield from _shown(name, topology)
    yield f"- Source: {topology.citation}."
    yield f"- {_link('src/cellwright/layers', file)}, tested by {_tests(file)}."
    benchmark = Path("benchmarks/layers") / f"{file}.py"
    if (ROOT / benchmark).is_file():
        rows = benchmark.with_suffix(".csv")
        yield f"- Measured by [`{benchmark}`](../{benchmark}), rows in [`{rows.name}`](../{rows})."
    for example in topology.examples:
        yield f"- Shown learning in [`examples/{example}`](../examples/{example})."
    yield ""


def _shown(name: str, entry: Listed | Topology) -> Iterator[str]:
    yield f"### {name}\n"
    yield f"{_as_sentence(entry.title)}.\n"
    yield f"![{entry.title}](pictures/{_word(name)}.svg)\n"
    yield f"```math\n{latex(entry)}\n```\n"


def _as_sentence(title: str) -> str:
    """A title with a capital letter at its beginning, unless its first word has one inside, as sLSTM."""
    word = title.split()[0]
    return title if word != word.lower() else f"{title[0].upper()}{title[1:]}"


def _word(name: str) -> str:
    """A name as addresses have it."""
    return name.replace(" ", "-")


def _tests(file: str) -> str:
    """The tests of a file of cells/ or layers/."""
    places = [("tests/cells", f"test_{file}"), ("tests/layers", f"test_{file}"), ("tests/layers", file)]
    return " and ".join([link for place in places if (link := _link(*place))] or [_link("tests", "layers")])


def _link(folder: str, name: str) -> str:
    """A link to a Python file of the repository, or to the folder that has its name; empty where there is neither."""
    for path in (f"{folder}/{name}.py", f"{folder}/{name}"):
        if (ROOT / path).exists():
            return f"[`{path.removeprefix('src/cellwright/')}`](../{path})"
    return ""


def _speeds() -> dict[str, dict[str, str]]:
    with SPEEDS.open(encoding="utf-8", newline="") as file:
        return {row["cell"]: row for row in csv.DictReader(file)}


def _speed(row: Mapping[str, str]) -> str:
    parts = [
        f"{what} {row[f'{what} median']}x [{row[f'{what} least']} to {row[f'{what} most']}]"
        for what in ("inference", "training step")
    ]
    return ", ".join(parts)


if __name__ == "__main__":
    main()
