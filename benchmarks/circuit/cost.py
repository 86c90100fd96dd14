"""Energy and area of a trained cell: the cost model beside what ngspice integrates, and where the area goes.

    python benchmarks/circuit/cost.py [--technologies generic180,gf180] [--markdown]

The first test sequence of the survey's airline network (N = 1, M = 4, 3 steps). Results go to ``cost_energy.csv`` and
``cost_area.csv`` beside this file; ``docs/circuit-cost.md`` shows them.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from trained import circuit_of, kept, network, write

from cellwright.circuit.area import pieces
from cellwright.circuit.circuit import Circuit
from cellwright.circuit.design import Design
from cellwright.circuit.power import measured_energies, step_energies
from cellwright.units import area, quantity

HERE = Path(__file__).parent
ENERGY, AREA = HERE / "cost_energy.csv", HERE / "cost_area.csv"

Row = dict[str, object]


def energies(technology: str, circuit: Circuit) -> list[Row]:
    """A row for each kind of block, and for what stands beside them: J a step."""
    waveforms = circuit.simulate({"x": network(0).inputs[0].numpy()}, measured_supplies=True)
    expected, found = step_energies(waveforms.netlist), measured_energies(waveforms)
    expected["all"], found["all"] = sum(expected.values()), found.pop("all")  # last, as a sum is
    period = circuit.laboratory.design.period
    return [
        {
            "technology": technology,
            "item": name,
            "model_j": expected.get(name, ""),
            "ngspice_j": energy,
            "ngspice_w": energy / period,
        }
        for name, energy in found.items()
    ]


def areas(technology: str, circuit: Circuit) -> list[Row]:
    """A row for each kind of component in each kind of block of each section: m2."""
    found = pieces(circuit.netlist({"x": network(0).inputs[0].numpy()}))
    return [
        {
            "technology": technology,
            "section": each.section,
            "block": each.block,
            "components": each.kind,
            "count": each.count,
            "m2": each.area,
        }
        for each in found
    ]


def markdown() -> str:
    """The tables of the documentation."""
    lines = ["| technology | item | cost model | ngspice | power by ngspice |", "|---|---|---|---|---|"]
    for row in kept(ENERGY):
        model = quantity(float(row["model_j"]), "J") if row["model_j"] else ""
        found, power = quantity(float(row["ngspice_j"]), "J"), quantity(float(row["ngspice_w"]), "W")
        lines.append(f"| {row['technology']} | {row['item']} | {model} | {found} | {power} |")
    rows = kept(AREA)
    for row in rows:
        row["part"] = row["components"] + (f" of {row['block']}" if row["block"] else " between blocks")
    return "\n".join([*lines, "", *summed(rows, "part"), "", *summed(rows, "section")])


def summed(rows: Sequence[dict[str, str]], column: str) -> list[str]:
    """A table with a row for what a column holds, and an area a technology."""
    technologies = list(dict.fromkeys(row["technology"] for row in rows))
    lines = [f"| {column} | count | {' | '.join(technologies)} |", "|---" * (2 + len(technologies)) + "|"]
    for name in (*dict.fromkeys(row[column] for row in rows), "all"):
        found = [[r for r in rows if r["technology"] == each and name in (r[column], "all")] for each in technologies]
        count = sum(int(row["count"]) for row in found[0])
        lines.append(f"| {name} | {count} | {' | '.join(area(sum(float(r['m2']) for r in each)) for each in found)} |")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--technologies", default="generic180", help="names with commas between them")
    parser.add_argument("--markdown", action="store_true", help="print the kept results as tables, measure nothing")
    arguments = parser.parse_args()
    if not arguments.markdown:
        circuits = {name: circuit_of(0, name, Design()) for name in arguments.technologies.split(",")}
        write(ENERGY, [row for name, circuit in circuits.items() for row in energies(name, circuit)])
        write(AREA, [row for name, circuit in circuits.items() for row in areas(name, circuit)])
    print(markdown())


if __name__ == "__main__":
    main()
