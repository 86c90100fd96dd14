"""Cells and topologies as the catalogue shows them: pictures, equations, and what a terminal prints."""

from __future__ import annotations

from cellwright.cells import Cell, Listed, entries
from cellwright.layers import Topology, topologies
from cellwright.program import counts, equations
from cellwright.report.cell_diagram import cell_diagram
from cellwright.report.diagram import Box, Diagram, flowing, in_rows


def picture(entry: Listed | Topology) -> str:
    """A cell's step, or how a topology connects its cells, as SVG."""
    if isinstance(entry, Listed):
        return flowing(cell_diagram(entry.cell.program()), entry.title)
    boxes = {
        label: Box(label, "input" if label[0] in "xX" else "place") for row in entry.rows for label in row if label
    }
    return in_rows(Diagram(boxes, entry.arrows), entry.rows, entry.title)


def latex(entry: Listed | Topology) -> str:
    """The equations, aligned at their equals signs."""
    lines = [line.latex for line in equations(entry.cell.program())] if isinstance(entry, Listed) else entry.equations
    aligned = " \\\\\n".join("  " + line.replace(" = ", " &= ", 1) for line in lines)
    return f"\\begin{{aligned}}\n{aligned}\n\\end{{aligned}}"


def described(name: str, entry: Listed | Topology) -> str:
    """Equations, what a step costs, and where it was published, for a terminal."""
    lines = [f"{name}: {entry.title}", ""]
    if isinstance(entry, Listed):
        program = entry.cell.program()
        lines += ["  " + equation.unicode for equation in equations(program)]
        lines += ["", cost(entry.cell)]
    else:
        lines += [*("  " + equation for equation in entry.equations), ""]
    return "\n".join([*lines, f"Source: {entry.citation}."])


def cost(cell: Cell) -> str:
    """What a step costs, in a sentence."""
    units = "M units, projected to P," if cell.projects else "M units"
    return f"A step of {units} on N inputs: {counts(cell.program())}."


def overview() -> tuple[list[tuple[str, str, str]], list[tuple[str, str, str]]]:
    """A row for each cell (name, what it is, matrix weights) and for each topology (name, what it is, source)."""
    cells = [
        (name, entry.title, counts(entry.cell.program()).polynomial("weights")) for name, entry in entries().items()
    ]
    ways = [(name, topology.title, topology.citation) for name, topology in topologies().items()]
    return cells, ways
