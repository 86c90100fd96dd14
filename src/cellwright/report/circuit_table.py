"""The result of a circuit as tables for a terminal."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from cellwright.report import circuit_story
from cellwright.report.circuit_record import PAIRS, CircuitReport, Draws
from cellwright.report.terminal import BOLD, add_row, as_text, caption, new_table
from cellwright.report.wording import Numbers


def results_table(record: CircuitReport) -> RenderableType:
    """The headline, the departures of every signal, and what the circuit is made of."""
    parts: list[RenderableType] = [
        as_text(circuit_story.headline(record), BOLD),
        _departures(record),
        as_text(circuit_story.task(record)),
        *([_draws(record, record.draws, "draws of mismatch")] if record.draws else []),
        *([_draws(record, record.trimmed, "of them, trimmed")] if record.trimmed else []),
        as_text(circuit_story.power(record)),
        as_text(circuit_story.conditions(record), "dim"),
        as_text(circuit_story.ideal(record), "dim"),
    ]
    spaced: list[RenderableType] = []
    for part in parts:
        spaced += [Text(), part]
    return Group(*spaced)


def _departures(record: CircuitReport) -> Table:
    headings = {"spice_vs_twin": "ngspice\n− twin", "spice_vs_software": "ngspice\n− software",
                "twin_vs_software": "twin\n− software"}  # fmt: skip
    table = new_table("signal", *(headings[pair] for pair in PAIRS))
    for signal in record.signals:
        apart = (signal.departure(pair) for pair in PAIRS)
        numbers = (f"{circuit_story.number(d.largest)} ({circuit_story.number(d.rms)})" for d in apart)
        add_row(table, signal.name, *numbers, style=BOLD if signal is record.output else "")
    caption(table, "largest over all steps and units (root mean square)")
    return table


def _draws(record: CircuitReport, draws: Draws, what: str) -> Table:
    numbers = Numbers(record.decimals)
    table = new_table(f"{len(draws.errors)} {what}", "5 %", "median", "95 %")
    state = record.spread(draws.largest)
    for name, spread, shown in (
        (f"largest departure of {draws.state}", state, circuit_story.number),
        (f"error, {record.unit}", record.spread(draws.errors), numbers.error),
    ):
        add_row(table, name, *(shown(spread.percentiles.get(p, spread.mean)) for p in (5, 50, 95)))
    return table
