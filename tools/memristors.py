"""Writes docs/images/memristors.png, the loops of all memristors, and prints their table for docs/circuit.md."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from matplotlib.axes import Axes

from cellwright.circuit.memristors import Listed, entries
from cellwright.files import write_atomically
from cellwright.report.canvas import CHIP, MUTED, RULE, SOFTWARE, new_figure, png, style
from cellwright.units import quantity, significant

PICTURE = Path(__file__).parents[1] / "docs" / "images" / "memristors.png"
PERIODS = 2
COLUMNS = 4


def table() -> Iterator[str]:
    """The lines of the table."""
    yield "| name | model | conductance at 0.1 V, uS | numbers |"
    yield "|---|---|---|---|"
    for name, entry in entries().items():
        low, high = (significant(1e6 * siemens) for siemens in entry.device.conductance_window())
        yield f"| `{name}` | {entry.title} | {low} to {high} | {entry.parameters} |"


def picture() -> bytes:
    """A panel a memristor: its current against its voltage."""
    listed = entries()
    with style():
        figure = new_figure(960, 240 * -(-len(listed) // COLUMNS))
        panels = figure.subplots(-(-len(listed) // COLUMNS), COLUMNS, squeeze=False)
        for axes, (name, entry) in zip(panels.flat, listed.items(), strict=False):
            _loop(axes, name, entry)
        for axes in panels.flat[len(listed) :]:
            axes.set_axis_off()
        for axes in panels[-1]:
            axes.set_xlabel("V")
        return png(figure)


def _loop(axes: Axes, name: str, entry: Listed) -> None:
    response = entry.loop(PERIODS)
    axes.axhline(0.0, color=RULE, zorder=0)
    axes.axvline(0.0, color=RULE, zorder=0)
    last = len(response.time) // PERIODS * (PERIODS - 1)
    for part, colour in ((slice(0, last + 1), SOFTWARE), (slice(last, None), CHIP)):
        axes.plot(response.voltage[part], 1e6 * response.current[part], color=colour)
    axes.set(title=name)
    axes.set_ylabel("uA", color=MUTED)
    axes.text(0.03, 0.97, quantity(entry.frequency, "Hz"), transform=axes.transAxes, va="top", color=MUTED)


def main() -> None:
    """Draw the picture, print the table."""
    write_atomically(PICTURE, picture())
    print(*table(), sep="\n")


if __name__ == "__main__":
    main()
