"""Diagrams of boxes and arrows as SVG: what is computed from what, laid out in columns from left to right."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Literal, TypeAlias

Kind: TypeAlias = Literal["input", "product", "function", "operation", "output", "place"]

_FILL: Mapping[str, str] = {
    "input": "#eceff1",
    "product": "#cfe2f3",
    "function": "#fdebc8",
    "operation": "#ffffff",
    "output": "#d9ead3",
    "place": "#cfe2f3",
}
_LINE, _TEXT, _FAINT = "#455a64", "#1b2429", "#78909c"
_NAMESPACE = "http://www.w3.org/2000/svg"
_HEIGHT, _ROW, _GAP = 30, 48, 46
_FOOT = 36  # from the middle of a box to below its note, whose letters may reach down or have an index
_CHARACTER = 8.2
_SWEEPS = 12


@dataclass(frozen=True)
class Box:
    """One box: what it says, and in small letters below it, what its value is called."""

    label: str
    kind: Kind
    note: str = ""

    @property
    def width(self) -> float:
        return max(_HEIGHT, _CHARACTER * max(len(self.label), 0.8 * len(self.note)) + 16)


@dataclass(frozen=True)
class Diagram:
    """Boxes by name, and arrows between names in the direction of what is computed."""

    boxes: Mapping[str, Box]
    arrows: Sequence[tuple[str, str]]


Position: TypeAlias = tuple[float, float]


def flowing(diagram: Diagram, title: str) -> str:
    """The diagram as SVG, each box in a column to the right of all that it reads.

    Args:
        title: said to those who do not see it.
    """
    columns, chains = _columns(diagram)
    columns = _untangled(columns, chains)
    places, size = _placed(columns, diagram)
    drawn = [_arrow([places[name] for name in chain], diagram, chain) for chain in chains]
    return _svg(diagram, places, drawn, size, title)


def in_rows(diagram: Diagram, rows: Sequence[Sequence[str]], title: str) -> str:
    """The diagram as SVG, with boxes where a table of names says; an empty name is an empty place."""
    width = max(box.width for box in diagram.boxes.values()) + _GAP
    places = {
        name: (width * (column + 0.5), 1.4 * _ROW * (row + 0.6))
        for row, names in enumerate(rows)
        for column, name in enumerate(names)
        if name
    }
    taken = set(places.values())
    drawn = [
        _around(places[start], places[end], width) if _is_behind(places[start], places[end], taken)
        else _straight(places[start], places[end], diagram.boxes[end].width)
        for start, end in diagram.arrows
    ]  # fmt: skip
    size = width * max(len(names) for names in rows), 1.4 * _ROW * (len(rows) + 0.2)
    return _svg(diagram, places, drawn, size, title)


def _columns(diagram: Diagram) -> tuple[list[list[str]], list[list[str]]]:
    """Names by column, and each arrow as a chain of names that crosses one column at a step.

    Where an arrow passes a column, a name of its own keeps a place for it.
    """
    column = _depths(diagram)
    columns: list[list[str]] = [[] for _ in range(max(column.values()) + 1)]
    for name, depth in column.items():
        columns[depth].append(name)
    chains = []
    for start, end in diagram.arrows:
        passed = [f"{start} > {end} @ {depth}" for depth in range(column[start] + 1, column[end])]
        for depth, name in enumerate(passed, column[start] + 1):
            columns[depth].append(name)
        chains.append([start, *passed, end])
    return columns, chains


def _depths(diagram: Diagram) -> dict[str, int]:
    """The column of each box: one to the right of all that it reads, and outputs in the last one."""
    depth = dict.fromkeys(diagram.boxes, 0)
    for _ in diagram.boxes:
        for start, end in diagram.arrows:
            depth[end] = max(depth[end], depth[start] + 1)
    last = max(depth.values())
    return {name: last if diagram.boxes[name].kind == "output" else found for name, found in depth.items()}


def _untangled(columns: list[list[str]], chains: Iterable[Sequence[str]]) -> list[list[str]]:
    """The columns in an order in which few arrows cross: each name near the middle of those that it is joined to."""
    before: dict[str, list[str]] = {}
    after: dict[str, list[str]] = {}
    for chain in chains:
        for start, end in itertools.pairwise(chain):
            after.setdefault(start, []).append(end)
            before.setdefault(end, []).append(start)
    for sweep in range(_SWEEPS):
        if sweep % 2 == 0:
            for index in range(1, len(columns)):
                columns[index] = _towards(columns[index - 1], columns[index], before)
        else:
            for index in range(len(columns) - 2, -1, -1):
                columns[index] = _towards(columns[index + 1], columns[index], after)
    return columns


def _towards(neighbour: Sequence[str], column: Sequence[str], joined: Mapping[str, Sequence[str]]) -> list[str]:
    """A column ordered by the middle of what each name is joined to in the column beside it."""
    place, now = _heights(neighbour), _heights(column)

    def middle(name: str) -> float:
        others = [place[other] for other in joined.get(name, ()) if other in place]
        return sum(others) / len(others) if others else now[name]

    return sorted(column, key=middle)


def _heights(column: Sequence[str]) -> dict[str, float]:
    """Where each name of a column stands, from 0 at its top to 1."""
    return {name: index / max(1, len(column) - 1) for index, name in enumerate(column)}


def _placed(columns: Sequence[Sequence[str]], diagram: Diagram) -> tuple[dict[str, Position], Position]:
    tallest = max(len(names) for names in columns)
    height = _ROW * (tallest + 0.4)
    places, left = {}, _GAP / 2
    for names in columns:
        width = max((diagram.boxes[name].width for name in names if name in diagram.boxes), default=_HEIGHT)
        for row, name in enumerate(names):
            places[name] = left + width / 2, height * (row + 0.5) / len(names)
        left += width + _GAP
    return places, (left - _GAP / 2, height)


def _arrow(points: Sequence[Position], diagram: Diagram, chain: Sequence[str]) -> str:
    """A smooth line through points from left to right, from the edge of a box to the edge of another."""
    first, last = diagram.boxes[chain[0]].width / 2, diagram.boxes[chain[-1]].width / 2
    points = [(points[0][0] + first, points[0][1]), *points[1:-1], (points[-1][0] - last - 2, points[-1][1])]
    path = f"M{points[0][0]:.1f},{points[0][1]:.1f}"
    for (x, y), (to_x, to_y) in itertools.pairwise(points):
        middle = (x + to_x) / 2
        path += f" C{middle:.1f},{y:.1f} {middle:.1f},{to_y:.1f} {to_x:.1f},{to_y:.1f}"
    return path


def _straight(start: Position, end: Position, width: float) -> str:
    """A straight line between boxes, cut where they begin."""
    (x, y), (to_x, to_y) = start, end
    reach = max(abs(to_x - x) / (width / 2 + 4), abs(to_y - y) / (_HEIGHT / 2 + 4), 1.0)
    cut_x, cut_y = (to_x - x) / reach, (to_y - y) / reach
    return f"M{x + cut_x:.1f},{y + cut_y:.1f} L{to_x - cut_x:.1f},{to_y - cut_y:.1f}"


def _is_behind(start: Position, end: Position, taken: Iterable[Position]) -> bool:
    """Whether a line from box to box of one column or row would pass behind a third."""
    axis = 0 if start[0] == end[0] else 1
    if start[axis] != end[axis]:
        return False
    low, high = sorted((start[1 - axis], end[1 - axis]))
    return any(place[axis] == start[axis] and low < place[1 - axis] < high for place in taken)


def _around(start: Position, end: Position, width: float) -> str:
    """A bow from box to box of one column, to the right of what is between them; of one row, above it."""
    (x, y), (to_x, to_y) = start, end
    if x == to_x:
        up = 1 if to_y < y else -1
        y, to_y, bow = y - up * _HEIGHT / 2, to_y + up * (_HEIGHT / 2 + 2), x + width * 0.55
        return f"M{x + 10:.1f},{y:.1f} C{bow:.1f},{y:.1f} {bow:.1f},{to_y:.1f} {to_x + 10:.1f},{to_y:.1f}"
    bow = y - 1.3 * _ROW
    return f"M{x:.1f},{y - _HEIGHT / 2:.1f} C{x:.1f},{bow:.1f} {to_x:.1f},{bow:.1f} {to_x:.1f},{to_y - 17:.1f}"


def _svg(diagram: Diagram, places: Mapping[str, Position], paths: Iterable[str], size: Position, title: str) -> str:
    lowest = max(places[name][1] + (_FOOT if box.note else 0) for name, box in diagram.boxes.items())
    width, height = (f"{side:.0f}" for side in (size[0], max(size[1], lowest)))
    frame = f'viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
    font = 'font-family="system-ui, sans-serif" text-anchor="middle"'
    tip = 'id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto"'
    lines = [
        f'<svg xmlns="{_NAMESPACE}" {frame} role="img" {font}>',
        f"<title>{escape(title)}</title>",
        f'<defs><marker {tip}><path d="M0,0 L8,4 L0,8 z" fill="{_LINE}"/></marker></defs>',
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
    ]
    lines += [f'<path d="{path}" fill="none" stroke="{_LINE}" marker-end="url(#tip)"/>' for path in paths]
    for name, box in diagram.boxes.items():
        lines += _drawn(box, *places[name])
    return "\n".join([*lines, "</svg>", ""])


def _drawn(box: Box, x: float, y: float) -> list[str]:
    corner = _HEIGHT / 2 if box.kind in ("operation", "place") and box.width == _HEIGHT else 4
    place = f'x="{x - box.width / 2:.1f}" y="{y - _HEIGHT / 2:.1f}"'
    shape = f'width="{box.width:.1f}" height="{_HEIGHT}" rx="{corner:g}"'
    lines = [
        f'<rect {place} {shape} fill="{_FILL[box.kind]}" stroke="{_LINE}"/>',
        f'<text x="{x:.1f}" y="{y + 5:.1f}" font-size="14" fill="{_TEXT}">{_lettered(box.label)}</text>',
    ]
    if box.note:
        lines.append(
            f'<text x="{x:.1f}" y="{y + _HEIGHT / 2 + 11:.1f}" font-size="11" fill="{_FAINT}">{_lettered(box.note)}'
            "</text>"
        )
    return lines


def _lettered(label: str) -> str:
    """A label with its index low and its layer high, as ``h_1^2`` says."""
    word, _, above = label.partition("^")
    word, _, below = word.partition("_")
    text = escape(word)
    if below:
        text += f'<tspan dy="4" font-size="10">{escape(below)}</tspan>'
    if above:
        text += f'<tspan dy="{-11 if below else -6}" font-size="10">{escape(above)}</tspan>'
    return text
