"""The results as tables for a terminal."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from cellwright.report import story
from cellwright.report.circuit_table import results_table as circuit_table
from cellwright.report.kinds import kind_of
from cellwright.report.record import Comparison, RunReport
from cellwright.report.terminal import BOLD, add_row, as_text, new_table
from cellwright.units import area, quantity


def results_table(record: RunReport) -> RenderableType:
    """The headline, the errors, the causes, and what a step costs beside other systems.

    Texts of the record are shown as they are: nothing in them is taken for markup.
    """
    parts: list[RenderableType] = [
        *kind_of(record).tables(record),
        _cost(record),
        as_text(story.cost(record)),
        *([circuit_table(record.circuit)] if record.circuit else []),
        *(as_text(note, "dim") for note in _notes(record)),
    ]
    spaced: list[RenderableType] = []
    for part in parts:
        spaced += [Text(), part]
    return Group(*spaced)


def _cost(record: RunReport) -> Table:
    cost = record.cost
    chip = Comparison(
        name="this chip",
        source="",
        certainty="",
        power_w=cost.power_w,
        energy_per_step_j=cost.energy_per_step_j,
        latency_per_step_s=cost.latency_per_step_s,
        area_m2=cost.area_m2,
    )
    table = new_table("one step", "power", "energy", "time", "area")
    for system in (chip, record.digital, *_measured(record)):
        numbers = (
            quantity(system.power_w, "W"),
            quantity(system.energy_per_step_j, "J"),
            quantity(system.latency_per_step_s, "s"),
            area(system.area_m2),
        )
        add_row(table, system.name, *numbers, style=BOLD if system is chip else "")
    return table


def _notes(record: RunReport) -> Iterator[str]:
    """What stays digital, how sure the digital system is, and how the figures of the published ones are read."""
    if record.left_digital:
        yield f"Not on the chip, besides activations and products: {', '.join(record.left_digital)}."
    digital = (record.digital.set_up, record.digital.certainty)
    yield f"{record.digital.name}: {'; '.join(part for part in digital if part)}."
    if certainties := dict.fromkeys(system.certainty for system in _measured(record) if system.certainty):
        yield f"Published circuits: {'; '.join(certainties)}; report.html has their errors, and how we read them."


def _measured(record: RunReport) -> list[Comparison]:
    """The published systems of which a number is known: a row of dashes says nothing."""
    return [system for system in record.published if system.has_numbers]
